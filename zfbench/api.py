"""The public interface for scripts and notebooks, typed and stable; docs/reference.md says what else is."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from zfbench.base import plugins
from zfbench.base.errors import ZfbenchError
from zfbench.base.files import read_source
from zfbench.forecasting.conformance import as_forecaster
from zfbench.forecasting.task import Task as RecordingsTask
from zfbench.leaderboard.names import method_name
from zfbench.leaderboard.shipped import results_folder
from zfbench.protocols.discoverer import Discoverer
from zfbench.protocols.models import Forecaster
from zfbench.protocols.proposer import Proposer
from zfbench.protocols.task import SearchTask
from zfbench.records.limits import Limits
from zfbench.records.reading import add, load_folder
from zfbench.records.result import MethodRecord, Result
from zfbench.runs.judge import judge_baseline, judge_model, judge_program
from zfbench.runs.methods import check_installed, check_own_name
from zfbench.runs.plan import Plan
from zfbench.runs.search import search
from zfbench.runs.tasks import LoadedTask, find_task, usual_proposer
from zfbench.runs.tasks import load_task as _load_task
from zfbench.sandbox.choose import open_sandbox
from zfbench.sandbox.devices import CPU
from zfbench.search.budget import Budget
from zfbench.search.following import OnProgram, programs_of
from zfbench.search.loop import PATIENCE

UPDATES, SECONDS = 2_000, 300.0  # of a training that is judged, as of the command line


def load_task(name: str) -> SearchTask:
    """Load the part of a task that methods may see: specification, training and validation data, seed program.

    Args:
        name: name of the task, such as `zfish-tiny/masked`.

    Raises:
        UnknownNameError: there is no such task; the sentence suggests the most similar name.
    """
    return _load_task(name)


def load_recordings(name: str) -> dict[str, pd.DataFrame]:
    """Load the training recordings of a task about recordings as tables with labels.

    Args:
        name: name of the task, such as `zfish-tiny/driven`.

    Returns:
        A table for each condition: a row for each step, with its time in ms as index, and columns (kind, group, name)
        of neurons and drive channels; the kind is `neuron` or `drive`, and the group of a channel is its own name.

    Raises:
        UnknownNameError: there is no such task.
        ZfbenchError: the task has no recordings.
    """
    task = find_task(name).task
    if not isinstance(task, RecordingsTask):
        raise ZfbenchError(f"The task {name} has no recordings; choose one of the family zfish.")
    spec = task.spec
    labels = [("neuron", group, neuron) for group, neuron in zip(spec.groups, spec.neurons, strict=True)]
    labels += [("drive", channel, channel) for channel in spec.drive]
    columns = pd.MultiIndex.from_tuples(labels, names=["kind", "group", "name"])
    return {
        recording.condition: pd.DataFrame(
            np.hstack([recording.activity, recording.drive]),
            index=pd.Index(np.arange(len(recording.activity)) * spec.dt_ms, name="ms"),
            columns=columns,
        )
        for recording in task.train
    }


def judge(
    method: Path | str | Forecaster,
    task: str,
    *,
    name: str | None = None,
    seed: int = 0,
    updates: int = UPDATES,
    seconds: float = SECONDS,
    sandbox: str | None = None,
    device: str = CPU,
) -> Result:
    """Train a program or fit a model, and score it on the sealed test.

    Args:
        method: path of a program, its source (a text of several lines), the registered name of a baseline, control or
            reference program, or any object with `fit` and `forecast`, not fitted yet
            (`zfbench.protocols.models.Forecaster`), which declares `depends_on_seed = False` or reports its updates
            (`zfbench.protocols.models.Metered`). An object with `rollout` also gets scores of its mechanism.
        task: name of the task.
        name: name of the method in the result, which no registered method has; by default that of the file, or of the
            object's class.
        seed: seed of the training, in 0 .. 2^32 - 1; of an object, which was made before, it is only recorded, so make
            each object with the seed that is given here.
        updates: number of optimiser steps of the training.
        seconds: time limit of the training.
        sandbox: `bubblewrap` or `process`; None for the best that works here. Not used for an object.
        device: where programs and networks compute, `cpu` or `gpu`. Not used for an object.

    Returns:
        The result; a program that failed has its status and a note instead of scores.

    Raises:
        UnknownNameError: there is no such task or method.
        ZfbenchError: the program cannot be read, the object lacks a part of its interface or raises something, a
            registered method was given another name or its name another method, or the sandbox does not work here.
    """
    loaded, limits = find_task(task), Limits(updates=updates, seconds=seconds)
    if not isinstance(method, str | Path):
        return _judge_object(method, name, loaded, seed, limits)
    if isinstance(method, str) and "\n" not in method and not method.endswith(".py"):
        if name is not None:
            raise ZfbenchError(f"The registered method '{method}' keeps its name; leave out name='{name}'.")
        with open_sandbox(sandbox, device) as box:
            return judge_baseline(method, loaded, seed, limits, sandbox=box)
    if isinstance(method, str) and "\n" in method:
        source, own = method, "program"
    else:
        source, own = read_source(Path(method)), Path(method).stem
    record = MethodRecord(name=name or own, kind="program")
    check_own_name(record.name, loaded, source)
    with open_sandbox(sandbox, device) as box:
        return judge_program(source, record, loaded, seed, limits, sandbox=box)


def _judge_object(model: object, name: str | None, loaded: LoadedTask, seed: int, limits: Limits) -> Result:
    """Judge a model that is given as an object; a task with a drive shows it the drive of the horizon."""
    own = type(model).__name__
    record = MethodRecord(name=name or own, kind="baseline", future_drive=loaded.family.future_drive(loaded.task, None))
    forecaster = as_forecaster(model)
    check_own_name(record.name, loaded)
    return judge_model(forecaster, record, loaded, seed, limits)


def run(
    task: str,
    discoverer: str | type[Discoverer] = "best_of_n",
    proposer: str | type[Proposer] | None = None,
    *,
    budget: Mapping[str, float] | None = None,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    proposer_settings: Mapping[str, Any] | None = None,
    ideas: Sequence[str] = (),
    finalists: int | None = None,
    patience: int = PATIENCE,
    updates: int = UPDATES,
    seconds: float = SECONDS,
    workers: int = 1,
    sandbox: str | None = None,
    device: str = CPU,
    folder: Path | str | None = None,
    on_program: OnProgram | None = None,
    allow_unsafe_programs: bool = False,
) -> Result | None:
    """Search for a program, then judge the best one found; an interrupted run is continued in its folder.

    A run that has ended there is not searched again, and its result is returned. A class of your own whose source has
    changed since is refused: name another folder for it. A proposer with a `version` is compared by that number alone.

    Args:
        task: name of the task.
        discoverer: registered name of the search method, or a class of your own
            (`zfbench.protocols.discoverer.Discoverer`); its name is then that of the method.
        proposer: registered name of the writer of programs, or a class of your own
            (`zfbench.protocols.proposer.Proposer`); None for the one that the task's family needs, which is `grammar`
            for recordings.
        budget: limits by unit, such as {"evaluations": 40, "updates": 400}; None for 20 evaluations.
        seed: seed of the search, in 0 .. 2^32 - 1.
        settings: settings of the discoverer.
        proposer_settings: settings of the proposer.
        ideas: texts of which every request to the proposer gets one.
        finalists: number of the best programs that are trained again at full length; None for the default.
        patience: number of requests in a row without a new working program that ends the search.
        updates: number of optimiser steps of the training that is judged.
        seconds: time limit of one training.
        workers: number of candidates trained at once; a run with one worker is reproducible.
        sandbox: `bubblewrap` or `process`; None for the best that works here.
        device: where programs and networks compute, `cpu` or `gpu`.
        folder: folder of the run; by default one below `runs` that is named after task, methods and seed.
        on_program: called after each evaluation, in order, with the program, its evaluation and the request that it
            answers, also for those of an earlier process; it can follow the search, and not change it.
        allow_unsafe_programs: run programs of a proposer that is not trusted also where no sandbox confines them.

    Returns:
        The result, or None if no program worked.

    Raises:
        ZfbenchError: an unknown name, an impossible budget, or a folder that holds another search, or one by a class
            whose source was another.
    """
    chosen = usual_proposer(task) if proposer is None else proposer
    (method, searcher), (writer, author) = _named("discoverer", discoverer), _named("proposer", chosen)
    plan = Plan(
        task=task,
        discoverer=method,
        proposer=writer,
        budget=Budget.of(budget or {"evaluations": 20}),
        seed=seed,
        limits=Limits(updates=updates, seconds=seconds),
        settings=dict(settings or {}),
        proposer_settings=dict(proposer_settings or {}),
        ideas=tuple(ideas),
        finalists=finalists,
        patience=patience,
    )
    place = Path("runs") / f"{task.replace('/', '-')}__{method}-{writer}__seed{seed}"
    with open_sandbox(sandbox, device) as box:
        _, result = search(
            plan,
            Path(folder) if folder is not None else place,
            workers=workers,
            sandbox=box,
            on_event=None if on_program is None else programs_of(on_program),
            allow_unsafe=allow_unsafe_programs,
            discoverer=searcher,
            proposer=author,
        )
    return result


def resume(
    folder: Path | str,
    discoverer: type[Discoverer] | None = None,
    proposer: type[Proposer] | None = None,
    *,
    workers: int = 1,
    sandbox: str | None = None,
    device: str = CPU,
    on_program: OnProgram | None = None,
    allow_unsafe_programs: bool = False,
) -> Result | None:
    """Continue an interrupted search with the options in its event log, and judge the best program.

    Args:
        folder: folder of the run.
        discoverer: the class of the search method, if no installed package registers it.
        proposer: the class of the writer of programs, if no installed package registers it.
        workers: number of candidates trained at once.
        sandbox: `bubblewrap` or `process`; None for the best that works here.
        device: where programs and networks compute, `cpu` or `gpu`.
        on_program: as of `run`.
        allow_unsafe_programs: as of `run`.

    Returns:
        The result, or None if no program worked.

    Raises:
        DamagedFileError: the event log is damaged.
        ZfbenchError: the folder holds no search, or one of another class, of a class whose source was another, or of a
            class that is not registered.
    """
    place = Path(folder)
    plan = Plan.read(place)
    searcher: Any = discoverer  # a class is a maker
    author: Any = proposer
    for kind, name, given in (("discoverer", plan.discoverer, discoverer), ("proposer", plan.proposer, proposer)):
        if given is None:
            continue
        _check_class(kind, given)
        if given.__name__ != name:
            raise ZfbenchError(f"The search in {place} is of the {kind} '{name}', not of '{given.__name__}'.")
    check_installed(plan, place, searcher, author)
    with open_sandbox(sandbox, device) as box:
        _, result = search(
            plan,
            place,
            workers=workers,
            sandbox=box,
            on_event=None if on_program is None else programs_of(on_program),
            allow_unsafe=allow_unsafe_programs,
            discoverer=searcher,
            proposer=author,
        )
    return result


def _named(kind: str, given: str | type) -> tuple[str, Any]:
    """The name of a method, and its class if it is not a registered one.

    Raises:
        ZfbenchError: it is neither a name nor a class, or a class has the name of a registered method, which its
            results could be taken for.
    """
    if isinstance(given, str):
        return given, None
    _check_class(kind, given)
    if given.__name__ in plugins.names(kind):
        raise ZfbenchError(f"There is a registered {kind} '{given.__name__}'; give your class another name.")
    return given.__name__, given


def _check_class(kind: str, given: object) -> None:
    """Refuse what has no name of its own, such as an object that was made already; a function may make the method."""
    if not (isinstance(given, type) or inspect.isfunction(given)):
        settings = "settings" if kind == "discoverer" else "proposer_settings"
        raise ZfbenchError(
            f"A {kind} is given as a registered name or as a class, not as an object of class {type(given).__name__}; "
            f"give the class itself, and its arguments as {settings}, since every search makes its own."
        )


def load_results(path: Path | str | None = None) -> pd.DataFrame:
    """Read results into a table: a row for each result, with what was run and every score.

    Args:
        path: a result file, or a folder of them; None for the published results, which are in the repository.

    Returns:
        Columns task, track, tier, circuit, holdout, method, row, kind, proposer, seed, status, future_drive, budget_*
        of searches, and one for each metric; NaN where a score is missing. `row` is the method's name on a leaderboard,
        with its proposer and all settings: results that differ in it are of different methods.

    Raises:
        DamagedFileError: a file is not a result, or two files hold the same run.
        ZfbenchError: there is nothing to read, or the published results are not part of this installation.
    """
    folder = results_folder(None if path is None else Path(path))
    return pd.DataFrame.from_records([_row(result) for result in load_folder(folder)])


def add_result(result: Result, folder: Path | str) -> Path:
    """Write a result into a folder, under the name that says of which run it is; nothing is replaced.

    Args:
        result: the result, as `judge` and `run` return it.
        folder: folder of results, which is made if it is not there.

    Returns:
        The path of the new file.

    Raises:
        ZfbenchError: the folder has a result of this run, or cannot be written.
    """
    return add(Path(folder), result)


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
        "row": method_name(result),
        "kind": method.kind,
        "proposer": method.proposer,
        "seed": result.seed,
        "status": result.status,
        "future_drive": method.future_drive,
        **{f"budget_{unit}": limit for unit, limit in budget.items()},
        **result.metrics,
    }
