"""What a search may use up, and the ledger that keeps it from using more.

Counting after the fact lets parallel calls overspend: all of them see the last free evaluation. The ledger
therefore sets the most that a step may use aside before it runs (reserve), and books what it did use
afterwards (charge, settle). A step whose bound no longer fits is not begun.
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
    """A limit as `Budget.parse` reads it, without loss."""
    return str(int(limit)) if float(limit).is_integer() else repr(limit)


@dataclass(frozen=True)
class Budget:
    """Limits of one search; None means unlimited, and whichever is spent first ends the search.

    What each kind of candidate costs:
        worked or failed: one evaluation and the device seconds it took, whatever its status.
        repaired: the same again; a repair is a request like any other.
        duplicate, of an earlier program or of one that is running now (a cached answer): nothing; logged.
        unanswered: its tokens and their price; the proposer found no program, so none was evaluated.
        lost with its process or machine: nothing; it is evaluated again and then paid once.
    Tokens of an answer are paid in every case, also when the program turns out to be a duplicate.

    Attributes:
        evaluations: programs trained and scored.
        updates: optimiser steps of each candidate (a limit of every evaluation, not a total).
        device_seconds: seconds from the start of a candidate's process to its end, summed over workers.
        wall_seconds: seconds of the search; no evaluation is begun that could end later. A proposer's answer may
            come later; it is not evaluated then.
        tokens: of a language model, read and written.
        money: for these tokens, in the currency of the proposer's prices; only where it is given prices.
    """

    evaluations: int | None = None
    updates: int | None = None
    device_seconds: float | None = None
    wall_seconds: float | None = None
    tokens: int | None = None
    money: float | None = None

    def __post_init__(self) -> None:
        for unit, limit in asdict(self).items():
            if limit is None:
                continue
            least = 1 if unit == "updates" else 0
            whole = unit not in COUNTS or float(limit).is_integer()
            if not (math.isfinite(limit) and limit >= least and whole):
                number = "whole number" if unit in COUNTS else "number"
                raise ZfbenchError(f"The budget {unit}={limit} must be a {number} of at least {least}.")

    @classmethod
    def parse(cls, assignments: Iterable[str]) -> Budget:
        """The budget that texts such as `evaluations=20` describe.

        Raises:
            ZfbenchError: a text is not `unit=number`, names an unknown unit or repeats one, or a number is
                unfit.
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
        """The budget of these limits, whole numbers given as floats included; errors as of `parse`."""
        return cls.parse(f"{unit}={written(limit)}" for unit, limit in limits.items())

    def to_json(self) -> dict[str, int | float]:
        """JSON-compatible form; unlimited units are left out."""
        return {unit: limit for unit, limit in asdict(self).items() if limit is not None}


@dataclass(eq=False)
class Reservation:
    """What a running step may still use; made and changed by the ledger alone."""

    held: Spend


@dataclass
class Ledger:
    """The account of one search; safe to use from several threads.

    Invariant: for every limited unit, what is spent and what is held by open reservations never exceed the
        limit.
    A step that exceeds its own bound is charged what the unreserved rest of the budget covers; the excess is
    shown in `overrun`, never hidden and never taken from another step's reservation.

    Attributes:
        budget: the limits.
        clock: seconds, monotonic; a step backwards counts as no time at all.
        elapsed_before: seconds that earlier processes of a resumed search took; the time between two
            processes does not count.
        overrun: use beyond bound and budget, by unit.
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
        """Seconds of the search so far, over all its processes; never decreases."""
        with self._lock:
            now = self.clock()
            self._elapsed += max(now - self._last_tick, 0.0)
            self._last_tick = now
            return self._elapsed

    def spent(self) -> Spend:
        """What was used up so far, open reservations not counted."""
        with self._lock:
            return replace(self._spent, wall_seconds=self.elapsed())

    def remaining(self) -> Budget:
        """What may still be reserved; `updates` stays the limit of each candidate."""
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
        """Set aside the most that a step may use; None, and no change, when that no longer fits."""
        with self._lock:
            return self.restore(bound) if self.fits(bound) else None

    def fits(self, bound: Spend) -> bool:
        """Whether a step could be begun now."""
        with self._lock:
            return self.in_time(bound) and all(getattr(bound, unit) <= self._free(unit) for unit in METERED)

    def in_time(self, bound: Spend) -> bool:
        """Whether a step begun now would end within the limit of wall time."""
        wall = math.inf if self.budget.wall_seconds is None else self.budget.wall_seconds
        elapsed = self.elapsed()
        return elapsed < wall and elapsed + bound.wall_seconds <= wall

    def restore(self, bound: Spend) -> Reservation:
        """Set aside again what an earlier process of this search had set aside."""
        with self._lock:
            reservation = Reservation(bound)
            self._open.add(reservation)
            return reservation

    def charge(self, reservation: Reservation, actual: Spend) -> None:
        """Book a part of a running step; what it does not use stays reserved.

        Raises:
            ValueError: the reservation is settled already, or another ledger's.
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
        """Book the last part of a step and free what it held.

        Raises:
            ValueError: the reservation is settled already, or another ledger's.
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
