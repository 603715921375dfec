"""Compartment models of an epidemic, each as a program and as the same transition on arrays.

They are the models of the proposer `epidemics`, which differ in how people fall ill, how they recover, what follows,
and whether chance is involved. The text is evaluated by a search. The transition serves a particle filter that computes
the model's likelihood, with which the error of an estimate from simulations is measured.

The state is S, I, R and E: the numbers of people who are susceptible, ill, recovered, and infected but not yet
infectious.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Hazard = Callable[[Array, Array, Array], Array]
Leaving = Callable[[Array, Array], Array]

# Hazard of infection of one susceptible person in one step: as text, and as a function of beta, the ill and all people.
# All constants in the alternatives below are our choice.
HAZARD: dict[str, tuple[str, Hazard]] = {
    "none": ("0.0", lambda _beta, ill, _people: 0.0 * ill),
    "frequency": ('parameters["beta"] * I / N', lambda beta, ill, people: beta * ill / people),
    "density": ('parameters["beta"] * I / 100.0', lambda beta, ill, _people: beta * ill / 100),
    "constant": ('0.1 * parameters["beta"]', lambda beta, _ill, _people: 0.1 * beta),
    "saturating": ('parameters["beta"] * I / (N + 5.0 * I)', lambda beta, ill, people: beta * ill / (people + 5 * ill)),
}
# Probability that one ill person recovers in one step: as text, and as a function of gamma and the ill.
LEAVING: dict[str, tuple[str, Leaving]] = {
    "none": ("0.0", lambda _gamma, ill: 0.0 * ill),
    "rate": ('parameters["gamma"]', lambda gamma, _ill: gamma),
    "crowded": ('parameters["gamma"] * 10.0 / (10.0 + I)', lambda gamma, ill: gamma * 10 / (10 + ill)),
}
ONSET = {"third": 0.33, "fast": 0.8}  # probability that one infected person becomes infectious in one step
LOSS = {"slow": 0.02}  # probability that one recovered person becomes susceptible in one step
DRAW = {"binomial": "jax.random.binomial(key, count, probability)", "expected": "count * probability"}

SLOTS: dict[str, tuple[str, ...]] = {
    "infection": tuple(HAZARD),
    "recovery": tuple(LEAVING),
    "incubation": ("none", *ONSET),
    "waning": ("none", *LOSS),
    "chance": tuple(DRAW),
}

FRAME = """\
import jax
import jax.numpy as jnp


def leave(key, count, probability):
    return {draw}


def initial_state(key, parameters, context):
    return jnp.array([context["S0"], context["I0"], 0.0, 0.0])  # S, I, R, infected but not yet infectious


def step(key, state, parameters, context, t):
    S, I, R, E = state
    N = S + I + R + E
    keys = jax.random.split(key, 4)
    infected = leave(keys[0], S, 1 - jnp.exp(-({hazard})))
    recovered = leave(keys[1], I, {leaving})
    onset = {onset}
    lost = {loss}
    return jnp.array([S - infected + lost, I + onset - recovered, R + recovered - lost, E + infected - onset])


def observe(state):
    return state[:3]
"""


@dataclass(frozen=True)
class Compartments:
    """A model: one alternative for each slot of `SLOTS`.

    Attributes:
        infection: hazard of infection, a key of `HAZARD`.
        recovery: probability of recovery, a key of `LEAVING`.
        incubation: `none`, or a key of `ONSET`.
        waning: `none`, or a key of `LOSS`.
        chance: a key of `DRAW`.
    """

    infection: str = "frequency"
    recovery: str = "rate"
    incubation: str = "none"
    waning: str = "none"
    chance: str = "binomial"

    @property
    def program(self) -> str:
        """Source of the model as a program."""
        return FRAME.format(
            draw=DRAW[self.chance],
            hazard=HAZARD[self.infection][0],
            leaving=LEAVING[self.recovery][0],
            onset="infected" if self.incubation == "none" else f"leave(keys[2], E, {ONSET[self.incubation]})",
            loss="0.0" if self.waning == "none" else f"leave(keys[3], R, {LOSS[self.waning]})",
        )

    @property
    def source_with_title(self) -> str:
        """Source of the model below a line that names the alternatives, as the proposer `epidemics` writes it."""
        named = ", ".join(f"{slot}={alternative}" for slot, alternative in asdict(self).items())
        return f'"""{named}"""\n\n{self.program}'

    def step(self, state: Array, beta: Array, gamma: Array, rng: np.random.Generator) -> Array:
        """Advance states by one step.

        Args:
            state: [..., 4], numbers of people in S, I, R and E.
            beta: rate of infection, broadcast against [...].
            gamma: rate of recovery, broadcast against [...].
            rng: source of the random numbers.

        Returns:
            [..., 4].
        """
        S, I, R, E = np.moveaxis(state, -1, 0)  # noqa: E741
        infected = self._leave(S, 1 - np.exp(-HAZARD[self.infection][1](beta, I, S + I + R + E)), rng)
        recovered = self._leave(I, LEAVING[self.recovery][1](gamma, I), rng)
        begun = infected if self.incubation == "none" else self._leave(E, ONSET[self.incubation], rng)
        lost = 0.0 * R if self.waning == "none" else self._leave(R, LOSS[self.waning], rng)
        return np.stack(
            [S - infected + lost, I + begun - recovered, R + recovered - lost, E + infected - begun], axis=-1
        )

    def _leave(self, count: Array, probability: Array | float, rng: np.random.Generator) -> Array:
        if self.chance == "expected":
            return count * probability
        return rng.binomial(count.astype(int), probability).astype(float)


def all_models() -> Iterator[Compartments]:
    """Return every combination of alternatives; models without infection have no incubation."""
    for chosen in product(*SLOTS.values()):
        model = Compartments(*chosen)
        if model.infection != "none" or model.incubation == "none":
            yield model
