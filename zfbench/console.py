"""What the command line shows while it works: one live line per job, on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
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
        """A listener that follows a search: evaluations, failures and the incumbent."""
        evaluated = failed = 0
        best: float | None = None

        def listen(event: Event) -> None:
            nonlocal evaluated, failed, best
            if event.kind != "evaluation" or event.body["duplicate"]:
                return
            evaluation = event.body["evaluation"]
            evaluated += 1
            failed += evaluation["status"] != "ok"
            if evaluation["loss"] is not None:
                best = min(evaluation["loss"], best if best is not None else evaluation["loss"])
            shown = "none yet" if best is None else f"{best:.4f}"
            self._progress.update(
                self._task,
                completed=evaluated,
                total=budget.evaluations,
                stage=f"best validation loss {shown}, {failed} failed",
            )

        return listen


@contextmanager
def activities() -> Iterator[Callable[[str], Bar]]:
    """Live lines for several jobs at once; yields what makes a line for a job."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[stage]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        yield lambda name: Bar(progress, name)


@contextmanager
def activity(name: str) -> Iterator[Bar]:
    """A live line for one job."""
    with activities() as add:
        yield add(name)


def fail(message: str) -> NoReturn:
    """End the command with one sentence."""
    console.print(f"[red]error:[/red] {message}", highlight=False, soft_wrap=True)
    raise typer.Exit(1)
