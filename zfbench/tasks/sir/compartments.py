"""Compartment models of an epidemic, each as a program and as the same transition of arrays.

The models of the proposer `epidemics`: how people fall ill, how they recover, what follows, and whether by chance. The
text is what a search evaluates; the transition is what a particle filter needs to state the model's likelihood, which
tells what an estimate from simulations is off by.

The state is S, I, R and E: susceptible, ill, recovered, and infected but not yet infectious.
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

# Of one susceptible person, in one step: as text, and as a function of beta, the ill and all people.
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
    """A model: an alternative for each slot.

    Attributes:
        infection, recovery, incubation, waning, chance: see `SLOTS`.
    """

    infection: str = "frequency"
    recovery: str = "rate"
    incubation: str = "none"
    waning: str = "none"
    chance: str = "binomial"

    @property
    def program(self) -> str:
        """Its source."""
        return FRAME.format(
            draw=DRAW[self.chance],
            hazard=HAZARD[self.infection][0],
            leaving=LEAVING[self.recovery][0],
            onset="infected" if self.incubation == "none" else f"leave(keys[2], E, {ONSET[self.incubation]})",
            loss="0.0" if self.waning == "none" else f"leave(keys[3], R, {LOSS[self.waning]})",
        )

    @property
    def titled(self) -> str:
        """The source below a line that names the alternatives, as the proposer `epidemics` writes it."""
        named = ", ".join(f"{slot}={alternative}" for slot, alternative in asdict(self).items())
        return f'"""{named}"""\n\n{self.program}'

    def step(self, state: Array, beta: Array, gamma: Array, rng: np.random.Generator) -> Array:
        """States [..., 4] one step later; rates broadcast against [...]."""
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
    """Every choice; those without infection have no incubation."""
    for chosen in product(*SLOTS.values()):
        model = Compartments(*chosen)
        if model.infection != "none" or model.incubation == "none":
            yield model
