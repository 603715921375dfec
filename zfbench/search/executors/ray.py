"""An executor on a Ray cluster (the extra `ray`), for searches on several machines.

Every machine needs the same zfbench. The evaluator, with the task's data in it, is put into Ray's object store
once: a node fetches it for its first candidate, and all workers of the node share the arrays. A candidate takes
one CPU of whichever node Ray chooses; it is not pinned to a core, since the nodes may have other users whose
cores this process does not know.
"""

from __future__ import annotations

import logging
import queue
import socket
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from zfbench.base.errors import ZfbenchError
from zfbench.protocols.executor import Evaluate
from zfbench.records.evaluation import Evaluation
from zfbench.records.program import Program

ATTEMPTS = 4  # attempts for a candidate whose machine or worker is lost; Ray begins it again elsewhere


class RayExecutor:
    """An executor of up to `workers` candidates at once on a cluster; proposers are called in this process.

    This process is where the keys of the proposers are.

    A candidate whose node or worker dies is queued again by Ray, and the ledger sees one evaluation: its
    reservation stays open until there is an answer, and what the lost attempt took is not charged.

    Args:
        evaluate: function that trains and scores a program with a seed; it must be picklable, and should contain the
            data, so that they are sent once.
        workers: number of candidates at once; by default as many as the cluster has CPUs.
        address: address of a running cluster, HOST:PORT; by default the one that RAY_ADDRESS names, else a cluster on
            this machine that ends with this process.

    Raises:
        ZfbenchError: Ray is not installed, no cluster answers at the address, or the evaluator cannot be sent.
    """

    def __init__(self, evaluate: Evaluate, workers: int | None = None, address: str | None = None) -> None:
        self._ray = _connect(address)
        self.workers = workers or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        try:
            self._evaluator = self._ray.put(evaluate)
        except ZfbenchError:
            self._ray.shutdown()
            raise
        options = {"num_cpus": 1, "max_retries": ATTEMPTS - 1, "scheduling_strategy": "SPREAD"}
        self._remote = self._ray.remote(**options)(_evaluate)
        self._running: dict[int, Any] = {}  # object references by key
        self._threads = ThreadPoolExecutor(self.workers, "search")
        self._done: queue.SimpleQueue[tuple[int, Future[Any]]] = queue.SimpleQueue()

    def call(self, key: int, job: Callable[[], Any]) -> None:
        """Start a job of this process as soon as a thread is free."""
        self._report(key, self._threads.submit(job))

    def evaluate(self, key: int, program: Program, seed: int) -> None:
        """Send a program to the cluster.

        Args:
            key: key of the job.
            program: the program.
            seed: seed of its training.
        """
        self._running[key] = reference = self._remote.remote(self._evaluator, program, seed)
        self._report(key, reference.future())

    def next_done(self) -> tuple[int, Any]:
        """Wait for the next job that ends, and return its key and result.

        Raises:
            ZfbenchError: a candidate lost its machine or worker in every attempt.
        """
        key, future = self._done.get()
        self._running.pop(key, None)
        errors = self._ray.exceptions
        try:
            return key, future.result()
        except (errors.NodeDiedError, errors.WorkerCrashedError, errors.OutOfMemoryError, errors.ObjectLostError) as e:
            raise ZfbenchError(
                f"Ray lost {ATTEMPTS} workers or nodes under the candidate of request {key}; "
                "check the cluster and resume the search."
            ) from e

    def close(self) -> None:
        """Cancel what runs on the cluster, wait for the jobs of this process, and leave the cluster."""
        for reference in self._running.values():
            self._ray.cancel(reference, force=True)
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._ray.shutdown()

    def _report(self, key: int, future: Future[Any]) -> None:
        future.add_done_callback(lambda ended: self._done.put((key, ended)))


def _evaluate(evaluate: Evaluate, program: Program, seed: int) -> Evaluation:
    return evaluate(program, seed)


def _connect(address: str | None) -> Any:
    """Return the module ray, connected to a cluster; without output, since the command line shows its own progress."""
    try:
        import ray
    except ImportError as error:
        raise ZfbenchError("The executor ray needs the package ray; install zfbench[ray].") from error
    if address is not None:
        _check_address(address)
    try:
        ray.init(address, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError) as error:
        where = f"at {address}" if address else "on this machine"
        raise ZfbenchError(f"No Ray cluster answers {where} ({error}); check the address, or start one.") from error
    return ray


def _check_address(address: str) -> None:
    """Refuse an address where nothing listens, because Ray itself would wait for minutes."""
    host, _, port = address.rpartition(":")
    if not (host and port.isdigit()):
        raise ZfbenchError(f"The Ray address {address} is not of the form HOST:PORT, such as 10.0.0.5:6379.")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except OSError as error:
        raise ZfbenchError(f"No Ray cluster answers at {address} ({error}); check the address.") from error
