"""Last value: nothing will change. The control that forecasting skill is measured against."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zfbench.forecasting.task import Task
from zfbench.protocols.models import Baseline
from zfbench.records.clamp import Clamp, roll
from zfbench.records.limits import Limits
from zfbench.records.recordings import LabelledWindows, Recording


class LastValue(Baseline):
    """Persistence. As a one-step map it is the identity, so it can be probed: it has no wiring at all."""

    kind: Literal["baseline", "control", "program"] = "baseline"

    def __init__(self, task: Task, seed: int) -> None:
        del task, seed

    def fit(self, train: tuple[Recording, ...], validation: LabelledWindows, limits: Limits) -> None:
        """Nothing to fit."""

    def forecast(self, context: NDArray[np.float32], drive: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `zfbench.protocols.models.Forecaster.forecast`."""
        return self.rollout(context, drive)

    def rollout(
        self, context: NDArray[np.float32], drive: NDArray[np.float32], clamp: Clamp | None = None
    ) -> NDArray[np.float32]:
        """See `zfbench.protocols.models.Simulator.rollout`."""
        return roll(lambda activity, _: activity, context, drive, clamp)
