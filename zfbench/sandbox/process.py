"""A child process that executes untrusted code, and the only two ways to it: frames over pipes, and SIGKILL.

What the child sends is parsed as frames and never executed. Its environment holds only what Python and JAX need, it
has no standard input, and its output is captured and truncated.

`ProcessSandbox` limits the child's resources and can kill it, but confines neither files nor network: see
`zfbench.sandbox.bubblewrap` for the backend that does.
"""

from __future__ import annotations

import contextlib
import math
import os
import resource
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from zfbench.base.text import printable
from zfbench.records.frame import Frame
from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError, Status
from zfbench.sandbox.confinement import GPU_OPEN_FILES, OPEN_FILES
from zfbench.sandbox.devices import CPU, GPU, environment
from zfbench.sandbox.frames import FrameError, decode, encode

OUTPUT_LIMIT = 8_192  # bytes kept of the beginning, and as many of the end, of what a program prints
PIPE_LIMIT = 2**20  # bytes that a child can make a pipe hold
CALLS_WORTH = 20  # time limits of one call that the processor time of a whole life is worth
LAST_WORDS = 2.0  # seconds that a child has to end after it closed its pipe
OUT_OF_MEMORY_SIGNS = (
    "bad_alloc",
    "out of memory",
    "resource_exhausted",
    "cannot allocate memory",
    "memoryerror",
)


class Transcript:
    """The beginning and the end of a stream of bytes."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._dropped = 0

    def add(self, piece: bytes) -> None:
        """Append, dropping the middle of what is too long."""
        self._kept += piece
        excess = len(self._kept) - 2 * OUTPUT_LIMIT
        if excess > 0:
            del self._kept[OUTPUT_LIMIT : OUTPUT_LIMIT + excess]
            self._dropped += excess

    @property
    def text(self) -> str:
        """What was kept, with a note where bytes are missing."""
        if not self._dropped:
            return printable(self._kept.decode(errors="replace"))
        head, tail = self._kept[:OUTPUT_LIMIT], self._kept[OUTPUT_LIMIT:]
        gap = f"\n... {self._dropped:,} bytes left out ...\n"
        return printable(head.decode(errors="replace") + gap + tail.decode(errors="replace"))


class Handle(Protocol):
    """What holds a program's processes."""

    def exit_code(self) -> int | None:
        """How the program's main process ended, as in `subprocess`: negative for a signal; None while it runs."""
        ...

    def kill(self) -> None:
        """End all of them now, and wait until they are gone."""
        ...


