"""A search's progress against each unit of its budget, read from its journal."""

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
        spend: everything used up until then, overruns included; a point on the horizontal axis of any plot.
        program: what was evaluated.
        operator: how it was made.
        parents: what it was made from; it started from the last.
        status: how it went.
        loss: its validation loss, None unless ok.
        best: the lowest loss so far, None if no program worked yet.
        improved: whether this program brought it down.
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
    """Where a search has got to, event by event.

    Attributes:
        spend: everything used up so far, overruns included.
        evaluated: programs that were evaluated; neither duplicates nor missing answers.
        failed: of these, the ones that did not work.
        unanswered: requests that the proposer had no program for.
        last_failure: why the latest of them had none, or why the run was interrupted.
        best: the lowest loss so far, None if no program worked yet.
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
        """Take the next event of the journal; a point if a program was evaluated."""
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
    """One point for each program that was evaluated, in that order; duplicates and missing answers cost no point."""
    progress = SearchProgress()
    return tuple(point for event in events if (point := progress.follow(event)) is not None)
