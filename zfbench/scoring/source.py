"""The share of a circuit's published numbers that stands in the text of a program.

Whoever knows the tables can write them down and be perfect without any data; so can a language model that was trained
on them. Learned constants are not in a program's text, so numbers there that agree with the tables have come from the
tables, or from chance. The share is a column to look at, not a verdict.
"""

from __future__ import annotations

import re

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

NUMBER = re.compile(r"(?<![\w.])(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
TELLING = 2  # significant digits from which on a number is not what anybody would write; our choice
SUSPICIOUS = 0.2  # share from which on tables name a program; our choice: of the reference programs none is above .05
CANARY_NOTE = "the program holds the canary of the published tables: it was written from them"  # of a result
UNTRAINED = 0.5  # error before training, in units of the last value's, below which a program knows too much; our choice
UNTRAINED_NOTE = "the program forecast well before it was trained: numbers of the system were written into it"
TOLERANCE = 1e-4  # relative difference of equal numbers, so that rounded ones are found


def table_share(source: str, constants: Float[NDArray[np.float64], " M"]) -> float | None:
    """Return the share of a table's telling constants that occur as numbers in a source, comments and texts included.

    A constant is telling if it has at least two significant digits: 0.575 is, 0.5 and 200 are not. Signs are ignored,
    and each different size counts once.

    Args:
        source: text of a program.
        constants: [M], the numbers of the table.

    Returns:
        Between 0 and 1; None if the table has no telling constant.
    """
    sizes = np.unique(np.abs(constants))
    telling = np.array([size for size in sizes if _significant_digits(float(size)) >= TELLING])
    if not len(telling):
        return None
    written = np.array([float(number) for number in NUMBER.findall(source)] or [np.inf])
    found = np.abs(written - telling[:, None]) <= TOLERANCE * telling[:, None]  # [M', W]
    return float(found.any(axis=1).mean())


def _significant_digits(size: float) -> int:
    """Count the significant decimal digits of a positive number, to twelve places."""
    return len(f"{size:.11e}".split("e")[0].replace(".", "").rstrip("0"))
