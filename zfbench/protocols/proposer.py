"""The contract of a proposer: write one new program from its parents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

import numpy as np

from zfbench.base.errors import ZfbenchError
from zfbench.protocols.spec import Spec
from zfbench.records.evaluation import Exchange, Proposal, Request, Scored
from zfbench.records.interpretation import Interpretation
from zfbench.records.limits import Limits
from zfbench.records.program import Program, ProgramId
from zfbench.records.spend import NOTHING, Spend


@dataclass(frozen=True)
class Context:
    """What a proposer may know beside the request.

    Attributes:
        spec: the task, without any data.
        parents: the request's parents, in its order, each with evaluation, feedback and, where there is one, critique.
        known: ids of all programs proposed when the request was made, so that a cheap proposer can avoid
            them.
        history: every program that was evaluated when the request was made, in order, so that a proposer can
            learn which of its changes help without keeping a state of its own.
        limits: what the evaluation of each program may spend; None where nobody says.
    """

    spec: Spec
    parents: tuple[Scored, ...]
    known: frozenset[ProgramId]
    history: tuple[Scored, ...] = ()
    limits: Limits | None = None


class ProposalError(ZfbenchError):
    """No program could be had: a malformed answer, a refused connection. The search goes on without it.

    Attributes:
        spend: what the attempt used up nonetheless.
        critique: see `Proposal`; it may have been had before the attempt failed.
        answered: whether the writer of programs answered at all. If it did not, its surroundings failed, not the
            method: several such requests in a row end the run, which can be resumed.
        exchanges: see `Proposal`.
    """

    def __init__(
        self,
        message: str,
        spend: Spend = NOTHING,
        critique: str = "",
        answered: bool = True,
        exchanges: tuple[Exchange, ...] = (),
    ) -> None:
        super().__init__(message)
        self.spend = spend
        self.critique = critique
        self.answered = answered
        self.exchanges = exchanges


class ProposerUnavailableError(ZfbenchError):
    """What the proposer needs refuses to answer, and will refuse again: a wrong key, an unknown model, a spent quota.

    The run ends at once. The request that met this error stays open, so resuming the run repeats it.

    Attributes:
        spend: what the request had used up before.
        critique: see `Proposal`.
        exchanges: see `Proposal`.
    """

    def __init__(
        self, message: str, spend: Spend = NOTHING, critique: str = "", exchanges: tuple[Exchange, ...] = ()
    ) -> None:
        super().__init__(message)
        self.spend = spend
        self.critique = critique
        self.exchanges = exchanges


class Proposer(Protocol):
    """A writer of programs: an LLM, a grammar, a finite list.

    It owns no population and no budget. It is called from several threads at once when a run has several
    workers. The answer may depend on the arguments only, so that a resumed run repeats it (a remote model
    cannot promise that; its logged answers are reused instead).

    Attributes:
        bound: the most that one call may use up; the loop reserves it in advance.
        trusted: whether all programs that it can write are known to be harmless, as those of a grammar or a finite
            list are; those of a language model are not, and run in a sandbox that confines them.
        version: rises when equal draws come to give other programs, so that a search is not continued by another
            version; None for a proposer that has no versions.
        identity: what else its answers depend on (model, hash of the prompts, hashes of files), JSON-compatible;
            it goes to the run's header and its result. Never a secret.
        surroundings: settings that do not define the method, with the values in use, JSON-compatible: where a model
            is served, how long to wait for it. A run may be resumed with other values, and results that differ in
            them alone are results of one method. Settings of these names are left out of header and method.

    Inherit from this class to have the defaults.
    """

    bound: Spend = NOTHING
    trusted: bool = False
    version: int | None = None
    identity: Mapping[str, Any] = MappingProxyType({})
    surroundings: Mapping[str, Any] = MappingProxyType({})

    def propose(self, request: Request, context: Context, rng: np.random.Generator) -> Proposal:
        """One new program.

        Args:
            request: which parents, and how.
            context: the parents themselves and the task.
            rng: the only source of randomness, fresh for every request.

        Raises:
            ProposalError: no program came of it.
            ProposerUnavailableError: no program can come of any request until somebody changes the surroundings.
        """
        ...


@dataclass(frozen=True)
class Preview:
    """What a proposer would send for one request, and what that may cost.

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
    """What a proposer's factory offers that sends prompts: to show them without sending them."""

    def preview(self, request: Request, context: Context, **settings: Any) -> Preview:
        """What would be sent for a request; needs no key, no network and no optional package."""
        ...


@runtime_checkable
class Interpretable(Protocol):
    """What a trusted proposer may offer beside: its programs as parameters of one that is compiled once."""

    def interpret(self, program: Program) -> Interpretation | None:
        """The program as its interpreter's parameters; None when it can only be run itself.

        Interpreter and program must agree: same initial parameters, step and training, up to rounding.
        """
        ...


class ProposerFactory(Protocol):
    """What the entry-point group `zfbench.proposers` holds."""

    def __call__(self, spec: Spec, **settings: Any) -> Proposer:
        """A fresh proposer for a task; `settings` are its own and come from the command line."""
        ...
