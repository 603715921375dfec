"""From a method's name or a program's source to a `Result`: load, fit, judge, write down."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from zfbench import plugins
from zfbench.errors import UnknownNameError, ZfbenchError
from zfbench.forecaster import Forecaster, Limits, Metered, Simulator
from zfbench.judge import Judge, Scores
from zfbench.programs.candidate import ProgramModel
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
from zfbench.tasks.sealed import SealedFamily
from zfbench.tasks.task import Task, TaskFamily

MASK_ONLY = "mask_only"  # the control that ranks edges by the Boolean wiring alone

Progress = Callable[[str], None]


def _silent(_: str) -> None:
    """Report progress to nobody."""


def task_names() -> tuple[str, ...]:
    """The canonical names of every registered family's tasks."""
    return tuple(name for family in plugins.names("task") for name in _family(family).names())


def load_task(name: str) -> Task:
    """The task of that name, as methods may see it.

    Raises:
        UnknownNameError: there is none.
    """
    return _family_of(name).load(name)


def load_judge(name: str) -> Judge:
    """The judge of the task of that name.

    Raises:
        UnknownNameError: there is no such task.
        ZfbenchError: the task's family has no sealed test.
    """
    family = _family_of(name)
    if not isinstance(family, SealedFamily):
        raise ZfbenchError(f"The task '{name}' has no sealed test to judge on; give its family a `seal` method.")
    return Judge(family.seal(name))


def assess_baseline(
    name: str, task: Task, judge: Judge, seed: int, limits: Limits, progress: Progress = _silent
) -> Result:
    """Fit and judge a registered baseline, or the mask-only control.

    Raises:
        UnknownNameError: there is no such baseline.
    """
    if name == MASK_ONLY:
        return _result(_Run(MethodRecord(name=name, kind="control"), seed, limits), judge, judge.score_mask())
    factory = plugins.load("baseline", name)
    model = factory(task, seed)
    run = _Run(MethodRecord(name=name, kind=model.kind), seed, limits)
    return _assess(model, run, task, judge, progress)


def assess_program(
    source: str,
    method: MethodRecord,
    task: Task,
    judge: Judge,
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
    return _assess(ProgramModel(source, task.spec, seed, sandbox), run, task, judge, progress)


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


def _assess(model: Any, run: _Run, task: Task, judge: Judge, progress: Progress) -> Result:
    """Fit and score one model; its child process, if it has one, is ended whatever happens."""
    try:
        progress("fit")
        began = time.monotonic()
        try:
            model.fit(task.train, task.validation, run.limits)
            fitted = time.monotonic()
            loss = _validation_loss(model, task)
        except CandidateError as error:
            run = _with_program(run, model, None)
            return _result(run, judge, Scores(notes=[str(error)]), status=str(error.status))
        run = _with_program(run, model, loss)
        scores = judge.score(model, progress)
        scores.add("forecast/validation/mae", loss)
        scored = time.monotonic()
        timings = (("fit", fitted - began), ("judge", scored - fitted))
        spend = run.spend.model_copy(
            update={
                "updates": run.spend.updates + _updates(model),
                "device_seconds": run.spend.device_seconds + fitted - began,
                "wall_seconds": run.spend.wall_seconds + scored - began,
            }
        )
        return _result(replace(run, spend=spend, timings=timings), judge, scores)
    finally:
        close = getattr(model, "close", None)
        if close is not None:
            close()


def _validation_loss(model: Forecaster | Simulator, task: Task) -> float | None:
    """MAE of the validation windows; None if a forecast is not finite."""
    inputs = task.validation.inputs
    predict = model.forecast if isinstance(model, Forecaster) else model.rollout
    error = np.abs(predict(inputs.context, inputs.drive) - task.validation.target).mean(dtype=np.float64)
    return float(error) if np.isfinite(error) else None


def _updates(model: Any) -> int:
    return model.report.updates if isinstance(model, Metered) else 0


def _with_program(run: _Run, model: Any, loss: float | None) -> _Run:
    """The run with the program's record, if the model is one."""
    if not isinstance(model, ProgramModel):
        return run
    training = {} if loss is None else model.report.to_json()
    return replace(
        run,
        program=ProgramRecord(
            id=Program(model.source).id, source=model.source, validation_loss=loss, training=training
        ),
    )


def _result(run: _Run, judge: Judge, scores: Scores, status: str = "ok") -> Result:
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
