"""Commands that search: run, resume, replay, and serve for systems that own their search loop."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zfbench.base.errors import ZfbenchError
from zfbench.cli.console import activity, console, when_stopped
from zfbench.cli.options import (
    AllOption,
    BudgetOption,
    DeviceOption,
    ExecutorOption,
    FolderOption,
    RayAddressOption,
    RunArgument,
    SandboxOption,
    SecondsOption,
    SeedOption,
    SharedOption,
    TaskOption,
    UnsafeOption,
    UpdatesOption,
    WorkersOption,
)
from zfbench.cli.report import report_search
from zfbench.cli.setup import choose_executor, choose_sandbox, read_ideas, read_settings

if TYPE_CHECKING:
    from zfbench.runs.plan import Plan


def run(
    task: TaskOption,
    discoverer: Annotated[
        str, typer.Option(help="The search method, which selects programs to build on; see `zfbench list`.")
    ] = "best_of_n",
    proposer: Annotated[
        str | None,
        typer.Option(
            help="The writer of programs; see `zfbench list`. Default: the one that the task's family needs, which is "
            "`grammar` for recordings."
        ),
    ] = None,
    budget: BudgetOption = None,
    seed: SeedOption = 0,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of the discoverer, NAME=JSON; repeatable.")
    ] = None,
    proposer_setting: Annotated[
        list[str] | None, typer.Option("--proposer-set", help="A setting of the proposer, NAME=JSON; repeatable.")
    ] = None,
    hint: Annotated[
        list[str] | None,
        typer.Option(help="A research idea for the proposer, or @FILE with one idea in each line; repeatable."),
    ] = None,
    finalists: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Number of the best programs that are trained again at full length, to choose the one that is judged. "
            "Default: 3, or a quarter of the evaluations if that is fewer.",
        ),
    ] = None,
    patience: Annotated[
        int,
        typer.Option(
            min=1, help="End the search after this number of requests in a row that brought no new working program."
        ),
    ] = 100,
    out: FolderOption = None,
    workers: WorkersOption = None,
    executor: ExecutorOption = None,
    ray_address: RayAddressOption = None,
    updates: UpdatesOption = 2_000,
    seconds: SecondsOption = 300.0,
    sandbox: SandboxOption = None,
    device: DeviceOption = "cpu",
    allow_unsafe_programs: UnsafeOption = False,
    shared: SharedOption = None,
    everything: AllOption = False,
) -> None:
    """Search for a program, then judge the best one found.

    Example: zfbench run --task zfish-tiny/masked --budget evaluations=20 --budget updates=500
    """
    from zfbench.records.limits import Limits
    from zfbench.runs.plan import Plan
    from zfbench.runs.tasks import usual_proposer
    from zfbench.search.budget import Budget

    writer = proposer or usual_proposer(task)
    plan = Plan(
        task=task,
        discoverer=discoverer,
        proposer=writer,
        budget=Budget.parse(budget or ["evaluations=20"]),
        seed=seed,
        limits=Limits(updates=updates, seconds=seconds),
        settings=read_settings(setting or []),
        proposer_settings=read_settings(proposer_setting or []),
        ideas=read_ideas(hint or []),
        finalists=finalists,
        patience=patience,
    )
    folder = out or Path("runs") / f"{task.replace('/', '-')}__{discoverer}-{writer}__seed{seed}"
    runs_on = _Machinery(workers, executor, ray_address, sandbox, device, allow_unsafe_programs, shared)
    _search_and_report(plan, folder, runs_on, everything)


def resume(
    run: RunArgument,
    workers: WorkersOption = None,
    executor: ExecutorOption = None,
    ray_address: RayAddressOption = None,
    sandbox: SandboxOption = None,
    device: DeviceOption = "cpu",
    allow_unsafe_programs: UnsafeOption = False,
    shared: SharedOption = None,
    proposer_setting: Annotated[
        list[str] | None,
        typer.Option("--proposer-set", help="Repeatable: where a model is served now, such as base_url=URL."),
    ] = None,
) -> None:
    """Continue an interrupted search with the options in its event log, and judge the best program.

    Example: zfbench resume runs/zfish-tiny-masked__best_of_n-grammar__seed0
    """
    from zfbench.runs.methods import check_installed
    from zfbench.runs.plan import Plan

    plan = Plan.read(run).elsewhere(read_settings(proposer_setting or []))
    check_installed(plan, run)
    runs_on = _Machinery(workers, executor, ray_address, sandbox, device, allow_unsafe_programs, shared)
    _search_and_report(plan, run, runs_on)


@dataclass(frozen=True)
class _Machinery:
    """The options of a search that say where it runs, and change no result."""

    workers: int | None
    executor: str | None
    ray_address: str | None
    sandbox: str | None
    device: str
    allow_unsafe: bool
    shared: Path | None


def _search_and_report(plan: Plan, folder: Path, runs_on: _Machinery, everything: bool = False) -> None:
    """Run or continue a search, judge its best program, and print both."""
    from zfbench.runs.search import search

    name = f"{plan.discoverer} + {plan.proposer} on {plan.task}"
    executor = choose_executor(runs_on.executor, runs_on.workers, runs_on.ray_address)
    kept = f"The search is kept in {folder}; `zfbench resume {folder}` continues it."
    with (
        when_stopped(kept),
        choose_sandbox(runs_on.sandbox, runs_on.device) as box,
        activity(name) as bar,
    ):
        outcome, result = search(
            plan,
            folder,
            workers=runs_on.workers,
            on_event=bar.search_events(plan.budgets[0]),
            progress=bar.stage,
            executor=executor,
            sandbox=box,
            allow_unsafe=runs_on.allow_unsafe,
            shared=runs_on.shared,
        )
    report_search(outcome, result, folder, plan.limits, everything)


def replay(run: RunArgument) -> None:
    """Derive the outcome of a search from its event log alone, and compare it with result.json.

    No program is run.
    """
    from zfbench.records.reading import load
    from zfbench.runs.plan import RESULT, events
    from zfbench.runs.replay import altered, check, replay_finals
    from zfbench.runs.replay import replay as replay_run

    outcome = replay_run(run)
    final = replay_finals(run, outcome)
    counts, best = outcome.counts, outcome.best
    typer.echo(
        f"{counts.asked} requests, {counts.evaluated} evaluations ({counts.failed} failed), {counts.duplicates} "
        f"duplicates, {counts.unanswered} unanswered; ended: {outcome.reason}."
    )
    if best is not None:
        typer.echo(f"best validation loss {best.evaluation.loss:.4f}, program {best.program.id}")
    if not (run / RESULT).exists():
        typer.echo(f"There is no {RESULT} to compare with; `zfbench resume {run}` makes it.")
        return
    difference = altered(run / RESULT, events(run)) or check(outcome, load(run / RESULT), final)
    if difference is not None:
        raise ZfbenchError(f"{difference} Judge the search again with `zfbench resume {run}`.")
    typer.echo(f"{RESULT} agrees.")


def serve(
    task: TaskOption,
    name: Annotated[str, typer.Option(help="Name of the system that will call, for the result.")] = "external",
    budget: BudgetOption = None,
    seed: SeedOption = 0,
    out: FolderOption = None,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port of 127.0.0.1; 0 chooses a free one.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Number of candidates trained at once; further calls wait.")] = 1,
    updates: UpdatesOption = 2_000,
    seconds: SecondsOption = 300.0,
    sandbox: SandboxOption = None,
    device: DeviceOption = "cpu",
    allow_unsafe_programs: UnsafeOption = False,
) -> None:
    """Evaluate programs within a budget, over HTTP on this machine, for a system that owns its search loop.

    Prints a URL and a token, which are new at each start; --port and the environment variable ZFBENCH_TOKEN (16
    characters or more) keep them. GET /task, /contract and /seed say what is asked for; POST /evaluate evaluates; POST
    /finish ends the search and answers with the result of its best program. Ctrl-C does so too if the budget is spent.
    Before that, Ctrl-C stops the server, and the same command continues.

    Example: zfbench serve --task zfish-tiny/masked --name openevolve --budget evaluations=100
    """
    from zfbench.records.limits import Limits
    from zfbench.runs.arena import open_arena
    from zfbench.runs.plan import EXTERNAL, Plan
    from zfbench.search.budget import Budget
    from zfbench.search.server import TOKEN, Server

    limits = Limits(updates=updates, seconds=seconds)
    plan = Plan(task, name, EXTERNAL, Budget.parse(budget or ["evaluations=20"]), seed, limits)
    folder = out or Path("runs") / f"{task.replace('/', '-')}__{name}__seed{seed}"
    with choose_sandbox(sandbox, device) as box, activity(f"{name} on {task}") as bar:
        listener, report = bar.search_events(plan.budgets[0]), None
        with open_arena(plan, folder, workers, listener, box, allow_unsafe_programs) as session:
            arena, judge = session.arena, partial(session.judge, bar.stage)
            if not arena.finished:
                with Server(arena, session.task, judge, port, os.environ.get(TOKEN)) as server:
                    typer.echo(f"url    {server.url}\ntoken  {server.token}")
                    with suppress(KeyboardInterrupt):
                        server.serve()
                report = server.finished
            if report is None and (arena.finished or arena.spent):
                report = judge()
    if report is not None:
        report_search(*report, folder, plan.limits)
    else:
        console.print(f"Stopped. The search is kept in {folder}; the same command continues it.", markup=False)
