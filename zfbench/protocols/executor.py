"""The interface of executors, which run the evaluations of a search: serially, in processes, or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from zfbench.records.evaluation import Evaluation
from zfbench.records.program import Program

Evaluate = Callable[[Program, int], Evaluation]


class Executor(Protocol):
    """A runner of jobs that returns (key, result) pairs in the order in which the jobs end.

    Attributes:
        workers: evaluations at once.
    """

    workers: int

    def call(self, key: int, job: Callable[[], Any]) -> None:
        """Accept a job of this process, such as a call of the proposer; keys of unfinished jobs differ."""
        ...

    def evaluate(self, key: int, program: Program, seed: int) -> None:
        """Accept a program to evaluate, in this process or elsewhere.

        Args:
            key: key of the job.
            program: the program.
            seed: seed of its training.
        """
        ...

    def next_done(self) -> tuple[int, Any]:
        """Wait for the next job to end, and return its key and result.

        An exception of the job is raised here.
        """
        ...

    def close(self) -> None:
        """Drop the jobs that have not begun, and wait for those that have."""
        ...


class ExecutorFactory(Protocol):
    """A function that makes an executor; the entries of the group `zfbench.executors` are of this form."""

    def __call__(self, evaluate: Evaluate, workers: int | None, **settings: Any) -> Executor:
        """Make an executor.

        Args:
            evaluate: function that trains and scores a program with a seed.
            workers: number of jobs that run at once; None for as many as there is room for.
            settings: the executor's own settings.
        """
        ...
