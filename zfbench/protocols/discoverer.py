"""The interface of discoverers, which decide which programs to build on next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from zfbench.records.evaluation import Evaluation, Generation, Request
from zfbench.records.program import Program, ProgramId


class Discoverer(Protocol):
    """A search method as a state machine: it selects programs, and is deterministic given its seed, asks and tells.

    It owns its population and its random numbers. It never writes or runs a program, never reads a clock, and never
    keeps a budget; the loop (`zfbench.search.loop`) does this in the same way for all methods. A killed run is resumed
    by making a new discoverer and repeating the logged asks and tells, so nothing else may influence it.
    """

    def ask(self) -> Request | None:
        """Return the next request, or None.

        Requests are numbered 0, 1, 2, ... by their `id`; their parents must have been told before. The loop may ask
        again before earlier requests are told. None means that the method needs further answers first, and must leave
        its state unchanged. None while no request is open ends the run: the method has finished.
        """
        ...

    def tell(self, request: Request, program: Program, evaluation: Evaluation) -> None:
        """Take the answer to a request; every request is told exactly once, in any order.

        Args:
            request: the request that was answered.
            program: the program that the proposer wrote; its source is empty if the proposer found none.
            evaluation: its evaluation, which may be a failure (`evaluation.ok` is False). A program that was evaluated
                before is told with its earlier evaluation and no spend.
        """
        ...


@runtime_checkable
class WeightedPopulation(Protocol):
    """A discoverer that ends with a posterior over programs, and not only with the best one."""

    @property
    def population(self) -> Sequence[tuple[ProgramId, float]]:
        """Programs with their weights, which sum to one; a program may occur several times."""
        ...


@runtime_checkable
class Generational(Protocol):
    """A discoverer whose population can be followed through its generations."""

    @property
    def generations(self) -> Sequence[Generation]:
        """The first population, and then one for each generation."""
        ...


@runtime_checkable
class Fitting(Protocol):
    """A discoverer that may rank programs by a score at fitted parameters.

    Attributes:
        wants_fitted: the metric that it needs besides all others, `FITTED` or `STANDARDISED_MSE` of
            `zfbench.records.evaluation`; None if it needs neither.
    """

    wants_fitted: str | None


class DiscovererFactory(Protocol):
    """A function that makes a discoverer; the entries of the group `zfbench.discoverers` are of this form."""

    def __call__(self, seed: int, seed_program: Program, **settings: Any) -> Discoverer:
        """Make a discoverer.

        Args:
            seed: seed of all its random draws.
            seed_program: program that the search starts from.
            settings: the method's own settings, as given on the command line or in a suite.
        """
        ...
