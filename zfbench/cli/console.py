"""Progress on the command line: one line for each job, updated while it runs, on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column, Table
from rich.text import Text

from zfbench.base.text import printable

if TYPE_CHECKING:
    from zfbench.records.spend import Spend
    from zfbench.search.budget import Budget
    from zfbench.search.eventlog import Event

console = Console(stderr=True)
WIDE = 100  # columns of a terminal that has room for a bar
REST = 11  # columns of spinner, clock and gaps


class Bar:
    """The line of one job, with its present stage, and a bar if its length is known."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress = progress
        self._task: TaskID = progress.add_task(name, total=None, stage="")

    def _show(self, stage: str, done: float | None = None, total: float | None = None) -> None:
        self._progress.update(self._task, stage=stage, completed=done, total=total)

    def stage(self, name: str) -> None:
        """Show the present stage of the job."""
        self._show(name)

    def step(self, done: int, total: int, name: str) -> None:
        """Show the progress of the job.

        Args:
            done: amount that is done.
            total: amount at the end.
            name: name of the present stage.
        """
        self._show(name, done, total)

    def finish(self, note: str) -> None:
        """Fill the bar, and show a note."""
        self._show(note, 1, 1)

    def search_events(self, budget: Budget) -> Callable[[Event], None]:
        """Return a listener to the events of a search, which shows its best loss, failures and spend.

        The bar follows the unit of the budget of which the largest share is used up.
        """
        from zfbench.search.trajectory import SearchProgress

        progress = SearchProgress()

        def listen(event: Event) -> None:
            progress.follow(event)
            done, total = _tightest(progress.spend, budget)
            best = "none works yet" if progress.best is None else f"best {progress.best:.4f}"
            silent = f", {progress.unanswered} unanswered" if progress.unanswered else ""
            stage = f"{best}, {progress.failed} failed{silent} · {_spent(progress.spend, budget)}"
            self._show(stage, done, total)

        return listen


class LineBar(Bar):
    """The progress of one job where nothing can be overwritten, as in a file or a pipe: a line for each stage."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._last = ""

    def _show(self, stage: str, done: float | None = None, total: float | None = None) -> None:  # noqa: ARG002
        if stage and stage != self._last:
            self._last = stage
            console.print(f"{self._name}: {stage}", markup=False, highlight=False, soft_wrap=True)


UNITS = {  # how an amount of each unit of a budget is written
    "evaluations": "{:,d} evaluations",
    "device_seconds": "{:,.0f} device s",
    "wall_seconds": "{:,.0f} wall s",
    "tokens": "{:,d} tokens",
    "money": "{:,.2f} money",
}


def _spent(spend: Spend, budget: Budget) -> str:
    """Return spend and limits in words, without units that are neither limited nor used, or unlimited wall time."""
    parts = []
    for unit, written in UNITS.items():
        used, limit = getattr(spend, unit), getattr(budget, unit)
        if limit is not None:
            parts.append(f"{written.split()[0].format(used)} of {written.format(limit)}")
        elif used and unit != "wall_seconds":
            parts.append(written.format(used))
    return ", ".join(parts)


def _tightest(spend: Spend, budget: Budget) -> tuple[float, float | None]:
    """Return spend and limit of the unit of which the largest share is used up; no limit if there is none above 0."""
    limits = {unit: limit for unit in UNITS if (limit := getattr(budget, unit))}
    if not limits:
        return 0.0, None
    unit = max(limits, key=lambda unit: getattr(spend, unit) / limits[unit])
    return getattr(spend, unit), limits[unit]


@contextmanager
def activities() -> Iterator[Callable[[str], Bar]]:
    """Show lines for several jobs at once; yield a function that adds the line of a job."""
    if not console.is_terminal:  # a file or a pipe: a line for each stage, since nothing can be overwritten
        yield LineBar
        return
    # Rich prints standard output above the bars, on standard error, where a file or a pipe would not receive it.
    with Progress(*_columns(console.width), console=console, redirect_stdout=sys.stdout.isatty()) as progress:
        yield lambda name: Bar(progress, name)


def _columns(width: int) -> tuple[ProgressColumn, ...]:
    """The columns of a progress line: in a narrow terminal without bar and with a short name, so that numbers stay."""
    spinner, clock = SpinnerColumn(), TimeElapsedColumn()
    name = Column() if width >= WIDE else Column(max_width=width // 3, no_wrap=True, overflow="ellipsis")
    stage = Column() if width >= WIDE else Column(max_width=width - width // 3 - REST, overflow="fold")
    texts = (
        TextColumn("{task.description}", markup=False, table_column=name),
        TextColumn("{task.fields[stage]}", markup=False, table_column=stage),
    )
    return (spinner, texts[0], BarColumn(bar_width=20), texts[1], clock) if width >= WIDE else (spinner, *texts, clock)


@contextmanager
def activity(name: str) -> Iterator[Bar]:
    """Show the line of one job."""
    with activities() as add:
        yield add(name)


def show_table(table: Table) -> None:
    """Print a table on standard output, no wider than the terminal; 80 columns where there is none."""
    Console(highlight=False).print(table)


def show_text(text: str) -> None:
    """Print a paragraph on standard output, broken between words at the width of the terminal."""
    Console(highlight=False, markup=False).print(text)


@contextmanager
def when_stopped(kept: str) -> Iterator[None]:
    """Return a context that, stopped by Ctrl-C, says what is kept.

    Args:
        kept: one sentence.
    """
    try:
        yield
    except KeyboardInterrupt:
        console.print(f"Stopped. {kept}", markup=False, highlight=False, soft_wrap=True)
        raise


def report_error(message: str) -> None:
    """Print an error on one line; its text may come from elsewhere, and is neither markup nor a terminal's command."""
    console.print(Text("error: ", style="red") + Text(printable(message, kept="")), highlight=False, soft_wrap=True)


def fail(message: str) -> NoReturn:
    """Print one sentence as an error, and end the command."""
    report_error(message)
    raise typer.Exit(1)
