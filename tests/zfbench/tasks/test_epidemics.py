"""The models of `epidemics`: their programs and the transitions that their exact likelihoods follow are the same."""

import pickle

import numpy as np
import pytest
from scipy.stats import norm

from zfbench.discoverers.proposers.slots.epidemics import GRAMMAR
from zfbench.records.limits import Limits
from zfbench.records.program import normalise
from zfbench.sandbox.choose import open_sandbox
from zfbench.simulators.simulate import simulate_program
from zfbench.tasks.sir import task as sir
from zfbench.tasks.sir.compartments import SLOTS, Compartments, all_models

COVERING = [  # every alternative of every slot
    Compartments("none", "rate", "none", "slow", "binomial"),
    Compartments("frequency", "crowded", "third", "none", "binomial"),
    Compartments("density", "rate", "fast", "slow", "binomial"),
    Compartments("constant", "none", "none", "none", "expected"),
    Compartments("saturating", "crowded", "third", "slow", "expected"),
]
N = 500


@pytest.fixture(scope="module")
def tiny():
    return sir.PROBLEMS["sir-tiny"]()


@pytest.fixture(scope="module")
def sandbox():
    with open_sandbox() as box:
        yield box


def followed(model, contexts, beta, gamma, rng):
    """Trajectories [n, 61, 4] by the model's transition."""
    path = [np.concatenate([contexts, np.zeros((len(contexts), 2))], axis=1)]
    for _ in range(sir.STEPS):
        path.append(model.step(path[-1], np.array(beta), np.array(gamma), rng))
    return np.stack(path, axis=1)


def test_the_covering_models_cover():
    for k, alternatives in enumerate(SLOTS.values()):
        assert {tuple(vars(model).values())[k] for model in COVERING} == set(alternatives)


@pytest.mark.parametrize("model", COVERING, ids=lambda model: "-".join(vars(model).values()))
def test_a_models_program_follows_its_transition(model, tiny, sandbox):
    rng = np.random.default_rng(0)
    contexts, beta, gamma = sir.draw_contexts(rng, N), 0.7, 0.15
    rates = np.tile([[beta, gamma]], (N, 1))
    path = simulate_program(model.source_with_title, tiny.spec, rates, contexts, Limits(seconds=120.0), 0, sandbox)
    other = followed(model, contexts, beta, gamma, rng)[..., :3]
    if model.chance == "expected":
        np.testing.assert_allclose(path, other, rtol=1e-4, atol=1e-3)
        return
    for moment in (lambda x: x, np.square):
        a, b = moment(path), moment(other)
        error = np.sqrt((a.var(axis=0) + b.var(axis=0)) / N)
        assert (np.abs(a.mean(axis=0) - b.mean(axis=0)) < 5 * error + 1e-4 * np.abs(b).mean()).all()


def test_nobody_is_lost():
    rng = np.random.default_rng(0)
    contexts = sir.draw_contexts(rng, 20)
    for model in all_models():
        path = followed(model, contexts, 0.7, 0.15, rng)
        np.testing.assert_allclose(path.sum(axis=2), np.repeat(contexts.sum(axis=1)[:, None], 61, axis=1))
        assert path.min() >= -1e-9


def test_the_exact_likelihood_of_every_program_of_the_grammar_is_known(tiny):
    rendered = {GRAMMAR.render(tuple(vars(model).values())) for model in all_models()}
    assert len(rendered) == 180 - 24  # without infection, two incubations mean nothing
    assert rendered <= set(tiny.exact)
    assert rendered == {normalise(model.source_with_title) for model in all_models()}


def test_without_chance_the_likelihood_is_that_of_the_noise_around_the_one_path(tiny):
    model, theta, context = COVERING[-1], np.array([[0.7, 0.15]]), np.array([[60.0, 2.0]])
    path = followed(model, context, *theta[0], None)[0, list(sir.TIMES)][:, [0, 2]].ravel()
    x = path + np.linspace(-1, 1, len(path))
    (found,) = sir.ParticleFilter(model, particles=3).log_prob(x[None], theta, context)
    assert found[0] == pytest.approx(norm.logpdf(x, path, sir.NOISE).sum())


def test_likelihoods_travel_to_other_processes(tiny):
    assert len(pickle.loads(pickle.dumps(tiny.exact))) == len(tiny.exact)
