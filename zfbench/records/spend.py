"""The resources that a search has used up, in the units of a budget."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Spend:
    """Resources that were used up, in the units of a budget; spends can be added.

    Attributes:
        evaluations: number of programs trained and scored.
        updates: optimiser steps, over all candidates.
        device_seconds: seconds of training and scoring, summed over parallel workers.
        wall_seconds: wall-clock time in seconds.
        tokens: tokens that a language model read and wrote.
        money: cost of these tokens, in the currency of the prices that the proposer was given.
    """

    evaluations: int = 0
    updates: int = 0
    device_seconds: float = 0.0
    wall_seconds: float = 0.0
    tokens: int = 0
    money: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value < math.inf:  # a number too large for a float is a whole one, and can be compared
                raise ValueError(f"a spend of {name}={value} is not a finite number of at least 0")

    def __add__(self, other: Spend) -> Spend:
        return Spend(**{unit: used + getattr(other, unit) for unit, used in vars(self).items()})

    def minus(self, other: Spend) -> Spend:
        """Return the part of this spend that exceeds `other`, at least 0 in each unit."""
        return Spend(**{unit: max(used - getattr(other, unit), 0) for unit, used in vars(self).items()})

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-compatible form; units of which nothing was used are left out."""
        return {name: value for name, value in vars(self).items() if value}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Spend:
        """Read the form that `to_json` returns."""
        return cls(**content)


NOTHING = Spend()
