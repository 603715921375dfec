"""Settings of discoverers come from the command line: what a method cannot use is refused in one sentence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real

from zfbench.base.errors import ZfbenchError


@dataclass(frozen=True)
class Range:
    """The numbers that a setting may be.

    Attributes:
        words: what they are, for messages.
        low, high: bounds, both allowed; never an infinite number.
        whole: whether only whole numbers are.
    """

    words: str
    low: float
    high: float = math.inf
    whole: bool = False

    def check(self, method: str, **settings: object) -> None:
        """Nothing if every setting is in the range; a truth value is no number.

        Raises:
            ZfbenchError: a setting is not.
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
    """Nothing if every setting is one of the choices, which are all texts or all truth values.

    Raises:
        ZfbenchError: a setting is not.
    """
    for name, value in settings.items():
        if type(value) is not type(choices[0]) or value not in choices:
            listed = " or ".join(str(choice) for choice in choices)
            raise ZfbenchError(f"{method} has no {name} '{value}'; choose {listed}.")
