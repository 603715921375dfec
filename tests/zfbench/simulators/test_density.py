import importlib.util
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ModuleSpec
from types import ModuleType

import numpy as np
import pytest
from closed_forms import LinearGaussian

from zfbench.base.errors import DensityError, ZfbenchError
from zfbench.scoring.likelihood import log_fitted, log_marginal_importance, log_marginal_prior
from zfbench.simulators import density as neural

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")
pytest.importorskip("sbi")

QUICK = neural.Training(epochs=3, hidden=10, transforms=2)
ENOUGH = neural.Training(epochs=60, batch=200, learning_rate=2e-3, hidden=20, transforms=3)


@pytest.fixture(scope="module")
def world():
    model, rng = LinearGaussian(parameters=2, statistics=3), np.random.default_rng(0)
    theta = model.prior(rng, 4_000)
    return model, theta, model.simulate(rng, theta)


@pytest.fixture(scope="module")
def likelihood(world):
    _, theta, x = world
    return neural.fit_likelihood(theta, x, 0, training=ENOUGH)


@pytest.fixture(scope="module")
def posterior(world):
    _, theta, x = world
    return neural.fit_posterior(theta, x, 0, training=ENOUGH)


def test_training_takes_as_many_steps_as_it_says(monkeypatch):
    """Counted at the optimiser; patience is longer than the training."""
    taken = []
    step = torch.optim.Adam.step
    monkeypatch.setattr(torch.optim.Adam, "step", lambda self, *a, **k: (taken.append(1), step(self, *a, **k))[1])
    rng = np.random.default_rng(0)
    for simulations, batch in ((500, 200), (120, 200), (95, 30)):
        theta = rng.standard_normal((simulations, 2))
        x = theta + rng.standard_normal((simulations, 2))
        for epochs in (1, 2, 4):
            training = neural.Training(epochs=epochs, batch=batch, hidden=4, transforms=1)
            taken.clear()
            neural.fit_likelihood(theta, x, 0, training=training)
            assert len(taken) == max(epochs, neural.LEAST_EPOCHS) * training.steps(simulations)


@pytest.mark.parametrize(
    ("updates", "networks", "epochs"), [(40, 1, 10), (43, 1, 10), (40, 2, 5), (1, 1, 2), (10**6, 1, 500)]
)
def test_a_limit_of_updates_is_turned_into_whole_epochs(updates, networks, epochs):
    training = neural.Training(batch=200)  # 900 of 1,000 simulations are trained on, 4 batches
    assert training.within(updates, 1_000, networks).epochs == epochs


@pytest.mark.parametrize("rows", [1, 3, 7, 20])
def test_few_rows_in_a_pass_change_nothing(world, likelihood, rows):
    _, theta, x = world
    small = neural.LikelihoodEstimator(likelihood._density, likelihood._size, rows)
    assert small.log_prob(x[:4], theta[:7]) == pytest.approx(likelihood.log_prob(x[:4], theta[:7]), abs=1e-4)


def test_neural_likelihood_comes_near_the_density(world, likelihood):
    model, theta, x = world
    own = [likelihood.log_prob(x[[j]], theta[[j]])[0, 0] for j in range(100)]
    exact = [model.log_prob(x[[j]], theta[[j]])[0, 0] for j in range(100)]
    assert np.mean(np.subtract(own, exact)) == pytest.approx(0, abs=0.1)
    assert np.corrcoef(own, exact)[0, 1] > 0.9


def test_evidence_by_neural_likelihood_is_near_the_closed_form(world, likelihood, posterior):
    model, *_ = world
    rng = np.random.default_rng(1)
    x = model.simulate(rng, model.prior(rng, 200))
    exact = model.log_evidence(x).mean()
    by_prior = log_marginal_prior(likelihood, x, model.prior(rng, 1_000))
    assert by_prior.log_evidence.mean() == pytest.approx(exact, abs=0.1)
    by_importance = log_marginal_importance(likelihood, x[:20], posterior, model.log_prior, model.prior(rng, 500), 0)
    assert by_importance.log_evidence == pytest.approx(by_prior.log_evidence[:20], abs=0.3)
    assert np.median(by_importance.effective_size) > 100


def test_neural_posterior_has_the_posteriors_moments_and_mode(world, posterior):
    model, *_ = world
    x = np.array([0.5, -0.3, 0.8])
    true = model.posterior()
    draws = posterior.sample(x, 4_000, 0)
    assert draws.mean(axis=0) == pytest.approx(true.gain @ x, abs=0.15)
    assert np.cov(draws.T) == pytest.approx(true.covariance, abs=0.15)
    assert np.exp(posterior.log_prob(draws, x) - true.log_prob(draws, x)).mean() == pytest.approx(1, abs=0.3)


def test_fitted_score_comes_near_the_likelihood_at_its_maximum():
    """Under a flat prior the most probable parameters are those of greatest likelihood, in closed form."""
    model, rng = LinearGaussian(parameters=2, statistics=3), np.random.default_rng(0)
    theta = rng.uniform(-3, 3, (4_000, 2))
    x = model.simulate(rng, theta)
    learned = [fit(theta, x, 0, training=ENOUGH) for fit in (neural.fit_likelihood, neural.fit_posterior)]
    seen = model.simulate(rng, rng.uniform(-1.5, 1.5, (20, 2)))
    best = np.linalg.lstsq(model.A, seen.T, rcond=None)[0].T  # [20, 2]
    exact = model.log_prob(seen, best).diagonal()

    def score(seed):
        return log_fitted(learned[0], seen, learned[1], lambda t: (abs(t) <= 3).all(axis=1), theta, 2_000, seed)

    assert score(0).mean() == pytest.approx(exact.mean(), abs=0.3)
    assert np.corrcoef(score(0), exact)[0, 1] > 0.8
    assert np.array_equal(score(0), score(0))
    assert not np.array_equal(score(0), score(1))


