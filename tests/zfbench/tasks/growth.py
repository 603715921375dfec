"""A small simulator task with a known answer: a population grows by a factor e^rate a step, seen with noise."""

import numpy as np

from zfbench.simulators.contract import EXAMPLE
from zfbench.simulators.family import SimulatorFamily
from zfbench.simulators.problem import Observed, Parameter, Problem, SimulatorSpec

STEPS, NOISE = 4, 0.1
CONSTANT = EXAMPLE.replace("* jnp.exp(growth)", "")
SPEC = SimulatorSpec(
    name="growth-tiny",
    description="A population grows.",
    parameters=(Parameter("rate", 0.0, 1.0, "growth a step"),),
    context=("size",),
    observations=("size",),
    statistics=("log half way", "log at the end"),
    steps=STEPS,
    every=2,
)


def contexts(rng, n):
    return rng.uniform(1.0, 2.0, (n, 1))


def statistics(path, contexts, rng):
    return np.log(path[:, 1:, 0]) + NOISE * rng.standard_normal((len(path), 2))


def observe(seed, n=6):
    rng = np.random.default_rng(seed)
    given = contexts(rng, n)
    steps = 0.5 + 0.1 * rng.standard_normal((n, STEPS))
    log_size = np.log(given) + steps.cumsum(axis=1)[:, 1::2]
    return Observed(given, log_size + NOISE * rng.standard_normal((n, 2)))


class KnownGrowth:
    """Given the rate, the two statistics are jointly normal."""

    def log_prob(self, x, theta, context=None):
        mean = np.log(context)[:, None] + theta[None] * np.array([2.0, 4.0])  # [M, B, 2]
        covariance = 0.01 * np.array([[2.0, 2.0], [2.0, 4.0]]) + NOISE**2 * np.eye(2)
        error = x[:, None] - mean
        squared = np.einsum("mbi,ij,mbj->mb", error, np.linalg.inv(covariance), error)
        return -0.5 * (squared + np.linalg.slogdet(2 * np.pi * covariance)[1])


def problem(likelihood="surrogate"):
    return Problem(
        spec=SPEC,
        selection=observe(1),
        held_out=observe(2),
        statistics=statistics,
        contexts=contexts,
        seed_program=CONSTANT,
        controls={"oracle": EXAMPLE},
        exact={EXAMPLE: KnownGrowth()},
        likelihood=likelihood,
        simulations=300,
        draws=500,
    )


FAMILY = SimulatorFamily({"growth-tiny": problem})
