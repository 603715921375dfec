"""Where programs are evaluated: in this thread, or in threads that each drive one pinned child process at a time.

A third executor, on a Ray cluster, is in `zfbench.search.executors.ray`. All keep the same order of events for
one worker; for several, jobs end in any order.
"""

from __future__ import annotations

import itertools
import os
import queue
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from zfbench.base.errors import ZfbenchError
from zfbench.protocols.executor import Evaluate, Executor
from zfbench.records.program import Program


class SerialExecutor:
    """One job at a time, in the order of submission, in the thread that waits for it."""

    workers = 1

    def __init__(self, evaluate: Evaluate, workers: int | None = 1) -> None:
        if workers not in (1, None):
            raise ZfbenchError(f"The serial executor has one worker, not {workers}; choose the executor processes.")
        self._evaluate = evaluate
        self._jobs: deque[tuple[int, Callable[[], Any]]] = deque()

    def call(self, key: int, job: Callable[[], Any]) -> None:
        """Queue a job."""
        self._jobs.append((key, job))

    def evaluate(self, key: int, program: Program, seed: int) -> None:
        """Queue an evaluation."""
        self.call(key, partial(self._evaluate, program, seed))

    def next_done(self) -> tuple[int, Any]:
        """Run the oldest job."""
        key, job = self._jobs.popleft()
        return key, job()

    def close(self) -> None:
        """Drop all queued jobs."""
        self._jobs.clear()


class ProcessExecutor:
    """Up to `workers` jobs at once, each thread and the programs it asks for pinned to one core.

    A program trains in a child process of its own; what happens here is waiting for it, for which threads
    suffice. A process inherits the pinning of the thread that starts it; the warm pool is told of it. Training
    gains nothing from a second core, so one core each is what keeps workers out of each other's way.
    """

    def __init__(self, evaluate: Evaluate, workers: int | None = None) -> None:
        cores = available_cores()
        self.workers = workers or len(cores)
        self._evaluate = evaluate
        turns = itertools.cycle(cores)
        self._pool = ThreadPoolExecutor(self.workers, "search", initializer=lambda: _pin(next(turns)))
        self._done: queue.SimpleQueue[tuple[int, Future[Any]]] = queue.SimpleQueue()

    def call(self, key: int, job: Callable[[], Any]) -> None:
        """Start a job as soon as a thread is free."""
        future = self._pool.submit(job)
        future.add_done_callback(lambda ended: self._done.put((key, ended)))

    def evaluate(self, key: int, program: Program, seed: int) -> None:
        """Start an evaluation as soon as a thread is free."""
        self.call(key, partial(self._evaluate, program, seed))

    def next_done(self) -> tuple[int, Any]:
        """Wait for whichever job ends next."""
        key, future = self._done.get()
        return key, future.result()

    def close(self) -> None:
        """Drop jobs that have not begun and wait for those that have."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def default_executor(evaluate: Evaluate, workers: int | None) -> Executor:
    """Serial for one worker, which makes a run reproducible bit by bit; else processes."""
    return SerialExecutor(evaluate) if workers == 1 else ProcessExecutor(evaluate, workers)


def available_cores() -> list[int]:
    """Cores that this process may use, in order."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _pin(core: int) -> None:
    """Bind the calling thread, and every process it will start, to a core, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
