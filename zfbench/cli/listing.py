"""Commands that list tasks and methods, and print what a program must define."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from zfbench.base.describe import descriptions
from zfbench.cli.console import report_error, show_table, show_text


def list_names(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Also import everything, and say what cannot be imported; takes seconds.")
    ] = False,
) -> None:
    """List tasks, baselines, discoverers and proposers, of this package and of installed plug-ins."""
    from zfbench.base import plugins
    from zfbench.leaderboard.certificates import verdict_of
    from zfbench.runs.tasks import task_names

    if check and not _import_everything():
        raise typer.Exit(1)
    listing = {
        "tasks": task_names(report_error),
        "baselines": plugins.names("baseline"),
        "discoverers": plugins.names("discoverer"),
        "proposers": plugins.names("proposer"),
    }
    certificates = {task: verdict_of(task) for task in listing["tasks"]}
    if as_json:
        typer.echo(json.dumps({**listing, "certificates": certificates}))
        return
    show_table(_families(listing["tasks"]))
    show_table(_certificates(certificates))
    for kind in ("baseline", "discoverer", "proposer"):
        show_table(_described(kind))
    show_text(
        "\nThe name of a zfish task may end in @holdout:CONDITION, such as zfish-tiny/driven@holdout:inward, which "
        "holds out another condition, in @anonymous, which replaces all names by neutral ones, so that no method "
        "can recognise the published system, and in @plain_mae, in which searches minimise the mean absolute error "
        "over neurons instead of the group-balanced relative error."
    )


def _import_everything() -> bool:
    """Import everything that is registered, report what cannot be imported, and return True if all can be."""
    from zfbench.base import plugins
    from zfbench.base.errors import ZfbenchError

    whole = True
    for kind in plugins.KINDS:
        for name in plugins.names(kind):
            try:
                plugins.load(kind, name)
            except ZfbenchError as error:
                report_error(str(error))
                whole = False
    return whole


def _families(tasks: Sequence[str]) -> Table:
    """A line for each family of tasks: what it is, and the names of its tasks."""
    from zfbench.runs.tasks import family_name

    names: dict[str, list[str]] = {}
    for task in tasks:
        names.setdefault(family_name(task), []).append(task)
    table, known = _table("tasks"), descriptions("task")
    for family, own in names.items():
        what = Text(known.get(family, ""), style="italic")
        table.add_row(Text(family), Text("\n").join(text for text in (what, Text(", ".join(own))) if text))
    return table


def _certificates(verdicts: Mapping[str, str | None]) -> Table:
    """Whether the loss of a task ranks the truth first, a line for each task of which there is something to say."""
    table = _table("certificates: does the loss of a task rank the true program first?")
    for task, verdict in verdicts.items():
        if verdict is not None:
            table.add_row(Text(task), Text(verdict))
    table.add_row(Text("all others"), Text("not measured; `zfbench identify TASK` measures it"))
    return table


def _described(kind: str) -> Table:
    """A line for each registered name of a kind."""
    table = _table(f"{kind}s")
    for name, what in descriptions(kind).items():
        table.add_row(Text(name), Text(what))
    return table


def _table(title: str) -> Table:
    table = Table(
        title=Text(f"\n{title}", style="bold"), title_justify="left", box=None, show_header=False, pad_edge=False
    )
    table.add_column(overflow="fold", min_width=22, max_width=26)
    table.add_column(overflow="fold")
    return table


def contract(
    task: Annotated[
        str | None,
        typer.Option(help="Print the contract and the facts of this task; default: the contract of recordings."),
    ] = None,
) -> None:
    """Print what a program must define, with an example.

    Example: zfbench contract --task sir
    """
    from zfbench.forecasting.contract import CONTRACT
    from zfbench.runs.tasks import load_task

    if task is None:
        typer.echo(CONTRACT)
        return
    spec = load_task(task).spec
    typer.echo(f"{spec.description}\n")
    for heading, text in spec.facts().items():
        typer.echo(f"{heading}: {text}")
    typer.echo(f"\n{spec.contract}")
