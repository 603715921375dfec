import numpy as np
import pytest
from closed_forms import BetaBinomial, LinearGaussian, WidePosterior
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from zfbench.base.errors import DensityError, ZfbenchError
from zfbench.scoring.likelihood import average, log_fitted, log_marginal_importance, log_marginal_prior

LOGS = arrays(float, (3, 7), elements=st.floats(-500, 500))


def linear_gaussian(seed=0, observations=6):
    rng = np.random.default_rng(seed)
    model = LinearGaussian()
    return model, model.simulate(rng, model.prior(rng, observations)), rng


def beta_binomial():
    model = BetaBinomial()
    return model, np.array([[0.0], [3.0], [9.0], [40.0]]), np.array([[4.0], [10.0], [9.0], [100.0]])


def test_prior_average_of_a_linear_gaussian_is_its_evidence_within_the_error():
    model, x, rng = linear_gaussian()
    found = log_marginal_prior(model, x, model.prior(rng, 200_000))
    z = (found.log_evidence - model.log_evidence(x)) / found.standard_error
    assert np.abs(z).max() < 3.5
    assert (found.standard_error < 0.1).all()
    assert found.total == pytest.approx(found.log_evidence.sum())


def test_prior_average_of_a_conjugate_model_with_contexts_is_its_evidence_within_the_error():
    model, x, trials = beta_binomial()
    found = log_marginal_prior(model, x, model.prior(np.random.default_rng(0), 50_000), trials)
    z = (found.log_evidence - model.log_evidence(x, trials)) / found.standard_error
    assert np.abs(z).max() < 3.5
    assert (found.standard_error < 0.03).all()


def test_reported_errors_are_the_errors():
    model, x, rng = linear_gaussian()
    runs = [log_marginal_prior(model, x[:3], model.prior(rng, 20_000)) for _ in range(200)]
    spread = np.std([run.log_evidence for run in runs], axis=0)
    assert np.mean([run.standard_error for run in runs], axis=0) == pytest.approx(spread, rel=0.2)
    total = np.std([run.total for run in runs])
    assert np.mean([run.total_standard_error for run in runs]) == pytest.approx(total, rel=0.2)


def test_error_of_the_total_counts_shared_draws_as_shared():
    model, x, rng = linear_gaussian()
    twice = np.concatenate([x[:1], x[:1]])
    shared = log_marginal_prior(model, twice, model.prior(rng, 1_000))
    assert shared.total_standard_error == pytest.approx(2 * shared.standard_error[0])
    own = log_marginal_importance(model, twice, model.posterior(1.5), model.log_prior, model.prior(rng, 1_000), 0)
    assert own.total_standard_error == pytest.approx(np.hypot(*own.standard_error))


def test_true_posterior_makes_every_importance_weight_the_evidence():
    model, x, rng = linear_gaussian()
    found = log_marginal_importance(model, x, model.posterior(), model.log_prior, model.prior(rng, 5), 0)
    assert found.log_evidence == pytest.approx(model.log_evidence(x))
    assert found.standard_error == pytest.approx(0, abs=1e-9)
    assert found.effective_size == pytest.approx(5)


def test_importance_average_rests_on_more_draws_than_the_prior_average():
    model, x, rng = linear_gaussian()
    theta = model.prior(rng, 2_000)
    found = log_marginal_importance(model, x, model.posterior(1.5), model.log_prior, theta, 0)
    z = (found.log_evidence - model.log_evidence(x)) / found.standard_error
    assert np.abs(z).max() < 3.5
    prior = log_marginal_prior(model, x, theta)
    assert (found.effective_size > 2 * prior.effective_size).all()


def test_leakage_out_of_the_prior_does_not_inflate_the_evidence():
    model, x, trials = beta_binomial()
    found = log_marginal_importance(model, x, WidePosterior(), model.log_prior, np.full((20_000, 1), 0.5), 0, trials)
    exact = model.log_evidence(x, trials)
    assert np.abs((found.log_evidence - exact) / found.standard_error).max() < 3.5
    inside = 0.5  # about the share of draws inside for the first observation, whose mode is at 0
    assert abs(found.log_evidence[0] - exact[0]) < -np.log(inside) / 5


def test_an_observation_whose_posterior_is_outside_the_prior_is_averaged_over_the_prior():
    """The posterior missed it; that says nothing against the simulator."""
    model, x, trials = beta_binomial()
    theta = np.random.default_rng(0).random((10, 1))
    found = log_marginal_importance(model, x, WidePosterior(), lambda t: np.full(len(t), -np.inf), theta, 0, trials)
    assert found.log_evidence == pytest.approx(log_marginal_prior(model, x, theta, trials).log_evidence)


def test_a_posterior_whose_draws_are_not_finite_is_refused_as_a_density():
    class Broken(WidePosterior):
        def sample(self, x, n, seed, context=None):
            return np.full((n, 1), np.nan)

    model, x, trials = beta_binomial()
    with pytest.raises(DensityError, match="A draw from the posterior is not finite"):
        log_marginal_importance(model, x, Broken(), model.log_prior, np.full((10, 1), 0.5), 0, trials)


