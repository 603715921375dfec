"""Commands that list tasks and methods, and print what a program must define."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from zfbench.cli.console import report_error


def list_names(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List tasks, baselines, discoverers and proposers, of this package and of installed plug-ins."""
    from zfbench.base import plugins
    from zfbench.runs.tasks import task_names

    listing = {
        "tasks": task_names(report_error),
        "baselines": plugins.names("baseline"),
        "discoverers": plugins.names("discoverer"),
        "proposers": plugins.names("proposer"),
    }
    if as_json:
        typer.echo(json.dumps(listing))
        return
    for kind, found in listing.items():
        typer.secho(kind, bold=True)
        for name in found:
            typer.echo(f"  {name}")
    typer.echo(
        "\nThe name of a zfish task may end in @holdout:CONDITION, such as zfish-tiny/driven@holdout:inward, which "
        "holds out another condition, in @anonymous, which replaces all names by neutral ones, so that no method "
        "can recognise the published system, and in @plain_mae, in which searches climb the mean absolute error over "
        "neurons instead of the group-balanced relative error."
    )


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
