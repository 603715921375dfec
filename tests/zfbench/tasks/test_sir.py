import numpy as np
import pytest
from scipy.stats import binom, norm

from zfbench.records.limits import Limits
from zfbench.sandbox.choose import open_sandbox
from zfbench.scoring.likelihood import log_marginal_prior
from zfbench.simulators.simulate import simulate_program
from zfbench.tasks.sir import task as sir

LIMITS = Limits(seconds=120.0)


@pytest.fixture(scope="module")
def tiny():
    return sir.PROBLEMS["sir-tiny"]()


def test_nobody_is_lost_and_everybody_moves_one_way():
    rng = np.random.default_rng(0)
    contexts = sir.draw_contexts(rng, 50)
    path = sir.simulate(contexts, rng)
    assert path.shape == (50, 61, 3)
    np.testing.assert_array_equal(path.sum(axis=2), np.repeat(contexts.sum(axis=1)[:, None], 61, axis=1))
    assert (np.diff(path[..., 0], axis=1) <= 0).all()
    assert (np.diff(path[..., 2], axis=1) >= 0).all()
    assert (contexts >= [50, 1]).all()
    assert (contexts <= [100, 5]).all()


def test_no_statistic_is_constant_or_a_sum_of_others(tiny):
    rng = np.random.default_rng(0)
    contexts = sir.draw_contexts(rng, 500)
    x = sir.statistics(sir.simulate(contexts, rng), contexts, rng)
    assert x.shape == (500, len(tiny.spec.statistics))
    both = np.concatenate([x, contexts], axis=1)
    assert np.linalg.eigvalsh(np.cov(both, rowvar=False)).min() > 0.1


def test_the_truth_as_a_program_follows_the_chain(tiny):
    rng = np.random.default_rng(0)
    contexts = sir.draw_contexts(rng, 500)
    rates = np.tile([[sir.BETA, sir.GAMMA]], (500, 1))
    with open_sandbox() as box:
        path = simulate_program(sir.TRUTH, tiny.spec, rates, contexts, LIMITS, 0, box)
    other = sir.simulate(contexts, rng)
    error = np.sqrt((path.var(axis=0) + other.var(axis=0)) / 500)[list(sir.TIMES)]
    assert (np.abs(path.mean(axis=0) - other.mean(axis=0))[list(sir.TIMES)] < 5 * error + 1e-9).all()


def test_particle_filter_agrees_with_the_sum_over_all_paths(monkeypatch):
    """Two people and two steps: few enough paths to add up by hand."""
    monkeypatch.setattr(sir, "TIMES", (1, 2))
    monkeypatch.setattr(sir, "STEPS", 2)
    beta, gamma, context = 0.9, 0.4, np.array([[1.0, 1.0]])
    x = np.array([[0.3, 0.6, -0.2, 1.4]])

    def after(S, I):  # noqa: E741
        p = 1 - np.exp(-beta * I / 2)
        return [
            (S - i, I + i - r, binom.pmf(i, S, p) * binom.pmf(r, I, gamma)) for i in range(S + 1) for r in range(I + 1)
        ]

    def seen(S, I, k):  # noqa: E741
        return norm.pdf(x[0, 2 * k], S) * norm.pdf(x[0, 2 * k + 1], 2 - S - I)

    total = sum(
        p1 * seen(S1, I1, 0) * p2 * seen(S2, I2, 1) for S1, I1, p1 in after(1, 1) for S2, I2, p2 in after(S1, I1)
    )
    estimate = sir.ParticleFilter(particles=20_000).log_prob(x, np.array([[beta, gamma]]), context)
    assert estimate.shape == (1, 1)
    assert estimate[0, 0] == pytest.approx(np.log(total), abs=0.03)


def test_the_likelihood_of_constant_populations_is_that_of_the_noise(tiny):
    context = np.array([[60.0, 2.0]])
    x = np.tile([60.5, -0.5], 5)[None]
    assert sir.Constant().log_prob(x, np.zeros((2, 2)), context)[0, 1] == pytest.approx(10 * norm.logpdf(0.5))


def test_the_truth_explains_what_constant_populations_cannot(tiny):
    some = tiny.held_out.take(3)
    theta = tiny.spec.draw_parameters(np.random.default_rng(0), 500)
    truth = log_marginal_prior(sir.ParticleFilter(), some.statistics, theta, some.contexts)
    still = log_marginal_prior(sir.Constant(), some.statistics, theta, some.contexts)
    assert truth.total > still.total + 1_000


def test_selection_and_held_out_trajectories_differ_and_are_always_the_same(tiny):
    assert not np.isin(tiny.selection.statistics, tiny.held_out.statistics).any()
    assert tiny.data_sha256 == sir.PROBLEMS["sir-tiny"]().data_sha256