class Child:
    """A running worker.

    Failing to exchange a frame before the deadline raises `CandidateError`; the owner then kills the child.
    """

    def __init__(self, handle: Handle, requests: int, results: int, output: int) -> None:
        """Own the processes, and the descriptors to write requests to and read results and output from."""
        self._handle = handle
        self._requests, self._results, self._output = requests, results, output
        self._transcript = Transcript()
        self._open = True
        self._asked = False
        for descriptor in (requests, results, output):
            os.set_blocking(descriptor, False)

    @property
    def idle(self) -> bool:
        """Whether all frames were answered, so that it may be asked something else; a failure is a last word."""
        return self._open and not self._asked and self._handle.exit_code() is None

    @property
    def output(self) -> str:
        """What the child printed so far, truncated."""
        if self._open:
            self._drain()
        return self._transcript.text

    def send(self, frame: Frame, deadline: float, doing: str) -> None:
        """Write a frame before `time.monotonic()` reaches the deadline."""
        self._asked = True
        for piece in encode(frame):
            rest = memoryview(piece)
            while rest:
                self._wait(self._requests, select.POLLOUT, deadline, doing)
                try:
                    rest = rest[os.write(self._requests, rest) :]
                except BlockingIOError:
                    continue
                except BrokenPipeError as error:
                    raise self._ended() from error

    def receive(self, body_limit: int, deadline: float, doing: str) -> Frame:
        """Read a frame before the deadline; a frame of kind `failed` is raised as what it says."""

        def read_exactly(size: int) -> bytes:
            read = bytearray()
            while len(read) < size:
                self._wait(self._results, select.POLLIN, deadline, doing)
                with contextlib.suppress(BlockingIOError):
                    piece = os.read(self._results, min(size - len(read), 2**20))
                    if not piece:
                        raise self._ended()
                    read += piece
            return bytes(read)

        try:
            frame = decode(read_exactly, body_limit)
        except FrameError as error:
            raise CandidateError(Status.ERROR, f"The program's process sent a damaged message: {error}.") from error
        if frame.kind == "failed":
            raise reported_failure(frame)
        self._asked = False
        return frame

    def kill(self) -> None:
        """End its processes now; harmless when repeated."""
        if not self._open:
            return
        self._open = False
        self._handle.kill()
        self._drain()
        for descriptor in (self._requests, self._results, self._output):
            os.close(descriptor)

    def _wait(self, descriptor: int, event: int, deadline: float, doing: str) -> None:
        """Until the descriptor is ready, with the child's output drained meanwhile."""
        poll = select.poll()
        poll.register(descriptor, event)
        poll.register(self._output, select.POLLIN)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise CandidateError(Status.TIMEOUT, f"The program did not finish {doing} within its time limit.")
            ready = dict(poll.poll(min(left, 0.5) * 1e3))
            if self._output in ready and not self._drain():
                poll.unregister(self._output)
            if descriptor in ready:
                return
            if self._handle.exit_code() is not None and descriptor not in dict(poll.poll(0)):  # its last words first
                raise self._ended()

    def _drain(self) -> bool:
        """Take what the child printed, as much as a pipe holds; False when it can print no more.

        Not until the pipe is empty: a child that prints as fast as this process reads must not keep it from the clock.
        """
        with contextlib.suppress(BlockingIOError):
            for _ in range(PIPE_LIMIT // 2**16):
                piece = os.read(self._output, 2**16)
                if not piece:
                    return False
                self._transcript.add(piece)
        return True

    def _ended(self) -> CandidateError:
        """Why the child can say no more."""
        patience = time.monotonic() + LAST_WORDS
        while (code := self._handle.exit_code()) is None and time.monotonic() < patience:
            time.sleep(0.01)
        printed = self.output.lower()
        if code is None:
            return CandidateError(Status.ERROR, "The program closed its process's connection.")
        if code == -signal.SIGXCPU:
            return CandidateError(Status.TIMEOUT, "The program used up its processor time.")
        if code == -signal.SIGKILL or any(sign in printed for sign in OUT_OF_MEMORY_SIGNS):
            return CandidateError(Status.OUT_OF_MEMORY, "The program's process died for lack of memory.")
        how = f"was ended by signal {-code}" if code < 0 else f"exited with code {code}"
        return CandidateError(Status.ERROR, f"The program's process {how} before it answered.")


def reported_failure(frame: Frame) -> CandidateError:
    """What a frame of kind `failed` or `not done` says; its fields are not trusted."""
    status, message = frame.fields.get("status"), frame.fields.get("message")
    if not isinstance(status, str) or status not in set(Status) - {Status.OK} or not isinstance(message, str):
        return CandidateError(Status.ERROR, "The program's process failed and did not say why.")
    return CandidateError(Status(status), printable(message[:2_000]))


def start_kept(command: Sequence[str], cores: Collection[int] | None = None, **options: Any) -> subprocess.Popen[bytes]:
    """Start a process in a thread that lives as long as it does.

    The kernel's signal on a parent's death follows the thread that started the child, not its process: without a thread
    of its own, a child would die with the worker thread that happened to ask for it.

    Args:
        command: what to run.
        cores: that it may use; by default those of the calling thread.
        options: of `subprocess.Popen`.

    Raises:
        OSError: it could not be started.
    """
    started: Future[subprocess.Popen[bytes]] = Future()

    def keep() -> None:
        try:
            if cores is not None:
                os.sched_setaffinity(0, cores)
            started.set_result(subprocess.Popen(command, **options))
        except (OSError, ValueError) as error:
            started.set_exception(error)
            return
        with contextlib.suppress(ChildProcessError):  # its owner has reaped it
            os.waitid(os.P_PID, started.result().pid, os.WEXITED | os.WNOWAIT)

    threading.Thread(target=keep, name="keeper", daemon=True).start()
    return started.result()


def cpu_seconds(limits: Limits) -> int:
    """Processor time of a program's whole life, which its calls share; each of them has the wall-clock limit."""
    return math.ceil(CALLS_WORTH * limits.seconds)


def start_worker(module: str, device: str, memory_bytes: int | None, cpu_seconds: int) -> Child:
    """Start a process under this user, with an emptied environment.

    Args:
        module: its program, which takes the arguments of `zfbench.sandbox.worker`.
        device: that JAX computes on.
        memory_bytes: of its address space; None: not limited.
        cpu_seconds: of its whole life.
    """
    to_child, requests = os.pipe()
    results, from_child = os.pipe()
    output, printed = os.pipe()
    memory = resource.RLIM_INFINITY if memory_bytes is None else memory_bytes
    open_files = GPU_OPEN_FILES if device == GPU else OPEN_FILES
    arguments = map(str, (to_child, from_child, memory, cpu_seconds, open_files, os.getpid()))
    try:
        process = start_kept(
            [sys.executable, "-s", "-P", "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=printed,
            pass_fds=(to_child, from_child),
            env=environment(device) | {"PYTHONPATH": module_path()},
            cwd="/",
            start_new_session=True,
        )
    finally:
        for descriptor in (to_child, from_child, printed):
            os.close(descriptor)
    return Child(_ProcessGroup(process), requests, results, output)


def module_path() -> str:
    """Return where a worker finds zfbench, and the libraries that the user's PYTHONPATH leads to."""
    given = [Path(entry).resolve() for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    return os.pathsep.join(map(str, [Path(__file__).parents[2], *given]))


class ProcessSandbox:
    """Every candidate in a cold process of its own, under this user: limits and SIGKILL, no confinement."""

    name = "process"
    confined = False

    def __init__(self, why: str = "it was asked for", device: str = CPU) -> None:
        """Say why no better backend was taken, and where traced programs compute."""
        self.device = device
        self.notice = (
            f"Sandbox 'process' ({why}): programs run with limits of time and memory, but they can read your files, "
            "use the network and leave processes behind."
        )

    def start(self) -> None:
        """Nothing is shared."""

    def spawn(self, limits: Limits) -> Child:
        """Start a worker under this user, with an emptied environment; it traces, for which a CPU suffices."""
        return start_worker("zfbench.sandbox.worker", CPU, limits.memory_bytes, cpu_seconds(limits))

    def close(self) -> None:
        """Nothing is left when its children are killed."""

    def __enter__(self) -> ProcessSandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _ProcessGroup:
    """A session leader and its process group."""

    def __init__(self, leader: subprocess.Popen[bytes]) -> None:
        self._leader = leader

    def exit_code(self) -> int | None:
        """See `Handle`; the leader is not reaped, so that its id stays its own."""
        end = os.waitid(os.P_PID, self._leader.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if end is None:
            return None
        return end.si_status if end.si_code == os.CLD_EXITED else -end.si_status

    def kill(self) -> None:
        """See `Handle`."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._leader.pid, signal.SIGKILL)
        self._leader.wait()