def test_equal_seeds_give_equal_importance_averages():
    model, x, rng = linear_gaussian()
    theta, q = model.prior(rng, 50), model.posterior(1.5)
    a, b, c = (log_marginal_importance(model, x, q, model.log_prior, theta, seed).total for seed in (1, 1, 2))
    assert a == b != c


@given(LOGS, st.floats(-1e4, 1e4))
def test_constant_factor_of_the_density_moves_the_log_evidence_alone(log_terms, constant):
    here, there = average(log_terms, shared=True), average(log_terms + constant, shared=True)
    assert there.log_evidence == pytest.approx(here.log_evidence + constant, abs=1e-6)
    assert there.standard_error == pytest.approx(here.standard_error, rel=1e-6, abs=1e-9)
    assert there.total_standard_error == pytest.approx(here.total_standard_error, rel=1e-6, abs=1e-9)


@given(LOGS)
def test_log_mean_lies_between_mean_of_logs_and_largest_log(log_terms):
    found = average(log_terms, shared=False)
    assert (found.log_evidence >= log_terms.mean(axis=1) - 1e-9).all()
    assert (found.log_evidence <= log_terms.max(axis=1) + 1e-9).all()
    assert (found.effective_size >= 1 - 1e-9).all()
    assert (found.effective_size <= 7 + 1e-9).all()


@given(LOGS, st.permutations(range(7)))
def test_order_of_draws_does_not_matter(log_terms, order):
    assert average(log_terms[:, order], shared=True).total == pytest.approx(average(log_terms, shared=True).total)


def test_impossible_observation_has_no_evidence_and_no_bounded_error():
    found = average(np.array([[-np.inf] * 3, [0.0, -np.inf, 0.0]]), shared=True)
    assert found.log_evidence == pytest.approx([-np.inf, np.log(2 / 3)])
    assert found.standard_error[0] == np.inf
    assert found.effective_size == pytest.approx([0, 2])
    assert (found.total, found.total_standard_error) == (-np.inf, np.inf)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_density_that_is_nan_or_infinite_is_refused(value):
    terms = np.zeros((2, 3))
    terms[1, 2] = value
    with pytest.raises(ZfbenchError, match="observation 1 at draw 2"):
        average(terms, shared=True)


def test_one_draw_has_no_error_and_is_refused():
    with pytest.raises(ZfbenchError, match="at least 2 draws"):
        average(np.zeros((2, 1)), shared=True)


def test_misshapen_input_is_explained(shapes_unchecked):
    model, x, rng = linear_gaussian()
    with pytest.raises(ZfbenchError, match="one for each"):
        log_marginal_prior(model, x, model.prior(rng, 3), np.zeros((2, 1)))
    model.log_prob = lambda *_: np.zeros((3, 6))
    with pytest.raises(ZfbenchError, match="one log density"):
        log_marginal_prior(model, x, model.prior(rng, 3))


def everywhere(theta):
    return np.ones(len(theta), bool)


def test_fitted_likelihood_is_that_of_the_posteriors_mode():
    model, x, rng = linear_gaussian()
    prior = model.prior(rng, 5)
    found = log_fitted(model, x, model.posterior(), everywhere, prior, 20_000, 0)
    exact = [model.log_prob(own[None], (model.posterior().gain @ own)[None])[0, 0] for own in x]
    assert found == pytest.approx(exact, abs=0.3)
    assert (found > log_marginal_prior(model, x, model.prior(rng, 1_000)).log_evidence).all()
    np.testing.assert_array_equal(found, log_fitted(model, x, model.posterior(), everywhere, prior, 20_000, 0))


class Around:
    """A posterior around a number, whatever is observed; it may say so of each observation's context."""

    def __init__(self, centre):
        self.centre = centre

    def sample(self, x, n, seed, context=None):
        return np.random.default_rng(seed).normal(self.centre, 0.3, (n, 1))

    def log_prob(self, theta, x, context=None):
        return -np.square(theta[:, 0] - self.centre)


@pytest.mark.parametrize(("centre", "fitted"), [(0.4, 0.4), (1.4, 1.0), (50.0, 0.7)])
def test_parameters_are_fitted_within_the_priors_support(centre, fitted):
    """The most probable draw inside; of the draws from the prior where the posterior has left the support."""
    model, x, trials = beta_binomial()
    unit = lambda theta: ((theta >= 0) & (theta <= 1)).all(axis=1)  # noqa: E731
    found = log_fitted(model, x, Around(centre), unit, np.array([[0.2], [0.7], [0.6]]), 10_000, 0, trials)
    near = [model.log_prob(x, np.array([[theta]]), trials)[:, 0] for theta in (fitted - 0.003, fitted)]
    assert (found >= np.minimum(*near) - 1e-9).all()
    assert (found <= np.maximum(*near) + 0.2).all()
