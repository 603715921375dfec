"""The loop of every search: ask, propose, evaluate, tell; metered by a ledger, logged, and resumable.

All decisions are made in the calling thread, one event at a time, and every event is in the event log before it takes
effect. A resumed search makes a new discoverer, repeats the logged asks and tells on it, and goes on. Requests that had
been made but not told are processed again, with the logged proposal if there is one. Randomness needs no saved state,
because the generator of request k is derived from the seed of the search and k.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from zfbench.protocols.conduct import check_proposal, conduct_of
from zfbench.protocols.discoverer import Discoverer
from zfbench.protocols.executor import Evaluate, Executor, ExecutorFactory
from zfbench.protocols.proposer import Context, ProposalError, Proposer, ProposerUnavailableError
from zfbench.protocols.task import Spec
from zfbench.records.evaluation import Evaluation, Exchange, Proposal, Request
from zfbench.records.hints import advice
from zfbench.records.limits import Limits
from zfbench.records.program import Program, ProgramId, Status
from zfbench.records.spend import NOTHING, Spend
from zfbench.search.budget import Budget
from zfbench.search.eventlog import Event, Log
from zfbench.search.executors.local import default_executor
from zfbench.search.header import begin, check_budget
from zfbench.search.history import History, OnEvent, OpenRequest, replay
from zfbench.search.outcome import Reason, SearchOutcome
from zfbench.search.replicates import SCREENING, own_replicate, training_seed

PATIENCE = 100  # number of requests in a row without a new working program that ends a search
SILENCE = 5  # number of requests in a row without any answer after which the run stops; it can be resumed

Keep = Callable[[int, Sequence[Exchange]], None]  # called with the id of a request and the calls made for it
Answer = Proposal | ProposalError | ProposerUnavailableError


def run_search(
    discoverer: Discoverer,
    proposer: Proposer,
    evaluate: Evaluate,
    *,
    spec: Spec,
    seed_program: Program,
    budget: Budget,
    log: Log,
    seed: int,
    bound: Spend = NOTHING,
    workers: int | None = 1,
    executor: ExecutorFactory | None = None,
    header: Mapping[str, Any] | None = None,
    on_event: OnEvent | None = None,
    patience: int = PATIENCE,
    reevaluate: bool = False,
    replicate: int = SCREENING,
    ideas: Sequence[str] = (),
    clock: Callable[[], float] = time.monotonic,
    limits: Limits | None = None,
    keep: Keep | None = None,
) -> SearchOutcome:
    """Search until the budget is spent, the discoverer has finished, or no new working programs are found any more.

    Args:
        discoverer: a new discoverer, also if the log holds the beginning of this search.
        proposer: writer of programs.
        evaluate: function that trains and scores a program with a seed; every failure of the program is an evaluation,
            not an exception. It is called from several threads or on other machines if there are several workers.
        spec: specification of the task, for the proposer.
        seed_program: the answer to requests with the operator `seed`.
        budget: budget of the search.
        log: event log; if it holds the beginning of a search, that search is continued.
        seed: seed of the proposals' generators.
        bound: largest possible spend of one evaluation; needed in the units that the budget limits.
        workers: number of evaluations at once; None leaves it to the executor. With one, equal seeds give equal
            searches. With more, answers are told in the order in which they end, and a search can be repeated exactly
            by replaying its event log.
        executor: maker of the executor; by default programs are evaluated on this machine.
        header: further fields that identify the search (method, settings, data), JSON-compatible; they must be equal on
            resuming, except for the entry `surroundings`, and for `code` where one of the two has none.
        on_event: called after each event took effect, also for the events of an earlier process.
        patience: number of requests in a row without a new working program after which the search ends. It ends
            searches that repeat known programs, which are free and therefore never spend the budget. With `reevaluate`
            a working repeat counts as progress.
        reevaluate: evaluate a program again, with another seed and charged to the budget, whenever it is proposed
            again; otherwise its first evaluation is used again for free.
        replicate: the replicate of all evaluations, which gives their training seed; with `reevaluate`, every
            evaluation has a replicate of its own instead (`zfbench.search.replicates`).
        ideas: texts for the proposer; every request gets one of them, drawn with its own generator.
        clock: function that returns seconds, used for the budget's `wall_seconds` alone.
        limits: limits of the evaluation of each program, which the proposer may know.
        keep: called with the calls of a language model for each request, to keep them.

    Raises:
        ProposerUnavailableError: the proposer's surroundings refuse to answer, or did not answer `SILENCE` requests in
            a row. The log has no end then: resuming the search repeats the open requests and goes on.
        ZfbenchError: the log holds another search, or the budget is unlimited or below the bound of one
            candidate.
        PluginError: discoverer or proposer broke its interface, or raised what it does not allow.
    """
    bound = replace(bound, evaluations=1)
    check_budget(budget, proposer.bound + bound)
    fields = {
        **(header or {}),
        "task": spec.name,
        "seed": seed,
        "seed_program": seed_program.id,
        "patience": patience,
        "ideas": list(ideas),
    } | ({"reevaluate": True} if reevaluate else {"replicate": replicate})
    head = begin(log, fields, budget, bound, proposer.bound)
    history = replay((head, *log.events[1:]), log.path, discoverer, spec, on_event, clock, limits)
    if history.ended is None:
        pool = (executor or default_executor)(evaluate, workers)
        try:
            loop = _Loop(
                history,
                log,
                proposer,
                pool,
                seed_program,
                spec.name,
                seed,
                None if reevaluate else replicate,
                bound,
                on_event,
                tuple(ideas),
                keep,
            )
            loop.run(patience)
        finally:
            pool.close()
    return history.outcome()


def proposal_rng(seed: int, request: int) -> np.random.Generator:
    """Return the random generator for the proposal of a request."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(request, 0)))


