"""The public interface for scripts and notebooks, typed and stable; everything else may change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from zfbench.base.files import read_source
from zfbench.protocols.task import SearchTask
from zfbench.records.limits import Limits
from zfbench.records.reading import load_folder
from zfbench.records.result import MethodRecord, Result
from zfbench.runs.judge import judge_baseline, judge_program
from zfbench.runs.plan import Plan
from zfbench.runs.search import search
from zfbench.runs.tasks import find_task
from zfbench.runs.tasks import load_task as _load_task
from zfbench.sandbox.choose import open_sandbox
from zfbench.search.budget import Budget

UPDATES, SECONDS = 2_000, 300.0  # of a training that is judged, as of the command line


def load_task(name: str) -> SearchTask:
    """Load the part of a task that methods may see: specification, training and validation data, seed program.

    Args:
        name: name of the task, such as `zfish-tiny/masked`.

    Raises:
        UnknownNameError: there is no such task; the sentence suggests the most similar name.
    """
    return _load_task(name)


def judge(
    method: Path | str,
    task: str,
    *,
    seed: int = 0,
    updates: int = UPDATES,
    seconds: float = SECONDS,
    sandbox: str | None = None,
) -> Result:
    """Train a program or fit a registered method, and score it on the sealed test.

    Args:
        method: path of a program, its source (a text of several lines), or the registered name of a baseline, control
            or reference program.
        task: name of the task.
        seed: seed of the training, in 0 .. 2^32 - 1.
        updates: number of optimiser steps of the training.
        seconds: time limit of the training.
        sandbox: `bubblewrap` or `process`; None for the best that works here.

    Returns:
        The result; a program that failed has its status and a note instead of scores.

    Raises:
        UnknownNameError: there is no such task or method.
        ZfbenchError: the program cannot be read, or the sandbox does not work here.
    """
    loaded, limits = find_task(task), Limits(updates=updates, seconds=seconds)
    if isinstance(method, str) and "\n" not in method and not method.endswith(".py"):
        return judge_baseline(method, loaded, seed, limits)
    if isinstance(method, str) and "\n" in method:
        source, name = method, "program"
    else:
        source, name = read_source(Path(method)), Path(method).stem
    with open_sandbox(sandbox) as box:
        return judge_program(source, MethodRecord(name=name, kind="program"), loaded, seed, limits, sandbox=box)


def run(
    task: str,
    discoverer: str = "random_search",
    proposer: str = "grammar",
    *,
    budget: Mapping[str, float] | None = None,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    proposer_settings: Mapping[str, Any] | None = None,
    ideas: Sequence[str] = (),
    finalists: int | None = None,
    updates: int = UPDATES,
    seconds: float = SECONDS,
    workers: int = 1,
    sandbox: str | None = None,
    folder: Path | str | None = None,
) -> Result | None:
    """Search for a program, then judge the best one found; an interrupted run is continued in its folder.

    Args:
        task: name of the task.
        discoverer: registered name of the search method.
        proposer: registered name of the writer of programs.
        budget: limits by unit, such as {"evaluations": 40, "updates": 400}; None for 20 evaluations.
        seed: seed of the search, in 0 .. 2^32 - 1.
        settings: settings of the discoverer.
        proposer_settings: settings of the proposer.
        ideas: texts of which every request to the proposer gets one.
        finalists: number of the best programs that are trained again at full length; None for the default.
        updates: number of optimiser steps of the training that is judged.
        seconds: time limit of one training.
        workers: number of candidates trained at once; a run with one worker is reproducible.
        sandbox: `bubblewrap` or `process`; None for the best that works here.
        folder: folder of the run; by default one below `runs` that is named after task, methods and seed.

    Returns:
        The result, or None if no program worked.

    Raises:
        ZfbenchError: an unknown name, an impossible budget, or a folder that holds another search.
    """
    plan = Plan(
        task=task,
        discoverer=discoverer,
        proposer=proposer,
        budget=Budget.of(budget or {"evaluations": 20}),
        seed=seed,
        limits=Limits(updates=updates, seconds=seconds),
        settings=dict(settings or {}),
        proposer_settings=dict(proposer_settings or {}),
        ideas=tuple(ideas),
        finalists=finalists,
    )
    place = Path("runs") / f"{task.replace('/', '-')}__{discoverer}-{proposer}__seed{seed}"
    with open_sandbox(sandbox) as box:
        _, result = search(plan, Path(folder) if folder is not None else place, workers=workers, sandbox=box)
    return result


def load_results(path: Path | str) -> pd.DataFrame:
    """Read results into a table: a row for each result, with what was run and every score.

    Args:
        path: a result file, or a folder of them.

    Returns:
        Columns task, track, tier, circuit, holdout, method, kind, proposer, seed, status, future_drive, budget_* of
        searches, and one for each metric; NaN where a score is missing.

    Raises:
        DamagedFileError: a file is not a result, or two files hold the same run.
        ZfbenchError: there is nothing to read.
    """
    return pd.DataFrame.from_records([_row(result) for result in load_folder(Path(path))])


def _row(result: Result) -> dict[str, Any]:
    task, method = result.task, result.method
    budget = {} if result.search is None else result.search.budget
    return {
        "task": task.name,
        "track": task.track,
        "tier": task.tier,
        "circuit": task.circuit,
        "holdout": task.holdout,
        "method": method.name,
        "kind": method.kind,
        "proposer": method.proposer,
        "seed": result.seed,
        "status": result.status,
        "future_drive": method.future_drive,
        **{f"budget_{unit}": limit for unit, limit in budget.items()},
        **result.metrics,
    }
