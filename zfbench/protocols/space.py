"""A finite space of programs: a few slots with a few choices each, of which every program takes one.

All programs of such a space can be evaluated once, so that searches in it need no training any more. Which parts the
slots hold is the author's to say, before anything is measured; the order in which programs are measured is the same for
all spaces and is defined here.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

Codes = tuple[int, ...]  # the number of the choice in each slot

ORDER = 20260101  # seed of the order of measurement


@dataclass(frozen=True)
class Slot:
    """One decision that every program of a space takes.

    Attributes:
        name: what is decided.
        choices: in a few words each; the first is the one of the program with which searches begin.
        true: number of the choice that the planted truth takes.
        groups: the parts of the system (neuron groups, for example) that it changes, by the names in hints of blame;
            empty for all.
        same: numbers of further choices that with suitable constants compute the same function as the true one and have
            no additional parts; a choice that merely contains it, such as further inputs, is not listed.
    """

    name: str
    choices: tuple[str, ...]
    true: int
    groups: tuple[str, ...] = ()
    same: tuple[int, ...] = ()

    @property
    def truths(self) -> tuple[int, ...]:
        """The choices with which a program can be the planted truth, the one it is named by first."""
        return self.true, *self.same


class Space(ABC):
    """A finite space of programs for one task; every combination of choices is a program of it.

    The space is divided into stages, one for each choice of the last slot, and each stage into parts, one for each
    choice of the last slot but one. A stage, or a part, holds every combination of the other slots, so it is a finite
    space itself.

    Attributes:
        name: what the space is called.
        versions: what the programs depend on: the space's own version and that of the family that writes them.
        slots: at least two.
    """

    name: str
    versions: Mapping[str, int]
    slots: tuple[Slot, ...]

    @abstractmethod
    def source(self, codes: Codes) -> str:
        """Return the source of the program with these choices.

        Raises:
            ValueError: not one known choice for each slot.
        """

    @property
    def size(self) -> int:
        """The number of programs."""
        return math.prod(len(slot.choices) for slot in self.slots)

    @property
    def start(self) -> Codes:
        """The program with which searches begin."""
        return (0,) * len(self.slots)

    @property
    def truth(self) -> Codes:
        """The program with all true choices."""
        return tuple(slot.true for slot in self.slots)

    @property
    def truths(self) -> list[Codes]:
        """The programs that can be the truth, that with all true choices first."""
        return list(product(*(slot.truths for slot in self.slots)))

    @property
    def stages(self) -> range:
        """The numbers of the stages, from 1."""
        return range(1, len(self.slots[-1].choices) + 1)

    def stage(self, number: int, choices: Collection[int] = ()) -> list[Codes]:
        """Return the programs of a stage in the order in which they are measured: part by part, random within each.

        Args:
            number: number of the stage.
            choices: the wanted parts, by their choice of the last slot but one; none for all.

        Raises:
            ValueError: there is no such stage, or no such choice.
        """
        if unknown := set(choices) - set(range(len(self.slots[-2].choices))):
            known = f"{len(self.slots[-2].choices)} choices, counted from 0"
            raise ValueError(f"the slot '{self.slots[-2].name}' has {known}, not {min(unknown)}")
        if number not in self.stages:
            raise ValueError(f"the space has the stages {self.stages[0]} to {self.stages[-1]}, not {number}")
        members = [(*codes, number - 1) for codes in product(*(range(len(slot.choices)) for slot in self.slots[:-1]))]
        order = np.random.default_rng((ORDER, number)).permutation(len(members))
        wanted = (members[k] for k in order if not choices or members[k][-2] in choices)
        return sorted(wanted, key=lambda codes: codes[-2])

    def neighbours(self, codes: Codes) -> Iterator[Codes]:
        """Yield every program that differs in one slot: any choice of a slot is one change away from any other."""
        for k, slot in enumerate(self.slots):
            for choice in range(len(slot.choices)):
                if choice != codes[k]:
                    yield (*codes[:k], choice, *codes[k + 1 :])

    def check(self, codes: Codes) -> None:
        """Check that there is one known choice for each slot.

        Raises:
            ValueError: there is not.
        """
        if len(codes) != len(self.slots) or any(
            choice not in range(len(slot.choices)) for choice, slot in zip(codes, self.slots, strict=False)
        ):
            raise ValueError(f"{codes} is no program of the space '{self.name}'")
