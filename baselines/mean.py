"""Window mean: the forecast is the average of the last W steps, at every step ahead.

It is the `mean` baseline of ZAPBench (Lueckmann et al. 2025, arXiv 2503.02618), with W = 1 .. C chosen on validation.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zfbench.baselines.checks import check_data
from zfbench.forecasting.task import Task
from zfbench.protocols.models import Baseline
from zfbench.records.limits import Limits
from zfbench.records.recordings import LabelledWindows, Recording


class Mean(Baseline):
    """The average of the recent past; it has no one-step map, so its mechanism is not scored.

    Args:
        task: the task to forecast.
        seed: not used; the fit is deterministic.
    """

    kind: Literal["baseline", "control", "program"] = "baseline"
    depends_on_seed = False

    def __init__(self, task: Task, seed: int) -> None:
        del seed  # deterministic
        self._spec = task.spec
        self._window = task.spec.context

    def fit(self, train: tuple[Recording, ...], validation: LabelledWindows, limits: Limits) -> None:
        """Choose the window length with the smallest validation MAE.

        Args:
            train: recordings, which are only checked.
            validation: windows to select on.
            limits: not used.

        Raises:
            ZfbenchError: the data cannot be learned from; see `check_data`.
        """
        del limits
        check_data(train, validation, self._spec)
        errors = []
        total = np.zeros_like(validation.target[:, :1])  # [B, 1, N]
        for length, latest in enumerate(np.moveaxis(validation.inputs.context, 1, 0)[::-1], start=1):  # [B, N] each
            total = total + latest[:, None]
            errors.append(float(np.abs(total / length - validation.target).mean()))
        self._window = int(np.argmin(errors)) + 1

    def forecast(self, context: NDArray[np.float32], drive: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the average of the last W steps at every step ahead: [B, H, N].

        Args:
            context: [B, C, N], activity before the forecast.
            drive: [B, C + H, D]; its length gives the horizon.
        """
        level = context[:, -self._window :].mean(axis=1, keepdims=True)  # [B, 1, N]
        return np.repeat(level, drive.shape[1] - context.shape[1], axis=1)
