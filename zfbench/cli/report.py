"""Text that commands print about results and searches."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from zfbench.base.text import printable
from zfbench.cli.console import fail, show_table

NOT_RECORDED = "not recorded"

if TYPE_CHECKING:
    from zfbench.records.limits import Limits
    from zfbench.records.result import Result
    from zfbench.search.outcome import SearchOutcome


def report_search(
    outcome: SearchOutcome, result: Result | None, folder: Path, limits: Limits, everything: bool = False
) -> None:
    """Print how a search ended, and the scores of its best program.

    Args:
        outcome: outcome of the search.
        result: result of its best program; None if no program worked.
        folder: folder of the run.
        limits: limits of the training of what was judged.
        everything: print all scores and not only six.
    """
    from zfbench.records.result import NOTHING_FOUND
    from zfbench.runs.plan import RESULT

    typer.echo(outcome.summary())
    if result is None:
        fail(f"No program worked, so there is nothing to judge; the event log in {folder} describes each failure.")
    if result.status == NOTHING_FOUND:
        fail(result.notes[0])
    for row in result.finals:
        full = row["status"] if row["full_loss"] is None else f"{row['full_loss']:.4f}"
        typer.echo(f"  finalist {row['program'][:12]}: screened {row['screened_loss']:.4f}, at full length {full}")
    print_result(result, everything=everything)
    note_limits(limits)
    typer.echo(f"\nWritten to {folder / RESULT}")


def note_limits(limits: Limits) -> None:
    """Print that a result is not comparable with the published ones, if its limits differ from theirs."""
    from zfbench.records.limits import Limits

    usual = Limits()
    if (limits.updates, limits.seconds) != (usual.updates, usual.seconds):
        typer.echo(
            f"  note: trained within {limits.updates} updates and {limits.seconds:g} s, but published results within "
            f"{usual.updates} and {usual.seconds:g} s; tables show it apart from them."
        )


def print_result(result: Result, whole: bool = False, everything: bool = False) -> None:
    """Print six scores of a result beside references.

    Args:
        result: the result.
        whole: also print the scores by group, the spend and the program.
        everything: print all scores that are not of a group.
    """
    from zfbench.leaderboard.terminal import compare, references

    typer.echo(f"{printable(result.method.name, kept='')} on {result.task.name}, seed {result.seed}: {result.status}")
    for note in result.notes:
        typer.echo(f"  note: {printable(note, kept='')}")
    table = compare(result, references(result))
    if table is not None:
        typer.echo()
        show_table(table)
    if table is None or whole or everything:
        shown = {name: value for name, value in result.metrics.items() if whole or "/group/" not in name}
        width = max(map(len, shown), default=0)
        for name, value in shown.items():
            typer.echo(f"  {name:<{width}}  {value: .4f}")
    elif len(result.metrics) > len(table.columns):
        typer.echo(f"\n{len(result.metrics)} scores in all; --all prints them.")
    if whole:
        typer.echo(f"  spend    {result.spend.to_json()}")
        typer.echo(f"  timings  {result.timings}")
        typer.echo(f"  data     {result.task.data_sha256}")
        typer.echo(f"  sandbox  {printable(result.machine.sandbox or NOT_RECORDED, kept='')}")
        typer.echo(f"  engine   {printable(result.machine.engine or NOT_RECORDED, kept='')}")
        if result.program is not None:
            typer.echo(f"\n{printable(result.program.source)}")
    if whole or result.search is not None:
        print_differences(result)


def print_differences(result: Result) -> None:
    """Print how a program of the grammar differs from the start of its family and from the published circuit."""
    from zfbench.leaderboard.genotypes import differences

    lines = differences(result)
    if lines:
        typer.echo("\n" + "\n".join(lines))
