"""What a run's event logs say, without running a program: its outcome, its progress, and whether its result agrees."""

from __future__ import annotations

from pathlib import Path

from zfbench.records.evaluation import Scored
from zfbench.records.result import Result
from zfbench.records.spend import Spend
from zfbench.runs.methods import make_discoverer
from zfbench.runs.plan import FINALS, LOG, Plan, events
from zfbench.runs.tasks import load_task
from zfbench.search import finals, history
from zfbench.search.eventlog import read_log
from zfbench.search.outcome import SearchOutcome
from zfbench.search.trajectory import Point, trajectory


def replay(folder: Path) -> SearchOutcome:
    """The outcome that a run's journal leads to; nothing is run, written or locked.

    Raises:
        DamagedFileError: the journal is damaged.
        ZfbenchError: there is no search, or its discoverer has changed since.
    """
    plan = Plan.read(folder)
    task = load_task(plan.task)
    return history.replay(
        events(folder), folder / LOG, make_discoverer(plan, task), task.spec, clock=lambda: 0.0
    ).outcome()


def progress_of(folder: Path) -> tuple[Point, ...]:
    """Every evaluation of a run against what was spent until then; errors as of `replay`."""
    return trajectory(events(folder))


def replay_finals(folder: Path, outcome: SearchOutcome) -> SearchOutcome | None:
    """The outcome of a run's finals, from their journal; None if it has none. Errors as of `replay`."""
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
    """What a result file says otherwise than the outcomes of its search, in one sentence; None if they agree."""
    winner, spend = winner_of(outcome, final), spend_of(outcome, final)
    best = None if winner is None else winner.program.id
    judged = None if result.program is None else result.program.id
    if best != judged:
        return f"The journal's best program is {best}, but the result is of {judged}."
    if spend.evaluations != result.spend.evaluations or spend.tokens != result.spend.tokens:
        return f"The journal's spend is {spend.to_json()}, but the result says {result.spend.to_json()}."
    return None


def winner_of(screened: SearchOutcome, final: SearchOutcome | None) -> Scored | None:
    """The best at full length; the best when screened if no finalist can be trained so long."""
    return (final.best if final is not None else None) or screened.best


def spend_of(screened: SearchOutcome, final: SearchOutcome | None) -> Spend:
    """What search and finals used up together."""
    return screened.spend if final is None else screened.spend + final.spend
