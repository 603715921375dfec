"""Own decay: each neuron relaxes to a level of its own, at a rate of its own, whatever the others and the drive do.

The control "own leak, no edges" of the response scores: a kick decays in the kicked neuron alone.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zfbench.baselines.checks import check_data
from zfbench.baselines.one_step import OneStepMap
from zfbench.forecasting.task import Task
from zfbench.records.limits import Limits
from zfbench.records.recordings import LabelledWindows, Recording, one_step_pairs


class OwnDecay(OneStepMap):
    """A control a_i(t) = lambda_i a_i(t-1) + c_i, fitted to one step by least squares and iterated.

    Args:
        task: the task to forecast.
        seed: not used; the fit is deterministic.
    """

    kind: Literal["baseline", "control", "program"] = "control"
    depends_on_seed = False

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
        before, _, after = one_step_pairs(train)
        self._rate, self._constant = decay_of(before.astype(np.float64), after.astype(np.float64))

    def step(self, activity: NDArray, drive: NDArray) -> NDArray:  # noqa: ARG002
        """Return each neuron's own decay towards its own level."""
        return self._rate * activity + self._constant


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
