"""The second door: a judge of programs for systems that own their search loop.

Such a system brings sources and is told evaluations. Its calls go through the same evaluator, ledger and journal
as those of a discoverer, so that its score stands beside theirs at an equal budget.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from zfbench.base.errors import ZfbenchError
from zfbench.protocols.executor import Evaluate
from zfbench.protocols.task import Spec
from zfbench.records.evaluation import Evaluation, Request
from zfbench.records.program import Program, ProgramId
from zfbench.records.spend import NOTHING, Spend
from zfbench.search.budget import Budget, Reservation
from zfbench.search.eventlog import Event, EventLog, Kind
from zfbench.search.header import begin, check_budget
from zfbench.search.history import OnEvent, OpenRequest, replay
from zfbench.search.loop import evaluation_seed
from zfbench.search.outcome import Reason, SearchOutcome


class BudgetSpentError(ZfbenchError):
    """The arena evaluates no more new programs."""


class ExternalDiscoverer:
    """The discoverer of an arena: one request for each program that was brought."""

    def __init__(self) -> None:
        self._asked = 0

    def ask(self) -> Request:
        """Whatever comes next."""
        self._asked += 1
        return Request(self._asked - 1, "rewrite")

    def tell(self, request: Request, program: Program, evaluation: Evaluation) -> None:
        """The guest has its own memory."""


class Arena:
    """Evaluates programs within a budget; may be called from several threads.

    A program's training seed depends on the program and the search's seed alone. A guest that starts over after an
    interruption is therefore told the same again, for free where the journal knows it.

    Args:
        evaluate: trains and scores a program with a seed.
        spec: the task.
        budget: what the search may use up.
        log: the journal.
        seed: of the evaluations.
        bound: the most that one evaluation may use up; needed in the units that the budget limits.
        workers: evaluations at once; further calls wait.
        header: what else identifies the search, JSON-compatible; equal on reopening.
        on_event: called after each event took effect.
        clock: seconds, for the budget's `wall_seconds` alone.

    Raises:
        ZfbenchError: the log holds another search, or the budget is unlimited or below the bound of one
            candidate.
    """

    def __init__(
        self,
        evaluate: Evaluate,
        *,
        spec: Spec,
        budget: Budget,
        log: EventLog,
        seed: int,
        bound: Spend = NOTHING,
        workers: int = 1,
        header: Mapping[str, Any] | None = None,
        on_event: OnEvent | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        bound = replace(bound, evaluations=1)
        check_budget(budget, replace(bound, tokens=1))  # whoever writes the programs reports its tokens
        head = begin(log, {**(header or {}), "task": spec.name, "seed": seed}, budget, bound, NOTHING)
        self._history = replay((head, *log.events[1:]), log.path, ExternalDiscoverer(), spec, on_event, clock)
        self._evaluate, self._log, self._seed, self._on_event = evaluate, log, seed, on_event
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(workers)
        self._running: dict[ProgramId, Future[Evaluation]] = {}
        for open_request in list(self._history.pending.values()):
            self._give_up(open_request)  # in flight when an earlier process died: unpaid, and the guest may ask again

    def evaluate(self, source: str, summary: str = "", tokens: int = 0) -> Evaluation:
        """Train and score a program; one that was evaluated before is free.

        Args:
            source: what the contract of the task asks for.
            summary: a few words on it, for the journal.
            tokens: what writing it took, as the caller reports; charged.

        Raises:
            BudgetSpentError: there is no room for another evaluation, or the search was finished.
            ZfbenchError: the journal cannot be written.
        """
        program = Program(source, operator="rewrite", summary=summary)
        with self._lock:
            open_request = self._admit(program, Spend(tokens=tokens))
            earlier = self._earlier(program)
        return self._answer(open_request, program, earlier)

    def remaining(self) -> Budget:
        """What is left of the budget."""
        return self._history.ledger.remaining()

    @property
    def spent(self) -> bool:
        """Whether no further evaluation fits."""
        return not self._history.ledger.fits(self._history.step)

    @property
    def finished(self) -> bool:
        """Whether the search was ended for good."""
        return self._history.ended is not None

    def finish(self) -> SearchOutcome:
        """End the search for good; harmless when repeated.

        Raises:
            ZfbenchError: a program is being evaluated.
        """
        with self._lock:
            if self._history.pending:
                raise ZfbenchError("A program is being evaluated; finish when its answer is there.")
            if not self.finished:
                reason: Reason = "budget" if self.spent else "finished"
                event = self._append("end", {"reason": reason})
                self._history.end(reason)
                self._report(event)
            return self._history.outcome()

    def _admit(self, program: Program, spend: Spend) -> OpenRequest:
        """Write down a program that there is room for."""
        if self.finished:
            raise BudgetSpentError("This search was finished; start another one in a new folder.")
        known = program.id in self._history.scored or program.id in self._running
        ledger = self._history.ledger
        if known and spend == NOTHING:  # answered whatever is left
            reservation: Reservation | None = ledger.restore(NOTHING)
        else:
            reservation = ledger.reserve(spend if known else self._history.step + spend)
        if reservation is None:
            budget = ", ".join(f"{unit}={limit:g}" for unit, limit in self._history.ledger.budget.to_json().items())
            raise BudgetSpentError(f"The budget ({budget}) has no room for another evaluation; finish the search.")
        request = self._history.discoverer.ask()
        assert request is not None  # a guest never runs out
        event = self._log.append("ask", request.to_json())
        open_request = self._history.ask(request, reservation)
        self._report(event)
        held = reservation.held.to_json()  # a known program's is less than a step's
        body = {"request": request.id, "program": program.to_json(), "failure": None, "spend": spend.to_json()}
        body["held"] = held
        event = self._append("proposal", body)
        self._history.propose(open_request, program, None, spend)
        self._report(event)
        return open_request

    def _earlier(self, program: Program) -> Future[Evaluation] | None:
        """The evaluation of an equal program, done or under way; None, and one is announced, when it is new."""
        if program.id in self._history.scored:
            done: Future[Evaluation] = Future()
            done.set_result(self._history.scored[program.id].evaluation)
            return done
        if program.id in self._running:
            return self._running[program.id]
        self._running[program.id] = Future()
        return None

    def _answer(self, open_request: OpenRequest, program: Program, earlier: Future[Evaluation] | None) -> Evaluation:
        """Evaluate, or wait for the equal program, and write down what came of it."""
        try:
            if earlier is None:
                return self._run(open_request, program)
            evaluation = replace(earlier.result(), spend=NOTHING)
            with self._lock:
                self._tell(open_request, evaluation, duplicate=True)
            return evaluation
        except BaseException:  # of the harness, not of the program: unpaid
            with self._lock:
                if open_request.request.id in self._history.pending:
                    self._give_up(open_request)
            raise

    def _run(self, open_request: OpenRequest, program: Program) -> Evaluation:
        announced = self._running[program.id]
        try:
            with self._slots:
                if not self._history.ledger.in_time(self._history.step):  # it may have waited long for its turn
                    raise BudgetSpentError("The time is spent; finish the search.")
                evaluation = self._evaluate(program, program_seed(self._seed, program))
            evaluation = replace(evaluation, spend=replace(evaluation.spend, evaluations=1))
            with self._lock:
                self._tell(open_request, evaluation, duplicate=False)
        except BaseException as error:
            announced.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._running[program.id]
        announced.set_result(evaluation)
        return evaluation

    def _tell(self, open_request: OpenRequest, evaluation: Evaluation, duplicate: bool) -> None:
        body = {"request": open_request.request.id, "evaluation": evaluation.to_json(), "duplicate": duplicate}
        event = self._append("evaluation", body)
        self._history.evaluate(open_request, evaluation, duplicate)
        self._report(event)

    def _give_up(self, open_request: OpenRequest) -> None:
        event = self._append("lost", {"request": open_request.request.id})
        self._history.give_up(open_request)
        self._report(event)

    def _append(self, kind: Kind, body: dict[str, Any]) -> Event:
        return self._log.append(kind, {**body, "elapsed": self._history.ledger.elapsed()})

    def _report(self, event: Event) -> None:
        if self._on_event is not None:
            self._on_event(event)


def program_seed(seed: int, program: Program) -> int:
    """The training seed for a program that was brought, in 0 .. 2^32 - 1."""
    return evaluation_seed(seed, int(program.id[:16], 16))
