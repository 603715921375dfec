"""All excitatory: every pair of neurons as a positive edge, what scores of signs make of a guess without data."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zfbench.baselines.unfitted import Unfitted
from zfbench.forecasting.task import Task


class AllExcitatory(Unfitted):
    """A control that predicts an edge of strength 1 between all pairs of different neurons, and forecasts nothing.

    In a masked track the pairs are those that the mask allows.

    Args:
        task: the task.
        seed: not used; nothing is drawn.
    """

    kind: Literal["baseline", "control", "program"] = "control"

    def __init__(self, task: Task, seed: int) -> None:
        del seed
        N = len(task.spec.neurons)
        allowed = np.ones((N, N), bool) if task.spec.mask is None else task.spec.mask
        self._pairs = allowed & ~np.eye(N, dtype=bool)  # [N, N]

    def edges(self) -> NDArray[np.float64]:
        """Return 1 for every pair of different neurons that may be connected, [N, N]."""
        return self._pairs.astype(np.float64)
