"""A search's progress against each unit of its budget, read from its journal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from zfbench.programs.contract import Status
from zfbench.search.eventlog import Event
from zfbench.search.types import NOTHING, Evaluation, Operator, Program, ProgramId, Spend


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


def trajectory(events: Iterable[Event]) -> tuple[Point, ...]:
    """One point for each program that was evaluated, in that order; duplicates and missing answers cost no point."""
    points: list[Point] = []
    programs: dict[int, Program] = {}
    failed: set[int] = set()
    spend, best = NOTHING, None
    for event in events:
        body = event.body
        if event.kind == "proposal":
            spend += Spend.from_json(body["spend"])
            programs[body["request"]] = Program.from_json(body["program"])
            if body["failure"] is not None:
                failed.add(body["request"])
        elif event.kind == "evaluation":
            evaluation = Evaluation.from_json(body["evaluation"])
            spend = replace(spend + evaluation.spend, wall_seconds=body["elapsed"])
            if body["duplicate"] or body["request"] in failed:
                continue
            improved = evaluation.loss is not None and (best is None or evaluation.loss < best)
            best = evaluation.loss if improved else best
            program = programs[body["request"]]
            points.append(
                Point(
                    spend,
                    program.id,
                    program.operator,
                    program.parents,
                    evaluation.status,
                    evaluation.loss,
                    best,
                    improved,
                )
            )
    return tuple(points)
