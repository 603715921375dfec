"""The grammar of compartment models: infection, recovery, incubation, waning of immunity, and chance.

It has 156 models. The chain that made the data of the task `sir` is one of them (frequency, rate, none, none,
binomial).
"""

from __future__ import annotations

from zfbench.discoverers.proposers.slots.grammar import Choices, Grammar
from zfbench.tasks.sir.compartments import SLOTS, Compartments


def canonical(choices: Choices) -> Choices:
    """Return the choices without incubation if nobody is infected."""
    infection, recovery, incubation, waning, chance = choices
    return infection, recovery, "none" if infection == "none" else incubation, waning, chance


GRAMMAR = Grammar(SLOTS, lambda choice: Compartments(**choice).program, canonical)
