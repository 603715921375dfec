"""The progress of a search against each unit of its budget, read from its event log."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from zfbench.records.evaluation import Evaluation
from zfbench.records.program import Operator, Program, ProgramId, Status
from zfbench.records.spend import NOTHING, Spend
from zfbench.search.eventlog import Event


@dataclass(frozen=True)
class Point:
    """The state of a search after one evaluation.

    Attributes:
        spend: all resources used up until then, overruns included; a point on the horizontal axis of any plot.
        program: id of the evaluated program.
        operator: the operator that made it.
        parents: the programs it was made from; it started from the last.
        status: status of its evaluation.
        loss: its validation loss; None unless the status is ok.
        best: the lowest loss so far; None if no program worked yet.
        improved: True if this program lowered it.
    """

    spend: Spend
    program: ProgramId
    operator: Operator
    parents: tuple[ProgramId, ...]
    status: Status
    loss: float | None
    best: float | None
    improved: bool


@dataclass
class SearchProgress:
    """The progress of a search, updated event by event.

    Attributes:
        spend: all resources used up so far, overruns included.
        evaluated: number of programs that were evaluated, without duplicates.
        failed: number of programs among these that did not work.
        unanswered: number of requests that the proposer had no program for.
        last_failure: reason of the latest of these, or reason why the run was interrupted.
        best: the lowest loss so far; None if no program worked yet.
    """

    spend: Spend = NOTHING
    evaluated: int = 0
    failed: int = 0
    unanswered: int = 0
    last_failure: str = ""
    best: float | None = None
    _programs: dict[int, Program] = field(default_factory=dict)
    _unanswered: set[int] = field(default_factory=set)

    def follow(self, event: Event) -> Point | None:
        """Take the next event of the log; return a point if a program was evaluated, and else None."""
        body = event.body
        if event.kind == "proposal":
            self.spend += Spend.from_json(body["spend"])
            self._programs[body["request"]] = Program.from_json(body["program"])
            if body["failure"] is not None:
                self._unanswered.add(body["request"])
                self.unanswered, self.last_failure = self.unanswered + 1, body["failure"]
        elif event.kind == "interrupted":
            self.spend += Spend.from_json(body["spend"])
            self.last_failure = body["failure"]
        if "elapsed" in body:
            self.spend = replace(self.spend, wall_seconds=body["elapsed"])
        if event.kind != "evaluation":
            return None
        evaluation = Evaluation.from_json(body["evaluation"])
        self.spend += evaluation.spend
        if body["duplicate"] or body["request"] in self._unanswered:
            return None
        return self._evaluated(self._programs[body["request"]], evaluation)

    def _evaluated(self, program: Program, evaluation: Evaluation) -> Point:
        self.evaluated += 1
        self.failed += not evaluation.ok
        improved = evaluation.loss is not None and (self.best is None or evaluation.loss < self.best)
        self.best = evaluation.loss if improved else self.best
        return Point(
            self.spend,
            program.id,
            program.operator,
            program.parents,
            evaluation.status,
            evaluation.loss,
            self.best,
            improved,
        )


def trajectory(events: Iterable[Event]) -> tuple[Point, ...]:
    """Return one point for each program that was evaluated, in that order.

    Duplicates and requests without an answer have no point.
    """
    progress = SearchProgress()
    return tuple(point for event in events if (point := progress.follow(event)) is not None)
