"""The budget of a search, and the ledger that keeps a search within it.

If resources were counted after their use, parallel calls could overspend, because all of them would see the last free
evaluation. The ledger therefore reserves the largest possible spend of a step before it runs, and charges the true
spend afterwards. A step whose bound no longer fits is not begun.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace

from zfbench.base.errors import UnknownNameError, ZfbenchError
from zfbench.records.spend import NOTHING, Spend

METERED = ("evaluations", "device_seconds", "tokens", "money")
COUNTS = ("evaluations", "updates", "tokens")


def written(limit: float) -> str:
    """Return a limit as text that `Budget.parse` reads without loss."""
    return str(int(limit)) if float(limit).is_integer() else repr(limit)


@dataclass(frozen=True)
class Budget:
    """Limits of one search; None means unlimited, and whichever is spent first ends the search.

    Each kind of candidate is charged as follows:
        worked or failed: one evaluation and the device seconds it took, whatever its status.
        repaired: the same again, because a repair is a request like any other.
        duplicate, of an earlier program or of one that is running now: nothing, but it is logged.
        unanswered: its tokens and their price; the proposer found no program, so none was evaluated.
        lost with its process or machine: nothing; it is evaluated again and then charged once.
    Tokens of an answer are charged in every case, also if the program turns out to be a duplicate.

    Attributes:
        evaluations: number of programs trained and scored.
        updates: optimiser steps of each candidate (a limit of every evaluation, not a total).
        device_seconds: seconds from the start of a candidate's process to its end, summed over workers.
        wall_seconds: seconds of the search; no evaluation is begun that could end later. A proposer's answer may
            come later, but is not evaluated then.
        tokens: tokens that a language model reads and writes.
        money: price of these tokens, in the currency of the proposer's prices; usable only if it is given prices.
    """

    evaluations: int | None = None
    updates: int | None = None
    device_seconds: float | None = None
    wall_seconds: float | None = None
    tokens: int | None = None
    money: float | None = None

    def __post_init__(self) -> None:
        for unit, limit in vars(self).items():
            if limit is None:
                continue
            least = 1 if unit == "updates" else 0
            whole = unit not in COUNTS or float(limit).is_integer()
            if not (math.isfinite(limit) and limit >= least and whole):
                number = "whole number" if unit in COUNTS else "number"
                raise ZfbenchError(f"The budget {unit}={limit} must be a {number} of at least {least}.")

    @classmethod
    def parse(cls, assignments: Iterable[str]) -> Budget:
        """Read a budget from texts such as `evaluations=20`.

        Raises:
            ZfbenchError: a text is not of the form `unit=number`, a unit is unknown or given twice, or a number is not
                allowed.
        """
        limits: dict[str, int | float] = {}
        for assignment in assignments:
            unit, separator, text = (part.strip() for part in assignment.partition("="))
            if not separator:
                raise ZfbenchError(f"The budget '{assignment}' is not of the form unit=number, such as evaluations=20.")
            if unit not in (known := [f.name for f in fields(cls)]):
                raise UnknownNameError("budget unit", unit, known)
            if unit in limits:
                raise ZfbenchError(f"The budget gives {unit} twice; give it once.")
            try:
                limits[unit] = int(text) if unit in COUNTS else float(text)
            except ValueError as error:
                number = "whole number" if unit in COUNTS else "number"
                raise ZfbenchError(f"The budget {unit}={text} needs a {number} after the equals sign.") from error
        return cls(**limits)  # type: ignore[arg-type]

    @classmethod
    def of(cls, limits: Mapping[str, float]) -> Budget:
        """Make a budget from limits by unit; the errors are those of `parse`."""
        return cls.parse(f"{unit}={written(limit)}" for unit, limit in limits.items())

    def to_json(self) -> dict[str, int | float]:
        """Return a JSON-compatible form; unlimited units are left out."""
        return {unit: limit for unit, limit in asdict(self).items() if limit is not None}


@dataclass(eq=False)
class Reservation:
    """The resources that a running step may still use; made and changed by the ledger alone."""

    held: Spend


@dataclass
class Ledger:
    """The account of one search; it may be used from several threads.

    Invariant: for every limited unit, the sum of what is spent and what open reservations hold never exceeds the limit.
    A step that exceeds its own bound is charged as far as the unreserved rest of the budget covers it. The excess is
    recorded in `overrun`, and never taken from another step's reservation.

    Attributes:
        budget: the limits.
        clock: function that returns monotonic seconds; a step backwards counts as no time.
        elapsed_before: seconds that earlier processes of a resumed search took, without the time between them.
        overrun: spend beyond bound and budget, by unit.
    """

    budget: Budget
    clock: Callable[[], float] = time.monotonic
    elapsed_before: float = 0.0
    overrun: Spend = NOTHING
    _open: set[Reservation] = field(default_factory=set, repr=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def __post_init__(self) -> None:
        self._elapsed = self.elapsed_before
        self._last_tick = self.clock()
        self._spent = NOTHING

    def elapsed(self) -> float:
        """Return the seconds of the search so far, over all its processes; the number never decreases."""
        with self._lock:
            now = self.clock()
            self._elapsed += max(now - self._last_tick, 0.0)
            self._last_tick = now
            return self._elapsed

    def spent(self) -> Spend:
        """Return the resources that were used up so far, without open reservations."""
        with self._lock:
            return replace(self._spent, wall_seconds=self.elapsed())

    def remaining(self) -> Budget:
        """Return the resources that may still be reserved; `updates` stays the limit of each candidate."""
        spent = self.spent()
        with self._lock:
            free = {unit: self._free(unit) for unit in METERED}
        wall = self.budget.wall_seconds
        return replace(
            self.budget,
            **{unit: None if math.isinf(value) else max(value, 0) for unit, value in free.items()},  # type: ignore[arg-type]
            wall_seconds=None if wall is None else max(wall - spent.wall_seconds, 0.0),
        )

    def reserve(self, bound: Spend) -> Reservation | None:
        """Reserve the largest possible spend of a step; return None and change nothing if it does not fit."""
        with self._lock:
            return self.restore(bound) if self.fits(bound) else None

    def fits(self, bound: Spend) -> bool:
        """Return True if a step with this bound fits into the budget now."""
        with self._lock:
            return self.in_time(bound) and all(getattr(bound, unit) <= self._free(unit) for unit in METERED)

    def in_time(self, bound: Spend) -> bool:
        """Return True if a step begun now would end within the limit of wall-clock time."""
        wall = math.inf if self.budget.wall_seconds is None else self.budget.wall_seconds
        elapsed = self.elapsed()
        return elapsed < wall and elapsed + bound.wall_seconds <= wall

    def restore(self, bound: Spend) -> Reservation:
        """Reserve again what an earlier process of this search had reserved."""
        with self._lock:
            reservation = Reservation(bound)
            self._open.add(reservation)
            return reservation

    def charge(self, reservation: Reservation, actual: Spend) -> None:
        """Charge a part of a running step; the rest of its reservation stays reserved.

        Raises:
            ValueError: the reservation is already settled, or belongs to another ledger.
        """
        with self._lock:
            if reservation not in self._open:
                raise ValueError("this reservation is not open")
            self._open.remove(reservation)  # so that its own share counts as free below
            booked = {}
            for unit in METERED:
                wanted = getattr(self._spent, unit) + getattr(actual, unit)
                most = min(getattr(self._spent, unit) + self._free(unit), self._limit(unit))
                booked[unit] = wanted if wanted <= most else int(most) if unit in COUNTS else most
            asked = self._spent + replace(actual, wall_seconds=0.0)
            self._spent = replace(asked, **booked)
            self.overrun += asked.minus(self._spent)
            reservation.held = reservation.held.minus(actual)
            self._open.add(reservation)

    def settle(self, reservation: Reservation, actual: Spend = NOTHING) -> None:
        """Charge the last part of a step, and free the rest of its reservation.

        Raises:
            ValueError: the reservation is already settled, or belongs to another ledger.
        """
        self.charge(reservation, actual)
        with self._lock:
            self._open.remove(reservation)

    def _limit(self, unit: str) -> float:
        limit = getattr(self.budget, unit)
        return math.inf if limit is None else limit

    def _free(self, unit: str) -> float:
        held = math.fsum(getattr(reservation.held, unit) for reservation in self._open)  # in any order the same
        return self._limit(unit) - getattr(self._spent, unit) - held
