"""The grammar of neurons with two further ion channels, which vary in family, gates and time constant.

For each channel the grammar chooses the family, the power of its gate, and the dependence of the gate's time constant
on voltage. The M-current, which is hidden in the stand-in data of the task `hodgkin_huxley`, is one of the choices for
either slot.
"""

from __future__ import annotations

from collections.abc import Mapping

from zfbench.discoverers.proposers.slots.grammar import Choices, Grammar
from zfbench.records.program import normalise
from zfbench.tasks.hodgkin_huxley.programs import EMPTY, SEED_PROGRAM, neuron

FAMILIES = ("none", "M", "NaP", "Ih", "A", "Ca")
POWERS = ("1", "2", "4")
FORMS = ("bell", "constant", "sigmoid")
SLOTS = {
    f"{what}_{k}": alternatives
    for k in (1, 2)
    for what, alternatives in (("channel", FAMILIES), ("power", POWERS), ("tau", FORMS))
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
    """Return the body of the function `slot_1` or `slot_2`.

    Args:
        k: number of the slot, 1 or 2.
        family: channel family, one of `FAMILIES`.
        power: exponent of the gate.
        form: form of the time constant, one of `FORMS`.

    Returns:
        Lines of source.
    """
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
    """Return the program below its first line."""
    bodies = [slot(k, choice[f"channel_{k}"], choice[f"power_{k}"], choice[f"tau_{k}"]) for k in (1, 2)]
    return neuron("", *bodies).partition("\n\n")[2]


def canonical(choices: Choices) -> Choices:
    """Return the choices with the first alternatives for a slot without a channel, which has no gates."""
    plain = [alternatives[0] for alternatives in SLOTS.values()]
    first = plain[:3] if choices[0] == "none" else list(choices[:3])
    second = plain[3:] if choices[3] == "none" else list(choices[3:])
    return (*first, *second)


GRAMMAR = Grammar(SLOTS, write, canonical)


def families(source: str) -> frozenset[str] | None:
    """Return the channel families of a program of this grammar; None for other programs.

    The base model has none, so that the set is empty.
    """
    if normalise(source) == normalise(SEED_PROGRAM):
        return frozenset()
    choices = GRAMMAR.parse(source)
    return None if choices is None else frozenset({choices[0], choices[3]}) - {"none"}
