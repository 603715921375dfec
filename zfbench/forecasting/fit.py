"""Fitting a candidate in a child process, and asking the fitted program for predictions.

The parent checks everything that comes back: report, dtype, shape, finiteness. Every failure of a
candidate is a `CandidateError`, and after it no process is left.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Sequence
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from zfbench.base.errors import ZfbenchError
from zfbench.forecasting.contract import WINDOWS_PER_CALL
from zfbench.forecasting.report import TrainingReport
from zfbench.protocols.sandbox import Child, Sandbox
from zfbench.records.clamp import Clamp
from zfbench.records.frame import Arrays, Frame
from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError, Status
from zfbench.records.recordings import Recording, TaskSpec
from zfbench.records.source import check_source
from zfbench.sandbox.choose import open_sandbox

SOFT_LIMIT = 0.8  # of the seconds: then training stops by itself, and keeps what it has
REPORT_LIMIT = 2**20  # bytes
JOB = "zfbench.forecasting.job"  # the module that trains and rolls out inside the sandbox


class FittedProgram:
    """A trained candidate, alive in its process; a `Simulator`, and the forecasting half of a `Forecaster`.

    Use it as a context manager: it holds a process until `close`.

    Attributes:
        report: how training went.
    """

    def __init__(
        self,
        child: Child,
        spec: TaskSpec,
        report: TrainingReport,
        seconds: float,
        deadline: float,
        close: Callable[[], None],
    ) -> None:
        """Ask the child; every later call may take so many seconds, all end at the deadline, and `close` ends it."""
        self.report = report
        self._child = child
        self._spec = spec
        self._seconds = seconds
        self._deadline = deadline
        self._closed = False
        self._end = close

    @property
    def stdout(self) -> str:
        """What the program printed, standard output and error together; the middle is cut when it is long."""
        return self._child.output

    def forecast(self, context: NDArray[np.float32], drive: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `zfbench.protocols.models.Forecaster.forecast`."""
        return self.rollout(context, drive)

    def rollout(
        self, context: NDArray[np.float32], drive: NDArray[np.float32], clamp: Clamp | None = None
    ) -> NDArray[np.float32]:
        """See `zfbench.protocols.models.Simulator.rollout`: context [B, C, N], drive [B, C + H, D] to [B, H, N].

        Raises:
            CandidateError: the program failed, predicted a non-finite number, or took too long; it is
                closed then.
            ZfbenchError: the arguments do not fit the task or each other, or the program is closed.
        """
        if self._closed:
            raise ZfbenchError("This program has been closed; fit it again.")
        _check_windows(self._spec, context, drive, clamp)
        B, C, N = context.shape
        H = drive.shape[1] - C
        if not self.report.recurrent:  # the past is not read: what is not sent need not be compiled for
            context, drive = context[:, -1:], drive[:, C - 1 :]
        inputs = {
            "context": np.asarray(context, np.float32),
            "drive": np.asarray(drive, np.float32),
            "clamp_mask": np.zeros((B, N), bool) if clamp is None else np.asarray(clamp.mask, bool),
            "clamp_value": np.broadcast_to(np.float32(0), (B, H, N)) if clamp is None else _course(clamp, H),
        }
        path = np.empty((B, H, N), np.float32)
        deadline = min(time.monotonic() + self._seconds, self._deadline)
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(self.close)
            for first in range(0, B, WINDOWS_PER_CALL):
                rows = slice(first, min(first + WINDOWS_PER_CALL, B))
                path[rows] = self._ask({name: a[rows] for name, a in inputs.items()}, H, deadline)
            on_failure.pop_all()
        return path

    def _ask(self, inputs: Arrays, H: int, deadline: float) -> NDArray[np.float32]:
        """Predictions [b, H, N] of at most `WINDOWS_PER_CALL` rows; the last one fills up the call."""
        b, N = inputs["clamp_mask"].shape
        padded = {name: a[np.minimum(np.arange(WINDOWS_PER_CALL), b - 1)] for name, a in inputs.items()}
        self._child.send(Frame("roll out", arrays=padded), deadline, "its forecasts")
        shape = (WINDOWS_PER_CALL, H, N)
        answer = self._child.receive(4 * WINDOWS_PER_CALL * H * N, deadline, "its forecasts")
        path = answer.arrays.get("path")
        if path is None or path.dtype != np.float32 or path.shape != shape:
            got = "nothing" if path is None else f"{path.dtype}{list(path.shape)}"
            raise CandidateError(Status.INVALID, f"Predictions must be float32{list(shape)}, got {got}.")
        path = path[:b]
        if not np.isfinite(path).all():
            _, h, i = np.argwhere(~np.isfinite(path))[0]
            raise CandidateError(
                Status.NON_FINITE,
                f"A forecast became non-finite: neuron '{self._spec.neurons[i]}' at step {h + 1} of {H}.",
            )
        return path

    def close(self) -> None:
        """End the process; harmless when repeated."""
        self._closed = True
        self._end()

    def __enter__(self) -> FittedProgram:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def fit_program(
    source: str,
    spec: TaskSpec,
    train: Sequence[Recording],
    limits: Limits,
    seed: int,
    sandbox: Sandbox | None = None,
    deadline: float = math.inf,
) -> FittedProgram:
    """Train a candidate in a process of its own.

    Args:
        source: text that satisfies `zfbench.forecasting.contract.CONTRACT`.
        spec: the task; the program sees it.
        train: the training recordings; nothing else leaves this process.
        limits: updates, seconds from here to the trained program (also of every later call), and address
            space.
        seed: of initial parameters and batches; the same seed gives the same program.
        sandbox: runs the program; without one, `open_sandbox()` does and is closed with the program.
        deadline: of `time.monotonic()`, for the fit and all later calls together.

    Raises:
        CandidateError: the program failed; no process is left.
        ZfbenchError: a recording is too short to train on.
    """
    began = time.monotonic()
    check_source(source)
    _check_recordings(spec, train)
    with contextlib.ExitStack() as held:
        child = (sandbox or held.enter_context(open_sandbox())).spawn(limits)
        held.callback(child.kill)
        fitted_by = min(began + limits.seconds, deadline)
        try:
            child.send(training_job(source, spec, train, limits, seed), fitted_by, "training")
            frame = child.receive(REPORT_LIMIT, fitted_by, "training")
            report = TrainingReport.from_json(frame.fields)
            if not report.best_update <= report.updates <= limits.updates:
                raise CandidateError(Status.ERROR, "The program's process sent a damaged training report: its updates.")
        except CandidateError as error:
            child.kill()
            error.printed = child.output
            raise
        return FittedProgram(child, spec, report, limits.seconds, deadline, held.pop_all().close)


