"""Commands that say what there is: tasks and methods, and what a program must define."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from zfbench.cli.console import report_error


def list_names(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
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
        "\nA task's name may end in @holdout:CONDITION, such as zfish-tiny/driven@holdout:inward, and in @anonymous: "
        "neutral names, so that no method can know the system from what was published."
    )


def contract(
    task: Annotated[str | None, typer.Option(help="Of this task, with its facts; default: of recordings.")] = None,
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
