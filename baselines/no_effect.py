"""No effect: the training mean, whatever is perturbed; the lower reference of every score of mechanism."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zfbench.baselines.one_step import OneStepMap
from zfbench.forecasting.task import Task
from zfbench.records.limits import Limits
from zfbench.records.recordings import LabelledWindows, Recording


class NoEffect(OneStepMap):
    """A control in which every neuron stays at its mean over the training recordings and responds to nothing.

    Args:
        task: the task to forecast.
        seed: not used.
    """

    kind: Literal["baseline", "control", "program"] = "control"
    depends_on_seed = False

    def __init__(self, task: Task, seed: int) -> None:
        del seed
        self._mean = np.zeros(len(task.spec.neurons), np.float32)  # [N]

    def fit(self, train: tuple[Recording, ...], validation: LabelledWindows, limits: Limits) -> None:
        """Compute the mean over all training steps.

        Args:
            train: recordings to average.
            validation: not used.
            limits: not used.
        """
        del validation, limits
        self._mean = np.concatenate([r.activity for r in train]).mean(axis=0, dtype=np.float64).astype(np.float32)

    def step(self, activity: NDArray, drive: NDArray) -> NDArray:  # noqa: ARG002
        """Return the training mean."""
        return np.broadcast_to(self._mean, activity.shape)
