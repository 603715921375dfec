"""The command that checks whether a plug-in keeps its interface."""

from __future__ import annotations

from typing import Annotated

import typer

from zfbench.base.errors import ZfbenchError
from zfbench.cli.console import activity
from zfbench.cli.setup import read_settings


def check_plugin(
    name: Annotated[str, typer.Argument(help="Registered name; see `zfbench list`.", metavar="NAME")],
    kind: Annotated[
        str | None, typer.Option(help="discoverer, proposer, baseline, task or executor; default: all of that name.")
    ] = None,
    task: Annotated[
        str, typer.Option(help="A task that a proposer writes programs for, or that a baseline is fitted to.")
    ] = "zfish-tiny/masked",
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting of the discoverer or proposer, NAME=JSON; repeatable."),
    ] = None,
) -> None:
    """Check that a plug-in keeps its interface, and print each rule with what breaks it.

    The same checks are in the module `zfbench.testing`, for the plug-in's own tests. A language model is asked a dozen
    times.

    Example: zfbench check-plugin best_of_n
    """
    from zfbench import testing
    from zfbench.base import plugins
    from zfbench.base.errors import UnknownNameError

    if kind is not None and kind not in plugins.KINDS:
        raise UnknownNameError("kind of plug-in", kind, plugins.KINDS)
    settings, broken = read_settings(setting or []), 0
    for chosen in plugins.kinds_of(name) if kind is None else (kind,):
        typer.echo(f"{chosen} {name}")
        with activity(f"{chosen} {name}") as bar:
            for rule, check in testing.registered_rules(chosen, name, task, settings):
                bar.stage(rule)
                try:
                    check()
                except ZfbenchError as error:
                    broken += 1
                    typer.echo(f"  FAIL  {rule}\n        {error}")
                else:
                    typer.echo(f"  ok    {rule}")
    if broken:
        raise typer.Exit(1)
