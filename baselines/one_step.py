"""The base of baselines that are one-step maps: they forecast by iterating it, and can be perturbed and clamped."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from zfbench.protocols.models import Baseline
from zfbench.records.clamp import Clamp, roll


class OneStepMap(Baseline):
    """A baseline a(t) = step(a(t-1), x(t)); implements `Forecaster` and `Simulator`."""

    @abstractmethod
    def step(self, activity: NDArray, drive: NDArray) -> NDArray:
        """Return the next activity, [B, N] of activity [B, N] and the drive of the next step [B, D]."""

    def forecast(self, context: NDArray[np.float32], drive: NDArray[np.float32]) -> NDArray[np.float32]:
        """Iterate the map over the horizon: [B, H, N].

        Args:
            context: [B, C, N], activity before the forecast.
            drive: [B, C + H, D]; its length gives the horizon.
        """
        return self.rollout(context, drive)

    def rollout(
        self, context: NDArray[np.float32], drive: NDArray[np.float32], clamp: Clamp | None = None
    ) -> NDArray[np.float32]:
        """Iterate the map over the horizon, with the clamped neurons at their values: [B, H, N].

        Args:
            context: [B, C, N], activity before the forecast.
            drive: [B, C + H, D]; its length gives the horizon.
            clamp: the neurons to clamp and their values; None clamps none.
        """
        return roll(self.step, context, drive, clamp)
