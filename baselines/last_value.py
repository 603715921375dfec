"""Last value: the forecast that nothing changes, and the control that forecasting skill is measured against."""

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
    """Persistence: the last activity of the context at every step ahead.

    As a one-step map it is the identity, so it can be probed; its Jacobian has no off-diagonal entries.
    """

    kind: Literal["baseline", "control", "program"] = "baseline"

    def __init__(self, task: Task, seed: int) -> None:
        del task, seed

    def fit(self, train: tuple[Recording, ...], validation: LabelledWindows, limits: Limits) -> None:
        """Do nothing: there is nothing to fit.

        Args:
            train: not used.
            validation: not used.
            limits: not used.
        """

    def forecast(self, context: NDArray[np.float32], drive: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the last activity at every step ahead: [B, H, N].

        Args:
            context: [B, C, N], activity before the forecast.
            drive: [B, C + H, D]; its length gives the horizon.
        """
        return self.rollout(context, drive)

    def rollout(
        self, context: NDArray[np.float32], drive: NDArray[np.float32], clamp: Clamp | None = None
    ) -> NDArray[np.float32]:
        """Return the last activity at every step ahead, with the clamped neurons at their values: [B, H, N].

        Args:
            context: [B, C, N], activity before the forecast.
            drive: [B, C + H, D]; its length gives the horizon.
            clamp: the neurons to clamp and their values; None clamps none.
        """
        return roll(lambda activity, _: activity, context, drive, clamp)
