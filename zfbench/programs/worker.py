"""What a candidate's process does: it executes the source, trains it or not, and answers with predictions.

Whatever the candidate raises ends the process; its last word is a frame that says why. The process holds the
training data and the inputs it is asked to forecast, nothing else.

In the backend `bubblewrap` the warm pool calls `run` in a process that it has confined. In the backend `process` this
module is the program: python -m zfbench.programs.worker REQUESTS RESULTS MEMORY CPU PARENT, two file descriptors, the
bytes of its address space, its seconds of processor time, and the process whose end it must not outlive.
"""

from __future__ import annotations

import functools
import linecache
import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from zfbench.programs.confinement import die_with, limit_resources
from zfbench.programs.contract import CandidateError, Status, TrainingChoice
from zfbench.programs.frames import Frame, decode, encode
from zfbench.tasks.task import Recording, TaskSpec

if TYPE_CHECKING:
    from zfbench.programs.training import Trained

PROGRAM = "program"  # the candidate's module name
FILENAME = "<program>"  # and the file its tracebacks name
TRUSTED_LIMIT = 2**40  # bytes of a frame from the parent
GIVEN = "given/"  # prefix of arrays that are initial parameters

Answer = Callable[[Frame], Frame]


def main(requests: int, results: int, memory_bytes: int, cpu_seconds: int, parent: int) -> None:
    """Limit this process, and end it with its parent: by the kernel on Linux, its whole group by a thread."""
    die_with(parent)
    limit_resources(memory_bytes, cpu_seconds)
    threading.Thread(target=_die_with_parent, args=(requests,), daemon=True).start()
    run(requests, results)


def run(requests: int, results: int) -> None:
    """Prepare the program of the first frame and answer all that follow; the last frame says what went wrong."""
    send = functools.partial(_send, results)
    with _LastWords(send):
        _serve(functools.partial(_read_exactly, requests), send)


class _LastWords:
    """Sends the frame that explains the exception that ends this process."""

    def __init__(self, send: Callable[[Frame], None]) -> None:
        self._send = send

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._send(_explain(error, trace))
            os._exit(1)  # without a traceback, and without waiting for threads that the program left


def _serve(read_exactly: Callable[[int], bytes], send: Callable[[Frame], None]) -> None:
    began = time.monotonic()
    job = decode(read_exactly, TRUSTED_LIMIT)
    prepare = {"train": _train, "simulate": _simulator}[job.kind]
    report, answer = prepare(job, began)
    send(report)
    while True:
        send(answer(decode(read_exactly, TRUSTED_LIMIT)))


def _train(job: Frame, began: float) -> tuple[Frame, Answer]:
    """Train a program on recordings; its report, and how it answers what it is asked to forecast.

    A frame of kind `train again` has it trained anew, from other given parameters; a training that fails then is
    `not fitted`, which ends nothing, for the program is none that could be to blame.
    """
    from zfbench.programs.dynamics import Dynamics  # imports JAX, so after the limits are set
    from zfbench.programs.training import Trainer

    spec = TaskSpec.from_json(dict(job.fields["spec"]))
    train = [
        Recording(condition, job.arrays[f"activity{k}"], job.arrays[f"drive{k}"])
        for k, condition in enumerate(job.fields["conditions"])
    ]
    program = _execute(job.fields["source"])
    declared = TrainingChoice.parse(getattr(program, "training", None))
    trainer = Trainer(Dynamics.of(_instantiate(program, spec), spec), spec, train)

    def fit(asked: Frame, began: float) -> Trained:
        choice = TrainingChoice(**asked.fields["training"]) if "training" in asked.fields else declared
        given = {k.removeprefix(GIVEN): array for k, array in asked.arrays.items() if k.startswith(GIVEN)}
        deadline = began + asked.fields["seconds"]
        return trainer.train(choice, asked.fields["updates"], deadline, asked.fields["seed"], given)

    trained = fit(job, began)

    def answer(frame: Frame) -> Frame:
        nonlocal trained
        if frame.kind == "train again":
            try:
                trained = fit(frame, time.monotonic())
            except CandidateError as error:
                return _failure(error.status, error.message, "not fitted")
            return Frame("fitted", trained.report.to_json())
        asked = frame.arrays
        path = trained.forecast(
            trained.params, asked["context"], asked["drive"], asked["clamp_mask"], asked["clamp_value"]
        )
        return Frame("path", arrays={"path": np.asarray(path)})

    return Frame("fitted", trained.report.to_json()), answer


