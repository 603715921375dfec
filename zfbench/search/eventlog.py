"""The event log of a search: an append-only file of checksummed JSON lines that survives any crash.

Every line holds a sequence number, a kind, a body and a checksum of the three, and is on disk before the search goes
on. A crash can damage only the last line, which is dropped on reading. Damage anywhere else is refused, because a
search that was resumed after a gap would not be the search that was begun.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, Protocol

from zfbench.base.errors import DamagedFileError, ZfbenchError

Kind = Literal["run", "ask", "proposal", "evaluation", "lost", "interrupted", "end", "judged"]
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)  # what a file system without locks answers
BEGINNING = b'{"seq":0,"kind":"run",'  # distinguishes an event log of one incomplete line from any other file


@dataclass(frozen=True)
class Event:
    """One line of an event log.

    Attributes:
        seq: 0, 1, 2, ..., the number of the line minus one.
        kind: `run` (header, first line), `ask`, `proposal`, `evaluation`, `lost`, `interrupted` (the proposer's
            surroundings failed; the run can be resumed), `end`, `judged` (the hash of the result's file).
        body: JSON-compatible content.
    """

    seq: int
    kind: Kind
    body: dict[str, Any]

    def line(self) -> bytes:
        """Return the event as it is written, with its checksum and line end."""
        content = f'{{"seq":{self.seq},"kind":"{self.kind}","body":{_canonical(self.body)}'.encode()
        return content + f',"checksum":"{_checksum(content)}"}}\n'.encode()


@dataclass(frozen=True)
class LogContent:
    """The content of an event log's file.

    Attributes:
        events: the intact events, in order.
        size: their size in bytes.
        dropped: a sentence on an incomplete last line that was left out, or None.
    """

    events: tuple[Event, ...]
    size: int
    dropped: str | None


def read_log(path: Path) -> LogContent:
    """Read and check an event log without locking it; a file that does not exist is an empty log.

    Raises:
        DamagedFileError: a line before the last is damaged (the message gives its number), or the file is not an event
            log.
        ZfbenchError: the file cannot be opened.
    """
    try:
        content = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise ZfbenchError(f"Cannot read {path} ({error.strerror}); check the path and its permissions.") from error
    lines = content.splitlines(keepends=True)
    events: list[Event] = []
    size = 0
    for number, line in enumerate(lines, start=1):
        event = _parse(line, number - 1)
        if event is None:
            if number < len(lines):
                raise DamagedFileError(
                    f"{path} is damaged in line {number}; restore it from a copy, or start the search in a new folder."
                )
            if number == 1 and not (line.startswith(BEGINNING) or BEGINNING.startswith(line)):
                raise DamagedFileError(f"{path} is not the event log of a search; choose another folder.")
            return LogContent(tuple(events), size, f"line {number} of {path} is incomplete after a crash and left out")
        events.append(event)
        size += len(line)
    return LogContent(tuple(events), size, None)


class Log(Protocol):
    """The part of an event log that a search needs.

    Attributes:
        path: where it is kept, for messages.
        events: the events that it held when it was opened, in order.
    """

    path: Path
    events: tuple[Event, ...]

    def append(self, kind: Kind, body: dict[str, Any]) -> Event:
        """Keep one event before it takes effect, and return it."""
        ...


class MemoryLog:
    """An event log that is kept in memory, for searches that take milliseconds and are never resumed.

    Attributes:
        path: a name for messages.
        events: empty; it held no events when it was opened.
        appended: the events since then, in order.
    """

    def __init__(self) -> None:
        self.path = Path("(an event log in memory)")
        self.events: tuple[Event, ...] = ()
        self.appended: list[Event] = []

    def append(self, kind: Kind, body: dict[str, Any]) -> Event:
        """Keep one event; neither its form nor its numbers are checked, since nothing is written."""
        event = Event(len(self.appended), kind, body)
        self.appended.append(event)
        return event


class EventLog:
    """An event log that is open for writing by this process alone; also a context manager.

    Attributes:
        path: the file.
        events: the events that it held when it was opened, in order.
        dropped: a sentence on an incomplete last line that opening removed, or None.
    """

    def __init__(self, path: Path) -> None:
        """Open or create an event log.

        Raises:
            DamagedFileError: the file is damaged, as described for `read_log`.
            ZfbenchError: another process writes to it (the message gives its number), or the folder is not writable.
        """
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = _lock(path)
        except OSError as error:
            raise ZfbenchError(f"Cannot write to {path.parent} ({error.strerror}); choose another folder.") from error
        try:
            content = read_log(path)
            self.events, self.dropped = content.events, content.dropped
            self._next = len(self.events)
            with ExitStack() as until_ready:
                # unbuffered, since what a full disk refused must not be written later
                self._file = until_ready.enter_context(path.open("ab", buffering=0))
                self._file.truncate(content.size)
                os.fsync(self._file.fileno())
                _sync_folder(path.parent)
                until_ready.pop_all()
        except OSError as error:
            self._lock.close()
            raise ZfbenchError(f"Cannot write to {path} ({error.strerror}); check its permissions.") from error
        except ZfbenchError:
            self._lock.close()
            raise
        self._failed: ZfbenchError | None = None

    def append(self, kind: Kind, body: dict[str, Any]) -> Event:
        """Write one event; it is on disk when this function returns.

        Raises:
            ZfbenchError: the disk is full or gone. Everything written before is intact. From then on every call is
                refused, because nothing may follow an incomplete line.
            ValueError: the body holds a number that JSON cannot express.
        """
        if self._failed is not None:
            raise self._failed
        event = Event(self._next, kind, body)
        rest = memoryview(event.line())
        try:
            while rest:
                rest = rest[os.write(self._file.fileno(), rest) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            self._failed = ZfbenchError(
                f"Cannot write to {self.path} ({error.strerror}); free some space and resume the search."
            )
            raise self._failed from error
        self._next += 1
        return event

    def close(self) -> None:
        """Close the file, and allow other processes to write to it."""
        self._file.close()
        self._lock.close()

    def __enter__(self) -> EventLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def check_unused(path: Path) -> None:
    """Check that no process writes to an event log.

    Raises:
        ZfbenchError: one does, and the message gives its number; or the log cannot be locked.
    """
    try:
        _lock(path).close()
    except OSError as error:
        raise ZfbenchError(f"Cannot lock {path} ({error}); check the folder.") from error


def _lock(path: Path) -> IO[bytes]:
    """Lock a file beside the event log; the system unlocks it when this process ends for any reason.

    On a file system without locks, a file in the folder of temporary files is locked instead, which keeps off the other
    processes of this machine alone.
    """
    try:
        return _lock_file(path.with_name(path.name + ".lock"), path)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
    elsewhere = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:32]
    return _lock_file(Path(tempfile.gettempdir()) / f"zfbench-{os.getuid()}-{elsewhere}.lock", path)


def _lock_file(place: Path, path: Path) -> IO[bytes]:
    """Lock the file at a place, for the event log at a path.

    Raises:
        ZfbenchError: another process holds the lock.
        OSError: the file cannot be made or locked.
    """
    descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    lock = os.fdopen(descriptor, "r+b", buffering=0)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)  # a reader takes the first line alone
    except BlockingIOError as error:
        holder = lock.readline().decode().strip() or "unknown"
        lock.close()
        raise ZfbenchError(
            f"{path} is in use by process {holder}; wait until it ends, or stop it, before resuming."
        ) from error
    except OSError:
        lock.close()
        raise
    return lock


def _sync_folder(folder: Path) -> None:
    """Make a new file's name as durable as its content."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _parse(line: bytes, seq: int) -> Event | None:
    """The event of a line, or None when the line is not exactly what was written."""
    try:
        fields = json.loads(line)
        event = Event(fields["seq"], fields["kind"], fields["body"])
        intact = event.seq == seq and event.line() == line
    except (ValueError, KeyError, TypeError):
        return None
    return event if intact else None


def _canonical(body: dict[str, Any]) -> str:
    return json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
