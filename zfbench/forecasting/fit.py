"""Fitting a candidate: traced in the sandbox, trained and rolled out in a clean process that never sees its source.

What the sandbox hands out is checked here: the step by `zfbench.forecasting.signature`, its choice of training by
`zfbench.forecasting.contract`. Predictions are checked too: dtype, shape, finiteness. Every failure of a candidate is a
`CandidateError`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from zfbench.base.errors import ZfbenchError
from zfbench.engine.processes import PROCESSES, Clean
from zfbench.engine.serialise import LIMIT, program_hash, to_bytes
from zfbench.forecasting.contract import COMPILED, WINDOWS_PER_CALL, TrainingChoice
from zfbench.forecasting.report import TrainingReport
from zfbench.forecasting.signature import read_step
from zfbench.protocols.sandbox import Sandbox
from zfbench.records.clamp import Clamp
from zfbench.records.frame import Arrays, Frame
from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError, Status
from zfbench.records.recordings import Recording, TaskSpec
from zfbench.records.source import check_source
from zfbench.sandbox.choose import open_sandbox
from zfbench.sandbox.devices import CPU

SOFT_LIMIT = 0.8  # of the seconds: then training stops by itself, and keeps what it has
REPORT_LIMIT = 2**20  # bytes
MESSAGE = 2**26  # bytes that go to the clean process and come back at once
JOB = "zfbench.forecasting.job"  # the module that traces inside the sandbox
SERVICE = "zfbench.forecasting.service"  # the module that trains and rolls out in the clean process


@dataclass(frozen=True, eq=False)
class TracedProgram:
    """What is left of a candidate: data.

    Attributes:
        step: as `zfbench.engine.serialise` writes it, checked.
        hash: SHA-256 (hex) of the step.
        training: what the program chose of it.
        printed: what it printed while it was traced; the middle is cut when it is long.
    """

    step: bytes
    hash: str
    training: TrainingChoice
    printed: str


class FittedProgram:
    """A trained candidate; a `Simulator`, and the forecasting half of a `Forecaster`.

    Use it as a context manager: it holds a clean process until `close`.

    Attributes:
        report: how training went.
        stdout: what the program printed while it was traced, standard output and error together.
    """

    def __init__(
        self, clean: Clean, spec: TaskSpec, report: TrainingReport, limits: Limits, deadline: float, printed: str
    ) -> None:
        """Ask a process, and give it back at the end.

        Args:
            clean: where the program was trained.
            spec: the task.
            report: how training went.
            limits: every later call may take the seconds of one fit.
            deadline: at which all calls end.
            printed: see above.
        """
        self.report = report
        self.stdout = printed
        self._clean = clean
        self._spec = spec
        self._limits = limits
        self._deadline = deadline
        self._closed = False

    def forecast(self, context: NDArray[np.float32], drive: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `zfbench.protocols.models.Forecaster.forecast`."""
        return self.rollout(context, drive)

    def rollout(
        self, context: NDArray[np.float32], drive: NDArray[np.float32], clamp: Clamp | None = None
    ) -> NDArray[np.float32]:
        """See `zfbench.protocols.models.Simulator.rollout`: context [B, C, N], drive [B, C + H, D] to [B, H, N].

        Raises:
            CandidateError: the program predicted a non-finite number, or took too long; it is closed then.
            ZfbenchError: the arguments do not fit the task or each other, or the program is closed.
        """
        if self._closed:
            raise ZfbenchError("This program has been closed; fit it again.")
        _check_windows(self._spec, context, drive, clamp)
        B, C, N = context.shape
        H = drive.shape[1] - C
        if not self.report.recurrent:  # the past is not read: what is not sent need not be compiled for
            context, drive = context[:, -1:], drive[:, C - 1 :]
        inputs = {"context": np.asarray(context, np.float32), "drive": np.asarray(drive, np.float32)}
        if clamp is not None:  # values [B, N] where they are held; what nothing is clamped to is not sent
            inputs |= {"clamp_mask": np.asarray(clamp.mask, bool), "clamp_value": np.asarray(clamp.value, np.float32)}
        path = np.empty((B, H, N), np.float32)
        deadline = min(time.monotonic() + self._limits.seconds, self._deadline)
        size = _rows_per_message(inputs, H * N)
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(self.close)
            for first in range(0, B, size):
                rows = slice(first, first + size)
                path[rows] = self._ask({name: a[rows] for name, a in inputs.items()}, H, deadline)
            on_failure.pop_all()
        return path

    def _ask(self, inputs: Arrays, H: int, deadline: float) -> NDArray[np.float32]:
        """Predictions [b, H, N] of the rows of one message."""
        b, _, N = inputs["context"].shape
        asked = Frame(f"{SERVICE}:roll out", arrays=inputs)
        answer = self._clean.ask(asked, 4 * b * H * N, deadline, "its forecasts")
        path = answer.arrays.get("path")
        if path is None or path.dtype != np.float32 or path.shape != (b, H, N):
            got = "nothing" if path is None else f"{path.dtype}{list(path.shape)}"
            raise CandidateError(Status.INVALID, f"Predictions must be float32{[b, H, N]}, got {got}.")
        if not np.isfinite(path).all():
            _, h, i = np.argwhere(~np.isfinite(path))[0]
            raise CandidateError(
                Status.NON_FINITE,
                f"A forecast became non-finite: neuron '{self._spec.neurons[i]}' at step {h + 1} of {H}.",
            )
        return path

    def close(self) -> None:
        """Give the process back; harmless when repeated."""
        if not self._closed:
            self._closed = True
            PROCESSES.give_back(self._clean, self._limits)

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
    """Trace a candidate in the sandbox, and train it in a clean process.

    Args:
        source: text that satisfies `zfbench.forecasting.contract.CONTRACT`.
        spec: the task; the program sees it.
        train: the training recordings; the program does not see them.
        limits: updates, seconds from here to the trained program (also of every later call), and address
            space.
        seed: of initial parameters and batches; the same seed gives the same program.
        sandbox: runs the program; without one, `open_sandbox()` does and is closed when the program is traced.
        deadline: of `time.monotonic()`, for the fit and all later calls together.

    Raises:
        CandidateError: the program failed.
        ZfbenchError: a recording is too short to train on.
    """
    began = time.monotonic()
    _check_recordings(spec, train)
    with contextlib.ExitStack() as held:
        box = sandbox or held.enter_context(open_sandbox())
        traced = trace_program(source, spec, limits, box, min(began + limits.seconds, deadline))
        device = box.device
    return fit_step(traced, spec, train, limits, seed, device, began, deadline)


