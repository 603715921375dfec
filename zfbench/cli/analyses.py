"""Commands that this package adds to `zfbench`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from zfbench.base.errors import UnknownNameError, ZfbenchError
from zfbench.cli.app import read_settings


def study(
    task: Annotated[str, typer.Option(help="For example zfish-tiny/masked.")] = "zfish-tiny/masked",
    discoverer: Annotated[list[str] | None, typer.Option(help="Repeatable; by default all of this package.")] = None,
    proposer: Annotated[list[str] | None, typer.Option(help="Repeatable.")] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="Repeatable: DISCOVERER.NAME=JSON, as modelsmc.particles=10.")
    ] = None,
    proposer_setting: Annotated[
        list[str] | None, typer.Option("--proposer-set", help="Repeatable, as of `zfbench run`; of the one proposer.")
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
    from zfbench.base.files import write_text
    from zfbench.cli.console import activity
    from zfbench.discoverers.study import Grid, run_study, summary
    from zfbench.records.limits import Limits
    from zfbench.runs.plan import Plan
    from zfbench.search.budget import Budget

    limits = Limits(updates=updates, seconds=seconds)
    shared = Budget.parse(budget or ["evaluations=40", "updates=400"])
    proposers = proposer or ["grammar"]
    own = read_settings(proposer_setting or [])
    if own and len(proposers) > 1:
        raise ZfbenchError("--proposer-set needs a single --proposer; make a study of each, in folders of their own.")
    plan = Plan(task, "", "", shared, 0, limits, proposer_settings=own, finalists=finalists, fast_path=fast_path)
    methods = discoverer or ["random_search", "puct", "modelsmc", "n1", "funsearch"]
    grid = Grid(plan, methods, proposers, range(seeds), _settings(setting or [], methods))
    with activity(f"study on {task}") as bar:
        runs = run_study(grid, out, lambda p: bar.stage(f"{p.discoverer} + {p.proposer}, seed {p.seed}"))
    table = summary(runs)
    typer.echo(table)
    write_text(out / "study.md", table + "\n")


def mixtures(
    mode: Annotated[
        list[str] | None, typer.Option(help="Repeatable: exact, cached or refit (hours); by default the first two.")
    ] = None,
    targets: Annotated[int, typer.Option(min=1, max=5, help="Targets 0, 1, ...")] = 5,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds 0, 1, ... of each target.")] = 10,
    workers: Annotated[int, typer.Option(min=1, help="Processes that fit neural likelihoods.")] = 2,
    out: Annotated[Path, typer.Option(help="The folder; what is there is not run again.")] = Path("mixtures"),
) -> None:
    """Validate ModelSMC without a language model: how it concentrates on the one true model of 20.

    Writes mixtures.md (the target's share beside the published one, and what neural likelihoods are off by) and
    mixtures.png. `cached` and `refit` need zfbench[inference].

    Example: zfbench mixtures --mode exact --targets 1 --seeds 3
    """
    from zfbench.base.files import write_text
    from zfbench.cli.console import activity
    from zfbench.discoverers import validation
    from zfbench.tasks.mixtures.model import MODES
    from zfbench.tasks.mixtures.task import CANDIDATES

    modes = mode or ["exact", "cached"]
    for name in modes:
        if name not in MODES:
            raise UnknownNameError("mode of mixtures", name, MODES)
    results = []
    with activity("mixtures") as bar:
        for name in modes:
            if name != "refit":
                bar.stage(f"{name}: evaluating the models")
                validation.prepare(name, workers, done=lambda k: bar.step(k, CANDIDATES, "models evaluated"))
            planned = validation.plans(name, range(targets), range(seeds))
            results += validation.run_validation(planned, out, lambda p: bar.stage(f"{p.task}, seed {p.seed}"))
        validation.draw(results, out / "mixtures.png")
    text = validation.summary(results)
    if {"exact", "cached"} <= set(modes):
        text += f"\n\nLog marginal likelihood of target 0's data:\n\n{validation.surrogate_errors(0)}"
    typer.echo(text)
    write_text(out / "mixtures.md", text + "\n")


def channels(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs on hodgkin_huxley.", metavar="RUN...")],
) -> None:
    """Say how much speaks for each ion channel: posterior mass, and evidence as median and best, over runs.

    Example: zfbench channels runs/hodgkin_huxley__modelsmc-channels__seed*
    """
    from zfbench.discoverers.families import table

    typer.echo(table(runs))


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
