"""Last value: the forecast that nothing changes, and the control that forecasting skill is measured against."""

from __future__ import annotations

from typing import Literal

from numpy.typing import NDArray

from zfbench.baselines.one_step import OneStepMap
from zfbench.baselines.unfitted import Unfitted
from zfbench.forecasting.task import Task


class LastValue(Unfitted, OneStepMap):
    """Persistence: the last activity of the context at every step ahead.

    As a one-step map it is the identity, so it can be probed; its Jacobian has no off-diagonal entries.
    """

    kind: Literal["baseline", "control", "program"] = "baseline"

    def __init__(self, task: Task, seed: int) -> None:
        del task, seed

    def step(self, activity: NDArray, drive: NDArray) -> NDArray:  # noqa: ARG002
        """Return the activity as it is."""
        return activity
