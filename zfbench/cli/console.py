"""What the command line shows while it works: one live line per job, on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

if TYPE_CHECKING:
    from zfbench.records.spend import Spend
    from zfbench.search.budget import Budget
    from zfbench.search.eventlog import Event

console = Console(stderr=True)


class Bar:
    """One job's line: what it is doing, and how far it is where that is known."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress = progress
        self._task: TaskID = progress.add_task(name, total=None, stage="")

    def stage(self, name: str) -> None:
        """Say what the job is doing now."""
        self._progress.update(self._task, stage=name)

    def step(self, done: int, total: int, name: str) -> None:
        """Say how far the job is."""
        self._progress.update(self._task, completed=done, total=total, stage=name)

    def finish(self, note: str) -> None:
        """Fill the bar."""
        self._progress.update(self._task, completed=1, total=1, stage=note)

    def search_events(self, budget: Budget) -> Callable[[Event], None]:
        """A listener that follows a search: the incumbent, failures, spend, and a bar for what is used up first."""
        from zfbench.search.trajectory import SearchProgress

        progress = SearchProgress()

        def listen(event: Event) -> None:
            progress.follow(event)
            done, total = _tightest(progress.spend, budget)
            best = "none works yet" if progress.best is None else f"best {progress.best:.4f}"
            stage = f"{best}, {progress.failed} failed · {_spent(progress.spend, budget)}"
            self._progress.update(self._task, completed=done, total=total, stage=stage)

        return listen


UNITS = {  # of a budget: how an amount is written
    "evaluations": "{:,d} evaluations",
    "device_seconds": "{:,.0f} device s",
    "wall_seconds": "{:,.0f} wall s",
    "tokens": "{:,d} tokens",
    "money": "{:,.2f} money",
}


def _spent(spend: Spend, budget: Budget) -> str:
    """What was used up, of what; without units that are neither limited nor used, and without unlimited wall time."""
    parts = []
    for unit, written in UNITS.items():
        used, limit = getattr(spend, unit), getattr(budget, unit)
        if limit is not None:
            parts.append(f"{written.split()[0].format(used)} of {written.format(limit)}")
        elif used and unit != "wall_seconds":
            parts.append(written.format(used))
    return ", ".join(parts)


def _tightest(spend: Spend, budget: Budget) -> tuple[float, float | None]:
    """Used up and limit of the unit of which the largest share is used up; no limit if there is none above 0."""
    limits = {unit: limit for unit in UNITS if (limit := getattr(budget, unit))}
    if not limits:
        return 0.0, None
    unit = max(limits, key=lambda unit: getattr(spend, unit) / limits[unit])
    return getattr(spend, unit), limits[unit]


@contextmanager
def activities() -> Iterator[Callable[[str], Bar]]:
    """Live lines for several jobs at once; yields what makes a line for a job."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[stage]}", markup=False),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        yield lambda name: Bar(progress, name)


@contextmanager
def activity(name: str) -> Iterator[Bar]:
    """A live line for one job."""
    with activities() as add:
        yield add(name)


def report_error(message: str) -> None:
    """Print an error; the text may come from elsewhere, so it is never read as markup."""
    console.print(Text("error: ", style="red") + Text(message), highlight=False, soft_wrap=True)


def fail(message: str) -> NoReturn:
    """End the command with one sentence."""
    report_error(message)
    raise typer.Exit(1)
