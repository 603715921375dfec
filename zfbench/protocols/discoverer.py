"""The contract of a discoverer: which programs to build on next, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from zfbench.records.evaluation import Evaluation, Generation, Request
from zfbench.records.program import Program, ProgramId


class Discoverer(Protocol):
    """A state machine that selects; deterministic given its seed and the sequence of asks and tells.

    It owns its population and its random numbers. It never writes or runs a program, never reads a clock, and
    never keeps a budget: the loop (`zfbench.search.loop`) does, the same for all. A killed run is resumed by
    making a new discoverer and repeating the logged asks and tells, so nothing else may influence it.
    """

    def ask(self) -> Request | None:
        """The next wish, or None.

        Requests are numbered 0, 1, 2, ... by their `id`; parents must have been told before. The loop may ask
        again before earlier requests are told. None means "not before I am told more"; it must leave the
        state unchanged. None while nothing is pending ends the run: the method has finished.
        """
        ...

    def tell(self, request: Request, program: Program, evaluation: Evaluation) -> None:
        """Take note of an answer; every request is told exactly once, in any order.

        Failures are evaluations too (`evaluation.ok` is False). A program that was evaluated before is told
        again with its earlier evaluation and no spend. When the proposer found no program at all, the source
        is empty.
        """
        ...


@runtime_checkable
class WeightedPopulation(Protocol):
    """What a method offers that ends with a posterior over programs, not only with the best one."""

    @property
    def population(self) -> Sequence[tuple[ProgramId, float]]:
        """Programs with their weights, which sum to one; a program may stand there several times."""
        ...


@runtime_checkable
class Generational(Protocol):
    """What a method offers whose population can be followed through its generations."""

    @property
    def generations(self) -> Sequence[Generation]:
        """The first population, then one a generation."""
        ...


@runtime_checkable
class Fitting(Protocol):
    """What a method has that may rank simulators by their likelihood at fitted parameters.

    Attributes:
        wants_fitted: whether it does; evaluations then have the metric `FITTED`, beside all others.
    """

    wants_fitted: bool


class DiscovererFactory(Protocol):
    """What the entry-point group `zfbench.discoverers` holds."""

    def __call__(self, seed: int, seed_program: Program, **settings: Any) -> Discoverer:
        """A fresh discoverer; `settings` are the method's own and come from the command line."""
        ...
