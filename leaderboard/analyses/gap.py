"""The gap ratio: a program's error on a condition that it never saw, over that of the same program that saw it.

Two programs of different accuracy have different errors on the held-out condition even if both generalise as well as
they fit. The ratio compares a program with itself, on the same windows: 1 says that having seen the condition would not
have helped. Both trainings have one form, seed and limits; the second has the condition's training stretch besides.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from zfbench.forecasting.fit import fit_program
from zfbench.forecasting.task import Task
from zfbench.protocols.sandbox import Sandbox
from zfbench.records.limits import Limits
from zfbench.records.recordings import LabelledWindows, Recording
from zfbench.tasks.zfish.family import ZFISH
from zfbench.tasks.zfish.gap import held_out

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Gap:
    """The errors of one program with one seed, as mean absolute errors on the same windows of the held-out condition.

    Attributes:
        program: its name.
        seed: of both trainings.
        unseen: error after training without the condition.
        seen: error after training with it.
    """

    program: str
    seed: int
    unseen: float
    seen: float

    @property
    def ratio(self) -> float:
        """The factor by which the error is larger if the condition was never seen."""
        return self.unseen / self.seen


def measure(
    name: str,
    programs: dict[str, str],
    seeds: Sequence[int],
    limits: Limits,
    sandbox: Sandbox,
    progress: Progress = lambda *_: None,
) -> list[Gap]:
    """Train each program twice with each seed, and compare.

    Args:
        name: full name of a task of the family `zfish`.
        programs: sources by name.
        seeds: of the trainings.
        limits: of each training.
        sandbox: traces the programs.
        progress: told after each pair of trainings.

    Raises:
        CandidateError: a program failed.
        ZfbenchError: the task holds out no condition.
    """
    extra, later = held_out(name)
    task = ZFISH.load(name)
    found: list[Gap] = []
    for program, source in programs.items():
        for seed in seeds:
            errors = [
                _error(source, task, recordings, later, seed, limits, sandbox)
                for recordings in (task.train, (*task.train, *extra))
            ]
            found.append(Gap(program, seed, *errors))
            progress(len(found), len(programs) * len(seeds), program)
    return found


def _error(
    source: str,
    task: Task,
    recordings: tuple[Recording, ...],
    later: LabelledWindows,
    seed: int,
    limits: Limits,
    sandbox: Sandbox,
) -> float:
    with fit_program(source, task.spec, recordings, limits, seed, sandbox) as fitted:
        forecast = fitted.forecast(later.inputs.context, later.inputs.drive)
    return float(np.abs(forecast.astype(np.float64) - later.target).mean())


def as_rows(found: Sequence[Gap]) -> list[list[str]]:
    """Return a row for each program: both errors of every seed, and the geometric mean of the ratios with its range."""
    rows = []
    for program in dict.fromkeys(gap.program for gap in found):
        own = [gap for gap in found if gap.program == program]
        ratios = [gap.ratio for gap in own]
        mean = math.exp(statistics.fmean(map(math.log, ratios)))
        rows.append(
            [
                program,
                " ".join(str(gap.seed) for gap in own),
                " ".join(f"{gap.unseen:.4f}" for gap in own),
                " ".join(f"{gap.seen:.4f}" for gap in own),
                f"{mean:.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
            ]
        )
    return rows


HEADINGS = ["program", "seeds", "MAE, never seen", "MAE, also trained on", "ratio"]
