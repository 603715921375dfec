"""Oracle: the true circuit f* itself, the upper reference; a method that scores above it reveals an error here.

In an autonomous track nobody knows the drive. There the oracle is f* marginalised over the drive given the context: the
median of f* over the drives that followed the analogous training states. Nothing forecasts better on average by
knowing f*, unless it tells the coming drive better than analogy does.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zfbench.base.errors import ZfbenchError
from zfbench.baselines.neighbours import NEIGHBOURS, TrainingStates
from zfbench.baselines.unfitted import Unfitted
from zfbench.forecasting.task import Task
from zfbench.protocols.models import Baseline
from zfbench.records.clamp import Clamp
from zfbench.records.limits import Limits
from zfbench.records.recordings import LabelledWindows, Recording
from zfbench.tasks.zfish.task import ZfishTask
from zfbench.tasks.zfish.truth import training_drives, true_model


class Oracle(Unfitted):
    """The true transition, rolled out over the drive that the track shows.

    Args:
        task: a task of the family `zfish` with drive.
        seed: not used; nothing is drawn.
    """

    kind: Literal["baseline", "control", "program"] = "control"
    uses_drive = True

    def __init__(self, task: Task, seed: int) -> None:
        del seed
        self._truth = true_model(task.spec.name)

    def forecast(self, context: NDArray[np.float32], drive: NDArray[np.float32]) -> NDArray[np.float32]:
        """Roll the true model out over the horizon: [B, H, N].

        Args:
            context: [B, C, N], activity before the forecast.
            drive: [B, C + H, D].
        """
        return self.rollout(context, drive)

    def rollout(
        self, context: NDArray[np.float32], drive: NDArray[np.float32], clamp: Clamp | None = None
    ) -> NDArray[np.float32]:
        """Roll the true model out over the horizon, with the clamped neurons at their values: [B, H, N].

        Args:
            context: [B, C, N], activity before the forecast.
            drive: [B, C + H, D].
            clamp: the neurons to clamp and their values; None clamps none.
        """
        return self._truth.rollout(context, drive, clamp)


class DrivelessOracle(Baseline):
    """The median of the true transition over the drives that followed the 16 nearest training states.

    It is no `Simulator`: it stands for many drives, and a push would be followed by each of them.

    Args:
        task: a task of the family `zfish` without drive.
        seed: not used; nothing is drawn.
    """

    kind: Literal["baseline", "control", "program"] = "control"
    depends_on_seed = False

    def __init__(self, task: Task, seed: int) -> None:
        del seed
        self._truth = true_model(task.spec.name)
        self._drives = training_drives(task.spec.name)
        self._states = TrainingStates(())

    def fit(self, train: tuple[Recording, ...], validation: LabelledWindows, limits: Limits) -> None:
        """Keep the training states.

        Args:
            train: recordings to find analogous states in.
            validation: not used.
            limits: not used.
        """
        del validation, limits
        self._states = TrainingStates([recording.activity for recording in train])

    def forecast(self, context: NDArray[np.float32], drive: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the median over the analogous drives: [B, H, N].

        Args:
            context: [B, C, N], activity before the forecast.
            drive: [B, C + H, 0]; its length gives the horizon.
        """
        return np.median(self.paths(context, drive.shape[1] - context.shape[1]), axis=1)

    def paths(self, context: NDArray[np.float32], steps: int) -> NDArray[np.float32]:
        """Return the true transition over each of the analogous drives: [B, 16, H, N].

        Args:
            context: [B, C, N], activity before the forecast.
            steps: the horizon H.
        """
        last = context[:, -1]
        drives = self._states.followers(last, self._drives, steps)  # [B, 16, H, D]
        B, _, H, D = drives.shape
        shown = np.concatenate([np.zeros((B * NEIGHBOURS, 1, D), np.float32), drives.reshape(-1, H, D)], axis=1)
        paths = self._truth.rollout(np.repeat(last, NEIGHBOURS, axis=0)[:, None], shown)  # [B * 16, H, N]
        return paths.reshape(B, NEIGHBOURS, H, -1)


class OracleMethod(Baseline):
    """The oracle of a track, as registered in the entry-point group `zfbench.baselines`."""

    kind: Literal["baseline", "control", "program"] = "control"
    uses_drive = True
    depends_on_seed = False

    def __call__(self, task: Task, seed: int) -> Oracle | DrivelessOracle:
        """Return the true model with the track's drive, or without it where the track shows none.

        Args:
            task: a task of the family `zfish`.
            seed: not used; nothing is drawn.

        Raises:
            ZfbenchError: the task is of another family, whose truth is not known here.
        """
        if not isinstance(task, ZfishTask):
            raise ZfbenchError(
                "The oracle exists for the family zfish alone; give the true model of "
                f"'{task.spec.name}' to zfbench.judge as an object."
            )
        return Oracle(task, seed) if task.spec.drive else DrivelessOracle(task, seed)


oracle = OracleMethod()
