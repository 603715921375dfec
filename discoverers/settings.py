"""Checks of the settings of discoverers, which come from the command line: unusable values are refused."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real

from zfbench.base.errors import ZfbenchError


@dataclass(frozen=True)
class Range:
    """A range of numbers that a setting may take.

    Attributes:
        words: description of the range, for messages.
        low: smallest value allowed.
        high: largest value allowed; infinite numbers are never allowed.
        whole: True if only whole numbers are allowed.
    """

    words: str
    low: float
    high: float = math.inf
    whole: bool = False

    def check(self, method: str, **settings: object) -> None:
        """Raise an error unless every setting is in the range; True and False are not numbers.

        Args:
            method: name of the method, for the message.
            **settings: the settings by name.

        Raises:
            ZfbenchError: a setting is not in the range.
        """
        for name, value in settings.items():
            kind = Integral if self.whole else Real
            if isinstance(value, bool) or not isinstance(value, kind) or not self._holds(float(value)):
                raise ZfbenchError(f"{method} cannot work with {name}={value}; make it {self.words}.")

    def _holds(self, value: float) -> bool:
        return self.low <= value <= self.high and math.isfinite(value)


COUNT = Range("a whole number of at least 1", 1, whole=True)
SHARE = Range("a number from 0 to 1", 0, 1)
NOT_NEGATIVE = Range("a number of at least 0", 0)
POSITIVE = Range("a number above 0", math.nextafter(0, 1))
FLAG = (False, True)


def check_choice(method: str, choices: tuple[object, ...], **settings: object) -> None:
    """Raise an error unless every setting is one of the choices.

    Args:
        method: name of the method, for the message.
        choices: the values allowed, all strings or all Booleans.
        **settings: the settings by name.

    Raises:
        ZfbenchError: a setting is not one of the choices.
    """
    for name, value in settings.items():
        if type(value) is not type(choices[0]) or value not in choices:
            listed = " or ".join(str(choice) for choice in choices)
            raise ZfbenchError(f"{method} has no {name} '{value}'; choose {listed}.")
