"""The score of forecasts of a task's validation windows, and the loss that follows from it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zfbench.forecasting.task import Task
from zfbench.scoring.forecast import ForecastScore, score_forecast


def validation_score(task: Task, prediction: NDArray[np.float32]) -> ForecastScore:
    """Score forecasts [B, H, N] of the validation windows, with the last value as the control.

    Raises:
        ZfbenchError: a forecast is not finite.
    """
    windows = task.validation
    last_value = np.broadcast_to(windows.inputs.context[:, -1:], windows.target.shape)  # [B, H, N]
    sd = np.concatenate([r.activity for r in task.train]).std(axis=0, dtype=np.float64)  # [N]
    return score_forecast(prediction, windows.target, last_value, sd, windows.inputs.conditions, task.spec.groups)
