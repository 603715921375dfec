"""From the name of a method or the source of a program to a `Result`: fit, judge, and record."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from zfbench.base import plugins
from zfbench.base.machine import library_versions
from zfbench.base.numerics import fixed
from zfbench.base.seeds import check_seed
from zfbench.protocols.chance import check_report, check_updates, depends_on_seed, updates_of
from zfbench.protocols.conduct import conduct_of
from zfbench.protocols.models import Forecaster, Placed, Simulator
from zfbench.protocols.sandbox import Sandbox
from zfbench.protocols.task import Candidate, CarriedOut, TaskJudge
from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError, Program
from zfbench.records.result import NONE, Machine, MethodRecord, ProgramRecord, Result, TaskRecord
from zfbench.records.scores import Scores
from zfbench.records.spend import NOTHING, Spend
from zfbench.runs.tasks import LoadedTask
from zfbench.sandbox.choose import name_of
from zfbench.sandbox.devices import CPU

Progress = Callable[[str], None]
POINTS = 16  # largest number of points of a training's curve in a result


def _silent(_: str) -> None:
    """Ignore the progress."""


@fixed()
def judge_baseline(
    name: str,
    loaded: LoadedTask,
    seed: int,
    limits: Limits,
    progress: Progress = _silent,
    sandbox: Sandbox | None = None,
) -> Result:
    """Fit and judge a registered baseline, or a control of the task.

    Args:
        name: name of the baseline or control.
        loaded: the task.
        seed: seed of the fit.
        limits: limits of the fit.
        progress: told the name of each stage as it begins.
        sandbox: runs a reference program, and its device is that of every network; without one, a reference program
            opens its own, and networks compute on the processor.

    Returns:
        The result; a program that failed has its status and a note instead of scores.

    Raises:
        UnknownNameError: there is no such baseline.
        PluginError: it breaks its interface, raises something, or needs what the task or this installation lacks.
        ZfbenchError: the task has no recordings that a baseline could forecast.
    """
    controls = loaded.judge.controls
    if name in controls:
        method = MethodRecord(name=name, kind="program")
        return judge_program(controls[name], method, loaded, seed, limits, progress=progress, sandbox=sandbox)
    check_seed(seed)
    model = loaded.family.baseline(loaded.task, name, seed)
    entry = plugins.load("baseline", name)  # a model needs no declarations of its own
    method = MethodRecord(name=name, kind=entry.kind, future_drive=loaded.family.future_drive(loaded.task, name))
    run = _Run(method, seed, limits, depends_on_seed=entry.depends_on_seed)
    if sandbox is not None and isinstance(model, Placed):
        with conduct_of("forecaster", model, "compute_in"):
            model.compute_in(sandbox)
        run = replace(run, device=sandbox.device, sandbox=sandbox)
    return _judge(model, run, loaded, progress)


@fixed()
def judge_model(
    model: Forecaster | Simulator, method: MethodRecord, loaded: LoadedTask, seed: int, limits: Limits
) -> Result:
    """Fit and judge a model that is not registered, such as one of a notebook.

    Args:
        model: the model, not fitted yet.
        method: record of the method that it is credited to.
        loaded: the task.
        seed: seed of the model's fit, for the record; the model was made with it.
        limits: limits of the fit.

    Returns:
        The result; a model whose fit failed has its status and a note instead of scores.

    Raises:
        PluginError: it breaks its interface, or raises something.
    """
    check_seed(seed)
    return _judge(model, _Run(method, seed, limits, depends_on_seed=depends_on_seed(model)), loaded, _silent)


@fixed()
def judge_program(
    source: str,
    method: MethodRecord,
    loaded: LoadedTask,
    seed: int,
    limits: Limits,
    spend: Spend = NOTHING,
    progress: Progress = _silent,
    sandbox: Sandbox | None = None,
) -> Result:
    """Train a program at full length with a new seed, and judge it.

    Args:
        source: source of the program.
        method: record of the method that the program is credited to.
        loaded: the task.
        seed: seed of the training.
        limits: limits of the training.
        spend: spend of a search before; that of the final training is added.
        progress: told the name of each stage as it begins.
        sandbox: runs the program; without one, it opens its own.

    Returns:
        The result; a program that failed has its status and a note instead of scores.
    """
    device = CPU if sandbox is None else sandbox.device
    method = method.model_copy(update={"future_drive": loaded.family.future_drive(loaded.task, None)})
    check_seed(seed)
    run = _Run(method, seed, limits, spend, device=device, sandbox=sandbox)
    return _judge(loaded.family.candidate(loaded.task, source, seed, sandbox), run, loaded, progress)


def unscored(
    method: MethodRecord,
    loaded: LoadedTask,
    seed: int,
    limits: Limits,
    status: str,
    note: str,
    program: ProgramRecord,
    spend: Spend = NOTHING,
    sandbox: Sandbox | None = None,
) -> Result:
    """Make a result without scores, for a method that has nothing to judge.

    Args:
        method: record of the method.
        loaded: the task.
        seed: seed of the method.
        limits: limits within which its program would have been trained.
        status: reason why there are no scores, as a status.
        note: the same reason as a sentence.
        program: program of the method.
        spend: resources that were used up.
        sandbox: ran the program; None for the one that is opened where none is given.

    Returns:
        The result.
    """
    method = method.model_copy(update={"future_drive": loaded.family.future_drive(loaded.task, None)})
    run = _with_box(_Run(method, seed, limits, spend, program, sandbox=sandbox), NONE)
    return _result(run, loaded.judge, Scores(notes=[note]), status)


@dataclass(frozen=True)
class _Run:
    """The facts about a run that are known before it is judged."""

    method: MethodRecord
    seed: int
    limits: Limits
    spend: Spend = NOTHING
    program: ProgramRecord | None = None
    timings: tuple[tuple[str, float], ...] = ()
    device: str = CPU
    sandbox: Sandbox | None = None
    ran_in: str = NONE
    engine: str = NONE
    depends_on_seed: bool = True  # of what is no program; a program always does


def _judge(model: Any, run: _Run, loaded: LoadedTask, progress: Progress) -> Result:
    """Fit and score one model; its child process, if it has one, is always ended."""
    family, task, judge = loaded.family, loaded.task, loaded.judge
    if isinstance(model, Candidate):
        run = _with_box(run, model.engine if isinstance(model, CarriedOut) else NONE)
    try:
        if not isinstance(model, Candidate):
            check_report(model, run.depends_on_seed)
        progress("fit")
        began = time.monotonic()
        try:
            family.fit(task, model, run.limits)
            fitted = time.monotonic()
            if not isinstance(model, Candidate):
                check_updates(model, run.depends_on_seed)
            loss = family.selection_loss(task, model)
        except CandidateError as error:
            run = _spent(_with_program(run, model, None), model, time.monotonic() - began)
            return _result(run, judge, Scores(notes=[str(error)]), status=str(error.status))
        try:
            scores = judge.score(model, progress, run.seed)
        except CandidateError as error:
            run = _spent(_with_program(run, model, None), model, fitted - began, time.monotonic() - fitted)
            return _result(run, judge, Scores(notes=[str(error)]), status=str(error.status))
        scores.add(judge.selection_score, loss)
        run = _with_program(run, model, scores.metrics.get(judge.selection_score))
        scored = time.monotonic()
        run = _spent(run, model, fitted - began, scored - fitted)
        return _result(run, judge, scores)
    finally:
        if isinstance(model, Candidate):
            model.close()


def _with_box(run: _Run, engine: str) -> _Run:
    """Return the run of a program with what it ran in and what carried it out."""
    return replace(run, ran_in=name_of(run.sandbox), engine=engine)


def _spent(run: _Run, model: Any, fit: float, judging: float | None = None) -> _Run:
    """Return the run with the seconds and updates of the fit, and with the seconds of judging if there was any."""
    used = Spend(updates=updates_of(model), device_seconds=fit, wall_seconds=fit + (judging or 0.0))
    timings = (("fit", fit), *([] if judging is None else [("judge", judging)]))
    return replace(run, spend=run.spend + used, timings=timings)


def _with_program(run: _Run, model: Any, loss: float | None) -> _Run:
    """Return the run with the record of the program, if the model is a program."""
    if not isinstance(model, Candidate):
        return run
    training = {} if loss is None or model.report is None else _thinned(model.report.to_json())
    record = ProgramRecord(id=Program(model.source).id, source=model.source, validation_loss=loss, training=training)
    return replace(run, program=record)


def _thinned(training: dict[str, Any]) -> dict[str, Any]:
    """Return a report of a training with at most `POINTS` points of each curve, including the first and the last."""
    thin = {}
    for name, value in training.items():
        if isinstance(value, list) and len(value) > POINTS:
            value = [value[round(i * (len(value) - 1) / (POINTS - 1))] for i in range(POINTS)]
        thin[name] = value
    return thin


def _result(run: _Run, judge: TaskJudge, scores: Scores, status: str = "ok") -> Result:
    sealed = judge.sealed
    result = Result(
        task=TaskRecord(
            name=sealed.spec.name,
            track=sealed.track,
            tier=sealed.tier,
            circuit=sealed.circuit,
            holdout=sealed.holdout,
            data_sha256=sealed.data_sha256,
        ),
        method=run.method,
        seed=run.seed,
        status=status,
        limits=asdict(run.limits),
        spend=run.spend,
        metrics=scores.metrics,
        curves=scores.curves,
        metric_versions=scores.metric_versions,
        program=run.program,
        notes=tuple(scores.notes),
        libraries=library_versions(),
        machine=Machine.here(run.ran_in, run.engine, run.device),
        timings=dict(run.timings),
    )
    return result.with_pictures(scores.pictures)
