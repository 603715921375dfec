"""Clean processes, warm and lent to one program at a time: where everything that is scored is computed.

A process keeps what it has compiled and loaded, so it is lent again, to the same cores and within the same limits. It
ends when it fails, when a program takes longer than its time, and long before its processor time is over.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from dataclasses import dataclass, field

from zfbench.base.errors import ZfbenchError
from zfbench.protocols.sandbox import Child
from zfbench.records.frame import Frame
from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError
from zfbench.sandbox.devices import GPU
from zfbench.sandbox.process import cpu_seconds, reported_failure, start_worker

MODULE = "zfbench.engine.worker"
TRACEBACK = "Traceback (most recent call last)"
USED = 0.5  # of a process's processor time: lent for longer than that, it serves no further program
LENT = 200  # programs that one process serves at most
KEPT = 2  # idle processes beyond the number of cores


@dataclass
class Clean:
    """One process, lent.

    Attributes:
        child: to ask; see `zfbench.engine.worker`.
        kind: what else it must be like to serve another program.
        holds: names of what it has loaded, by kind, the latest last; see `hold`.
        answered: whether it has answered anything.
        lent: how often.
        seconds: for how long, all together.
        since: when it was lent last, by `time.monotonic()`.
    """

    child: Child
    kind: tuple[object, ...]
    holds: dict[str, tuple[str, ...]] = field(default_factory=dict)
    answered: bool = False
    lent: int = 0
    seconds: float = 0.0
    since: float = 0.0

    def hold(self, kind: str, name: str, most: int = 1) -> None:
        """Keep account of what the process was given: it keeps so many of a kind, those that were used last."""
        others = (known for known in self.holds.get(kind, ()) if known != name)
        self.holds[kind] = (*others, name)[-most:]

    def ask(self, frame: Frame, body_limit: int, deadline: float, doing: str) -> Frame:
        """Its answer to a frame.

        Raises:
            CandidateError: it failed, or the deadline passed; after the latter it is not lent again.
            ZfbenchError: it did not even start, which is no program's fault.
        """
        try:
            self.child.send(frame, deadline, doing)
            answer = self.child.receive(body_limit, deadline, doing)
        except CandidateError as error:
            if not self.answered and TRACEBACK in self.child.output:
                reason = self.child.output.strip().splitlines()[-1]
                raise ZfbenchError(
                    f"A process of zfbench itself did not start ({reason}); run `zfbench doctor`, or install zfbench "
                    "again."
                ) from error
            raise
        self.answered = True
        if answer.kind == "not done":
            raise reported_failure(answer)
        return answer


class CleanProcesses:
    """All clean processes of this one; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[Clean] = []

    def lend(self, limits: Limits, device: str, holding: str = "") -> Clean:
        """A process for one program, on the cores of the calling thread; `give_back` it.

        Args:
            limits: of the program; address space and processor time are the process's.
            device: where it computes.
            holding: rather one that holds this.
        """
        memory = None if device == GPU else limits.memory_bytes  # CUDA reserves far more addresses than it uses memory
        cores = tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else ()
        kind = (device, memory, cpu_seconds(limits), cores)
        with self._lock:
            for clean in [clean for clean in self._idle if not clean.child.idle]:  # it ended while it waited
                self._idle.remove(clean)
                clean.child.kill()
            alike = [clean for clean in self._idle if clean.kind == kind]
            holders = [c for c in alike if any(holding in names for names in c.holds.values())]
            found = next(reversed(holders or alike), None)
            if found is not None:
                self._idle.remove(found)
        if found is None:
            found = Clean(start_worker(MODULE, device, memory, cpu_seconds(limits)), kind)
        found.lent += 1
        found.since = time.monotonic()
        return found

    def give_back(self, clean: Clean, limits: Limits) -> None:
        """Keep a process for the next program, or end it."""
        clean.seconds += time.monotonic() - clean.since
        spent = clean.seconds >= USED * cpu_seconds(limits) or clean.lent >= LENT
        if spent or not clean.child.idle:
            clean.child.kill()
            return
        with self._lock:
            self._idle.append(clean)
            surplus = self._idle[: -(KEPT + (os.cpu_count() or 1))]
            self._idle = self._idle[len(surplus) :]
        for old in surplus:
            old.child.kill()

    def close(self) -> None:
        """End all idle processes."""
        with self._lock:
            idle, self._idle = self._idle, []
        for clean in idle:
            clean.child.kill()


PROCESSES = CleanProcesses()
atexit.register(PROCESSES.close)
