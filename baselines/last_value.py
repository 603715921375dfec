"""Last value: nothing will change. The control that forecasting skill is measured against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zfbench.forecaster import Clamp, Limits, roll
from zfbench.tasks.task import LabelledWindows, Recording, Task


class LastValue:
    """Persistence. As a one-step map it is the identity, so it can be probed: it has no wiring at all."""

    kind: Literal["baseline"] = "baseline"

    def __init__(self, task: Task, seed: int) -> None:
        del task, seed

    def fit(self, train: tuple[Recording, ...], validation: LabelledWindows, limits: Limits) -> None:
        """Nothing to fit."""

    def forecast(self, context: NDArray[np.float32], drive: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `zfbench.forecaster.Forecaster.forecast`."""
        return self.rollout(context, drive)

    def rollout(
        self, context: NDArray[np.float32], drive: NDArray[np.float32], clamp: Clamp | None = None
    ) -> NDArray[np.float32]:
        """See `zfbench.forecaster.Simulator.rollout`."""
        return roll(lambda activity, _: activity, context, drive, clamp)

    def arrays(self) -> dict[str, NDArray]:
        """See `zfbench.forecaster.Storable.arrays`."""
        return {}

    def restore(self, arrays: Mapping[str, NDArray]) -> None:
        """See `zfbench.forecaster.Storable.restore`."""
        if arrays:
            raise ValueError("the last value has no fitted state")
