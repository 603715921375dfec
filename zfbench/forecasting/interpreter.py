"""The fast path: one process that was trained, and compiled, once screens one program after another.

A proposer that knows all programs it can write may give a single program that becomes any of them by some of its
parameters, which no gradient reaches (an interpreter). Compiling takes ten times as long as a short training, so to
hand these parameters to a process that has compiled the interpreter already is several times as fast as to train the
program itself; the predictions agree up to rounding, which training amplifies. What is recorded, trained at full
length and judged is the program.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType

from zfbench.forecasting.fit import REPORT_LIMIT, SOFT_LIMIT, FittedProgram, training_job
from zfbench.forecasting.job import GIVEN
from zfbench.forecasting.report import TrainingReport
from zfbench.protocols.sandbox import Child, Sandbox
from zfbench.records.frame import Frame
from zfbench.records.interpretation import Interpretation
from zfbench.records.limits import Limits
from zfbench.records.recordings import Recording, TaskSpec
from zfbench.sandbox.process import cpu_seconds, reported_failure

USED = 0.5  # of a process's processor time: lent for longer than that, it serves no further program


class InterpreterPool:
    """Processes that have compiled an interpreter, each lent to one program at a time; a context manager.

    Args:
        spec: the task.
        train: what all programs are trained on.
        limits: of each training.
        sandbox: where the processes run.
    """

    def __init__(self, spec: TaskSpec, train: Sequence[Recording], limits: Limits, sandbox: Sandbox) -> None:
        self._spec, self._train, self._limits, self._sandbox = spec, train, limits, sandbox
        self._lock = threading.Lock()
        self._idle: dict[str, list[tuple[Child, float]]] = defaultdict(list)  # by source, with the seconds lent so far

    def fit(self, program: Interpretation, seed: int, deadline: float) -> FittedProgram:
        """Train a program through its interpreter; its process comes back with `close`.

        Args:
            program: as parameters.
            seed: of initial parameters and batches.
            deadline: of `time.monotonic()`, for the fit and all later calls together.

        Raises:
            CandidateError: as of `fit_program`.
        """
        began = time.monotonic()
        fitted_by = min(began + self._limits.seconds, deadline)
        with self._lock:
            idle = self._idle[program.source]
            child, lent = idle.pop() if idle else (None, 0.0)
        fields = {
            "training": dict(program.training),
            "updates": self._limits.updates,
            "seconds": SOFT_LIMIT * self._limits.seconds,
            "seed": seed,
        }
        job = Frame("train again", fields)
        if child is None:
            child = self._sandbox.spawn(self._limits)
            job = training_job(program.source, self._spec, self._train, self._limits, seed)
        given = {GIVEN + name: values for name, values in program.given.items()}
        job = Frame(job.kind, {**job.fields, **fields}, {**job.arrays, **given})
        with contextlib.ExitStack() as held:
            held.callback(self._take_back, program.source, child, began - lent)
            child.send(job, fitted_by, "training")
            answer = child.receive(REPORT_LIMIT, fitted_by, "training")
            if answer.kind == "not fitted":
                raise reported_failure(answer)
            report = replace(TrainingReport.from_json(answer.fields), parameters=program.numbers)
            return FittedProgram(child, self._spec, report, self._limits.seconds, deadline, held.pop_all().close)

    def _take_back(self, source: str, child: Child, since: float) -> None:
        lent = time.monotonic() - since
        if lent < USED * cpu_seconds(self._limits) and child.idle:
            with self._lock:
                self._idle[source].append((child, lent))
        else:
            child.kill()

    def close(self) -> None:
        """End all idle processes."""
        with self._lock:
            for child, _ in (entry for entries in self._idle.values() for entry in entries):
                child.kill()
            self._idle.clear()

    def __enter__(self) -> InterpreterPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
