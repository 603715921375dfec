"""An evaluator with a budget for systems that own their search loop.

Such a system calls the arena with the source of a program and gets its evaluation. The calls go through the same
evaluator, ledger and event log as those of a discoverer, so that scores can be compared at an equal budget.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
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
from zfbench.search.outcome import Reason, SearchOutcome
from zfbench.search.replicates import SCREENING, training_seed


class BudgetSpentError(ZfbenchError):
    """An error that an arena raises when it evaluates no more new programs."""


class ExternalDiscoverer:
    """The discoverer of an arena: it makes one request for each program that the external system brings."""

    def __init__(self) -> None:
        self._asked = 0

    def ask(self) -> Request:
        """Return the next request."""
        self._asked += 1
        return Request(self._asked - 1, "rewrite")

    def tell(self, request: Request, program: Program, evaluation: Evaluation) -> None:
        """Do nothing, because the external system keeps its own memory.

        Args:
            request: the request.
            program: the program that the external system brought.
            evaluation: its evaluation.
        """


class Arena:
    """An evaluator of programs within a budget; it may be called from several threads.

    All programs of a task are trained with one seed (`zfbench.search.replicates`). An external system that starts
    again after an interruption therefore gets the same evaluations, and those that are in the event log are free.

    Args:
        evaluate: function that trains and scores a program with a seed.
        spec: specification of the task.
        budget: budget of the search.
        log: event log of the search.
        seed: seed of the judge's training, part of what identifies the search.
        bound: largest possible spend of one evaluation; needed in the units that the budget limits.
        workers: number of evaluations at once; further calls wait.
        header: further fields that identify the search, JSON-compatible; they must be equal on reopening.
        on_event: called after each event took effect.

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
    ) -> None:
        bound = replace(bound, evaluations=1)
        check_budget(budget, replace(bound, tokens=1))  # whoever writes the programs reports its tokens
        fields = {**(header or {}), "task": spec.name, "seed": seed, "replicate": SCREENING}
        head = begin(log, fields, budget, bound, NOTHING)
        self._history = replay((head, *log.events[1:]), log.path, ExternalDiscoverer(), spec, on_event)
        self._evaluate, self._log, self._on_event = evaluate, log, on_event
        self._training_seed = training_seed(spec.name, SCREENING)
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(workers)
        self._running: dict[ProgramId, Future[Evaluation]] = {}
        for open_request in list(self._history.pending.values()):
            # It was in progress when an earlier process died. It is not charged, and may be brought again.
            self._give_up(open_request)

    def evaluate(self, source: str, summary: str = "", tokens: int = 0) -> Evaluation:
        """Train and score a program; a program that was evaluated before is free.

        Args:
            source: source that the contract of the task asks for.
            summary: a few words on the program, for the event log.
            tokens: number of tokens that writing it took, as the caller reports; charged to the budget.

        Returns:
            The evaluation.

        Raises:
            BudgetSpentError: there is no room for another evaluation, or the search was finished.
            ZfbenchError: the event log cannot be written.
        """
        program = Program(source, operator="rewrite", summary=summary)
        with self._lock:
            open_request = self._admit(program, Spend(tokens=tokens))
            earlier = self._earlier(program)
        return self._answer(open_request, program, earlier)

    def remaining(self) -> Budget:
        """Return the rest of the budget."""
        return self._history.ledger.remaining()

    @property
    def spent(self) -> bool:
        """True if no further evaluation fits into the budget."""
        return not self._history.ledger.fits(self._history.step)

    @property
    def finished(self) -> bool:
        """True if the search was ended for good."""
        return self._history.ended is not None

    def finish(self) -> SearchOutcome:
        """End the search for good; further calls return the same outcome.

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
        """Log a program for which there is room in the budget."""
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
        assert request is not None  # an external discoverer never ends by itself
        event = self._log.append("ask", request.to_json())
        open_request = self._history.ask(request, reservation)
        self._report(event)
        held = reservation.held.to_json()  # less than a step's bound if the program is known
        body = {"request": request.id, "program": program.to_json(), "failure": None, "spend": spend.to_json()}
        body["held"] = held
        event = self._append("proposal", body)
        self._history.propose(open_request, program, None, spend)
        self._report(event)
        return open_request

    def _earlier(self, program: Program) -> Future[Evaluation] | None:
        """Return the evaluation of an equal program, done or in progress; None, and announce one, if it is new."""
        if program.id in self._history.scored:
            done: Future[Evaluation] = Future()
            done.set_result(self._history.scored[program.id].evaluation)
            return done
        if program.id in self._running:
            return self._running[program.id]
        self._running[program.id] = Future()
        return None

    def _answer(self, open_request: OpenRequest, program: Program, earlier: Future[Evaluation] | None) -> Evaluation:
        """Evaluate the program, or wait for an equal one, and log the evaluation."""
        try:
            if earlier is None:
                return self._run(open_request, program)
            evaluation = replace(earlier.result(), spend=NOTHING)
            with self._lock:
                self._tell(open_request, evaluation, duplicate=True)
            return evaluation
        except BaseException:  # an error of the harness, not of the program: nothing is charged
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
                evaluation = self._evaluate(program, self._training_seed)
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
