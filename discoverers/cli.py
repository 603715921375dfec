"""Commands that this package adds to `zfbench`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from zfbench.errors import UnknownNameError, ZfbenchError


def study(
    task: Annotated[str, typer.Option(help="For example zfish-tiny/masked.")] = "zfish-tiny/masked",
    discoverer: Annotated[list[str] | None, typer.Option(help="Repeatable; by default all of this package.")] = None,
    proposer: Annotated[list[str] | None, typer.Option(help="Repeatable.")] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="Repeatable: DISCOVERER.NAME=JSON, as modelsmc.particles=10.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds 0, 1, ... of each pair.")] = 5,
    budget: Annotated[list[str] | None, typer.Option(help="Repeatable, as of `zfbench run`; of each run.")] = None,
    updates: Annotated[int, typer.Option(min=1, help="Optimiser steps of full trainings.")] = 2_000,
    seconds: Annotated[float, typer.Option(min=1, help="Time limit of one training.")] = 300.0,
    finalists: Annotated[int | None, typer.Option(min=0, help="See `zfbench run`.")] = None,
    fast_path: Annotated[
        bool, typer.Option("--fast-path/--no-fast-path", help="See `zfbench run`; for proposers that have one.")
    ] = False,
    out: Annotated[Path, typer.Option(help="The study's folder; what is there is not run again.")] = Path("study"),
) -> None:
    """Compare discoverers under one budget: a grid of runs, resumable, and a table with spread.

    Example: zfbench study --task zfish-tiny/masked --seeds 5 --budget evaluations=40 --budget updates=400
    """
    from discoverers.study import Grid, run_study, summary
    from zfbench.console import activity
    from zfbench.files import write_text
    from zfbench.forecaster import Limits
    from zfbench.runs import Plan
    from zfbench.search.budget import Budget

    limits = Limits(updates=updates, seconds=seconds)
    shared = Budget.parse(budget or ["evaluations=40", "updates=400"])
    plan = Plan(task, "", "", shared, 0, limits, finalists=finalists, fast_path=fast_path)
    methods = discoverer or ["random_search", "puct", "modelsmc", "n1", "funsearch"]
    grid = Grid(plan, methods, proposer or ["grammar"], range(seeds), _settings(setting or [], methods))
    with activity(f"study on {task}") as bar:
        runs = run_study(grid, out, lambda p: bar.stage(f"{p.discoverer} + {p.proposer}, seed {p.seed}"))
    table = summary(runs)
    typer.echo(table)
    write_text(out / "study.md", table + "\n")


def _settings(assignments: Sequence[str], methods: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Settings by discoverer, from texts such as `modelsmc.particles=10`."""
    settings: dict[str, dict[str, Any]] = {}
    for assignment in assignments:
        target, separator, text = assignment.partition("=")
        method, dot, name = target.partition(".")
        if not (separator and dot and name):
            raise ZfbenchError(f"The setting '{assignment}' is not of the form DISCOVERER.NAME=JSON.")
        if method not in methods:
            raise UnknownNameError("discoverer in this study", method, methods)
        try:
            settings.setdefault(method, {})[name] = json.loads(text)
        except json.JSONDecodeError as error:
            raise ZfbenchError(f"The setting '{assignment}' needs JSON after the equals sign.") from error
    return settings
