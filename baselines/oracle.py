"""Oracle: the true circuit f* itself. The ceiling; a method above it has found a fault in the benchmark."""

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
    """Rolls the true transition over the drive the track shows; without drive it is told the training mean."""

    kind: Literal["baseline", "control", "program"] = "control"
    uses_drive = True

    def __init__(self, task: Task, seed: int) -> None:
        del seed
        self._truth = true_model(task.spec.name)

    def fit(self, train: tuple[Recording, ...], validation: LabelledWindows, limits: Limits) -> None:
        """Nothing to fit: it is the truth."""

    def forecast(self, context: NDArray[np.float32], drive: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `zfbench.protocols.models.Forecaster.forecast`."""
        return self.rollout(context, drive)

    def rollout(
        self, context: NDArray[np.float32], drive: NDArray[np.float32], clamp: Clamp | None = None
    ) -> NDArray[np.float32]:
        """See `zfbench.protocols.models.Simulator.rollout`."""
        return self._truth.rollout(context, drive, clamp)