def test_context_shifts_the_density(world):
    _, theta, x = world
    offset = np.random.default_rng(2).choice([-3.0, 3.0], (len(x), 1))
    estimate = neural.fit_likelihood(theta, x + offset, 0, context=offset, training=ENOUGH)
    there = estimate.log_prob(x[:50] + 3, theta[:1], np.full((50, 1), 3.0)).mean()
    elsewhere = estimate.log_prob(x[:50] + 3, theta[:1], np.full((50, 1), -3.0)).mean()
    assert there > elsewhere + 2


def test_pairs_are_evaluated_alike_whatever_the_size_of_a_pass(world, likelihood):
    _, theta, x = world
    small = neural.LikelihoodEstimator(likelihood._density, likelihood._size, rows=7)
    assert small.log_prob(x[:9], theta[:5]) == pytest.approx(likelihood.log_prob(x[:9], theta[:5]), abs=1e-4)


def test_seed_decides_and_torch_is_left_as_it_was(world, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, theta, x = world
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    a, b, c = (neural.fit_likelihood(theta[:300], x[:300], s, training=QUICK) for s in (1, 1, 2))
    assert np.array_equal(a.log_prob(x[:5], theta[:5]), b.log_prob(x[:5], theta[:5]))
    assert not np.array_equal(a.log_prob(x[:5], theta[:5]), c.log_prob(x[:5], theta[:5]))
    q = neural.fit_posterior(theta[:300], x[:300], 1, training=QUICK)
    assert np.array_equal(q.sample(x[0], 5, 3), q.sample(x[0], 5, 3))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    assert capsys.readouterr().out == ""
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("scale", [1e38, 1e39, 1e300])
@pytest.mark.parametrize("fit", [neural.fit_likelihood, neural.fit_posterior])
def test_numbers_too_large_for_a_network_are_one_sentence(world, scale, fit):
    _, theta, x = world
    with pytest.raises(DensityError, match="No density can be learned") as refused:
        fit(theta[:300], scale * x[:300], 0, training=QUICK)
    assert "\n" not in str(refused.value)


def test_misshapen_simulations_are_explained(world, likelihood):
    _, theta, x = world
    with pytest.raises(ZfbenchError, match="one row of each"):
        neural.fit_likelihood(theta[:10], x[:9], 0)
    with pytest.raises(ZfbenchError, match="not finite"):
        neural.fit_likelihood(theta, x * np.nan, 0)
    with pytest.raises(ZfbenchError, match="columns of theta"):
        likelihood.log_prob(x[:2], theta[:2, :1])


@pytest.mark.skipif(importlib.util.find_spec("tabpfn") is not None, reason="tabpfn is installed")
def test_missing_tabpfn_is_explained(world):
    _, theta, x = world
    for pfn in (neural.pfn_likelihood, neural.pfn_posterior):
        with pytest.raises(ZfbenchError, match="need tabpfn"):
            pfn(theta, x)


class GatedError(Exception):
    """What tabpfn raises where its weights were not agreed to derives from nothing else."""


@pytest.mark.parametrize("stage", ["made", "asked"])
@pytest.mark.parametrize("failure", [GatedError, OSError, RuntimeError, ImportError, ValueError])
def test_every_way_in_which_tabpfn_can_be_unusable_is_one_sentence(world, monkeypatch, stage, failure):
    class Flow:
        def __init__(self, *shapes):
            self.fail("made")

        def fail(self, now):
            if stage == now:
                raise failure("Its weights are gated.\nDo this and that.")

        def set_context(self, *pairs):
            return self

        def log_prob(self, *pairs):
            self.fail("asked")

    package, errors = ModuleType("tabpfn"), ModuleType("tabpfn.errors")
    package.__spec__, errors.TabPFNError = ModuleSpec("tabpfn", None), GatedError
    monkeypatch.setitem(sys.modules, "tabpfn", package)
    monkeypatch.setitem(sys.modules, "tabpfn.errors", errors)
    monkeypatch.setattr("sbi.neural_nets.estimators.tabpfn_flow.TabPFNFlow", Flow)
    _, theta, x = world
    for pfn in (neural.pfn_likelihood, neural.pfn_posterior):
        with pytest.raises(ZfbenchError, match=r"TabPFN .* \(Its weights are gated") as refused:
            pfn(theta[:5], x[:5])
        assert isinstance(refused.value, DensityError) == (failure is ValueError)  # the simulations' fault, or not
        assert "\n" not in str(refused.value)


@pytest.mark.skipif(importlib.util.find_spec("tabpfn") is None, reason="tabpfn is not installed")
def test_tabpfn_comes_near_the_density(world):
    model, theta, x = world
    try:
        estimate = neural.pfn_likelihood(theta[:500], x[:500])
    except ZfbenchError as error:
        pytest.skip(str(error))
    own = estimate.log_prob(x[500:510], theta[500:510])
    assert np.corrcoef(own.ravel(), model.log_prob(x[500:510], theta[500:510]).ravel())[0, 1] > 0.8


def test_threads_that_fit_at_once_get_what_each_gets_alone_and_leave_the_output_alone(world):
    """A search with several workers evaluates in threads of one process, and torch's generator is the process's."""
    _, theta, x = world
    theta, x, few = theta[:400], x[:400], x[:3]

    def fit(seed):
        return neural.fit_likelihood(theta, x, seed, training=QUICK).log_prob(few, theta[:4])

    alone, output = [fit(seed) for seed in range(4)], sys.stdout
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(fit, range(4)))
    np.testing.assert_array_equal(together, alone)
    assert sys.stdout is output
