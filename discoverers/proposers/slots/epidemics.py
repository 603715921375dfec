"""Compartment models: how people fall ill, how they recover, what follows, and whether by chance.

180 choices; the chain that made the data of the task `sir` is one of them (frequency, rate, none, none, binomial).
"""

from __future__ import annotations

from collections.abc import Mapping

from discoverers.proposers.slots.grammar import Choices, Grammar

SLOTS = {
    "infection": ("none", "frequency", "density", "constant", "saturating"),
    "recovery": ("none", "rate", "crowded"),
    "incubation": ("none", "third", "fast"),
    "waning": ("none", "slow"),
    "chance": ("binomial", "expected"),
}

HAZARD = {  # of one susceptible person, in one step
    "none": "0.0",
    "frequency": 'parameters["beta"] * I / N',
    "density": 'parameters["beta"] * I / 100.0',
    "constant": '0.1 * parameters["beta"]',
    "saturating": 'parameters["beta"] * I / (N + 5.0 * I)',
}
LEAVING = {  # probability that one ill person leaves I in one step
    "none": "0.0",
    "rate": 'parameters["gamma"]',
    "crowded": 'parameters["gamma"] * 10.0 / (10.0 + I)',
}
ONSET = {"third": "0.33", "fast": "0.8"}  # probability that one infected person becomes infectious in one step
LOSS = {"slow": "0.02"}  # probability that one recovered person becomes susceptible in one step
DRAW = {"binomial": "jax.random.binomial(key, count, probability)", "expected": "count * probability"}

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


def write(choice: Mapping[str, str]) -> str:
    """The program below its first line."""
    incubation, waning = choice["incubation"], choice["waning"]
    return FRAME.format(
        draw=DRAW[choice["chance"]],
        hazard=HAZARD[choice["infection"]],
        leaving=LEAVING[choice["recovery"]],
        onset="infected" if incubation == "none" else f"leave(keys[2], E, {ONSET[incubation]})",
        loss="0.0" if waning == "none" else f"leave(keys[3], R, {LOSS[waning]})",
    )


def canonical(choices: Choices) -> Choices:
    """Where nobody falls ill there is no incubation."""
    infection, recovery, incubation, waning, chance = choices
    return infection, recovery, "none" if infection == "none" else incubation, waning, chance


GRAMMAR = Grammar(SLOTS, write, canonical)
