"""Work on many jobs, several at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Job = TypeVar("Job")


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
