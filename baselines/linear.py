"""A linear state-space model: a(t) = A a(t-1) + B x(t) + c, fitted to one step by ridge regression and iterated.

The strength of the ridge penalty is chosen by forecasts of the validation windows. Where the task gives a Boolean
wiring, each neuron is regressed on its allowed inputs only.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zfbench.baselines.checks import check_data
from zfbench.baselines.one_step import OneStepMap
from zfbench.forecasting.task import Task
from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError, Status
from zfbench.records.recordings import LabelledWindows, Recording, one_step_pairs

RIDGES = (1e-6, 1e-4, 1e-2)  # strengths relative to the mean eigenvalue of the inputs' second moment; our choice


class Linear(OneStepMap):
    """The best linear one-step map.

    Args:
        task: the task to forecast.
        seed: not used; the fit is deterministic.
    """

    kind: Literal["baseline", "control", "program"] = "baseline"
    uses_drive = True
    depends_on_seed = False

    def __init__(self, task: Task, seed: int) -> None:
        del seed  # deterministic
        self._spec = task.spec
        N, D = len(task.spec.neurons), len(task.spec.drive)
        self._weights = np.zeros((N, N + D + 1))  # [N, (A | B | c)]

    def fit(self, train: tuple[Recording, ...], validation: LabelledWindows, limits: Limits) -> None:
        """Solve the normal equations for each strength of the penalty, and keep the map with the best validation MAE.

        Args:
            train: recordings to fit.
            validation: windows to select on.
            limits: not used; the solution is in closed form.

        Raises:
            ZfbenchError: the data cannot be learned from; see `check_data`.
            CandidateError: non_finite; the validation forecasts diverge for every strength.
        """
        del limits  # closed form
        check_data(train, validation, self._spec)
        before, drive, after = one_step_pairs(train)
        inputs = np.hstack([before, drive, np.ones((len(before), 1))])  # [T, N + D + 1], float64
        change = (after - before).astype(np.float64)  # [T, N]
        second_moment, cross = inputs.T @ inputs, inputs.T @ change
        best = np.inf
        for ridge in RIDGES:
            candidate = self._solve(second_moment, cross, ridge)
            previous, self._weights = self._weights, candidate
            forecast = self.forecast(validation.inputs.context, validation.inputs.drive)
            error = float(np.abs(forecast - validation.target).mean())
            if error < best:  # never where a forecast diverged
                best = error
            else:
                self._weights = previous
        if best == np.inf:
            raise CandidateError(Status.NON_FINITE, "The linear map's validation forecasts diverge with every ridge.")

    def step(self, activity: NDArray, drive: NDArray) -> NDArray:
        """Return A a + B x + c."""
        N = len(self._spec.neurons)
        A, B, c = np.split(self._weights, [N, self._weights.shape[1] - 1], axis=1)
        return activity @ A.T + drive @ B.T + c[:, 0]

    def _solve(self, second_moment: NDArray, cross: NDArray, ridge: float) -> NDArray:
        """Return the ridge solution of each neuron over its allowed inputs: [N, N + D + 1]."""
        N, P = cross.shape[1], len(second_moment)
        regularised = second_moment + ridge * np.trace(second_moment) / P * np.eye(P)
        mask, drive_mask = self._spec.mask, self._spec.drive_mask
        if mask is None and drive_mask is None:
            weights = np.linalg.solve(regularised, cross).T
        else:
            weights = np.zeros((N, P))
            activity = np.ones((N, N), bool) if mask is None else mask
            drive = np.ones((N, P - N - 1), bool) if drive_mask is None else drive_mask
            allowed = np.hstack([activity, drive, np.ones((N, 1), bool)])
            for i in range(N):
                own = np.flatnonzero(allowed[i])
                weights[i, own] = np.linalg.solve(regularised[np.ix_(own, own)], cross[own, i])
        weights[:, :N] += np.eye(N)  # the regression predicts the change
        return weights
