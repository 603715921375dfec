"""Commands that judge a program, and that show a result or a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zfbench.base.files import is_folder, read_source
from zfbench.cli.console import activity, when_stopped
from zfbench.cli.options import (
    AllOption,
    DeviceOption,
    RunArgument,
    SandboxOption,
    SecondsOption,
    SeedOption,
    TaskOption,
    UnsafeOption,
    UpdatesOption,
)
from zfbench.cli.report import note_limits, print_result
from zfbench.cli.setup import choose_sandbox


def judge(
    program: Annotated[Path, typer.Argument(help="A Python file; see `zfbench contract`.", metavar="PROGRAM.py")],
    task: TaskOption,
    seed: SeedOption = 0,
    updates: UpdatesOption = 2_000,
    seconds: SecondsOption = 300.0,
    sandbox: SandboxOption = None,
    device: DeviceOption = "cpu",
    out: Annotated[
        Path | None,
        typer.Option(help="Result file; default: beside the program, named after task, program and seed."),
    ] = None,
    everything: AllOption = False,
) -> None:
    """Train a program and judge it on the sealed test.

    A result that is there already is never replaced.

    Example: zfbench judge my_program.py --task zfish-tiny/driven

    `zfbench contract` prints what a program must define.
    """
    from zfbench.base.files import check_target
    from zfbench.records.limits import Limits
    from zfbench.records.reading import run_name
    from zfbench.records.result import MethodRecord
    from zfbench.runs.judge import judge_program
    from zfbench.runs.methods import check_own_name
    from zfbench.runs.tasks import find_task

    source = read_source(program)
    method = MethodRecord(name=program.stem, kind="program")
    target = out or program.parent / f"{run_name(task, method, None, seed)}.json"
    check_target(target)  # before minutes of training
    limits = Limits(updates=updates, seconds=seconds)
    with (
        when_stopped("Nothing was written."),
        choose_sandbox(sandbox, device) as box,
        activity(f"{program.name} on {task}") as bar,
    ):
        bar.stage("data")
        loaded = find_task(task)
        check_own_name(program.stem, loaded, source)
        result = judge_program(source, method, loaded, seed, limits, progress=bar.stage, sandbox=box)
    result.write(target, overwrite=False)
    print_result(result, everything=everything)
    note_limits(limits)
    typer.echo(f"\nWritten to {target}")
    if result.status != "ok":
        raise typer.Exit(1)


def judge_run(
    run: RunArgument,
    top: Annotated[int, typer.Option(min=1, help="Number of programs, the best of the search first.")] = 50,
    workers: Annotated[int, typer.Option(min=1, help="Number of programs trained at once.")] = 1,
    sandbox: SandboxOption = None,
    device: DeviceOption = "cpu",
    allow_unsafe: UnsafeOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Judge the best programs of a finished run, and not its winner alone.

    Each is trained in full with the winner's seed and limits. The results are kept in RUN/judged; repeat an interrupted
    command to continue. It prints quartiles of the headline scores over the programs, and the rank correlation of each
    score with the loss that the search saw.

    Example: zfbench judge-run runs/my-run --top 50 --workers 2
    """
    import json

    from tabulate import tabulate

    from zfbench.runs.best_programs import judge_best, quartiles, seen_by_search

    with (
        when_stopped(f"What was judged is kept in {run}; repeat the command to continue."),
        choose_sandbox(sandbox, device) as box,
        activity(f"programs of {run.name}") as bar,
    ):
        judged = judge_best(run, top, box, workers=workers, allow_unsafe=allow_unsafe, progress=bar.step)
    found, seen = quartiles(judged), seen_by_search(judged)
    if as_json:
        typer.echo(json.dumps({"programs": len(judged), "scores": found, "rank correlation with loss": seen}, indent=1))
        return
    failed = sum(one.result.status != "ok" for one in judged)
    typer.echo(f"{len(judged)} programs of {run}, the best of the search first; {failed} failed in full training.\n")
    rows = [
        [
            name.removeprefix("headline/"),
            *(f"{row[part]:.2f}" for part in ("lower quartile", "median", "upper quartile")),
            "-" if row["first"] is None else f"{row['first']:.2f}",
            "-" if seen[name] is None else f"{seen[name]:+.2f}",
        ]
        for name, row in found.items()
    ]
    headings = [
        "score",
        "lower quartile",
        "median",
        "upper quartile",
        "best of the search",
        "rank correlation with the loss",
    ]
    if rows:
        typer.echo(tabulate(rows, headings, disable_numparse=True))
        typer.echo(
            "\nScores: 0 is the control, 1 the true circuit. Rank correlation: -1 if a lower loss always means a "
            "higher score."
        )
    else:
        typer.echo("None of them has a headline score: they failed, or the task has no such scores.")


def show(
    path: Annotated[Path, typer.Argument(help="A result file, or the folder of a run.", metavar="RESULT.json|RUN")],
    picture: Annotated[Path | None, typer.Option(help="Draw the run's tree of programs into this file (PNG).")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Print all scores of a run's result; a result file is always printed whole.")
    ] = False,
) -> None:
    """Print a result with its program, or the progress, tree and population of a run."""
    from zfbench.records.reading import load
    from zfbench.runs.plan import LOG, POPULATION, RESULT
    from zfbench.runs.replay import progress_of

    if not is_folder(path):
        print_result(load(path), whole=True)
        return
    from zfbench.search import population
    from zfbench.search.eventlog import read_log
    from zfbench.search.tree import draw_picture, draw_text, family

    points = progress_of(path)
    priced = any(point.spend.money for point in points)
    money = f"{'money':>10}  " if priced else ""
    typer.echo(f"evaluations  device s    wall s    tokens  {money}best validation loss  program")
    for point in points:
        if point.improved:
            spend = point.spend
            money = f"{spend.money:10.4f}  " if priced else ""
            typer.echo(
                f"{spend.evaluations:11d}  {spend.device_seconds:8.1f}  {spend.wall_seconds:8.1f}  {spend.tokens:8d}  "
                f"{money}{point.best:20.4f}  {point.program[:12]}"
            )
    typer.echo("")
    members = family(read_log(path / LOG).events)
    typer.echo(draw_text(members))
    if (path / POPULATION).exists():
        typer.echo(f"\n{population.draw_text(population.read(path / POPULATION), members)}")
    if picture is not None:
        draw_picture(members, picture)
        typer.echo(f"\nDrawn in {picture}.")
    if (path / RESULT).exists():
        typer.echo("")
        print_result(load(path / RESULT), everything=everything)
