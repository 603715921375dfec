"""Mask only: the Boolean wiring between groups as a ranking of edges; what detection scores without any data."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zfbench.base.errors import ZfbenchError
from zfbench.forecasting.task import Task
from zfbench.protocols.models import Baseline
from zfbench.records.limits import Limits
from zfbench.records.recordings import LabelledWindows, Recording


class MaskOnly(Baseline):
    """Believes in every edge that the mask allows, and forecasts nothing."""

    kind: Literal["baseline", "control", "program"] = "control"
    needs = ("mask",)

    def __init__(self, task: Task, seed: int) -> None:
        del seed
        if task.spec.mask is None:
            raise ZfbenchError(
                f"The task '{task.spec.name}' gives no wiring; `mask_only` is a control of masked tracks."
            )
        self._mask = task.spec.mask

    def fit(self, train: tuple[Recording, ...], validation: LabelledWindows, limits: Limits) -> None:
        """Nothing to fit."""

    def edges(self) -> NDArray[np.bool_]:
        """The mask, bool [N, N]."""
        return self._mask
