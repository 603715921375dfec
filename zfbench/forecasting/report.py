"""What the trainer reports of one fit; it arrives from an untrusted process, so reading it is strict."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from zfbench.forecasting.contract import LOSSES
from zfbench.records.program import CandidateError, Status

Curve = tuple[tuple[int, float], ...]
_LONGEST_CURVE = 100_000


@dataclass(frozen=True)
class TrainingReport:
    """How a program was trained.

    Attributes:
        loss: the named loss.
        learning_rate: its peak learning rate.
        parameters: number of trainable numbers.
        recurrent: whether the program has hidden state.
        updates: optimiser steps taken.
        best_update: the step whose parameters were kept.
        seconds: wall-clock time in the program's process, compilation included.
        stopped_early: whether the time limit ended training before all updates were taken.
        loss_curve: (update, mean training loss since the entry before).
        selection_curve: (update, mean absolute error of rollouts on the set-aside slice of the training
            data); infinite where a rollout diverged.
    """

    loss: str
    learning_rate: float
    parameters: int
    recurrent: bool
    updates: int
    best_update: int
    seconds: float
    stopped_early: bool
    loss_curve: Curve
    selection_curve: Curve

    def to_json(self) -> dict[str, Any]:
        """JSON-compatible form; an infinite error becomes None."""
        fields = asdict(self)
        for key in ("loss_curve", "selection_curve"):
            fields[key] = [[at, value if math.isfinite(value) else None] for at, value in fields[key]]
        return fields

    @classmethod
    def from_json(cls, fields: Any) -> TrainingReport:
        """Read a report that an untrusted process sent.

        Raises:
            CandidateError: error; a field is missing, unknown, or not of its type.
        """
        if not isinstance(fields, dict) or fields.keys() != cls.__dataclass_fields__.keys():
            raise _damaged("its fields are not those of a report")
        for key in ("parameters", "updates", "best_update"):
            if type(fields[key]) is not int or not 0 <= fields[key] < 2**53:
                raise _damaged(f"`{key}` is not a natural number")
        for key in ("learning_rate", "seconds"):
            if type(fields[key]) is not float or not 0 <= fields[key] < math.inf:
                raise _damaged(f"`{key}` is not a finite positive number")
        for key in ("recurrent", "stopped_early"):
            if type(fields[key]) is not bool:
                raise _damaged(f"`{key}` is neither true nor false")
        if fields["loss"] not in tuple(LOSSES):
            raise _damaged("its loss is unknown")
        curves = {key: _read_curve(fields[key]) for key in ("loss_curve", "selection_curve")}
        return cls(**(fields | curves))


def _read_curve(points: Any) -> Curve:
    if not isinstance(points, list) or len(points) > _LONGEST_CURVE:
        raise _damaged("a curve is not a list of points")
    curve = []
    for point in points:
        if not isinstance(point, list) or len(point) != 2 or type(point[0]) is not int:
            raise _damaged("a point of a curve is not a pair")
        if point[1] is not None and (type(point[1]) is not float or not math.isfinite(point[1])):
            raise _damaged("a value of a curve is not a finite number")
        curve.append((point[0], math.inf if point[1] is None else point[1]))
    return tuple(curve)


def _damaged(why: str) -> CandidateError:
    return CandidateError(Status.ERROR, f"The program's process sent a damaged training report: {why}.")
