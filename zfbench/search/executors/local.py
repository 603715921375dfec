"""Executors of one machine: in this thread, or in threads each of which drives one pinned child process at a time.

A third executor, for a Ray cluster, is in `zfbench.search.executors.ray`. With one worker all give the same order of
events; with several, jobs end in any order.
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
    """An executor of one job at a time, in the order of submission, in the thread that waits for it."""

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
        """Queue an evaluation.

        Args:
            key: key of the job.
            program: the program.
            seed: seed of its training.
        """
        self.call(key, partial(self._evaluate, program, seed))

    def next_done(self) -> tuple[int, Any]:
        """Run the oldest job, and return its key and result."""
        key, job = self._jobs.popleft()
        return key, job()

    def close(self) -> None:
        """Drop all queued jobs."""
        self._jobs.clear()


class ProcessExecutor:
    """An executor of up to `workers` jobs at once; each thread and its programs are pinned to one core.

    A program trains in a child process of its own, and threads suffice to wait for it. A process inherits the pinning
    of the thread that starts it; the pool of processes that are started ahead is pinned too. Training gains nothing
    from a second core, so with one core for each, workers do not slow each other down.
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
        """Start an evaluation as soon as a thread is free.

        Args:
            key: key of the job.
            program: the program.
            seed: seed of its training.
        """
        self.call(key, partial(self._evaluate, program, seed))

    def next_done(self) -> tuple[int, Any]:
        """Wait for the next job that ends, and return its key and result."""
        key, future = self._done.get()
        return key, future.result()

    def close(self) -> None:
        """Drop the jobs that have not begun, and wait for those that have."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def default_executor(evaluate: Evaluate, workers: int | None) -> Executor:
    """Make a serial executor for one worker, so that a run is reproducible bit by bit, and else one with processes."""
    return SerialExecutor(evaluate) if workers == 1 else ProcessExecutor(evaluate, workers)


def available_cores() -> list[int]:
    """Return the numbers of the cores that this process may use, in order."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _pin(core: int) -> None:
    """Bind the calling thread, and every process it will start, to a core, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