@dataclass(eq=False)
class _Loop:
    """The part of a search that decides on the next event, logs it, and applies it to the state."""

    history: History
    log: Log
    proposer: Proposer
    pool: Executor
    seed_program: Program
    task: str
    seed: int
    replicate: int | None  # None: every evaluation has its own, and known programs are evaluated again
    bound: Spend
    on_event: OnEvent | None
    ideas: tuple[str, ...]
    keep: Keep | None = None
    silent: int = 0  # latest requests in a row, of this process, that were not answered at all
    running: dict[ProgramId, list[OpenRequest]] = field(default_factory=dict)  # who runs, then who waits

    def run(self, patience: int) -> None:
        """Continue from the present state to the end of the search."""
        self._reopen()
        while True:
            stop = self._fill(patience)
            if not self.history.pending:
                break
            self._absorb(*self.pool.next_done())
        assert stop is not None  # without pending requests a worker is free, so filling stopped for a reason
        event = self.log.append("end", {"reason": stop, "elapsed": self.history.ledger.elapsed()})
        self.history.end(stop)
        self._report(event)

    def _reopen(self) -> None:
        """Continue the requests that an earlier process left open, except those for which there is no time.

        Only time can have run out meanwhile, because in all other units their reservations still hold.
        """
        for open_request in list(self.history.pending.values()):
            if open_request.program is not None or self.history.ledger.in_time(self.history.step):
                self._dispatch(open_request)
            else:
                self._give_up(open_request)

    def _fill(self, patience: int) -> Reason | None:
        """Ask until every worker is busy and return None, or return the reason why no further request is made now."""
        while len(self.history.pending) < self.pool.workers:
            if self.history.requests_without_progress >= patience:
                return "stalled"
            reservation = self.history.ledger.reserve(self.history.step)
            if reservation is None:
                return "budget"
            discoverer = self.history.discoverer
            with conduct_of("discoverer", discoverer, "ask"):
                request = discoverer.ask()
            if request is None:
                self.history.ledger.settle(reservation)
                return "finished"
            self.history.check(request)
            event = self.log.append("ask", request.to_json())
            open_request = self.history.ask(request, reservation)
            self._report(event)
            self._dispatch(open_request)
        return None

    def _dispatch(self, open_request: OpenRequest) -> None:
        """Take the next step of a request: propose, evaluate, wait for an equal program, tell, or give it up."""
        request, program = open_request.request, open_request.program
        if program is None and request.operator == "seed":
            self._proposed(open_request, Proposal(self.seed_program.source, self.seed_program.summary))
        elif program is None:
            self.pool.call(request.id, partial(self._propose, request, open_request.context))
        elif open_request.failure is not None:
            self._evaluated(open_request, Evaluation(Status.INVALID, feedback=open_request.failure))
        elif program.id in self.history.scored and not self._reevaluates:
            self._evaluated(open_request, self.history.scored[program.id].evaluation, duplicate=True)
        elif program.id in self.running:
            self.running[program.id].append(open_request)
        elif not self.history.ledger.in_time(self.bound):  # what it took to write the program is in no bound
            self._give_up(open_request)
        else:
            if not self._reevaluates:
                self.running[program.id] = [open_request]
            replicate = own_replicate(self.seed, request.id) if self.replicate is None else self.replicate
            self.pool.evaluate(request.id, program, training_seed(self.task, replicate))

    @property
    def _reevaluates(self) -> bool:
        return self.replicate is None

    def _propose(self, request: Request, context: Context) -> Answer:
        try:
            advised = replace(request, hints=(*self._advice(request, context), *request.hints))
            with conduct_of("proposer", self.proposer, "propose"):
                answer = self.proposer.propose(advised, context, proposal_rng(self.seed, request.id))
            check_proposal(self.proposer, answer)
            return answer
        except (ProposalError, ProposerUnavailableError) as error:
            return error

    def _advice(self, request: Request, context: Context) -> tuple[str, ...]:
        """Return the hints that do not depend on the discoverer: shares of the error by group, and one of the ideas."""
        blamed = advice(context.spec.groups, context.parents)
        if not self.ideas:
            return blamed
        drawn = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(request.id, 2)))
        return (*blamed, self.ideas[drawn.integers(len(self.ideas))])

    def _absorb(self, request_id: int, result: Answer | Evaluation) -> None:
        """Take the result of a job that has ended."""
        open_request = self.history.pending[request_id]
        if not isinstance(result, Evaluation):
            self._answered(open_request, result)
            return
        assert open_request.program is not None
        first, *waiting = self.running.pop(open_request.program.id, [open_request])
        self._evaluated(first, replace(result, spend=replace(result.spend, evaluations=1)))
        for other in waiting:
            self._evaluated(other, result, duplicate=True)

    def _answered(self, open_request: OpenRequest, answer: Answer) -> None:
        """Take the answer of the proposer, and stop the run if its surroundings have failed.

        Raises:
            ProposerUnavailableError: its surroundings have failed; the request stays open.
        """
        if self.keep is not None and answer.exchanges:
            self.keep(open_request.request.id, answer.exchanges)
        unanswered = isinstance(answer, ProposalError) and not answer.answered
        self.silent = self.silent + 1 if unanswered else 0
        if isinstance(answer, ProposerUnavailableError):
            stop = answer
        elif isinstance(answer, ProposalError) and self.silent >= SILENCE:
            message = (
                f"No answer came to {self.silent} requests in a row. The last failure: {answer} The search is kept; "
                "resume it when answers come."
            )
            stop = ProposerUnavailableError(message, answer.spend, answer.critique)
        else:
            self._proposed(open_request, answer)
            return
        self._interrupt(open_request, stop)
        raise stop

    def _interrupt(self, open_request: OpenRequest, stop: ProposerUnavailableError) -> None:
        """Log the reason why the run stops, and the spend of the open request."""
        body = {"request": open_request.request.id, "failure": str(stop), "spend": stop.spend.to_json()}
        body |= {"critique": stop.critique} if stop.critique else {}
        event = self.log.append("interrupted", {**body, "elapsed": self.history.ledger.elapsed()})
        self.history.interrupt(open_request, str(stop), stop.spend, stop.critique)
        self._report(event)

    def _proposed(self, open_request: OpenRequest, answer: Proposal | ProposalError) -> None:
        failure = str(answer) if isinstance(answer, ProposalError) else None
        source, summary = ("", "") if isinstance(answer, ProposalError) else (answer.source, answer.summary)
        program = Program(source, open_request.request.parents, open_request.request.operator, summary)
        body = {"request": open_request.request.id, "program": program.to_json(), "failure": failure}
        body |= {"critique": answer.critique} if answer.critique else {}
        answered = not isinstance(answer, ProposalError) or answer.answered
        body |= {} if answered else {"answered": False}
        elapsed = self.history.ledger.elapsed()
        event = self.log.append("proposal", {**body, "spend": answer.spend.to_json(), "elapsed": elapsed})
        self.history.propose(open_request, program, failure, answer.spend, answer.critique, answered)
        self._report(event)
        self._dispatch(open_request)

    def _evaluated(self, open_request: OpenRequest, evaluation: Evaluation, duplicate: bool = False) -> None:
        if duplicate:
            evaluation = replace(evaluation, spend=NOTHING)
        body = {"request": open_request.request.id, "evaluation": evaluation.to_json(), "duplicate": duplicate}
        event = self.log.append("evaluation", {**body, "elapsed": self.history.ledger.elapsed()})
        self.history.evaluate(open_request, evaluation, duplicate)
        self._report(event)

    def _give_up(self, open_request: OpenRequest) -> None:
        """Close a request without telling it, because there is no time for it."""
        event = self.log.append("lost", {"request": open_request.request.id, "elapsed": self.history.ledger.elapsed()})
        self.history.give_up(open_request)
        self._report(event)

    def _report(self, event: Event) -> None:
        if self.on_event is not None:
            self.on_event(event)
