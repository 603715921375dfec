"""Mask only: the Boolean wiring between groups as a ranking of edges, which shows the detection scores without data."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zfbench.base.errors import ZfbenchError
from zfbench.baselines.unfitted import Unfitted
from zfbench.forecasting.task import Task


class MaskOnly(Unfitted):
    """A control that predicts every edge that the mask allows, and forecasts nothing.

    Args:
        task: a task of the masked track.
        seed: not used.

    Raises:
        ZfbenchError: the task gives no wiring.
    """

    kind: Literal["baseline", "control", "program"] = "control"
    needs = ("mask",)

    def __init__(self, task: Task, seed: int) -> None:
        del seed
        if task.spec.mask is None:
            raise ZfbenchError(
                f"The task '{task.spec.name}' gives no wiring; `mask_only` is a control of masked tracks."
            )
        self._mask = task.spec.mask

    def edges(self) -> NDArray[np.float64]:
        """Return 1 for every pair that the mask allows, [N, N]."""
        return self._mask.astype(np.float64)
