"""The interface of sandboxes, which run candidate programs in processes apart from the harness."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol

from zfbench.records.frame import Frame
from zfbench.records.limits import Limits


class Child(Protocol):
    """A running process that executes a candidate program and answers frames.

    Attributes:
        idle: True if every frame was answered without a failure, so that another one may be sent.
        output: text that the process has printed so far, shortened.
    """

    @property
    def idle(self) -> bool:
        """True if every frame was answered without a failure, so that another one may be sent."""
        ...

    @property
    def output(self) -> str:
        """Text that the process has printed so far, shortened."""
        ...

    def send(self, frame: Frame, deadline: float, doing: str) -> None:
        """Write a frame.

        Args:
            frame: the message.
            deadline: time of `time.monotonic()` at which sending is given up.
            doing: description of what the process does meanwhile, for the message of a timeout.

        Raises:
            CandidateError: the process ended, or the deadline passed; the owner of the process then kills it.
        """
        ...

    def receive(self, body_limit: int, deadline: float, doing: str) -> Frame:
        """Read a frame.

        Args:
            body_limit: largest size of the frame's arrays, in bytes.
            deadline: time of `time.monotonic()` at which waiting is given up.
            doing: description of what the process does meanwhile, for the message of a timeout.

        Returns:
            The frame.

        Raises:
            CandidateError: the process ended, the deadline passed, the frame is malformed, or it is of the kind
                `failed`.
        """
        ...

    def kill(self) -> None:
        """End its processes now; further calls do nothing."""
        ...


class Sandbox(Protocol):
    """A way to run candidates; a context manager that ends the processes it started.

    Attributes:
        name: name of the backend.
        confined: True if programs have no access to files and network.
        device: device that programs compute on, `cpu` or `gpu`.
        notice: one line on the dangers that it does not protect from; empty if there are none.
    """

    name: str
    confined: bool
    device: str
    notice: str

    def start(self) -> None:
        """Do the work that all workers share, ahead of the first one; further calls do nothing."""
        ...

    def spawn(self, limits: Limits) -> Child:
        """Start a worker; may be called from several threads."""
        ...

    def close(self) -> None:
        """End all processes that are left; further calls do nothing."""
        ...

    def __enter__(self) -> Sandbox: ...

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...
