"""The command that shows what a proposer would send to a language model, and what that may cost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zfbench.base.errors import ZfbenchError
from zfbench.cli.setup import read_ideas, read_settings


def prompt(
    run: Annotated[
        Path | None, typer.Argument(help="The folder of a run; its best program is then the parent.", metavar="RUN")
    ] = None,
    task: Annotated[str | None, typer.Option(help="A task; the seed program is then the parent.")] = None,
    proposer: Annotated[str | None, typer.Option(help="The writer of programs, for a task. Default: llm.")] = None,
    proposer_setting: Annotated[
        list[str] | None,
        typer.Option("--proposer-set", help="Repeatable: a setting of the proposer, NAME=JSON; for a task."),
    ] = None,
    hint: Annotated[
        list[str] | None, typer.Option(help="Repeatable: a research idea, or @FILE with one a line.")
    ] = None,
    critique: Annotated[
        bool, typer.Option(help="Ask as `modelsmc` does: first for a critique of the parent, and without any numbers.")
    ] = False,
    evaluations: Annotated[
        int, typer.Option(min=1, help="Number of evaluations of the search whose cost is estimated.")
    ] = 20,
) -> None:
    """Show the prompts that a search would send, and estimate its tokens and money; nothing is sent.

    Example: zfbench prompt --task zfish-tiny/masked --proposer-set model=my-model
    """
    from zfbench.runs.preview import preview, preview_run

    if (run is None) == (task is None):
        raise ZfbenchError(
            "Name either the folder of a run or a task, as in `zfbench prompt --task zfish-tiny/masked`."
        )
    if run is not None:
        if proposer_setting or hint or proposer is not None:
            raise ZfbenchError(
                "With the folder of a run, leave out --proposer, --proposer-set and --hint: those of the run are used."
            )
        shown = preview_run(run, critique=critique)
    else:
        settings, ideas = read_settings(proposer_setting or []), read_ideas(hint or [])
        shown = preview(str(task), proposer or "llm", settings, critique=critique, ideas=ideas)
    for exchange in shown.exchanges:
        typer.echo(exchange.text())
    expected, bound = shown.expected, shown.bound
    typer.echo(
        f"\nOne request: about {expected.tokens:,} tokens, at most {bound.tokens:,}. "
        f"A search of {evaluations} evaluations: about {evaluations * expected.tokens:,} tokens"
        + (f", {evaluations * expected.money:,.2f} in the currency of the prices." if expected.money else ".")
    )
