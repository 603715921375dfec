"""Limits of one fit, and the largest spend of an evaluation that keeps to them."""

from __future__ import annotations

from dataclasses import dataclass

from zfbench.records.spend import Spend


@dataclass(frozen=True)
class Limits:
    """Limits of one fit; the one that is reached first ends it.

    Attributes:
        updates: number of optimiser steps.
        seconds: wall-clock time of the fit, including compilation.
        memory_bytes: address space of the process that fits.
    """

    updates: int = 2_000
    seconds: float = 300.0
    memory_bytes: int = 8 * 2**30


PREDICTING = 1.0  # time that all predictions may take together beyond the fit, as a multiple of the fit's time limit
ENDING = 5.0  # seconds set aside for ending a program's processes


def time_limit(limits: Limits) -> float:
    """Return the seconds from the start of an evaluation until its program is stopped, whether it is fitted or not."""
    return (1.0 + PREDICTING) * limits.seconds


def bound(limits: Limits) -> Spend:
    """Return the largest spend of one evaluation with all its predictions, which a ledger has to reserve."""
    seconds = time_limit(limits) + ENDING
    return Spend(evaluations=1, updates=limits.updates, device_seconds=seconds, wall_seconds=seconds)
