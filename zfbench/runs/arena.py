"""Searches for systems that own their search loop: evaluate their programs, then judge the best one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from zfbench.protocols.sandbox import Sandbox
from zfbench.protocols.task import SearchTask
from zfbench.records.result import Result
from zfbench.runs.judge import Progress
from zfbench.runs.plan import LOG, Plan
from zfbench.runs.search import opened
from zfbench.runs.tasks import LoadedTask, find_task
from zfbench.runs.winner import judge_winner
from zfbench.sandbox.choose import check_trust
from zfbench.search.arena import Arena
from zfbench.search.eventlog import EventLog
from zfbench.search.history import OnEvent
from zfbench.search.outcome import SearchOutcome


@dataclass(frozen=True)
class Session:
    """A search of an external system while its folder is open.

    Attributes:
        arena: evaluates its programs.
        plan: plan of the search.
        loaded: the task.
        folder: folder of the run.
        log: event log of the run.
        sandbox: runs all programs.
    """

    arena: Arena
    plan: Plan
    loaded: LoadedTask
    folder: Path
    log: EventLog
    sandbox: Sandbox

    @property
    def task(self) -> SearchTask:
        """The part of the task that methods may see."""
        return self.loaded.task

    def judge(self, progress: Progress | None = None) -> tuple[SearchOutcome, Result | None]:
        """End the search for good, and judge its best program; the result is None if no program worked.

        Args:
            progress: told the name of each stage of the judging.

        Raises:
            ZfbenchError: a program is being evaluated.
        """
        outcome = self.arena.finish()
        return outcome, judge_winner(
            self.plan, self.loaded, outcome, self.folder, self.log, progress=progress, sandbox=self.sandbox
        )


@contextmanager
def open_arena(
    plan: Plan,
    folder: Path,
    workers: int = 1,
    on_event: OnEvent | None = None,
    sandbox: Sandbox | None = None,
    allow_unsafe: bool = False,
) -> Iterator[Session]:
    """Open the search of an external system, with the ledger, event log and evaluator of any search.

    Args:
        plan: plan of the search; its proposer is `EXTERNAL`, and its discoverer the name of the external system.
        folder: folder of the run; an interrupted run is continued there.
        workers: number of candidates trained at once.
        on_event: called after each event took effect.
        sandbox: runs all programs; without one, the best that works here is opened and closed at the end.
        allow_unsafe: run the programs also in a sandbox that does not confine them, although nobody has read them.

    Raises:
        ZfbenchError: an unknown name, an impossible budget, a folder that holds another search or that another process
            uses, or programs that must not run in this sandbox.
    """
    loaded = find_task(plan.task)
    with opened(sandbox) as box:
        check_trust(box, plan.writer, False, allow_unsafe)  # before a file is made
        with EventLog(folder / LOG) as log:
            arena = _arena(plan, loaded, log, box, workers, on_event)
            yield Session(arena, plan, loaded, folder, log, box)


def _arena(
    plan: Plan, loaded: LoadedTask, log: EventLog, sandbox: Sandbox, workers: int, on_event: OnEvent | None
) -> Arena:
    task = loaded.task
    return Arena(
        loaded.family.evaluator(task, plan.candidate, sandbox),
        spec=task.spec,
        budget=plan.budget,
        log=log,
        seed=plan.seed,
        bound=plan.bound,
        workers=workers,
        header=plan.header(task),
        on_event=on_event,
    )
