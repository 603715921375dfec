"""Analog forecast: what followed the training states that are most like the last one shown.

It knows no mechanism and no drive, and nothing in it is trained.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zfbench.baselines.checks import check_data
from zfbench.baselines.neighbours import TrainingStates
from zfbench.forecasting.task import Task
from zfbench.protocols.models import Baseline
from zfbench.records.limits import Limits
from zfbench.records.recordings import LabelledWindows, Recording


class Analog(Baseline):
    """The median future of the 16 training states that are nearest to the last activity of the context.

    Args:
        task: the task to forecast.
        seed: not used; nothing is drawn.
    """

    kind: Literal["baseline", "control", "program"] = "baseline"
    depends_on_seed = False

    def __init__(self, task: Task, seed: int) -> None:
        del seed
        self._spec = task.spec
        self._futures: tuple[NDArray[np.float32], ...] = ()  # [T, N] of each training recording
        self._states = TrainingStates(())

    def fit(self, train: tuple[Recording, ...], validation: LabelledWindows, limits: Limits) -> None:
        """Keep the training recordings.

        Args:
            train: recordings to find analogous states in.
            validation: not used, but checked.
            limits: not used.

        Raises:
            ZfbenchError: the data cannot be learned from; see `check_data`.
        """
        del limits
        check_data(train, validation, self._spec, horizon=self._spec.horizon)
        self._futures = tuple(recording.activity for recording in train)
        self._states = TrainingStates(self._futures)

    def forecast(self, context: NDArray[np.float32], drive: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the median of what followed the analogous states: [B, H, N].

        Args:
            context: [B, C, N], activity before the forecast.
            drive: [B, C + H, D]; its length gives the horizon.
        """
        steps = drive.shape[1] - context.shape[1]
        return np.median(self._states.followers(context[:, -1], self._futures, steps), axis=1)