def training_job(source: str, spec: TaskSpec, train: Sequence[Recording], limits: Limits, seed: int) -> Frame:
    """What a worker needs to train a program."""
    arrays = {f"activity{k}": np.asarray(r.activity, np.float32) for k, r in enumerate(train)}
    arrays |= {f"drive{k}": np.asarray(r.drive, np.float32) for k, r in enumerate(train)}
    return Frame(
        JOB,
        {
            "spec": spec.for_programs().to_json(),
            "source": source,
            "conditions": [r.condition for r in train],
            "updates": limits.updates,
            "seconds": SOFT_LIMIT * limits.seconds,
            "seed": seed,
        },
        arrays,
    )


def _check_recordings(spec: TaskSpec, train: Sequence[Recording]) -> None:
    """Each recording must hold a training segment and a context, also without its set-aside tenth."""
    shortest = 2 * max(spec.context, 64)
    for r in train:
        T = len(r.activity)
        if r.activity.shape != (T, len(spec.neurons)) or r.drive.shape != (T, len(spec.drive)):
            raise ZfbenchError(
                f"The recording '{r.condition}' has activity {r.activity.shape} and drive {r.drive.shape}; "
                f"expected {(T, len(spec.neurons))} and {(T, len(spec.drive))}."
            )
        if shortest > T:
            raise ZfbenchError(f"The recording '{r.condition}' has {T} steps; a program trains on at least {shortest}.")
    if not train:
        raise ZfbenchError("There is no training recording; give at least one.")


def _check_windows(
    spec: TaskSpec, context: NDArray[np.float32], drive: NDArray[np.float32], clamp: Clamp | None
) -> None:
    N, D = len(spec.neurons), len(spec.drive)
    if context.ndim != 3 or context.shape[1] < 1 or context.shape[2] != N:
        raise ZfbenchError(f"The context has shape {context.shape}; expected [B, C, {N}] with C at least 1.")
    B, C, _ = context.shape
    if drive.ndim != 3 or drive.shape[0] != B or drive.shape[1] <= C or drive.shape[2] != D:
        raise ZfbenchError(f"The drive has shape {drive.shape}; expected [{B}, more than {C}, {D}].")
    held_or_led = ((B, N), (B, drive.shape[1] - C, N))
    if clamp is not None and (clamp.mask.shape != (B, N) or clamp.value.shape not in held_or_led):
        raise ZfbenchError(
            f"The clamp has shapes {clamp.mask.shape} and {clamp.value.shape}; expected {(B, N)} for the mask, "
            f"{held_or_led[0]} or {held_or_led[1]} for the values."
        )


def _course(clamp: Clamp, H: int) -> NDArray[np.float32]:
    return np.asarray(clamp.course(H), np.float32)
