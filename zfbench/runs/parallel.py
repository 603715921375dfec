"""Work on many jobs, several at a time."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Job = TypeVar("Job")


def batches(jobs: Iterable[Job], key: Callable[[Job], Hashable], size: int) -> list[list[Job]]:
    """Return jobs in batches of an equal key, in the order of the first job of each.

    Args:
        jobs: the jobs.
        key: of a job.
        size: largest number of jobs of a batch.
    """
    found: list[list[Job]] = []
    filling: dict[Hashable, list[Job]] = {}
    for job in jobs:
        batch = filling.get(key(job))
        if batch is None or len(batch) == size:
            batch = filling[key(job)] = []
            found.append(batch)
        batch.append(job)
    return found


def each(work: Callable[[Job], None], jobs: Iterable[Job], workers: int) -> None:
    """Do all jobs in threads; after the first error, wait for the jobs in progress and raise it.

    Args:
        work: does one job.
        jobs: in the order in which they begin.
        workers: number of jobs at a time.
    """
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(work, job) for job in jobs]
        try:
            for future in futures:
                future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
