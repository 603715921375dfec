"""Neurons with two further channels: which family, how many gates, and how the gate's time constant depends on voltage.

The M-current that is hidden in the stand-in of the task `hodgkin_huxley` is one of the choices, in either slot.
"""

from __future__ import annotations

from collections.abc import Mapping

from zfbench.discoverers.proposers.slots.grammar import Choices, Grammar
from zfbench.records.program import normalise
from zfbench.tasks.hodgkin_huxley.programs import EMPTY, SEED_PROGRAM, neuron

FAMILIES = ("none", "M", "NaP", "Ih", "A", "Ca")
FORMS = ("bell", "constant", "sigmoid")
SLOTS = {
    f"{what}_{k}": alternatives
    for k in (1, 2)
    for what, alternatives in (("channel", FAMILIES), ("power", ("1", "2", "4")), ("tau", FORMS))
}

# Half-activation (mV), slope (mV; negative: closes on depolarisation), reversal (mV), largest conductance (mS/cm2) and
# what inactivates it at once. Values as commonly used for cortical neurons (Pospischil et al. 2008 for M and Ca).
CHANNELS = {
    "M": ("-35", "10", "E_K", 0.48, ""),
    "NaP": ("-48", "6", "E_NA", 0.2, ""),
    "Ih": ("-80", "-6", "-30.0", 0.2, ""),
    "A": ("-45", "10", "E_K", 4.8, " / (1 + jnp.exp((V + 78) / 6))"),
    "Ca": ("-20", "6", "120.0", 0.3, ""),
}
TAU = {
    "bell": "{time} / (3.3 * jnp.exp((V - {half}) / 20) + jnp.exp(-(V - {half}) / 20))",
    "constant": "{time}",
    "sigmoid": "{time} / (1 + jnp.exp((V - {half}) / 10)) + 1.0",
}
CONDUCTANCE = {1: ('parameters["gX1"]', 10.0), 2: ('parameters["gX2"]', 120.0)}  # name and upper bound of its prior
TIME = {1: 'parameters["p_i"]', 2: 'parameters["p_j"]'}


def slot(k: int, family: str, power: str, form: str) -> str:
    """The body of `slot_1` or `slot_2`."""
    if family == "none":
        return EMPTY
    half, slope, reversal, largest, inactivation = CHANNELS[family]
    name, bound = CONDUCTANCE[k]
    tau = TAU[form].format(time=TIME[k], half=f"({half})")
    return (
        f"    steady = 1 / (1 + jnp.exp(-(V - ({half})) / ({slope})))\n"
        f"    tau = {tau}\n"
        f"    return {largest / bound:.4g} * {name} * gate**{power}{inactivation}, {reversal}, steady, tau\n"
    )


def write(choice: Mapping[str, str]) -> str:
    """The program below its first line."""
    bodies = [slot(k, choice[f"channel_{k}"], choice[f"power_{k}"], choice[f"tau_{k}"]) for k in (1, 2)]
    return neuron("", *bodies).partition("\n\n")[2]


def canonical(choices: Choices) -> Choices:
    """An empty slot has no gates."""
    plain = [alternatives[0] for alternatives in SLOTS.values()]
    first = plain[:3] if choices[0] == "none" else list(choices[:3])
    second = plain[3:] if choices[3] == "none" else list(choices[3:])
    return (*first, *second)


GRAMMAR = Grammar(SLOTS, write, canonical)


def families(source: str) -> frozenset[str] | None:
    """The channel families that a program of this grammar has, none for the base model; None for other programs."""
    if normalise(source) == normalise(SEED_PROGRAM):
        return frozenset()
    choices = GRAMMAR.parse(source)
    return None if choices is None else frozenset({choices[0], choices[3]}) - {"none"}
