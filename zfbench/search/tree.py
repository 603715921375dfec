"""The ancestry of a run's programs as a tree, in text and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zfbench.base.errors import ZfbenchError
from zfbench.records.evaluation import Evaluation, Scored
from zfbench.records.program import Program, ProgramId
from zfbench.search.eventlog import Event

LONGEST = 90  # largest number of characters of a summary


@dataclass(frozen=True)
class Member:
    """An evaluated program of a tree.

    Its number counts evaluations from 1; its parent is the program that it started from.
    """

    number: int
    scored: Scored
    parent: ProgramId | None


def family(events: Sequence[Event]) -> list[Member]:
    """Return the different programs of an event log, in order of evaluation.

    Raises:
        ZfbenchError: the event log holds no evaluation.
    """
    programs = {e.body["request"]: Program.from_json(e.body["program"]) for e in events if e.kind == "proposal"}
    members: list[Member] = []
    known: set[ProgramId] = set()
    for event in events:
        if event.kind != "evaluation" or not (program := programs[event.body["request"]]).source:
            continue
        if program.id not in known:
            parent = program.parents[-1] if program.parents else None
            scored = Scored(program, Evaluation.from_json(event.body["evaluation"]))
            members.append(Member(len(members) + 1, scored, parent))
            known.add(program.id)
    if not members:
        raise ZfbenchError("This run has evaluated no program yet; resume it first.")
    return members


def best_number(members: Sequence[Member]) -> int | None:
    """Return the number of the program of lowest loss; None if none works."""
    losses = [(m.scored.evaluation.loss, m.number) for m in members if m.scored.evaluation.loss is not None]
    return min(losses)[1] if losses else None


def draw_text(members: Sequence[Member]) -> str:
    """Draw the tree in text, with children below their parent and a star at the best program."""
    children: dict[ProgramId | None, list[Member]] = {}
    for member in members:
        children.setdefault(member.parent, []).append(member)
    best, lines = best_number(members), []
    waiting = [(0, member) for member in reversed(children.get(None, []))]
    while waiting:
        depth, member = waiting.pop()
        lines.append("  " * depth + line(member, member.number == best))
        waiting.extend((depth + 1, child) for child in reversed(children.get(member.scored.program.id, [])))
    return "\n".join(lines)


def draw_picture(members: Sequence[Member], path: Path) -> None:
    """Draw loss against evaluation, with a line from each program to its parent, and failures at the upper edge."""
    import matplotlib.pyplot as plt

    from zfbench.base.files import atomic_write

    losses = [loss for m in members if (loss := m.scored.evaluation.loss) is not None] or [1.0]
    low, high = min(losses), max(losses)
    positive = low > 0  # errors are; losses of simulator tasks are negative log likelihoods
    top = 1.1 * high if positive else high + 0.1 * ((high - low) or 1.0)
    at: dict[ProgramId | None, tuple[int, float]] = {}
    for member in members:
        loss = member.scored.evaluation.loss
        at[member.scored.program.id] = (member.number, top if loss is None else loss)
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for member in members:
        if member.parent in at:
            axes.plot(*zip(at[member.parent], at[member.scored.program.id], strict=True), color="0.8", lw=0.8, zorder=1)
    for worked, colour, marker, label in ((True, "C0", "o", "works"), (False, "C3", "x", "failed")):
        points = [at[m.scored.program.id] for m in members if m.scored.evaluation.ok == worked]
        if points:
            numbers, heights = zip(*points, strict=True)
            axes.scatter(numbers, heights, color=colour, marker=marker, s=22, label=label, zorder=2)
    axes.set(xlabel="evaluation", ylabel="validation loss", yscale="log" if positive else "linear")
    axes.legend(frameon=False)
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=150)
    plt.close(figure)


def line(member: Member, best: bool) -> str:
    """Return number, loss or status, operator and summary of a program, with a star for the best."""
    evaluation = member.scored.evaluation
    score = f"{evaluation.loss:.4f}" if evaluation.loss is not None else str(evaluation.status)
    summary = " ".join(member.scored.program.summary.split())[:LONGEST]
    star = "* " if best else ""
    return f"{star}{member.number}  {score}  {member.scored.program.operator}: {summary}"
