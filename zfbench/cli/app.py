"""The command `zfbench`: its commands by group, commands of other packages, and errors in one sentence."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint
from typing import Annotated, Any

import typer
from rich.markup import escape

from zfbench.base import plugins
from zfbench.base.errors import ZfbenchError
from zfbench.base.machine import library_versions
from zfbench.base.numerics import fix_environment
from zfbench.cli import analyses, boards, checking, data, doctor, judging, listing, prompts, searches, suites, tables
from zfbench.cli.console import report_error

START, SEARCH, JUDGE, DATA, BOARD, ANALYSES = "Start", "Search", "Judge", "Data", "Leaderboard", "Analyses"
PLUGINS = "Of other packages"
ANYTHING = {"ignore_unknown_options": True, "allow_extra_args": True}  # a command takes any arguments

app = typer.Typer(
    name="zfbench",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="""A benchmark for methods that claim to discover mechanistic models, on a simulated larval zebrafish.

[bold]First steps[/bold]

  zfbench demo                                  one table of real scores, in minutes

  zfbench list                                  tasks and methods

  zfbench run --task zfish-tiny/masked --discoverer best_of_n --budget evaluations=20

  zfbench judge my_program.py --task zfish-tiny/driven
""",
)
app.command("demo", rich_help_panel=START)(suites.demo)
app.command("doctor", rich_help_panel=START)(doctor.doctor)
app.command("list", rich_help_panel=START)(listing.list_names)
app.command("contract", rich_help_panel=START)(listing.contract)
app.command("check-plugin", rich_help_panel=START)(checking.check_plugin)
app.command("run", rich_help_panel=SEARCH)(searches.run)
app.command("resume", rich_help_panel=SEARCH)(searches.resume)
app.command("replay", rich_help_panel=SEARCH)(searches.replay)
app.command("serve", rich_help_panel=SEARCH)(searches.serve)
app.command("prompt", rich_help_panel=SEARCH)(prompts.prompt)
app.command("judge", rich_help_panel=JUDGE)(judging.judge)
app.command("judge-run", rich_help_panel=JUDGE)(judging.judge_run)
app.command("show", rich_help_panel=JUDGE)(judging.show)
app.add_typer(data.data_app, name="data", rich_help_panel=DATA)
app.add_typer(data.testbed_app, name="testbed", rich_help_panel=DATA)
app.command("leaderboard", rich_help_panel=BOARD)(boards.leaderboard)
app.command("publish", rich_help_panel=BOARD)(boards.publish)
app.command("validate", rich_help_panel=BOARD)(boards.validate)
app.add_typer(suites.suite_app, name="suite", rich_help_panel=BOARD)
app.add_typer(boards.claims_app, name="claims", rich_help_panel=BOARD)
app.command("channels", rich_help_panel=ANALYSES)(analyses.channels)
app.command("gap", rich_help_panel=ANALYSES)(analyses.gap)
app.command("identify", rich_help_panel=ANALYSES)(analyses.identify)
app.command("mixtures", rich_help_panel=ANALYSES)(analyses.mixtures)
app.command("searches", rich_help_panel=ANALYSES)(analyses.searches)
app.add_typer(tables.table_app, name="table", rich_help_panel=ANALYSES)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(library_versions()["zfbench"])
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of every command."""


def add_plugins(target: typer.Typer, entries: Sequence[EntryPoint]) -> None:
    """Add commands of other packages, from the entry-point group `zfbench.commands`.

    Each entry is a typer command or a group of them. A package that cannot be imported gets a command that says why, so
    that it stops no other command.

    Args:
        target: the application to add to.
        entries: the entry points.
    """
    own = {c.name for c in target.registered_commands} | {g.name for g in target.registered_groups}
    for name in sorted({entry.name for entry in entries}):
        claims = sorted({entry.value for entry in entries if entry.name == name})
        if name in own:
            report_error(
                f"the command '{name}' of {' and '.join(claims)} is not available, because zfbench has a command of "
                "that name."
            )
            continue
        try:
            command = _load(name, claims, entries)
        except ZfbenchError as error:
            target.command(name, rich_help_panel=PLUGINS, context_settings=ANYTHING)(_refusal(str(error)))
            continue
        if isinstance(command, typer.Typer):
            target.add_typer(command, name=name, rich_help_panel=PLUGINS)
        else:
            target.command(name, rich_help_panel=PLUGINS)(command)


def _load(name: str, claims: list[str], entries: Sequence[EntryPoint]) -> Any:
    """The command of another package.

    Raises:
        ZfbenchError: two packages claim the name, the module raises when it is imported, or it has no such command.
    """
    if len(claims) > 1:
        raise ZfbenchError(f"The command '{name}' is claimed by {' and '.join(claims)}; uninstall one of the packages.")
    try:
        command = next(entry for entry in entries if entry.name == name).load()
        trial = command if isinstance(command, typer.Typer) else typer.Typer()
        if trial is not command:
            trial.command(name)(command)
        typer.main.get_command(trial)  # what typer cannot make a command of would stop all others
        return command
    except (Exception, SystemExit) as error:  # a module of another package may raise anything
        raise ZfbenchError(
            f"The command '{name}' ({claims[0]}) cannot be imported ({type(error).__name__}: {error}); update or "
            "uninstall its package."
        ) from error


def _refusal(reason: str) -> Callable[[], None]:
    """A command that only says why it is not available."""

    def refuse() -> None:
        raise ZfbenchError(reason)

    refuse.__doc__ = f"Not available: {escape(reason)}"
    return refuse


def main() -> None:
    """Run the command line; errors that a user can act on are printed in one sentence, without a traceback."""
    fix_environment()  # before a command imports what reads it
    add_plugins(app, plugins.entries("zfbench.commands"))
    try:
        app()
    except ZfbenchError as error:
        report_error(str(error))
        sys.exit(1)
