"""What runs candidate programs apart from the harness: a sandbox, and the child processes it starts."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol

from zfbench.records.frame import Frame
from zfbench.records.limits import Limits


class Child(Protocol):
    """A running process that executes a candidate program, and answers frames.

    Attributes:
        idle: whether every frame was answered and none was a failure, so that it may be asked something else.
        output: what it has printed so far, shortened.
    """

    @property
    def idle(self) -> bool:
        """Whether it may be asked something else."""
        ...

    @property
    def output(self) -> str:
        """What it has printed so far."""
        ...

    def send(self, frame: Frame, deadline: float, doing: str) -> None:
        """Write a frame.

        Args:
            frame: the message.
            deadline: of `time.monotonic()`.
            doing: what the process is busy with, for the message of a timeout.

        Raises:
            CandidateError: the process ended, or the deadline passed; its owner then kills it.
        """
        ...

    def receive(self, body_limit: int, deadline: float, doing: str) -> Frame:
        """Read a frame whose arrays take at most `body_limit` bytes; arguments and errors otherwise as of `send`.

        Raises:
            CandidateError: also what a frame of kind `failed` says.
        """
        ...

    def kill(self) -> None:
        """End its processes now; harmless when repeated."""
        ...


class Sandbox(Protocol):
    """A way to run candidates; a context manager that ends what it started.

    Attributes:
        name: of the backend.
        confined: whether programs are kept from files and network.
        device: where programs compute, `cpu` or `gpu`.
        notice: one line on what it does not protect from; empty if there is nothing to say.
    """

    name: str
    confined: bool
    device: str
    notice: str

    def start(self) -> None:
        """Do what is done once for all workers, which need not wait for it then; harmless when repeated."""
        ...

    def spawn(self, limits: Limits) -> Child:
        """Start a worker; may be called from several threads."""
        ...

    def close(self) -> None:
        """End whatever is left; harmless when repeated."""
        ...

    def __enter__(self) -> Sandbox: ...

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...