def trace_program(source: str, spec: TaskSpec, limits: Limits, sandbox: Sandbox, deadline: float) -> TracedProgram:
    """Run a candidate once, and keep its step as data; no process is left.

    Args:
        source: the program.
        spec: the task; the program sees it.
        limits: processor time and address space of the program's process.
        sandbox: runs the program.
        deadline: of `time.monotonic()`.

    Raises:
        CandidateError: the program failed, or its step breaks the contract or a limit.
    """
    check_source(source)
    child = sandbox.spawn(limits)
    try:
        child.send(tracing_job(source, spec), deadline, "tracing")
        frame = child.receive(LIMIT, deadline, "tracing")
        if frame.kind != "traced" or frame.arrays.keys() != {"step"} or frame.arrays["step"].dtype != np.uint8:
            raise CandidateError(Status.ERROR, "The program's process sent a damaged message: it holds no step.")
        step = read_step(frame.arrays["step"].tobytes(), spec)
        training = TrainingChoice.parse(frame.fields.get("training"))
        return TracedProgram(to_bytes(step), program_hash(step), training, child.output)
    except CandidateError as error:
        child.kill()
        error.printed = child.output
        raise
    finally:
        child.kill()


def fit_step(
    traced: TracedProgram,
    spec: TaskSpec,
    train: Sequence[Recording],
    limits: Limits,
    seed: int,
    device: str = CPU,
    began: float | None = None,
    deadline: float = math.inf,
    together: Sequence[int] = (),
) -> FittedProgram:
    """Train a step in a clean process.

    Args:
        traced: the step.
        spec: the task.
        train: the training recordings.
        limits: as of `fit_program`.
        seed: of initial parameters and batches.
        device: where it is trained.
        began: from when on the limit of seconds counts; by default, from now on.
        deadline: of `time.monotonic()`, for the fit and all later calls together.
        together: seeds, this one among them, that are trained at once; the others are asked for next, with the same
            limits, and are trained then. None: this one is trained alone.

    Raises:
        CandidateError: non_finite, timeout or out_of_memory; or the step does not fit together.
    """
    began = time.monotonic() if began is None else began
    fitted_by = min(began + limits.seconds, deadline)
    clean = PROCESSES.lend(limits, device, traced.hash)
    with contextlib.ExitStack() as on_failure:
        on_failure.callback(PROCESSES.give_back, clean, limits)
        recordings = recordings_job(spec, train)
        if recordings.fields["data"] not in clean.holds.get("recordings", ()):
            clean.ask(recordings, 0, fitted_by, "training")
            clean.hold("recordings", recordings.fields["data"])
            clean.holds["steps"] = ()
        fields = {
            "step": traced.hash,
            "training": asdict(traced.training),
            "updates": limits.updates,
            "seconds": SOFT_LIMIT * limits.seconds - (time.monotonic() - began),
            "seed": seed,
            "together": list(together),
        }
        arrays = {"step": np.frombuffer(traced.step, np.uint8)}
        clean.hold("steps", traced.hash, COMPILED)
        answer = clean.ask(Frame(f"{SERVICE}:fit", fields, arrays), REPORT_LIMIT, fitted_by, "training")
        report = TrainingReport.from_json(answer.fields)
        on_failure.pop_all()
    return FittedProgram(clean, spec, report, limits, deadline, traced.printed)


def tracing_job(source: str, spec: TaskSpec) -> Frame:
    """What the sandbox needs to trace a program."""
    return Frame(JOB, {"spec": spec.for_programs().to_json(), "source": source})


def recordings_job(spec: TaskSpec, train: Sequence[Recording]) -> Frame:
    """What a clean process needs to train on, named by its hash."""
    arrays = {f"activity{k}": np.ascontiguousarray(r.activity, np.float32) for k, r in enumerate(train)}
    arrays |= {f"drive{k}": np.ascontiguousarray(r.drive, np.float32) for k, r in enumerate(train)}
    fields = {"spec": spec.for_programs().to_json(), "conditions": [r.condition for r in train]}
    name = hashlib.sha256(json.dumps(fields, sort_keys=True).encode())
    for array in arrays.values():
        name.update(str(array.shape).encode() + array.tobytes())
    return Frame(f"{SERVICE}:load", {**fields, "data": name.hexdigest()}, arrays)


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


def _rows_per_message(inputs: Arrays, predicted: int) -> int:
    """The rows of one message: whole calls, of about `MESSAGE` bytes there and back."""
    row = sum(a.nbytes // len(a) for a in inputs.values()) + 4 * predicted
    return WINDOWS_PER_CALL * max(1, MESSAGE // (WINDOWS_PER_CALL * row))
