"""The gap ratio: a program's error on a condition that it never saw, over that of the same program that saw it.

Two programs of different accuracy have different errors on the held-out condition even if both generalise as well as
they fit. The ratio compares a program with itself, on the same windows: 1 says that having seen the condition would not
have helped. Both trainings have one form, seed and limits; the second has the condition's training stretch besides.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tabulate import tabulate

from zfbench.base.errors import DamagedFileError
from zfbench.base.machine import library_versions
from zfbench.forecasting.fit import fit_program
from zfbench.forecasting.task import Task
from zfbench.leaderboard.shipped import FOLDER
from zfbench.protocols.sandbox import Sandbox
from zfbench.records.limits import Limits
from zfbench.records.recordings import LabelledWindows, Recording
from zfbench.records.result import BENCHMARK_VERSION
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


def to_json(name: str, found: Sequence[Gap], limits: Limits) -> dict[str, Any]:
    """Return a measurement with what it rests on, in a JSON-compatible form.

    Args:
        name: full name of the task.
        found: the ratios.
        limits: of each training.
    """
    programs = list(dict.fromkeys(gap.program for gap in found))
    seeds = sorted({gap.seed for gap in found})
    words, usual = ["zfbench gap", name, *programs, *(f"--seed {seed}" for seed in seeds)], Limits()
    words += [f"--updates {limits.updates}"] * (limits.updates != usual.updates)
    words += [f"--seconds {limits.seconds:g}"] * (limits.seconds != usual.seconds)
    return {
        "task": name,
        "command": " ".join(words),
        "data_sha256": ZFISH.load(name).data_sha256,
        "benchmark_version": BENCHMARK_VERSION,
        "updates": limits.updates,
        "libraries": library_versions(),
        "gaps": [{**asdict(gap), "unseen": _rounded(gap.unseen), "seen": _rounded(gap.seen)} for gap in found],
    }


def published(folder: Path = FOLDER / "gaps") -> list[dict[str, Any]]:
    """Return the measurements that come with zfbench, by name of their files.

    Raises:
        DamagedFileError: a file holds no measurement.
    """
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            found.append(content | {"gaps": [Gap(**gap) for gap in content["gaps"]]})
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedFileError(f"{path} holds no gap ratios ({error}); measure them again.") from error
    return found


def as_markdown(measured: Sequence[Mapping[str, Any]]) -> str:
    """Return a table for each measurement.

    Args:
        measured: what `published` returned.
    """
    parts = []
    for one in measured:
        libraries = ", ".join(f"{name} {version}" for name, version in one["libraries"].items())
        parts += [
            f"## {one['task']}",
            f"Measured with `{one['command']}`, {one['updates']:,} updates for each training ({libraries}; data "
            f"{one['data_sha256'][:12]}).",
            tabulate(as_rows(one["gaps"]), HEADINGS, tablefmt="github", disable_numparse=True),
        ]
    return "\n\n".join(parts) or "Nothing was measured yet."


def _rounded(error: float) -> float:
    return float(f"{error:.6g}")


HEADINGS = ["program", "seeds", "MAE, never seen", "MAE, also trained on", "ratio"]
