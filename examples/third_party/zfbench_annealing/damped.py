"""A baseline: every neuron relaxes to its mean, each at the rate that fits the training data best."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zfbench.forecasting.task import Task
from zfbench.protocols.models import Baseline
from zfbench.records.clamp import Clamp, roll
from zfbench.records.limits import Limits
from zfbench.records.recordings import LabelledWindows, Recording

Floats = NDArray[np.float32]


class Damped(Baseline):
    """a(t) - m = r (a(t-1) - m), with mean m and rate r of each neuron by least squares.

    Args:
        task: the task to forecast.
        seed: not used; the fit is deterministic.

    Attributes:
        depends_on_seed: False, because nothing is drawn, so that one run stands for all seeds.
    """

    depends_on_seed = False

    def __init__(self, task: Task, seed: int) -> None:
        del task, seed
        self._mean = self._rate = np.zeros(0)

    def fit(self, train: tuple[Recording, ...], validation: LabelledWindows, limits: Limits) -> None:
        """Fit mean and rate of every neuron.

        Args:
            train: recordings to fit.
            validation: not used.
            limits: not used; the solution is in closed form.
        """
        del validation, limits
        self._mean = np.concatenate([recording.activity for recording in train]).mean(axis=0)  # [N]
        before = np.concatenate([recording.activity[:-1] for recording in train]) - self._mean  # [T, N]
        after = np.concatenate([recording.activity[1:] for recording in train]) - self._mean
        self._rate = (before * after).sum(axis=0) / np.maximum((before**2).sum(axis=0), 1e-9)

    def forecast(self, context: Floats, drive: Floats) -> Floats:
        """Forecast [B, H, N] from context [B, C, N] and drive [B, C + H, D], of which only the length is used."""
        return self.rollout(context, drive)

    def rollout(self, context: Floats, drive: Floats, clamp: Clamp | None = None) -> Floats:
        """Iterate the map over the horizon, with the clamped neurons at their values: [B, H, N].

        Args:
            context: [B, C, N], activity before the forecast.
            drive: [B, C + H, D].
            clamp: neurons to clamp and their values; None clamps none.
        """
        return roll(lambda a, _: self._mean + self._rate * (a - self._mean), context, drive, clamp)
