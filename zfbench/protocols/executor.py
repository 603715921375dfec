"""Where the evaluations of a search run: the interface of executors, such as serial, processes or Ray."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from zfbench.records.evaluation import Evaluation
from zfbench.records.program import Program

Evaluate = Callable[[Program, int], Evaluation]


class Executor(Protocol):
    """Runs jobs and hands back (key, result) pairs in the order in which the jobs end.

    Attributes:
        workers: evaluations at once.
    """

    workers: int

    def call(self, key: int, job: Callable[[], Any]) -> None:
        """Accept a job of this process, such as asking a proposer; keys of unfinished jobs differ."""
        ...

    def evaluate(self, key: int, program: Program, seed: int) -> None:
        """Accept a program to evaluate, here or elsewhere."""
        ...

    def next_done(self) -> tuple[int, Any]:
        """Wait for the next job to end; raises what the job raised."""
        ...

    def close(self) -> None:
        """Drop jobs that have not begun and wait for those that have."""
        ...


class ExecutorFactory(Protocol):
    """What the entry-point group `zfbench.executors` holds."""

    def __call__(self, evaluate: Evaluate, workers: int | None, **settings: Any) -> Executor:
        """An executor for an evaluator; None workers means as many as there is room for."""
        ...
