"""The interface of proposers, which write one new program from its parents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

import numpy as np

from zfbench.base.errors import ZfbenchError
from zfbench.protocols.spec import Spec
from zfbench.records.evaluation import Exchange, Proposal, Request, Scored
from zfbench.records.limits import Limits
from zfbench.records.program import ProgramId
from zfbench.records.spend import NOTHING, Spend


@dataclass(frozen=True)
class Context:
    """Everything that a proposer may know besides the request.

    Attributes:
        spec: the task, without any data.
        parents: the request's parents, in its order, each with evaluation, feedback and, where there is one, critique.
        known: ids of all programs proposed when the request was made, so that a cheap proposer can avoid
            them.
        history: every program that was evaluated when the request was made, in order, so that a proposer can
            learn which of its changes help without keeping a state of its own.
        limits: limits of the evaluation of each program; None if they are unknown.
    """

    spec: Spec
    parents: tuple[Scored, ...]
    known: frozenset[ProgramId]
    history: tuple[Scored, ...] = ()
    limits: Limits | None = None


class ProposalError(ZfbenchError):
    """An error of one request: the proposer has no program, because of a malformed answer or a refused connection.

    The search goes on without this program. A proposer that asks something which may be out of order, such as a
    language model, says `answered=False` when no answer came: requests that were answered count against the search's
    patience, and enough of them end it for good.

    Attributes:
        spend: resources that the attempt used up.
        critique: critique of the last parent, if it was written before the attempt failed.
        answered: True if the writer of programs answered at all. If it did not, its surroundings failed, not the
            method: several such requests in a row end the run, which can be resumed.
        exchanges: calls of a language model that were made.
    """

    def __init__(
        self,
        message: str,
        spend: Spend = NOTHING,
        critique: str = "",
        answered: bool = True,
        exchanges: tuple[Exchange, ...] = (),
    ) -> None:
        """Make the error.

        Args:
            message: one sentence for people.
            spend: resources that the attempt used up.
            critique: critique of the last parent, if it was written before the attempt failed.
            answered: True if the writer of programs answered at all.
            exchanges: calls of a language model that were made.
        """
        super().__init__(message)
        self.spend = spend
        self.critique = critique
        self.answered = answered
        self.exchanges = exchanges


class ProposerUnavailableError(ZfbenchError):
    """An error of all further requests: something the proposer needs refuses to answer, and will refuse again.

    Examples are a wrong key, an unknown model and a spent quota. The run ends at once. The request that met this error
    stays open, so resuming the run repeats it.

    Attributes:
        spend: resources that the request had used up before.
        critique: critique of the last parent, if it was written before.
        exchanges: calls of a language model that were made.
    """

    def __init__(
        self, message: str, spend: Spend = NOTHING, critique: str = "", exchanges: tuple[Exchange, ...] = ()
    ) -> None:
        """Make the error.

        Args:
            message: one sentence for people.
            spend: resources that the request had used up before.
            critique: critique of the last parent, if it was written before.
            exchanges: calls of a language model that were made.
        """
        super().__init__(message)
        self.spend = spend
        self.critique = critique
        self.exchanges = exchanges


class Proposer(Protocol):
    """A writer of programs: a language model, a grammar, a finite list.

    It owns no population and no budget. It is called from several threads at once when a run has several
    workers. The answer may depend on the arguments only, so that a resumed run repeats it (a remote model
    cannot promise that; its logged answers are reused instead).

    Inherit from this class to have the defaults.

    Attributes:
        bound: the most that one call may use up; the loop reserves it in advance.
        trusted: True if all programs that it can write are known to be harmless, as those of a grammar or a finite
            list are; those of a language model are not, and run in a sandbox that confines them.
        version: number that rises when equal random draws begin to give other programs, so that a search is not
            continued by another version; None for a proposer that has no versions.
        identity: further things that its answers depend on (model, hash of the prompts, hashes of files),
            JSON-compatible; written to the run's header and its result, so never a secret.
        surroundings: settings that do not define the method, with the values in use, JSON-compatible: where a model
            is served, how long to wait for it. A run may be resumed with other values, and results that differ in
            them alone are results of one method. Settings of these names are left out of header and method.
    """

    bound: Spend = NOTHING
    trusted: bool = False
    version: int | None = None
    identity: Mapping[str, Any] = MappingProxyType({})
    surroundings: Mapping[str, Any] = MappingProxyType({})

    def propose(self, request: Request, context: Context, rng: np.random.Generator) -> Proposal:
        """Write one new program.

        Args:
            request: the parents, and the way in which the program is to be made.
            context: the parents themselves and the task.
            rng: the only source of randomness, new for every request.

        Returns:
            The program, with a summary and the resources that were used up.

        Raises:
            ProposalError: the proposer has no program for this request.
            ProposerUnavailableError: the proposer can answer no request until somebody changes its surroundings.
        """
        ...


@dataclass(frozen=True)
class Preview:
    """The prompts that a proposer would send for one request, and their possible cost.

    Attributes:
        exchanges: the calls that would be made, without answers.
        expected: an estimate of what one request uses up.
        bound: the most that it can use up.
    """

    exchanges: tuple[Exchange, ...]
    expected: Spend
    bound: Spend


@runtime_checkable
class Previewing(Protocol):
    """A factory of proposers that can show the prompts of its proposers without sending them."""

    def preview(self, request: Request, context: Context, **settings: Any) -> Preview:
        """Return the prompts for a request; this needs no key, no network and no optional package.

        Args:
            request: the request.
            context: the parents and the task.
            settings: settings of the proposer.

        Returns:
            The prompts and their possible cost.
        """
        ...


class ProposerFactory(Protocol):
    """A function that makes a proposer; the entries of the group `zfbench.proposers` are of this form."""

    def __call__(self, spec: Spec, **settings: Any) -> Proposer:
        """Make a proposer for a task; `settings` are its own, as given on the command line or in a suite."""
        ...
