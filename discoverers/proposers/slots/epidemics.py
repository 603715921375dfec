"""Compartment models: how people fall ill, how they recover, what follows, and whether by chance.

156 models; the chain that made the data of the task `sir` is one of them (frequency, rate, none, none, binomial).
"""

from __future__ import annotations

from zfbench.discoverers.proposers.slots.grammar import Choices, Grammar
from zfbench.tasks.sir.compartments import SLOTS, Compartments


def canonical(choices: Choices) -> Choices:
    """Where nobody falls ill there is no incubation."""
    infection, recovery, incubation, waning, chance = choices
    return infection, recovery, "none" if infection == "none" else incubation, waning, chance


GRAMMAR = Grammar(SLOTS, lambda choice: Compartments(**choice).program, canonical)
