"""SINDy: a one-step map that is a sparse sum of library terms, found by sequentially thresholded least squares.

Brunton, Proctor & Kutz (2016), "Discovering governing equations from data by sparse identification of nonlinear
dynamical systems", doi:10.1073/pnas.1517384113, for discrete time. The sparse regression is that of pysindy (`STLSQ`).
The library has a constant, the activity of all neurons, the drive, and the products of each neuron's own activity with
the drive:

    a_i(t) = c_i + sum_j A_ij a_j(t-1) + sum_k B_ik x_k(t) + a_i(t-1) sum_k G_ik x_k(t)

Products of all activity with all drive are left out, because without a wiring they would be hundreds of terms for each
neuron, and the fit would take longer than all other baselines together. The library is the same with and without a
wiring; where the task gives one, each neuron's terms are those of its allowed inputs only.
"""

from __future__ import annotations

from types import ModuleType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zfbench.base.errors import ZfbenchError
from zfbench.baselines.checks import check_data
from zfbench.baselines.one_step import OneStepMap
from zfbench.forecasting.task import Task
from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError, Status
from zfbench.records.recordings import LabelledWindows, Recording, one_step_pairs

THRESHOLDS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)  # of a coefficient, in change per step; validation chooses; our choice
RIDGE = 0.05  # penalty of the sum of squared coefficients (pysindy's default)
ROUNDS = 20  # of thresholding, at most (pysindy's default)


class Sindy(OneStepMap):
    """A sparse one-step map with products of activity and drive.

    Args:
        task: the task to forecast.
        seed: not used; the fit is deterministic.

    Raises:
        ZfbenchError: pysindy is not installed.
    """

    kind: Literal["baseline", "control", "program"] = "baseline"
    needs = ("drive",)
    requires = ("pysindy",)  # the extra `classical`
    uses_drive = True
    depends_on_seed = False

    def __init__(self, task: Task, seed: int) -> None:
        del seed  # deterministic
        self._pysindy = _pysindy()
        self._spec = spec = task.spec
        N, D = len(spec.neurons), len(spec.drive)
        activity = np.ones((N, N), bool) if spec.mask is None else spec.mask
        drive = np.ones((N, D), bool) if spec.drive_mask is None else spec.drive_mask
        gain = drive & np.diag(activity)[:, None]  # a neuron that may not read itself has no gain
        self._allowed = np.hstack([np.ones((N, 1), bool), activity, drive, gain])  # [N, 1 + N + D + D]
        self._weights = np.zeros(self._allowed.shape)  # [N, (c | A | B | G)]

    def fit(self, train: tuple[Recording, ...], validation: LabelledWindows, limits: Limits) -> None:
        """Fit each neuron's map for every threshold, and keep the threshold with the best validation MAE.

        Args:
            train: recordings to fit.
            validation: windows to select on.
            limits: not used; the fit takes a fixed number of steps.

        Raises:
            ZfbenchError: the data cannot be learned from; see `check_data`.
            CandidateError: non_finite; the validation forecasts diverge for every threshold.
        """
        del limits
        check_data(train, validation, self._spec)
        before, drive, after = (part.astype(np.float64) for part in one_step_pairs(train))
        constant = np.ones((len(before), 1))
        candidates = np.zeros((len(THRESHOLDS), *self._weights.shape))
        for i, allowed in enumerate(self._allowed):
            library = np.hstack([constant, before, drive, before[:, [i]] * drive])[:, allowed]  # [T, P]
            reduced = _reduced(np.hstack([library, after[:, [i]]]))
            for k, threshold in enumerate(THRESHOLDS):
                # No refit without the penalty: the library's terms are nearly dependent.
                regression = self._pysindy.STLSQ(threshold, alpha=RIDGE, max_iter=ROUNDS, unbias=False)
                candidates[k, i, allowed] = regression.fit(reduced[:, :-1], reduced[:, -1]).coef_[0]
        errors = [self._validate(candidates[k], validation) for k in range(len(THRESHOLDS))]
        best = int(np.argmin(errors))
        if errors[best] == np.inf:
            raise CandidateError(Status.NON_FINITE, "The sparse map's validation forecasts diverge at every threshold.")
        self._weights = candidates[best]

    def step(self, activity: NDArray, drive: NDArray) -> NDArray:
        """Return c + A a + B x + a * (G x)."""
        N, D = len(self._spec.neurons), len(self._spec.drive)
        c, A, B, G = np.split(self._weights, [1, 1 + N, 1 + N + D], axis=1)
        return c[:, 0] + activity @ A.T + drive @ B.T + activity * (drive @ G.T)

    def _validate(self, weights: NDArray[np.float64], validation: LabelledWindows) -> float:
        """Return the MAE of the validation forecasts with these weights; infinity where they diverge."""
        self._weights = weights
        with np.errstate(over="ignore", invalid="ignore"):
            forecast = self.forecast(validation.inputs.context, validation.inputs.drive)
            error = float(np.abs(forecast - validation.target).mean())
        return error if np.isfinite(error) else np.inf


def _reduced(data: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return P rows with the second moment of T rows, [P, P] of [T, P]: their least squares are the same."""
    powers, directions = np.linalg.eigh(data.T @ data)
    return np.sqrt(powers.clip(0))[:, None] * directions.T


def _pysindy() -> ModuleType:
    """Return the package pysindy."""
    try:
        import pysindy
    except ImportError as error:
        raise ZfbenchError("The baseline 'sindy' needs pysindy; pip install 'zfbench[classical]'.") from error
    return pysindy
