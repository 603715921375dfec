"""The outcome and the progress of a run, read from its event logs without running a program."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from zfbench.base.files import sha256
from zfbench.records.evaluation import Scored
from zfbench.records.result import Result
from zfbench.records.spend import Spend
from zfbench.runs.methods import check_replayable, make_discoverer
from zfbench.runs.plan import FINALS, LOG, Plan, events
from zfbench.runs.tasks import load_task
from zfbench.search import finals, history
from zfbench.search.eventlog import Event, read_log
from zfbench.search.outcome import SearchOutcome
from zfbench.search.trajectory import Point, trajectory


def replay(folder: Path) -> SearchOutcome:
    """Return the outcome that a run's event log leads to; nothing is run, written or locked.

    Raises:
        DamagedFileError: the event log is damaged.
        ZfbenchError: there is no search, or its discoverer has changed since.
    """
    plan = Plan.read(folder)
    check_replayable(plan, folder)
    task = load_task(plan.task)
    return history.replay(
        events(folder), folder / LOG, make_discoverer(plan, task), task.spec, clock=lambda: 0.0
    ).outcome()


def progress_of(folder: Path) -> tuple[Point, ...]:
    """Return a point for every evaluation of a run, with the spend until then; the errors are those of `replay`."""
    return trajectory(events(folder))


def replay_finals(folder: Path, outcome: SearchOutcome) -> SearchOutcome | None:
    """Return the outcome of a run's finals from their event log; None if there is none.

    The errors are those of `replay`.
    """
    if not (folder / FINALS).exists():
        return None
    found = read_log(folder / FINALS).events
    if not found:  # the process ended before it wrote a line
        return None
    plan = Plan.read(folder)
    spec = load_task(plan.task).spec
    finalists = finals.FinalistReplay(outcome.top(plan.final_count))
    return history.replay(found, folder / FINALS, finalists, spec, clock=lambda: 0.0).outcome()


def check(outcome: SearchOutcome, result: Result, final: SearchOutcome | None = None) -> str | None:
    """Compare a result with the outcomes of its search; return a sentence on the first difference, or None.

    Args:
        outcome: outcome of the search.
        result: the result.
        final: outcome of the finals; None if there were none.
    """
    winner, spend = winner_of(outcome, final), spend_of(outcome, final)
    best = None if winner is None else winner.program.id
    judged = None if result.program is None else result.program.id
    if best != judged:
        return f"The best program of the event log is {best}, but the result is of {judged}."
    if spend.evaluations != result.spend.evaluations or spend.tokens != result.spend.tokens:
        return f"The spend of the event log is {spend.to_json()}, but that of the result is {result.spend.to_json()}."
    return None


def altered(path: Path, log: Sequence[Event]) -> str | None:
    """Return a sentence if a result's file is not the one whose hash the event log holds; None if it is.

    Args:
        path: the file.
        log: events of the search.
    """
    hashes = [event.body["sha256"] for event in log if event.kind == "judged"]
    if not hashes:
        return f"The event log holds no hash of {path}."
    if hashes[-1] != sha256(path):
        return f"{path} was changed after it was written: its hash is not the one in the event log."
    return None


def winner_of(screened: SearchOutcome, final: SearchOutcome | None) -> Scored | None:
    """Return the best program at full length, or the best after screening if no finalist works at full length."""
    return (final.best if final is not None else None) or screened.best


def spend_of(screened: SearchOutcome, final: SearchOutcome | None) -> Spend:
    """Return the spend of search and finals together."""
    return screened.spend if final is None else screened.spend + final.spend
