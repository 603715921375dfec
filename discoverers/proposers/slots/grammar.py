"""Programs described by a choice for each slot: written from the choices, and read back into them.

A program's first line names its choices, so that they can be read back. A program counts as the grammar's own only if
its choices are written as the same program again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from zfbench.records.program import normalise

HEADER = '"""'  # a program begins with """slot=choice, slot=choice"""

Choices = tuple[str, ...]


@dataclass(frozen=True)
class Grammar:
    """A grammar of programs that are described by a choice for each slot.

    Attributes:
        slots: the alternatives of each slot, in the order of the choices; the first is the simplest.
        write: function that writes the program below its first line, from the choice of each slot.
        canonical: function that returns one form for all choices with the same program; by default all choices differ.
    """

    slots: Mapping[str, tuple[str, ...]]
    write: Callable[[Mapping[str, str]], str]
    canonical: Callable[[Choices], Choices] = lambda choices: choices

    @property
    def simplest(self) -> Choices:
        """The first alternative of every slot."""
        return tuple(alternatives[0] for alternatives in self.slots.values())

    def render(self, choices: Choices) -> str:
        """Return the program of these choices."""
        named = dict(zip(self.slots, self.canonical(choices), strict=True))
        header = ", ".join(f"{slot}={choice}" for slot, choice in named.items())
        return normalise(f"{HEADER}{header}{HEADER}\n\n{self.write(named)}")

    def parse(self, source: str) -> Choices | None:
        """Return the choices that a program was written from; None if the grammar did not write it."""
        first = normalise(source).partition("\n")[0]
        if not (first.startswith(HEADER) and first.endswith(HEADER) and len(first) > 2 * len(HEADER)):
            return None
        named = dict(part.split("=", 1) for part in first.strip(HEADER).split(", ") if "=" in part)
        if named.keys() != self.slots.keys() or any(choice not in self.slots[slot] for slot, choice in named.items()):
            return None
        choices = tuple(named[slot] for slot in self.slots)
        return choices if self.render(choices) == normalise(source) else None

    def mutate(self, choices: Choices, rng: np.random.Generator, genes: int = 1) -> Choices:
        """Replace the alternatives of some slots; slots and alternatives are drawn uniformly.

        Args:
            choices: choices of the parent.
            rng: generator of the draws.
            genes: number of slots to change.

        Returns:
            The choices of the child.
        """
        names = list(self.slots)
        child = list(choices)
        for k in rng.choice(len(names), min(genes, len(names)), replace=False):
            others = [a for a in self.slots[names[k]] if a != child[k]]
            if others:
                child[k] = others[rng.integers(len(others))]
        return self.canonical(tuple(child))

    def cross(self, first: Choices, second: Choices, rng: np.random.Generator) -> Choices:
        """Take the choice of each slot from either parent, drawn with equal odds.

        Args:
            first: choices of one parent.
            second: choices of the other parent.
            rng: generator of the draws.

        Returns:
            The choices of the child.
        """
        pick = rng.random(len(first)) < 0.5
        return self.canonical(tuple(a if p else b for a, b, p in zip(first, second, pick, strict=True)))

    def difference(self, old: Choices, new: Choices) -> str:
        """Describe the changes from old to new choices in words."""
        changed = [
            f"{slot}: {a} -> {b}" for slot, a, b in zip(self.slots, self.canonical(old), new, strict=True) if a != b
        ]
        return "; ".join(changed) or "the same"
