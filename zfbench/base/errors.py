"""Errors that a user can act on: one sentence that says what was wrong and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ZfbenchError(Exception):
    """The user's input or files are at fault; the command line prints the sentence and no traceback."""


class UnknownNameError(ZfbenchError):
    """A name that nothing is registered under."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.3)
        hint = f"did you mean '{nearest[0]}'?" if nearest else f"known are: {', '.join(known) or 'none'}."
        super().__init__(f"There is no {kind} '{name}'; {hint}")


class DamagedFileError(ZfbenchError):
    """A file that zfbench wrote, or should be able to read, is not what it must be."""


class DensityError(ZfbenchError):
    """A density that cannot be learned or is undefined where it is asked: the fault of what was simulated."""
