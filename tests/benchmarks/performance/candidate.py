"""Where the processor time of one evaluation goes, stage by stage, for a new program and for an equal one again."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from tests.benchmarks.performance.meter import Meter, median, nothing_lost
from tests.benchmarks.performance.work import PROGRAMS, UPDATES, task_of
from zfbench.baselines import programs
from zfbench.engine.processes import PROCESSES
from zfbench.engine.serialise import program_hash, to_bytes
from zfbench.forecasting import evaluator
from zfbench.forecasting.evaluator import ProgramEvaluator
from zfbench.forecasting.fit import FittedProgram, TracedProgram
from zfbench.forecasting.signature import read_step
from zfbench.records.limits import Limits
from zfbench.records.program import Program
from zfbench.records.recordings import TaskSpec
from zfbench.runs.tasks import find_task
from zfbench.sandbox.choose import open_sandbox

REPEATS = 3
TRACE, TRAIN, FORECAST, MASK, BLAME, SCORE = (
    *("trace in the sandbox", "train in the clean process", "validation forecast"),
    *("mask check", "isolated errors", "scores and feedback"),
)


def renamed(traced: TracedProgram, number: int, spec: TaskSpec) -> TracedProgram:
    """The same computation under another hash, so that nothing is compiled for it yet."""
    step = read_step(traced.step, spec)
    step = replace(step, names=tuple(f"{name} {number}" for name in step.names))
    return replace(traced, step=to_bytes(step), hash=program_hash(step))


class Staged(ProgramEvaluator):
    """The evaluator of a search, with a meter on its stages."""

    meter = Meter()
    number = 0  # of the variant that is trained

    def _trace(self, program: Program, deadline: float) -> tuple[TracedProgram, str]:
        with self.meter.stage(TRACE):
            traced, device = super()._trace(program, deadline)
        return renamed(traced, self.number, self._task.spec), device

    def _fit(self, *given: Any) -> FittedProgram:
        with self.meter.stage(TRAIN):
            fitted = super()._fit(*given)
        forecast = fitted.forecast

        def measured(*given: Any) -> Any:
            with self.meter.stage(FORECAST):
                return forecast(*given)

        fitted.forecast = measured  # type: ignore[method-assign]
        return fitted

    def _blame(self, fitted: Any) -> dict[str, float]:
        with self.meter.stage(BLAME):
            return super()._blame(fitted)

    def _score(self, *given: Any) -> Any:
        with self.meter.stage(SCORE):
            return super()._score(*given)


def measure(quick: bool) -> dict[str, Any]:
    """Medians by program, stage and process, in processor seconds; and the clean process's own start."""
    updates, repeats, chosen = (20, 1, PROGRAMS[1:2]) if quick else (UPDATES, REPEATS, PROGRAMS)
    verify = evaluator.verify_mask
    found: dict[str, Any] = {}
    with open_sandbox() as sandbox, nothing_lost():
        sandbox.start()
        for name in chosen:
            loaded = find_task(task_of(name))
            staged = Staged(loaded.task, Limits(updates=updates), sandbox)
            found[name] = {}

            def checked(*given: Any, staged: Staged = staged) -> None:
                with staged.meter.stage(MASK):
                    verify(*given)

            with patch.object(evaluator, "verify_mask", checked):
                runs: dict[str, list[dict[str, tuple[float, float]]]] = {"new": [], "again": []}
                for number in range(repeats + 1):  # the first loads the recordings, and is not counted
                    for kind in runs:
                        staged.meter, staged.number = Meter(), number
                        with staged.meter.stage("all"):
                            evaluation = staged(Program(programs.source(name)), 3 + len(runs[kind]))
                        assert evaluation.loss is not None, evaluation.feedback
                        if number:
                            runs[kind].append(staged.meter.total())
            for kind, taken in runs.items():
                found[name][kind] = {
                    stage: [median([run[stage][side] for run in taken]) for side in (0, 1)] for stage in taken[0]
                }
        sandbox_name = sandbox.name
    PROCESSES.close()
    return {"sandbox": sandbox_name, "updates": updates, "repeats": repeats, "programs": found, "start": start()}


def start() -> float:
    """Processor seconds of a new clean process until it has answered once, with the recordings of a task."""
    task = find_task(task_of("masked")).task
    from zfbench.forecasting.fit import recordings_job

    meter = Meter()
    with meter.stage("start"):
        limits = Limits()
        clean = PROCESSES.lend(limits, "cpu")
        clean.ask(recordings_job(task.spec, task.train), 0, time.monotonic() + 120, "training")
        PROCESSES.give_back(clean, limits)
    PROCESSES.close()
    return median([meter.total()["start"][1]])