def _simulator(job: Frame, _: float) -> tuple[Frame, Answer]:
    """Execute a simulator; how it answers parameters and contexts with trajectories."""
    import jax

    from zfbench.programs.simulation import batch_simulator

    names = {kind: job.fields[kind] for kind in ("parameters", "context", "observations")}
    simulate = batch_simulator(
        _execute(job.fields["source"]), **names, steps=job.fields["steps"], every=job.fields["every"]
    )
    key = jax.random.key(job.fields["seed"])

    def answer(frame: Frame) -> Frame:
        rows = frame.fields["first"] + np.arange(len(frame.arrays["parameters"]))
        path = simulate(key, rows, frame.arrays["parameters"], frame.arrays["contexts"])
        return Frame("trajectories", arrays={"path": np.asarray(path)})

    return Frame("ready"), answer


def _execute(source: str) -> ModuleType:
    """Run the source as a module; its lines are kept for tracebacks."""
    linecache.cache[FILENAME] = (len(source), None, source.splitlines(keepends=True), FILENAME)
    module = ModuleType(PROGRAM)
    sys.modules[PROGRAM] = module
    exec(compile(source, FILENAME, "exec"), module.__dict__)
    return module


def _instantiate(program: ModuleType, spec: TaskSpec) -> Any:
    import flax.linen as nn

    model = getattr(program, "Model", None)
    if not isinstance(model, type) or not issubclass(model, nn.Module):
        raise CandidateError(Status.INVALID, "`Model` must be a subclass of flax.linen.Module.")
    if "spec" not in model.__dataclass_fields__:
        raise CandidateError(Status.INVALID, "`Model` must declare the field `spec`, as in `spec: Any`.")
    return model(spec=spec)


def _explain(error: BaseException, trace: TracebackType | None) -> Frame:
    """What happened, and at which line of the source."""
    if isinstance(error, CandidateError):
        return _failure(error.status, error.message)
    if isinstance(error, SystemExit):
        return _failure(Status.ERROR, f"The program called sys.exit({error.code!r:.80}).")
    text = " ".join(str(error).split())[:600]
    frames = [entry for entry in traceback.extract_tb(trace) if entry.filename == FILENAME]
    where = f" at line {frames[-1].lineno} of the source (`{frames[-1].line}`)" if frames else ""
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in text:
        return _failure(Status.OUT_OF_MEMORY, f"The program ran out of memory{where}.")
    return _failure(Status.ERROR, f"{type(error).__name__}{where}: {text or 'no message'}")


def _failure(status: Status, message: str, kind: str = "failed") -> Frame:
    return Frame(kind, {"status": status, "message": message})


def _die_with_parent(requests: int) -> None:
    """End this process group when the parent has closed its end of the pipe, unless the program lets no thread run."""
    poll = select.poll()
    poll.register(requests, 0)  # hang-ups and errors only
    poll.poll()
    os.killpg(0, signal.SIGKILL)


def _read_exactly(descriptor: int, size: int) -> bytes:
    read = bytearray()
    while len(read) < size:
        piece = os.read(descriptor, min(size - len(read), 2**20))
        if not piece:
            os._exit(0)  # the parent is gone
        read += piece
    return bytes(read)


def _send(descriptor: int, frame: Frame) -> None:
    for piece in encode(frame):
        rest = memoryview(piece)
        while rest:
            rest = rest[os.write(descriptor, rest) :]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
