"""Own decay: each neuron relaxes to a level of its own, at a rate of its own, whatever the others and the drive do.

The control "own leak, no edges" of the response scores: a kick decays in the kicked neuron alone.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zfbench.baselines.checks import check_data
from zfbench.forecasting.task import Task
from zfbench.protocols.models import Baseline
from zfbench.records.clamp import Clamp, roll
from zfbench.records.limits import Limits
from zfbench.records.recordings import LabelledWindows, Recording, one_step_pairs


class OwnDecay(Baseline):
    """A control a_i(t) = lambda_i a_i(t-1) + c_i, fitted to one step by least squares and iterated.

    Args:
        task: the task to forecast.
        seed: not used; the fit is deterministic.
    """

    kind: Literal["baseline", "control", "program"] = "control"

    def __init__(self, task: Task, seed: int) -> None:
        del seed
        self._spec = task.spec
        self._rate = self._constant = np.zeros(len(task.spec.neurons))  # [N]

    def fit(self, train: tuple[Recording, ...], validation: LabelledWindows, limits: Limits) -> None:
        """Fit a rate and a constant to each neuron over all training steps.

        Args:
            train: recordings to fit.
            validation: not used.
            limits: not used; the solution is in closed form.

        Raises:
            ZfbenchError: the data cannot be learned from; see `check_data`.
        """
        del limits
        check_data(train, validation, self._spec)
        pairs = list(one_step_pairs(train))
        before, after = (np.concatenate([pair[k] for pair in pairs], dtype=np.float64) for k in (0, 2))
        self._rate, self._constant = decay_of(before, after)

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
        return roll(lambda activity, _: self._rate * activity + self._constant, context, drive, clamp)


def decay_of(
    before: NDArray[np.float64], after: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each neuron's rate and constant of a(t) = rate a(t-1) + constant by least squares, [N] each.

    Args:
        before: [T, N], activity.
        after: [T, N], activity one step later.
    """
    x, y = before - before.mean(axis=0), after - after.mean(axis=0)
    power = np.square(x).sum(axis=0)
    rate = np.divide((x * y).sum(axis=0), power, out=np.zeros_like(power), where=power > 0)
    return rate, after.mean(axis=0) - rate * before.mean(axis=0)
