"""What the judge alone loads: test and out-of-distribution targets, and the true model to probe against.

No object that a baseline, a discoverer or a program receives leads here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from zfbench.protocols.models import Simulator
from zfbench.records.recordings import LabelledWindows, TaskSpec


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
        event_test, event_ood: bool [B], whether an event (for the larva a bout) is under way at the first step of each
            window's horizon; None for a system without events.
        constants: [M], the system's published numbers, to be looked for in the text of programs.
        canary: a string that stands in the file of these numbers and nowhere else; empty where there is none.
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
    event_test: NDArray[np.bool_] | None = None
    event_ood: NDArray[np.bool_] | None = None
    constants: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    canary: str = ""
