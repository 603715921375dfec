"""Lagged correlation: what of a neuron's change its own decay does not explain, correlated with all others before it.

A control of the wiring scores: the signs and ranks that correlations alone give, without a model of the dynamics. The
own decay is fitted by least squares, a_i(t) = lambda_i a_i(t-1) + c_i, and the residual of neuron i is correlated with
a_j(t-1).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zfbench.baselines.own_decay import decay_of
from zfbench.forecasting.task import Task
from zfbench.protocols.models import Baseline
from zfbench.records.limits import Limits
from zfbench.records.recordings import LabelledWindows, Recording, one_step_pairs


class LaggedCorrelation(Baseline):
    """A control that ranks edges by lagged correlations after each neuron's own decay, and forecasts nothing.

    Args:
        task: the task.
        seed: not used; the fit is deterministic.
    """

    kind: Literal["baseline", "control", "program"] = "control"
    depends_on_seed = False

    def __init__(self, task: Task, seed: int) -> None:
        del seed
        self._mask = task.spec.mask
        self._correlation = np.zeros((len(task.spec.neurons),) * 2)

    def fit(self, train: tuple[Recording, ...], validation: LabelledWindows, limits: Limits) -> None:
        """Correlate over all training steps.

        Args:
            train: recordings to correlate.
            validation: not used.
            limits: not used; the solution is in closed form.
        """
        del validation, limits
        before, _, after = (part.astype(np.float64) for part in one_step_pairs(train))  # [T, N], [T, D], [T, N]
        rate, constant = decay_of(before, after)
        residual = after - rate * before - constant
        residual -= residual.mean(axis=0)
        centred = before - before.mean(axis=0)
        scale = np.linalg.norm(residual, axis=0)[:, None] * np.linalg.norm(centred, axis=0)
        self._correlation = np.divide(residual.T @ centred, scale, out=np.zeros_like(scale), where=scale > 0)

    def edges(self) -> NDArray[np.float64]:
        """Return the correlations, entry (i, j) from neuron j to neuron i; 0 where the mask forbids an edge: [N, N]."""
        return self._correlation if self._mask is None else np.where(self._mask, self._correlation, 0.0)
