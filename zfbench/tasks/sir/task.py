"""The task `sir`: find the rule of the epidemic of Wahl et al. (2026, arXiv 2602.18266) from noisy counts.

The truth is a binomial chain: with N = S + I + R and p_inf = 1 - exp(-beta I / N), each step moves Binomial(S, p_inf)
people from S to I and Binomial(I, gamma) from I to R. A trajectory has 60 steps from S0 ~ U{50..100}, I0 ~ U{1..5} and
R0 = 0; S0 and I0 are the context. The priors are beta ~ U[0, 2] and gamma ~ U[0, 1]. Observations were made with beta =
0.5 and gamma = 0.1: 100 trajectories to select on, and 100 others to judge on. Searches start from a program whose
populations never change.

The statistics are S and R at steps 3, 8, 15, 30 and 60, each with added normal noise of standard deviation 1 person.
The series themselves, which the paper uses, have no density: S + I + R = N in every step, the first values are the
context, and counts are whole numbers. A learned likelihood could grow without bound on such columns, and scores would
measure how far it grew. Therefore I, N and step 0 are left out, and the noise is part of the observation model, for
data and simulations alike.

`sir-tiny` learns from 200 simulations instead of 1,000, with 20 observations of each kind: for tests and first steps.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from zfbench.records.program import normalise
from zfbench.scoring.likelihood import Likelihood
from zfbench.simulators.family import SimulatorFamily
from zfbench.simulators.problem import Observed, Parameter, Problem, SimulatorSpec
from zfbench.tasks.sir.compartments import Compartments, all_models

STEPS = 60  # steps of a trajectory (Wahl et al. 2026)
TIMES = (3, 8, 15, 30, 60)  # steps at which S and R are observed; our choice, denser where the epidemic rises
NOISE = 1.0  # people, standard deviation of the noise on every statistic; our choice
BETA, GAMMA = 0.5, 0.1  # rates of infection and recovery per step, of the truth (Wahl et al. 2026)
PARTICLES = 50  # particles of a filter for each observation and parameter; our choice
SELECTION, HELD_OUT = 2018, 2019  # seeds of the observations

Array = NDArray[np.float64]

PARAMETERS = (Parameter("beta", 0.0, 2.0), Parameter("gamma", 0.0, 1.0))
DESCRIPTION = (
    "People in a closed group fall ill and get well again. The state has three counts: S, who can still fall ill, I, "
    "who are ill and infect others, and R, who no longer take part. At the start S0 and I0 are known and R is 0. Find "
    "the stochastic rule by which the counts change from one step to the next; beta and gamma are rates whose meaning "
    "is up to the rule. What is scored are S and R at a few steps, read with an error of one person (sd), which is "
    "added for you."
)

SEED_PROGRAM = '''\
"""Nothing happens: the populations are constant."""

import jax.numpy as jnp


def initial_state(key, parameters, context):
    return jnp.array([context["S0"], context["I0"], 0.0])


def step(key, state, parameters, context, t):
    return state


def observe(state):
    return state
'''

TRUTH = '''\
"""Infection in proportion to the share of the ill, recovery at a constant rate, both by chance."""

import jax
import jax.numpy as jnp


def initial_state(key, parameters, context):
    return jnp.array([context["S0"], context["I0"], 0.0])


def step(key, state, parameters, context, t):
    S, I, R = state
    first, second = jax.random.split(key)
    infected = jax.random.binomial(first, S, 1 - jnp.exp(-parameters["beta"] * I / (S + I + R)))
    recovered = jax.random.binomial(second, I, parameters["gamma"])
    return jnp.array([S - infected, I + infected - recovered, R + recovered])


def observe(state):
    return state
'''


TRUE_MODEL = Compartments(infection="frequency", recovery="rate")


def draw_contexts(rng: np.random.Generator, n: int) -> Array:
    """Draw S0 and I0 of n trajectories, [n, 2]."""
    return np.stack([rng.integers(50, 101, n), rng.integers(1, 6, n)], axis=1).astype(float)


def statistics(path: NDArray[np.floating], contexts: NDArray[np.floating], rng: np.random.Generator) -> Array:  # noqa: ARG001
    """Compute noisy S and R at `TIMES` from trajectories.

    Args:
        path: [n, 61, 3], numbers of people in S, I and R.
        contexts: [n, 2]; not used.
        rng: source of the noise.

    Returns:
        [n, 10].
    """
    counts = path[:, TIMES][:, :, [0, 2]].astype(float)  # [n, 5, 2]
    return (counts + NOISE * rng.standard_normal(counts.shape)).reshape(len(path), -1)


def simulate(contexts: Array, rng: np.random.Generator) -> Array:
    """Simulate trajectories [n, 61, 3] of the true epidemic from contexts [n, 2]."""
    beta, gamma = np.array(BETA), np.array(GAMMA)
    path = [np.concatenate([contexts, np.zeros((len(contexts), 2))], axis=1)]
    for _ in range(STEPS):
        path.append(TRUE_MODEL.step(path[-1], beta, gamma, rng))
    return np.stack(path, axis=1)[..., :3]


def observe(seed: int, n: int) -> Observed:
    """Return n observations of the true epidemic."""
    rng = np.random.default_rng(seed)
    contexts = draw_contexts(rng, n)
    return Observed(contexts, statistics(simulate(contexts, rng), contexts, rng))


class ParticleFilter:
    """The likelihood of a model's statistics, estimated by a bootstrap particle filter.

    The filter is that of Gordon, Salmond & Smith (1993, doi:10.1049/ip-f-2.1993.0015). Particles follow the model to
    each of `TIMES`, are weighted by the density of the noise there, and are resampled. The product of the mean weights
    is an unbiased estimate of the likelihood, so that its mean over prior draws is an unbiased estimate of the marginal
    likelihood too.

    Args:
        model: the model.
        particles: number of particles.
        seed: seed of all draws.
    """

    def __init__(self, model: Compartments = TRUE_MODEL, particles: int = PARTICLES, seed: int = 0) -> None:
        self._model, self._particles, self._seed = model, particles, seed

    def log_prob(self, x: Array, theta: Array, context: Array | None = None) -> Array:
        """Estimate the log likelihood of every observation under every parameter.

        Args:
            x: [M, 10], observations.
            theta: [B, 2], beta and gamma.
            context: [M, 2], S0 and I0.

        Returns:
            [M, B].
        """
        assert context is not None
        rng = np.random.default_rng(self._seed)
        return np.stack([self._one(x[j], theta, context[j], rng) for j in range(len(x))])

    def _one(self, x: Array, theta: Array, context: Array, rng: np.random.Generator) -> Array:
        """Return the log likelihoods [B] of one observation."""
        seen = dict(zip(TIMES, x.reshape(-1, 2), strict=True))
        B, Q = len(theta), self._particles
        state = np.broadcast_to(np.append(context, (0.0, 0.0)), (B, Q, 4))
        beta, gamma = theta[:, :1], theta[:, 1:]  # [B, 1]
        log_likelihood = np.zeros(B)
        for t in range(1, STEPS + 1):
            state = self._model.step(state, beta, gamma, rng)  # [B, Q, 4]
            if t in seen:
                log_weight = _log_noise(seen[t] - state[..., [0, 2]])  # [B, Q]
                log_likelihood += logsumexp(log_weight, axis=1) - np.log(Q)
                state = _resample(state, log_weight, rng)
        return log_likelihood


class Constant:
    """The likelihood of the seed program's statistics, in closed form."""

    def log_prob(self, x: Array, theta: Array, context: Array | None = None) -> Array:
        """Return the log likelihood of every observation, which is the same under every parameter.

        Args:
            x: [M, 10], observations.
            theta: [B, 2], parameters; only their number is used.
            context: [M, 2], S0 and I0.

        Returns:
            [M, B].
        """
        assert context is not None
        still = np.stack([context[:, 0], np.zeros(len(context))], axis=1)[:, None]  # [M, 1, 2]
        log_density = _log_noise(x.reshape(len(x), -1, 2) - still).sum(axis=1)  # [M]
        return np.repeat(log_density[:, None], len(theta), axis=1)


