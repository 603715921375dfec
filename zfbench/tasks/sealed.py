"""What the judge alone loads: test and out-of-distribution targets, and the true model to probe against.

No object that a baseline, a discoverer or a program receives leads here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from zfbench.forecaster import Simulator
from zfbench.tasks.task import LabelledWindows, Spec, TaskSpec

if TYPE_CHECKING:
    from zfbench.judge import Judge, Scores
    from zfbench.search.discoverer import Generation


@dataclass(frozen=True, eq=False)
class SealedTest:
    """Everything a score is computed from.

    Attributes:
        spec: the task's specification, as the methods saw it.
        track, tier, circuit, holdout: the parts of the task's name.
        data_sha256: hash of the data set.
        test: windows of the training conditions, later in time than training and validation.
        ood: windows of the held-out condition.
        full_drive_test, full_drive_ood: [B, C + H, D'], the drive that really acted; equals the visible drive unless
            the track hides it. The true model always rolls on this one.
        truth: the true model f*.
        wiring: int8 [N, N], sign of the true edge from j to i, 0 where there is none; the diagonal is not scored.
        allowed: bool [N, N], the Boolean wiring between groups, also where the track does not show it.
        train_mean, train_sd: [N], over the training recordings.
    """

    spec: TaskSpec
    track: str
    tier: str
    circuit: str
    holdout: str
    data_sha256: str
    test: LabelledWindows
    ood: LabelledWindows
    full_drive_test: NDArray[np.float32]
    full_drive_ood: NDArray[np.float32]
    truth: Simulator
    wiring: NDArray[np.int8]
    allowed: NDArray[np.bool_]
    train_mean: NDArray[np.float64]
    train_sd: NDArray[np.float64]

    def judge(self) -> Judge:
        """What scores a fitted model on this test."""
        from zfbench.judge import Judge

        return Judge(self)


class Sealed(Protocol):
    """A sealed test of any kind: what a result says of its task, and who judges on it."""

    @property
    def spec(self) -> Spec:
        """The task's specification, as the methods saw it."""
        ...

    @property
    def track(self) -> str:
        """What methods are given, as in the task's name."""
        ...

    @property
    def tier(self) -> str:
        """How much of it."""
        ...

    @property
    def circuit(self) -> str:
        """Which system; empty where the family has one only."""
        ...

    @property
    def holdout(self) -> str:
        """Which condition no method has seen; empty where there is none."""
        ...

    @property
    def data_sha256(self) -> str:
        """Hash of the data set."""
        ...

    def judge(self) -> TaskJudge:
        """What scores a fitted model on this test."""
        ...


class TaskJudge(Protocol):
    """Scores any number of fitted models on one sealed test."""

    @property
    def sealed(self) -> Sealed:
        """The test."""
        ...

    @property
    def selection_score(self) -> str:
        """Name of the score that repeats the loss on the data to select on."""
        ...

    @property
    def controls(self) -> Mapping[str, str]:
        """Source of programs that show what scores mean, by name, such as the truth as `oracle`."""
        ...

    def score(self, model: Any, progress: Callable[[str], None] = ...) -> Scores:
        """All scores of a model that the task has fitted; `progress` is told each stage as it begins."""
        ...

    def score_mask(self) -> Scores:
        """What the Boolean wiring alone scores, where the task has one.

        Raises:
            ZfbenchError: it has none.
        """
        ...


@runtime_checkable
class PopulationJudge(Protocol):
    """A judge that also scores how a search's population moved, where the task has something to say of it."""

    def score_generations(self, generations: Sequence[Generation]) -> Scores:
        """Scores of the first population and of that at the end of each generation."""
        ...


@runtime_checkable
class SealedFamily(Protocol):
    """A task family that the judge can score."""

    def seal(self, name: str) -> Sealed:
        """The sealed test of the task of that name; for the judge's eyes only."""
        ...
