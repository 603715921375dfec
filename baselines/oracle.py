"""Oracle: the true circuit f* itself, the upper reference; a method that scores above it reveals an error here."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zfbench.forecasting.task import Task
from zfbench.protocols.models import Baseline
from zfbench.records.clamp import Clamp
from zfbench.records.limits import Limits
from zfbench.records.recordings import LabelledWindows, Recording
from zfbench.tasks.zfish.truth import true_model


class Oracle(Baseline):
    """The true transition, rolled out over the drive that the track shows, or over the mean drive in a track without.

    Args:
        task: a task of the family `zfish`.
        seed: not used.
    """

    kind: Literal["baseline", "control", "program"] = "control"
    uses_drive = True

    def __init__(self, task: Task, seed: int) -> None:
        del seed
        self._truth = true_model(task.spec.name)

    def fit(self, train: tuple[Recording, ...], validation: LabelledWindows, limits: Limits) -> None:
        """Do nothing: the true model needs no fit.

        Args:
            train: not used.
            validation: not used.
            limits: not used.
        """

    def forecast(self, context: NDArray[np.float32], drive: NDArray[np.float32]) -> NDArray[np.float32]:
        """Roll the true model out over the horizon: [B, H, N].

        Args:
            context: [B, C, N], activity before the forecast.
            drive: [B, C + H, D], or D = 0 in a track without drive.
        """
        return self.rollout(context, drive)

    def rollout(
        self, context: NDArray[np.float32], drive: NDArray[np.float32], clamp: Clamp | None = None
    ) -> NDArray[np.float32]:
        """Roll the true model out over the horizon, with the clamped neurons at their values: [B, H, N].

        Args:
            context: [B, C, N], activity before the forecast.
            drive: [B, C + H, D], or D = 0 in a track without drive.
            clamp: the neurons to clamp and their values; None clamps none.
        """
        return self._truth.rollout(context, drive, clamp)