def _log_noise(error: Array) -> Array:
    """Return the log density of observation errors, [..., 2] -> [...]."""
    return -0.5 * np.square(error / NOISE).sum(axis=-1) - np.log(2 * np.pi * NOISE**2)


def _resample(state: Array, log_weight: Array, rng: np.random.Generator) -> Array:
    """Resample the states [B, Q, 4] of every row systematically by weights [B, Q]."""
    B, Q = log_weight.shape
    weight = np.exp(log_weight - logsumexp(log_weight, axis=1, keepdims=True))
    edges = weight.cumsum(axis=1)
    grid = (np.arange(Q) + rng.random((B, 1))) / Q
    chosen = (grid[:, :, None] > edges[:, None, :]).sum(axis=2).clip(max=Q - 1)  # [B, Q]
    return np.take_along_axis(state, chosen[..., None], axis=1)


def known_likelihoods() -> dict[str, Likelihood]:
    """Return the exact likelihoods of the truth, the seed program, and all models of the proposer `epidemics`."""
    models: dict[str, Likelihood] = {
        normalise(model.source_with_title): ParticleFilter(model) for model in all_models()
    }
    return models | {normalise(TRUTH): ParticleFilter(), normalise(SEED_PROGRAM): Constant()}


def problem(name: str, simulations: int, observations: int) -> Problem:
    """Build the task.

    Args:
        name: name of the task.
        simulations: number of simulations from which a program's likelihood is learned.
        observations: number of observations to select on, and of those to judge on.
    """
    return Problem(
        spec=SimulatorSpec(
            name=name,
            description=DESCRIPTION,
            parameters=PARAMETERS,
            context=("S0", "I0"),
            observations=("S", "I", "R"),
            statistics=tuple(f"{count} at step {t}" for t in TIMES for count in "SR"),
            steps=STEPS,
        ),
        selection=observe(SELECTION, observations),
        held_out=observe(HELD_OUT, observations),
        statistics=statistics,
        contexts=draw_contexts,
        seed_program=SEED_PROGRAM,
        controls={"oracle": TRUTH, "seed_program": SEED_PROGRAM},
        exact=known_likelihoods(),
        simulations=simulations,
    )


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "sir-tiny": partial(problem, "sir-tiny", 200, 20),
    "sir": partial(problem, "sir", 1_000, 100),
}
SIR = SimulatorFamily(PROBLEMS)
