"""From a method's name or a program's source to a `Result`: load, fit, judge, write down."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from zfbench import plugins
from zfbench.errors import UnknownNameError, ZfbenchError
from zfbench.forecaster import Limits, Metered
from zfbench.judge import Scores
from zfbench.programs.contract import CandidateError
from zfbench.programs.devices import CPU
from zfbench.programs.process import Sandbox
from zfbench.results import (
    Machine,
    MethodRecord,
    ProgramRecord,
    Result,
    Spend,
    TaskRecord,
    library_versions,
)
from zfbench.search.types import Program
from zfbench.tasks.recordings import RecordingTask
from zfbench.tasks.sealed import SealedFamily, TaskJudge
from zfbench.tasks.task import Candidate, SearchTask, Task, TaskFamily

MASK_ONLY = "mask_only"  # the control that ranks edges by the Boolean wiring alone

Progress = Callable[[str], None]


def _silent(_: str) -> None:
    """Report progress to nobody."""


def task_names() -> tuple[str, ...]:
    """The canonical names of every registered family's tasks."""
    return tuple(name for family in plugins.names("task") for name in _family(family).names())


def load_task(name: str) -> SearchTask:
    """The task of that name, as methods may see it.

    Raises:
        UnknownNameError: there is none.
    """
    return _family_of(name).load(name)


def load_recordings(name: str) -> Task:
    """The task of that name, which has recordings to fit a baseline to.

    Raises:
        UnknownNameError: there is none.
        ZfbenchError: it has no recordings.
    """
    task = load_task(name)
    if not isinstance(task, RecordingTask):
        raise ZfbenchError(
            f"The task '{name}' has no recordings that a baseline could forecast; search programs on it."
        )
    return task


def load_judge(name: str) -> TaskJudge:
    """The judge of the task of that name.

    Raises:
        UnknownNameError: there is no such task.
        ZfbenchError: the task's family has no sealed test.
    """
    family = _family_of(name)
    if not isinstance(family, SealedFamily):
        raise ZfbenchError(f"The task '{name}' has no sealed test to judge on; give its family a `seal` method.")
    return family.seal(name).judge()


def assess_baseline(
    name: str, task: SearchTask, judge: TaskJudge, seed: int, limits: Limits, progress: Progress = _silent
) -> Result:
    """Fit and judge a registered baseline, a control of the task's own, or the mask-only control.

    Raises:
        UnknownNameError: there is no such baseline.
        ZfbenchError: the task cannot be asked this.
    """
    control = MethodRecord(name=name, kind="control")
    if name in judge.controls:
        known = MethodRecord(name=name, kind="program")
        return assess_program(judge.controls[name], known, task, judge, seed, limits, progress=progress)
    if name == MASK_ONLY:
        return _result(_Run(control, seed, limits), judge, judge.score_mask())
    task = load_recordings(task.spec.name) if not isinstance(task, RecordingTask) else task
    factory = plugins.load("baseline", name)
    model = factory(task, seed)
    run = _Run(MethodRecord(name=name, kind=model.kind), seed, limits)
    return _assess(model, run, task, judge, progress)


def assess_program(
    source: str,
    method: MethodRecord,
    task: SearchTask,
    judge: TaskJudge,
    seed: int,
    limits: Limits,
    spend: Spend | None = None,
    progress: Progress = _silent,
    sandbox: Sandbox | None = None,
) -> Result:
    """Train a program at full length with a fresh seed and judge it.

    Args:
        source: the program.
        method: who is credited with it.
        task: what it is trained on.
        judge: what it is scored by.
        seed: of the training.
        limits: of the training.
        spend: what was used up before, by a search; the final training is added.
        progress: told the name of each stage as it begins.
        sandbox: runs the program; without one, it opens its own.
    """
    device = CPU if sandbox is None else sandbox.device
    run = _Run(method, seed, limits, spend or Spend(), device=device)
    return _assess(task.candidate(source, seed, sandbox), run, task, judge, progress)


@dataclass(frozen=True)
class _Run:
    """What is known of a run before it is judged."""

    method: MethodRecord
    seed: int
    limits: Limits
    spend: Spend = field(default_factory=Spend)
    program: ProgramRecord | None = None
    timings: tuple[tuple[str, float], ...] = ()
    device: str = CPU


def _assess(model: Any, run: _Run, task: SearchTask, judge: TaskJudge, progress: Progress) -> Result:
    """Fit and score one model; its child process, if it has one, is ended whatever happens."""
    try:
        progress("fit")
        began = time.monotonic()
        try:
            task.fit(model, run.limits)
            fitted = time.monotonic()
            loss = task.selection_loss(model)
        except CandidateError as error:
            run = _spent(_with_program(run, model, None), model, time.monotonic() - began)
            return _result(run, judge, Scores(notes=[str(error)]), status=str(error.status))
        run = _with_program(run, model, loss)
        scores = judge.score(model, progress)
        scores.add(judge.selection_score, loss)
        scored = time.monotonic()
        run = _spent(run, model, fitted - began, scored - fitted)
        return _result(run, judge, scores)
    finally:
        close = getattr(model, "close", None)
        if close is not None:
            close()


def _updates(model: Any) -> int:
    try:
        return model.report.updates if isinstance(model, Metered) else 0
    except RuntimeError:  # a program whose fit failed has no report
        return 0


def _spent(run: _Run, model: Any, fit: float, judging: float | None = None) -> _Run:
    """The run with what a fit, and judging where it came to that, used up; seconds."""
    spend = run.spend.model_copy(
        update={
            "updates": run.spend.updates + _updates(model),
            "device_seconds": run.spend.device_seconds + fit,
            "wall_seconds": run.spend.wall_seconds + fit + (judging or 0.0),
        }
    )
    timings = (("fit", fit), *([] if judging is None else [("judge", judging)]))
    return replace(run, spend=spend, timings=timings)


def _with_program(run: _Run, model: Any, loss: float | None) -> _Run:
    """The run with the program's record, if the model is one."""
    is_program: bool = isinstance(model, Candidate)
    if not is_program:
        return run
    training = {} if loss is None else model.report.to_json()
    return replace(
        run,
        program=ProgramRecord(
            id=Program(model.source).id, source=model.source, validation_loss=loss, training=training
        ),
    )


def _result(run: _Run, judge: TaskJudge, scores: Scores, status: str = "ok") -> Result:
    sealed = judge.sealed
    return Result(
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


def _family(name: str) -> TaskFamily:
    family: TaskFamily = plugins.load("task", name)
    return family


def _family_of(task: str) -> TaskFamily:
    """The family whose prefix the task's name has: up to the first of `-`, `/`, `@`."""
    prefix = task.split("/")[0].split("@")[0].split("-")[0]
    if prefix not in plugins.names("task"):
        raise UnknownNameError("task", task, task_names())
    return _family(prefix)
