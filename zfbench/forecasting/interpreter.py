"""The fast path: one step that is traced, and compiled, once screens one program after another.

A proposer that knows all programs it can write may give a single program that becomes any of them by some of its
parameters, which no gradient reaches (an interpreter). A clean process keeps the trainer of its last step, so programs
of one interpreter share what it compiled; the predictions agree up to rounding, which training amplifies. What is
recorded, trained at full length and judged is the program.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType

from zfbench.forecasting.contract import TrainingChoice
from zfbench.forecasting.fit import FittedProgram, TracedProgram, fit_step, trace_program
from zfbench.protocols.sandbox import Sandbox
from zfbench.records.interpretation import Interpretation
from zfbench.records.limits import Limits
from zfbench.records.recordings import Recording, TaskSpec


class InterpreterPool:
    """Interpreters as traced steps; a context manager.

    Args:
        spec: the task.
        train: what all programs are trained on.
        limits: of each training.
        sandbox: where interpreters are traced.
    """

    def __init__(self, spec: TaskSpec, train: Sequence[Recording], limits: Limits, sandbox: Sandbox) -> None:
        self._spec, self._train, self._limits, self._sandbox = spec, train, limits, sandbox
        self._lock = threading.Lock()
        self._traced: dict[str, TracedProgram] = {}  # by source

    def fit(self, program: Interpretation, seed: int, deadline: float) -> FittedProgram:
        """Train a program through its interpreter.

        Args:
            program: as parameters.
            seed: of initial parameters and batches.
            deadline: of `time.monotonic()`, for the fit and all later calls together.

        Raises:
            CandidateError: as of `fit_program`.
        """
        began = time.monotonic()
        with self._lock:
            if program.source not in self._traced:
                by = min(began + self._limits.seconds, deadline)
                self._traced[program.source] = trace_program(
                    program.source, self._spec, self._limits, self._sandbox, by
                )
            traced = self._traced[program.source]
        choice = TrainingChoice(**program.training)
        fitted = fit_step(
            *(traced, self._spec, self._train, self._limits, seed, self._sandbox.device, began, deadline),
            given=program.given,
            training=choice,
        )
        fitted.report = replace(fitted.report, parameters=program.numbers)
        return fitted

    def __enter__(self) -> InterpreterPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._traced.clear()
