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
        source: source of the interpreter, a program that fulfils the contract.
        given: parameters of the interpreter by name, float32, that make it the program.
        training: options of the training, as in the program's module-level `training`.
        numbers: number of trainable numbers of the program.
    """

    source: str
    given: Mapping[str, NDArray[np.float32]]
    training: Mapping[str, Any]
    numbers: int
