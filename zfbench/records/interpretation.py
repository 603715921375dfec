"""A program written as parameters of another program that is compiled once, for the fast path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Interpretation:
    """A program written as parameters of an interpreter, which is a fixed program that computes any of them.

    Attributes:
        source: of the interpreter, a program of the contract.
        given: parameters of the interpreter by name, float32, that make it the program.
        training: what the program asks of the trainer, as its module-level `training` would.
        numbers: how many trainable numbers the program has.
    """

    source: str
    given: Mapping[str, NDArray[np.float32]]
    training: Mapping[str, Any]
    numbers: int
