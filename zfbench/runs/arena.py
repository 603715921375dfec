"""A search whose programs come from a system that owns its own loop: evaluate for it, then judge its best."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zfbench.protocols.sandbox import Sandbox
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


@contextmanager
def open_arena(
    plan: Plan,
    folder: Path,
    workers: int = 1,
    on_event: OnEvent | None = None,
    sandbox: Sandbox | None = None,
    allow_unsafe: bool = False,
) -> Iterator[Arena]:
    """The second door to a task, with the ledger, journal and evaluator of any search.

    Args:
        plan: as of a search; its proposer is `EXTERNAL` and its discoverer the name of the guest.
        folder: of the run; an interrupted one goes on there.
        workers: candidates trained at once.
        on_event: called after each event.
        sandbox: see `search`.
        allow_unsafe: see `search`; nobody has read a guest's programs.

    Raises:
        ZfbenchError: see `search`.
    """
    loaded = find_task(plan.task)
    with opened(sandbox) as box:
        check_trust(box, plan.discoverer, False, allow_unsafe)  # before a file is made
        with EventLog(folder / LOG) as log:
            yield _arena(plan, loaded, log, box, workers, on_event)


def judge_arena(
    plan: Plan,
    folder: Path,
    progress: Progress | None = None,
    sandbox: Sandbox | None = None,
    allow_unsafe: bool = False,
) -> tuple[SearchOutcome, Result | None]:
    """End a guest's search for good and judge its best program; arguments and returns as of `search`."""
    loaded = find_task(plan.task)
    with opened(sandbox) as box:
        check_trust(box, plan.discoverer, False, allow_unsafe)
        with EventLog(folder / LOG) as log:
            outcome = _arena(plan, loaded, log, box).finish()
            return outcome, judge_winner(plan, loaded, outcome, folder, progress, box)


def _arena(
    plan: Plan, loaded: LoadedTask, log: EventLog, sandbox: Sandbox, workers: int = 1, on_event: OnEvent | None = None
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
