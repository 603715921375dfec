"""`no_lateral`: every pair of different groups as an excitatory edge; the control at which the wiring score is 0."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zfbench.baselines.unfitted import Unfitted
from zfbench.forecasting.task import Task
from zfbench.scoring.headline import cross_group


class NoLateral(Unfitted):
    """A control that predicts an excitatory edge between all neurons of different groups, and forecasts nothing.

    In a masked track it keeps to the mask: it is the mask without the connections within a group. It needs no data.

    Args:
        task: the task.
        seed: not used.
    """

    kind: Literal["baseline", "control", "program"] = "control"

    def __init__(self, task: Task, seed: int) -> None:
        del seed
        self._pairs = cross_group(task.spec.groups, task.spec.mask)

    def edges(self) -> NDArray[np.float64]:
        """Return 1 for every pair of different groups that the mask, if there is one, allows: [N, N]."""
        return self._pairs.astype(np.float64)
