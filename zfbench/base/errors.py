"""Errors that a user can act on: one sentence that says what was wrong and how to fix it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

RENAMED = {"random_search": "best_of_n"}  # names of earlier versions, and the names that took their place


class ZfbenchError(Exception):
    """An error in the user's input or files; the command line prints its sentence without a traceback."""


class UnknownNameError(ZfbenchError):
    """An error about a name that nothing is registered under."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        """Make the sentence, with the present name of what was renamed, or else the most similar known name.

        Args:
            kind: kind of thing that the name should stand for, such as "task".
            name: the unknown name.
            known: all names of that kind.
        """
        known = sorted(known)
        nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.3)
        hint = f"did you mean '{nearest[0]}'?" if nearest else f"known are: {', '.join(known) or 'none'}."
        if RENAMED.get(name) in known:
            hint = f"it is called '{RENAMED[name]}' now."
        super().__init__(f"There is no {kind} '{name}'; {hint}")


class DamagedFileError(ZfbenchError):
    """An error about a file that zfbench wrote, or should be able to read, and whose content is wrong."""


class PluginError(ZfbenchError):
    """An error of a plug-in, which breaks its interface or raises what its interface does not allow."""


class DensityError(ZfbenchError):
    """An error about a density that cannot be learned from simulations, or is undefined where it is evaluated."""
