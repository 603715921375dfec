"""Commands that this package adds to `zfbench`. Heavy modules are imported inside the commands that need them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from zfbench.cli.console import Bar
    from zfbench.leaderboard.suite import Job

RESULTS = Path(__file__).parent / "results"

ResultsArgument = Annotated[Path, typer.Argument(help="A result file or a folder of them.", metavar="[RESULTS]")]
Workers = Annotated[int, typer.Option(min=1, help="Runs measured at once.")]
SuiteArgument = Annotated[Path, typer.Argument(help="A suite's file.", metavar="SUITE.toml")]
MethodFilter = Annotated[list[str] | None, typer.Option("--method", help="Repeatable: only these methods.")]
TaskFilter = Annotated[list[str] | None, typer.Option("--task", help="Repeatable: only these tasks.")]
SeedFilter = Annotated[list[int] | None, typer.Option("--seed", help="Repeatable: only these seeds.")]

CLAIMS = Path(__file__).parent / "claims"
SHOWN = 5  # differing fields of a result

suite = typer.Typer(no_args_is_help=True, help="Measure many methods: tasks x methods x seeds from one file.")
claims = typer.Typer(no_args_is_help=True, help="Published claims as tests over results.")


def demo(
    out: Annotated[Path, typer.Option(help="Folder for results and pictures.")] = Path("zfbench-demo"),
    workers: Annotated[int, typer.Option(min=1, help="Rows measured at once.")] = min(2, os.cpu_count() or 1),
) -> None:
    """Score baselines, reference programs and a short search on the tiny tier: one table, three pictures.

    Takes minutes on two cores. A second run uses the results that are there.
    """
    from zfbench.cli.console import activities
    from zfbench.leaderboard.board import boards
    from zfbench.leaderboard.demo import Demo
    from zfbench.leaderboard.tables import as_text

    began = time.monotonic()
    the_demo = Demo(out)
    with activities() as add_bar:
        results = the_demo.run(add_bar, workers)
    typer.echo(f"\n{as_text(boards(results))}\n")
    for path in (*the_demo.draw(results), out / "results"):
        typer.echo(f"wrote {path}")
    typer.echo(f"{time.monotonic() - began:.0f} s")


def validate(results: ResultsArgument = RESULTS) -> None:
    """Check result files: each fault is named with its file, its field and the mend.

    Example: zfbench validate leaderboard/results
    """
    from zfbench.base.errors import DamagedFileError
    from zfbench.leaderboard.load import load, refuse_duplicates, result_files

    read, faults = {}, []
    for path in result_files(results):
        try:
            read[path] = load(path)
        except DamagedFileError as error:
            faults.append(str(error))
    try:
        refuse_duplicates(read, list(read.values()))
    except DamagedFileError as error:
        faults.append(str(error))
    for fault in faults:
        typer.echo(fault, err=True)
    typer.echo(f"{len(read)} valid results, {len(faults)} faults")
    if faults:
        raise typer.Exit(1)


def leaderboard(
    results: ResultsArgument = RESULTS,
    task: Annotated[str | None, typer.Option(help="Only this task; controls stay.")] = None,
    track: Annotated[str | None, typer.Option(help="Only this track; controls stay.")] = None,
    style: Annotated[str, typer.Option("--format", help="text, markdown, latex, csv, json or html.")] = "text",
    html: Annotated[Path | None, typer.Option(help="Write the static page into this folder.")] = None,
    readme: Annotated[Path | None, typer.Option(help="Write the table between the marks of this file.")] = None,
    check: Annotated[bool, typer.Option(help="With --readme: change nothing, fail if it is out of date.")] = False,
) -> None:
    """Print the tables: a row per method, seeds aggregated with their uncertainty.

    Results with other data, limits, budget or benchmark version get a table of their own.

    Example: zfbench leaderboard --track masked --format latex
    """
    from zfbench.base.errors import UnknownNameError, ZfbenchError
    from zfbench.leaderboard.board import boards, select
    from zfbench.leaderboard.load import load_folder
    from zfbench.leaderboard.readme import update
    from zfbench.leaderboard.tables import FORMATS

    if style not in FORMATS:
        raise UnknownNameError("format", style, FORMATS)
    everything = load_folder(results)
    chosen = select(everything, task, track)
    if not chosen:
        known = sorted({r.task.name for r in everything})
        raise ZfbenchError(f"No result in {results} is of that task and track; it has {', '.join(known)}.")
    if readme is not None:
        changed = update(readme, boards(chosen), check)
        typer.echo(f"{readme} {'now holds the table' if changed else 'is up to date'}")
        return
    if html is not None:
        from zfbench.leaderboard.site.build import build

        pages = build(boards(chosen), html)
        typer.echo(f"{len(pages)} files; open {pages[0]}")
        return
    typer.echo(FORMATS[style](boards(chosen)))


@suite.command("run")
def suite_run(
    file: SuiteArgument,
    workers: Workers = 1,
    refresh: Annotated[bool, typer.Option(help="Measure again, and replace, what is there.")] = False,
    task: TaskFilter = None,
    method: MethodFilter = None,
    seed: SeedFilter = None,
) -> None:
    """Measure every run of a suite that has no result yet; an interrupted suite goes on.

    Example: zfbench suite run leaderboard/suites/tiny.toml
    """
    from zfbench.leaderboard.suite import Runner

    jobs, folder = _jobs(file, task, method, seed)
    with _watching(len(jobs), workers) as watch:
        report = Runner(folder).run(jobs, workers, watch, refresh)
    typer.echo(
        f"{len(report.measured)} measured ({len(report.failed)} failed), {len(report.kept)} were there, in {folder}"
    )
    for job in report.stale:
        typer.echo(f"stale, left as it is: {job.describe()} (--refresh measures it again)", err=True)


@suite.command("verify")
def suite_verify(
    file: SuiteArgument,
    workers: Workers = 1,
    task: TaskFilter = None,
    method: MethodFilter = None,
    seed: SeedFilter = None,
) -> None:
    """Measure runs again and compare with the results, machine fields apart; nothing is written.

    Example: zfbench suite verify leaderboard/suites/tiny.toml --seed 0
    """
    from zfbench.leaderboard.suite import Runner

    jobs, folder = _jobs(file, task, method, seed)
    with _watching(len(jobs), workers) as watch:
        report = Runner(folder).verify(jobs, workers, watch)
    for job, fields in report.changed.items():
        more = f" and {len(fields) - SHOWN} more" if len(fields) > SHOWN else ""
        typer.echo(f"differs: {job.describe()}: {', '.join(fields[:SHOWN])}{more}")
    typer.echo(f"{len(report.measured)} measured again, {len(report.changed)} differ from {folder}")
    if report.changed:
        raise typer.Exit(1)


@claims.command("check")
def claims_check(
    results: ResultsArgument = RESULTS,
    folder: Annotated[Path, typer.Option("--claims", help="Folder of claims (*.toml).")] = CLAIMS,
    only: Annotated[list[str] | None, typer.Option("--id", help="Repeatable: only these claims.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say for each claim whether the results support or refute it, or do not decide it.

    Example: zfbench claims check leaderboard/results
    """
    from zfbench.base.errors import UnknownNameError
    from zfbench.leaderboard.claims import check, read_claims
    from zfbench.leaderboard.claims_report import as_json as to_json
    from zfbench.leaderboard.claims_report import as_text
    from zfbench.leaderboard.load import load_folder

    known = {claim.id: claim for claim in read_claims(folder)}
    for name in only or ():
        if name not in known:
            raise UnknownNameError("claim", name, known)
    measured = load_folder(results)
    answers = [check(claim, measured) for name, claim in known.items() if not only or name in only]
    typer.echo((to_json if as_json else as_text)(answers))


