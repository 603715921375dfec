"""Commands that measure many runs from one file, and the demo, which is such a suite with pictures."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Annotated

import typer

from zfbench.base.text import printable
from zfbench.cli.console import show_table, when_stopped
from zfbench.cli.options import DeviceOption, GridWorkersOption, SandboxOption, SharedOption, UnsafeOption
from zfbench.cli.setup import choose_sandbox

if TYPE_CHECKING:
    from zfbench.cli.console import Bar
    from zfbench.runs.suite import Job

SHOWN = 5  # largest number of differing fields that are printed
DEMO_WORKERS = min(2, os.cpu_count() or 1)

SuiteArgument = Annotated[
    str, typer.Argument(help="A suite's file, or the name of a shipped one; see `zfbench suite list`.", metavar="SUITE")
]
OutOption = Annotated[Path | None, typer.Option(help="Folder of the results; default: the one that the suite names.")]
MethodFilter = Annotated[list[str] | None, typer.Option("--method", help="Measure only this method; repeatable.")]
TaskFilter = Annotated[list[str] | None, typer.Option("--task", help="Measure only this task; repeatable.")]
SeedFilter = Annotated[list[int] | None, typer.Option("--seed", help="Measure only this seed; repeatable.")]

suite_app = typer.Typer(no_args_is_help=True, help="Measure many methods: tasks x methods x seeds from one file.")


@suite_app.command("list")
def list_suites() -> None:
    """List the shipped suites, with the first line of each file."""
    from zfbench.base.files import read_text
    from zfbench.leaderboard.shipped import suite_names, suite_path

    for name in suite_names():
        first = read_text(suite_path(name), "suite").splitlines()[0]
        typer.echo(f"{name:<12} {first.removeprefix('# ')}")


@suite_app.command("show")
def show_suite(suite: SuiteArgument) -> None:
    """Print a suite's file, as a pattern for your own.

    Example: zfbench suite show discoverers > mine.toml
    """
    from zfbench.base.files import read_text
    from zfbench.leaderboard.shipped import suite_path

    typer.echo(printable(read_text(suite_path(suite), "suite")))


@suite_app.command("run")
def run_suite(
    suite: SuiteArgument,
    out: OutOption = None,
    workers: GridWorkersOption = 1,
    refresh: Annotated[
        bool,
        typer.Option(
            help="Also measure runs that have a result, and replace that result; searches that were interrupted begin "
            "anew."
        ),
    ] = False,
    runs: Annotated[
        Path | None,
        typer.Option(
            help="Keep the folder of each search here, with event log, best program and prompts. Default: it "
            "is deleted once the result is written, unless it holds prompts of a language model; then it is kept in "
            "the folder .runs of the results."
        ),
    ] = None,
    task: TaskFilter = None,
    method: MethodFilter = None,
    seed: SeedFilter = None,
    sandbox: SandboxOption = None,
    device: DeviceOption = "cpu",
    allow_unsafe_programs: UnsafeOption = False,
    shared: SharedOption = None,
) -> None:
    """Measure every run of a suite that has no result yet; an interrupted suite is continued.

    Example: zfbench suite run tiny --out my-results --workers 2
    """
    from zfbench.base.numerics import show_gpu
    from zfbench.sandbox.devices import GPU

    if device == GPU:  # forecasters train in this process
        show_gpu()
    from zfbench.runs.grid import Grid

    jobs, folder = choose_jobs(suite, task, method, seed)
    folder = out or folder
    rest = "measures all of them again" if refresh else "measures the rest"
    with (
        when_stopped(f"Finished results are in {folder}; the same command {rest}."),
        choose_sandbox(sandbox, device) as box,
        watching(len(jobs), workers) as watch,
    ):
        report = Grid(folder, box, allow_unsafe_programs, shared, runs).run(jobs, workers, watch, refresh)
    typer.echo(
        f"{len(report.measured)} measured ({len(report.failed)} failed), {len(report.kept)} were already in {folder}"
    )
    if report.folders:
        places = " and ".join(sorted({str(kept.parent) for kept in report.folders}))
        count = len(report.folders)
        typer.echo(f"{count} {'folder of a search is' if count == 1 else 'folders of searches are'} kept in {places}")
    for job in report.stale:
        typer.echo(f"out of date, not measured again: {job.describe()} (--refresh replaces it)", err=True)


@suite_app.command("verify")
def verify_suite(
    suite: SuiteArgument,
    out: OutOption = None,
    workers: GridWorkersOption = 1,
    task: TaskFilter = None,
    method: MethodFilter = None,
    seed: SeedFilter = None,
    sandbox: SandboxOption = None,
) -> None:
    """Measure runs again and compare with the results, except for machine fields; nothing is written or kept.

    A difference is printed as soon as it is found, with the first five fields that differ; the exit status is 1 then.

    Example: zfbench suite verify tiny --seed 0
    """
    from zfbench.runs.grid import Grid

    def tell(job: Job, fields: list[str]) -> None:
        more = f" and {len(fields) - SHOWN} more" if len(fields) > SHOWN else ""
        typer.echo(f"differs: {job.describe()}: {', '.join(fields[:SHOWN])}{more}")

    jobs, folder = choose_jobs(suite, task, method, seed)
    folder = out or folder
    with (
        when_stopped("Differences that were found are printed above; the rest was not compared."),
        choose_sandbox(sandbox, "cpu") as box,
        watching(len(jobs), workers) as watch,
    ):
        report = Grid(folder, box).verify(jobs, workers, watch, tell)
    typer.echo(f"{len(report.measured)} measured again, {len(report.changed)} differ from {folder}")
    if report.changed:
        raise typer.Exit(1)


def demo(
    out: Annotated[Path, typer.Option(help="Folder for results and pictures.")] = Path("zfbench-demo"),
    workers: GridWorkersOption = DEMO_WORKERS,
) -> None:
    """Score baselines, reference programs and a short search on the tiny tier: one table, three pictures.

    It is the suite `demo`, with pictures. It takes minutes on two cores; a second run uses the results that are there.
    """
    from zfbench.leaderboard.board import boards
    from zfbench.leaderboard.pictures import draw_demo
    from zfbench.leaderboard.terminal import SCALE, overview
    from zfbench.records.reading import load
    from zfbench.runs.grid import Grid
    from zfbench.runs.tasks import load_task

    began = time.monotonic()
    jobs, _ = choose_jobs("demo", None, None, None)
    kept = f"Finished results are in {out / 'results'}; the same command measures the rest."
    with (
        when_stopped(kept),
        choose_sandbox(None, "cpu") as box,
        watching(len(jobs), workers) as watch,
    ):
        grid = Grid(out / "results", box)
        stale = {job for job in jobs if grid.state(job) == "stale"}
        grid.run([job for job in jobs if job not in stale], workers, watch)
        grid.run(sorted(stale, key=jobs.index), workers, watch, refresh=True)
    results = [load(grid.path(job)) for job in jobs]
    for table in (table for board in boards(results) for table in overview(board)):
        typer.echo()
        show_table(table)
    typer.echo(f"\n{SCALE} All scores: `zfbench leaderboard {out / 'results'}`.\n")
    neurons = load_task("zfish-tiny/driven").spec.to_json()["neurons"]
    for path in (*draw_demo(results, neurons, out), out / "results"):
        typer.echo(f"wrote {path}")
    typer.echo(f"{time.monotonic() - began:.0f} s")


def choose_jobs(
    suite: str, tasks: list[str] | None, methods: list[str] | None, seeds: list[int] | None
) -> tuple[list[Job], Path]:
    """Return the jobs of a suite that pass the filters, and the folder of its results.

    Args:
        suite: file or name of the suite.
        tasks: tasks to choose; None for all.
        methods: methods to choose; None for all.
        seeds: seeds to choose; None for all.

    Raises:
        UnknownNameError: the suite has no such task or method.
        ZfbenchError: no run of it is chosen.
    """
    from zfbench.base.errors import UnknownNameError, ZfbenchError
    from zfbench.leaderboard.shipped import suite_path
    from zfbench.runs.suite import read_suite

    jobs, folder = read_suite(suite_path(suite))
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
    if not chosen:
        raise ZfbenchError("No run of this suite is of these tasks, methods and seeds; `zfbench suite show` prints it.")
    return chosen, folder


@contextmanager
def watching(total: int, workers: int) -> Iterator[Callable[[Job, str], None]]:
    """Show one line for the suite and one for each worker; yield a function that is told the stages of jobs."""
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
