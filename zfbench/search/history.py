"""The state of a search as a function of its event log: equal events give equal states."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from zfbench.base.errors import DamagedFileError, ZfbenchError
from zfbench.protocols.conduct import check_request, conduct_of
from zfbench.protocols.discoverer import Discoverer
from zfbench.protocols.proposer import Context
from zfbench.protocols.task import Spec
from zfbench.records.evaluation import Evaluation, Request, Scored
from zfbench.records.limits import Limits
from zfbench.records.program import Program, ProgramId
from zfbench.records.spend import Spend
from zfbench.search.budget import Budget, Ledger, Reservation
from zfbench.search.eventlog import Event
from zfbench.search.outcome import Counts, Reason, SearchOutcome

OnEvent = Callable[[Event], None]


@dataclass(eq=False)
class OpenRequest:
    """A request whose answer has not been told to the discoverer yet.

    Attributes:
        request: the request of the discoverer.
        context: everything that the proposer may know, as it was when the request was made.
        reservation: the resources that the request may still use.
        program: the answer, once there is one.
        failure: reason why the answer is no program; None if it is one.
        answered: True if the proposer was answered at all, as in `ProposalError`.
    """

    request: Request
    context: Context
    reservation: Reservation
    program: Program | None = None
    failure: str | None = None
    answered: bool = True


@dataclass(eq=False)
class History:
    """The state of a search, which is changed by events alone; it tells the discoverer the answers.

    Attributes:
        discoverer: the discoverer, which is told the answers, and in a replay also asked.
        spec: specification of the task.
        ledger: the account of the search.
        step: largest possible spend of one request, from asking to telling.
        limits: limits of the evaluation of each program, for the proposer.
        pending: open requests by id, in order of asking.
        scored: every different program that was evaluated, in order, with the first critique of it.
        requests_without_progress: number of the latest requests in a row for which no new working program was
            evaluated. In tasks that evaluate repeated programs again, a repeat counts as progress, because it is
            charged and gives a new evaluation; the budget ends such a search. Requests that were not answered at all
            say nothing about the method and are not counted.
        last_failure: reason why the latest unanswered request has no program.
        ended: reason why the search ended; None while it goes on.
    """

    discoverer: Discoverer
    spec: Spec
    ledger: Ledger
    step: Spend
    limits: Limits | None = None
    pending: dict[int, OpenRequest] = field(default_factory=dict)
    scored: dict[ProgramId, Scored] = field(default_factory=dict)
    requests_without_progress: int = 0
    last_failure: str = ""
    ended: Reason | None = None
    _known: set[ProgramId] = field(default_factory=set)
    _asked: int = 0
    _duplicates: int = 0
    _unanswered: int = 0

    def check(self, request: Request) -> None:
        """Check a request of the discoverer before it is logged.

        Raises:
            PluginError: the discoverer broke its interface.
        """
        check_request(self.discoverer, request, self._asked, self.scored)

    def ask(self, request: Request, reservation: Reservation) -> OpenRequest:
        """Take a request that was made, with its reservation.

        Raises:
            PluginError: the discoverer broke its interface.
        """
        self.check(request)
        parents = tuple(self.scored[parent] for parent in request.parents)
        context = Context(self.spec, parents, frozenset(self._known), tuple(self.scored.values()), self.limits)
        open_request = OpenRequest(request, context, reservation)
        self.pending[request.id] = open_request
        self._asked += 1
        return open_request

    def propose(
        self,
        open_request: OpenRequest,
        program: Program,
        failure: str | None,
        spend: Spend,
        critique: str = "",
        answered: bool = True,
    ) -> None:
        """Take the answer to a request, or the fact that it has none.

        Args:
            open_request: the request.
            program: the program; one with an empty source if there is none.
            failure: reason why there is no program; None if there is one.
            spend: resources that the answer used up.
            critique: critique of the last parent, if one was written.
            answered: True if the proposer was answered at all.
        """
        self.ledger.charge(open_request.reservation, spend)
        open_request.program, open_request.failure, open_request.answered = program, failure, answered
        if failure is None:
            self._known.add(program.id)
        else:
            self.last_failure = failure
        self._criticise(open_request, critique)

    def interrupt(self, open_request: OpenRequest, failure: str, spend: Spend, critique: str = "") -> None:
        """Take a failure of the proposer's surroundings; the request stays open, and its spend so far is charged.

        Args:
            open_request: the request.
            failure: description of the failure.
            spend: resources that the request had used up by then.
            critique: critique of the last parent, if one was written by then; it is not asked for again.
        """
        self.ledger.charge(open_request.reservation, spend)
        self.last_failure = failure
        self._criticise(open_request, critique)
        parents = tuple(self.scored[parent] for parent in open_request.request.parents[-1:])
        open_request.context = replace(open_request.context, parents=(*open_request.context.parents[:-1], *parents))

    def _criticise(self, open_request: OpenRequest, critique: str) -> None:
        """Keep a critique with the last parent, unless that has one already."""
        if critique and open_request.request.parents:
            parent = self.scored[open_request.request.parents[-1]]
            self.scored[parent.program.id] = replace(parent, critique=parent.critique or critique)

    def evaluate(self, open_request: OpenRequest, evaluation: Evaluation, duplicate: bool) -> None:
        """Take the evaluation of an answer, or the fact that it was evaluated before, and tell it to the discoverer.

        Args:
            open_request: the request.
            evaluation: the evaluation.
            duplicate: True if the program was evaluated before.

        Raises:
            ValueError: the request was not answered yet.
        """
        program = open_request.program
        if program is None:
            raise ValueError(f"request {open_request.request.id} was evaluated before it was answered")
        self.ledger.settle(open_request.reservation, evaluation.spend)
        del self.pending[open_request.request.id]
        self._duplicates += duplicate
        self._unanswered += open_request.failure is not None
        new = not duplicate and open_request.failure is None
        if new:
            known = self.scored.get(program.id)
            self.scored[program.id] = Scored(program, evaluation, known.critique if known else "")
        if open_request.answered:
            self.requests_without_progress = 0 if new and evaluation.ok else self.requests_without_progress + 1
        with conduct_of("discoverer", self.discoverer, "tell"):
            self.discoverer.tell(open_request.request, program, evaluation)

    def give_up(self, open_request: OpenRequest) -> None:
        """Close a request that will not be told, because its process died or time has run out.

        Its reservation is freed.
        """
        self.ledger.settle(open_request.reservation)
        del self.pending[open_request.request.id]

    def end(self, reason: Reason) -> None:
        """Take the end of the search."""
        self.ended = reason

    def replay(self, event: Event, path: Path) -> None:
        """Repeat a logged event, other than the header, on the discoverer.

        Raises:
            DamagedFileError: the event is not possible at this point.
            ZfbenchError: the discoverer makes another request than the logged one.
        """
        try:
            self._repeat(event, path)
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedFileError(
                f"{path}, line {event.seq + 1} cannot be repeated ({error}); resume with the version that wrote it."
            ) from error

    def _repeat(self, event: Event, path: Path) -> None:
        body = event.body
        if event.kind == "ask":
            with conduct_of("discoverer", self.discoverer, "ask"):
                request = self.discoverer.ask()
            if request is None or request.to_json() != body:
                raise ZfbenchError(
                    f"{path}, line {event.seq + 1}: the discoverer no longer asks for what is recorded there; "
                    "resume with the version and settings that began the search, or, if the discoverer has been "
                    "changed since, begin a new search in another folder (`folder=` in Python, `--out` in the shell)."
                )
            self.ask(request, self.ledger.restore(self.step))
        elif event.kind == "proposal":
            program = Program.from_json(body["program"])
            spend = Spend.from_json(body["spend"])
            critique = body.get("critique", "")
            open_request = self.pending[body["request"]]
            if "held" in body:
                open_request.reservation.held = Spend.from_json(body["held"])
            self.propose(open_request, program, body["failure"], spend, critique, body.get("answered", True))
        elif event.kind == "interrupted":
            spend = Spend.from_json(body["spend"])
            self.interrupt(self.pending[body["request"]], body["failure"], spend, body.get("critique", ""))
        elif event.kind == "evaluation":
            evaluation = Evaluation.from_json(body["evaluation"])
            self.evaluate(self.pending[body["request"]], evaluation, body["duplicate"])
        elif event.kind == "lost":
            self.give_up(self.pending[body["request"]])
        elif event.kind == "end":
            self.end(body["reason"])
        elif event.kind == "judged":
            pass  # of the result's file, which is no part of the search
        else:
            raise ValueError(f"unexpected event of kind {event.kind!r}")

    def outcome(self) -> SearchOutcome:
        """Return the outcome of the search."""
        evaluated = tuple(self.scored.values())
        failed = sum(not scored.evaluation.ok for scored in evaluated)
        counts = Counts(self._asked, len(evaluated), failed, self._duplicates, self._unanswered)
        return SearchOutcome(
            evaluated, counts, self.ledger.spent(), self.ledger.overrun, self.ended or "unfinished", self.last_failure
        )


def replay(
    events: Sequence[Event],
    path: Path,
    discoverer: Discoverer,
    spec: Spec,
    on_event: OnEvent | None = None,
    clock: Callable[[], float] = time.monotonic,
    limits: Limits | None = None,
) -> History:
    """Return the state that an event log leads to; no program is written or run.

    Args:
        events: events of the log, the header first.
        path: path of the event log, for messages.
        discoverer: a new discoverer.
        spec: specification of the task.
        on_event: called after each event took effect.
        clock: function that returns seconds, for what comes after the replay.
        limits: limits of the evaluation of each program, for the proposer.

    Returns:
        The state.

    Raises:
        DamagedFileError: an event is not possible at its point.
        ZfbenchError: the discoverer makes another request than the logged one.
    """
    head = events[0].body
    ledger = Ledger(Budget(**head["budget"]), clock, elapsed_before=max(e.body.get("elapsed", 0.0) for e in events))
    step = Spend.from_json(head["proposal_bound"]) + Spend.from_json(head["bound"])
    history = History(discoverer, spec, ledger, step, limits)
    for event in events[1:]:
        history.replay(event, path)
        if on_event is not None:
            on_event(event)
    return history