def _jobs(
    file: Path, tasks: list[str] | None, methods: list[str] | None, seeds: list[int] | None
) -> tuple[list[Job], Path]:
    """The jobs of a suite that pass the filters, and the folder of its results."""
    from zfbench.base.errors import UnknownNameError
    from zfbench.leaderboard.suite import read_suite

    jobs, folder = read_suite(file)
    for kind, wanted, known in (
        ("task of this suite", tasks, {job.task for job in jobs}),
        ("method of this suite", methods, {job.method for job in jobs}),
    ):
        for name in wanted or ():
            if name not in known:
                raise UnknownNameError(kind, name, known)
    chosen = [
        job
        for job in jobs
        if (not tasks or job.task in tasks)
        and (not methods or job.method in methods)
        and (not seeds or job.seed in seeds)
    ]
    return chosen, folder


@contextmanager
def _watching(total: int, workers: int) -> Iterator[Callable[[Job, str], None]]:
    """One line for the suite, one for each worker."""
    from zfbench.cli.console import activities

    with activities() as add_bar:
        whole = add_bar("suite")
        free = [add_bar(f"worker {i + 1}") for i in range(workers)]
        busy: dict[Job, Bar] = {}
        done: list[Job] = []
        lock = Lock()  # workers report from their own threads

        def watch(job: Job, stage: str) -> None:
            with lock:
                if stage == "done":
                    done.append(job)
                    whole.step(len(done), total, f"{len(done)} of {total}")
                    if job in busy:
                        free.append(busy.pop(job))
                        free[-1].stage("")
                    return
                if job not in busy:
                    busy[job] = free.pop()
                busy[job].stage(f"{job.describe()}: {stage}")

        yield watch


