"""What a candidate's process does: it runs one job, which executes the source, and hands out what it traced.

Whatever the candidate raises ends the process; its last word is a frame that says why. The process holds what the job's
frame brings, nothing else, and it is ended when it has answered. The frame's kind is the name of the module whose
`trace(frame)` does the job. This module knows no job.

In the backend `bubblewrap` the warm pool calls `run` in a process that it has confined. In the backend `process` this
module is the program: python -m zfbench.sandbox.worker REQUESTS RESULTS MEMORY CPU FILES PARENT, two file descriptors,
the bytes of its address space, its seconds of processor time, the files that it may have open, and the process whose
end it must not outlive.
"""

from __future__ import annotations

import functools
import importlib
import io
import linecache
import os
import select
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from types import ModuleType, TracebackType

from zfbench.records.frame import Frame
from zfbench.records.program import CandidateError, Status
from zfbench.sandbox.confinement import die_with, limit_resources
from zfbench.sandbox.frames import decode, encode

PROGRAM = "program"  # the candidate's module name
FILENAME = "<program>"  # and the file its tracebacks name
TRUSTED_LIMIT = 2**40  # bytes of a frame from the parent
Serve = Callable[[Callable[[int], bytes], Callable[[Frame], None]], None]


def main(arguments: Sequence[int], serve: Serve | None = None) -> None:
    """Limit this process, and end it with its parent: by the kernel on Linux, its whole group by a thread.

    Args:
        arguments: of the command line, see above.
        serve: what it does; by default, the job of one candidate.
    """
    requests, results, memory_bytes, cpu_seconds, open_files, parent = arguments
    die_with(parent)
    limit_resources(memory_bytes, cpu_seconds, open_files)
    threading.Thread(target=_die_with_parent, args=(requests,), daemon=True).start()
    run(requests, results, serve)


def run(requests: int, results: int, serve: Serve | None = None) -> None:
    """Serve requests; the last frame says what went wrong."""
    send = functools.partial(_send, results)
    with _LastWords(send):
        (serve or _serve)(functools.partial(_read_exactly, requests), send)


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
    job = decode(read_exactly, TRUSTED_LIMIT)
    send(importlib.import_module(job.kind).trace(job))
    read_exactly(1)  # until it is ended


def execute(source: str) -> ModuleType:
    """Run the source as a module; its lines are kept for tracebacks."""
    lines = io.StringIO(source, newline=None).readlines()  # as Python counts them: a form feed ends none
    linecache.cache[FILENAME] = (len(source), None, lines, FILENAME)
    module = ModuleType(PROGRAM)
    sys.modules[PROGRAM] = module
    exec(compile(source, FILENAME, "exec"), module.__dict__)
    return module


def _explain(error: BaseException, trace: TracebackType | None) -> Frame:
    """What happened, and at which line of the source."""
    if isinstance(error, CandidateError):
        return failure(error.status, error.message)
    if isinstance(error, SystemExit):
        return failure(Status.ERROR, f"The program called sys.exit({error.code!r:.80}).")
    text = " ".join(str(error).split())[:600]
    frames = [entry for entry in traceback.extract_tb(trace) if entry.filename == FILENAME]
    where = f" at line {frames[-1].lineno} of the source (`{frames[-1].line}`)" if frames else ""
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in text:
        return failure(Status.OUT_OF_MEMORY, f"The program ran out of memory{where}.")
    return failure(Status.ERROR, f"{type(error).__name__}{where}: {text or 'no message'}")


def failure(status: Status, message: str, kind: str = "failed") -> Frame:
    """The frame that says how a program failed."""
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
    main([int(argument) for argument in sys.argv[1:]])
