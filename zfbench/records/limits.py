"""What one fit of a model may spend, and the most that one evaluation within these limits can use up."""

from __future__ import annotations

from dataclasses import dataclass

from zfbench.records.spend import Spend


@dataclass(frozen=True)
class Limits:
    """What one fit may spend; whichever is reached first ends it.

    Attributes:
        updates: optimiser steps.
        seconds: wall-clock time of the fit, compilation included.
        memory_bytes: address space of the fitting process.
    """

    updates: int = 2_000
    seconds: float = 300.0
    memory_bytes: int = 8 * 2**30


PREDICTING = 1.0  # time limits of a fit that all predictions may take together, beyond the fit's own
ENDING = 5.0  # seconds set aside for ending a program's processes


def time_limit(limits: Limits) -> float:
    """Seconds from the beginning of an evaluation to the moment when its program is ended, fitted or not."""
    return (1.0 + PREDICTING) * limits.seconds


def bound(limits: Limits) -> Spend:
    """The most that one evaluation may use up, all its predictions included: what a ledger has to set aside for it."""
    seconds = time_limit(limits) + ENDING
    return Spend(evaluations=1, updates=limits.updates, device_seconds=seconds, wall_seconds=seconds)