def baselines(
    task: Annotated[str, typer.Option("--task", help="For example zfish-tiny/driven; see `zfbench list`.")],
    method: Annotated[
        list[str] | None, typer.Option(help="Repeatable; default: every forecaster and control that suits the task.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds 0, 1, ... of each method.")] = 3,
    updates: Annotated[int, typer.Option(min=1, help="Optimiser steps of each fit, at most.")] = 500,
    seconds: Annotated[float, typer.Option(min=1, help="Time limit of each fit.")] = 600.0,
    workers: Annotated[int, typer.Option(min=1, help="Rows measured at once.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder for the result files.")] = Path("zfbench-baselines"),
    refresh: Annotated[bool, typer.Option(help="Replace results that other limits, data or versions gave.")] = False,
    style: Annotated[str, typer.Option(help="A table format of tabulate, such as simple or github.")] = "simple",
) -> None:
    """Fit and judge the forecasting baselines of one task with several seeds: one table.

    What was measured with the same limits is used again, so an interrupted run goes on where it was.

    Example: zfbench baselines --task zfish-tiny/driven --seeds 3
    """
    from zfbench.base.errors import ZfbenchError
    from zfbench.leaderboard.baseline_table import LEGEND, jobs, spread_table
    from zfbench.leaderboard.load import load
    from zfbench.leaderboard.suite import Runner
    from zfbench.records.limits import Limits
    from zfbench.runs.tasks import load_recordings

    wanted = jobs(task, method or (), range(seeds), Limits(updates=updates, seconds=seconds))
    runner = Runner(out)
    stale = [job for job in wanted if runner.state(job) == "stale"]
    if stale and not refresh:
        raise ZfbenchError(
            f"{out} has results of {stale[0].describe()}{f' and {len(stale) - 1} others' if len(stale) > 1 else ''} "
            "with other limits, data or versions; give another --out, or --refresh to replace them."
        )
    with _watching(len(wanted), workers) as watch:
        runner.run([job for job in wanted if job not in stale], workers, watch)
        runner.run(stale, workers, watch, refresh=True)
    results = [load(runner.path(job)) for job in wanted]
    typer.echo(f"\n{task}, {results[0].task.holdout} held out, data {results[0].task.data_sha256[:12]}\n")
    typer.echo(spread_table(results, load_recordings(task).spec, style))
    typer.echo(f"\n{LEGEND}")
