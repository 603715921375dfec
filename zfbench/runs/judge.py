"""From a method's name or a program's source to a `Result`: fit, judge, write down."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from zfbench.base.machine import library_versions
from zfbench.base.seeds import check_seed
from zfbench.protocols.models import Metered
from zfbench.protocols.sandbox import Sandbox
from zfbench.protocols.task import Candidate, TaskJudge
from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError, Program
from zfbench.records.result import Machine, MethodRecord, ProgramRecord, Result, TaskRecord
from zfbench.records.scores import Scores
from zfbench.records.spend import NOTHING, Spend
from zfbench.runs.tasks import LoadedTask
from zfbench.sandbox.devices import CPU

Progress = Callable[[str], None]
POINTS = 16  # of a training's curve in a result


def _silent(_: str) -> None:
    """Report progress to nobody."""


def judge_baseline(name: str, loaded: LoadedTask, seed: int, limits: Limits, progress: Progress = _silent) -> Result:
    """Fit and judge a registered baseline, or a control of the task's own.

    Args:
        name: of the baseline or control.
        loaded: the task.
        seed: of the fit.
        limits: of the fit.
        progress: told the name of each stage as it begins.

    Raises:
        UnknownNameError: there is no such baseline.
        ZfbenchError: the task has no recordings that a baseline could forecast.
    """
    controls = loaded.judge.controls
    if name in controls:
        method = MethodRecord(name=name, kind="program")
        return judge_program(controls[name], method, loaded, seed, limits, progress=progress)
    check_seed(seed)
    model = loaded.family.baseline(loaded.task, name, seed)
    drive = loaded.family.future_drive(loaded.task, name)
    return _judge(
        model, _Run(MethodRecord(name=name, kind=model.kind, future_drive=drive), seed, limits), loaded, progress
    )


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
    """Train a program at full length with a fresh seed and judge it.

    Args:
        source: the program.
        method: who is credited with it.
        loaded: the task.
        seed: of the training.
        limits: of the training.
        spend: what was used up before, by a search; the final training is added.
        progress: told the name of each stage as it begins.
        sandbox: runs the program; without one, it opens its own.
    """
    device = CPU if sandbox is None else sandbox.device
    method = method.model_copy(update={"future_drive": loaded.family.future_drive(loaded.task, None)})
    check_seed(seed)
    run = _Run(method, seed, limits, spend, device=device)
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
) -> Result:
    """A result without scores, of a method that there is nothing to judge of.

    Args:
        method: who has no scores.
        loaded: the task.
        seed: of the method.
        limits: that its program would have been trained within.
        status: why there are no scores.
        note: the same in a sentence.
        program: what it had to show.
        spend: what was used up.
    """
    method = method.model_copy(update={"future_drive": loaded.family.future_drive(loaded.task, None)})
    return _result(_Run(method, seed, limits, spend, program), loaded.judge, Scores(notes=[note]), status)


@dataclass(frozen=True)
class _Run:
    """What is known of a run before it is judged."""

    method: MethodRecord
    seed: int
    limits: Limits
    spend: Spend = NOTHING
    program: ProgramRecord | None = None
    timings: tuple[tuple[str, float], ...] = ()
    device: str = CPU


def _judge(model: Any, run: _Run, loaded: LoadedTask, progress: Progress) -> Result:
    """Fit and score one model; its child process, if it has one, is ended whatever happens."""
    family, task, judge = loaded.family, loaded.task, loaded.judge
    try:
        progress("fit")
        began = time.monotonic()
        try:
            family.fit(task, model, run.limits)
            fitted = time.monotonic()
            loss = family.selection_loss(task, model)
        except CandidateError as error:
            run = _spent(_with_program(run, model, None), model, time.monotonic() - began)
            return _result(run, judge, Scores(notes=[str(error)]), status=str(error.status))
        scores = judge.score(model, progress)
        scores.add(judge.selection_score, loss)
        run = _with_program(run, model, scores.metrics.get(judge.selection_score))
        scored = time.monotonic()
        run = _spent(run, model, fitted - began, scored - fitted)
        return _result(run, judge, scores)
    finally:
        if isinstance(model, Candidate):
            model.close()


def _updates(model: Any) -> int:
    """Updates that its fit took; none for a model without a report."""
    report = model.report if isinstance(model, Metered) else None
    return 0 if report is None else report.updates


def _spent(run: _Run, model: Any, fit: float, judging: float | None = None) -> _Run:
    """The run with what a fit, and judging where it came to that, used up; seconds."""
    used = Spend(updates=_updates(model), device_seconds=fit, wall_seconds=fit + (judging or 0.0))
    timings = (("fit", fit), *([] if judging is None else [("judge", judging)]))
    return replace(run, spend=run.spend + used, timings=timings)


def _with_program(run: _Run, model: Any, loss: float | None) -> _Run:
    """The run with the program's record, if the model is one."""
    if not isinstance(model, Candidate):
        return run
    training = {} if loss is None or model.report is None else _thinned(model.report.to_json())
    record = ProgramRecord(id=Program(model.source).id, source=model.source, validation_loss=loss, training=training)
    return replace(run, program=record)


def _thinned(training: dict[str, Any]) -> dict[str, Any]:
    """A report of a training whose curves keep at most `POINTS` points, the first and the last among them."""
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
        machine=Machine.here(run.device),
        timings=dict(run.timings),
    )
    return result.with_pictures(scores.pictures)
