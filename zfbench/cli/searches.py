"""Commands that search: run, resume, replay, and serve for systems that own their search loop."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from zfbench.base.errors import ZfbenchError
from zfbench.cli.console import activity, console
from zfbench.cli.options import (
    AllOption,
    BudgetOption,
    DeviceOption,
    ExecutorOption,
    FastPathOption,
    RayAddressOption,
    RunArgument,
    SandboxOption,
    SecondsOption,
    SeedOption,
    TaskOption,
    UnsafeOption,
    UpdatesOption,
    WorkersOption,
)
from zfbench.cli.report import report_search
from zfbench.cli.setup import choose_executor, choose_sandbox, read_ideas, read_settings


def run(
    task: TaskOption,
    discoverer: Annotated[
        str, typer.Option(help="The search method, which selects programs to build on; see `zfbench list`.")
    ] = "random_search",
    proposer: Annotated[str, typer.Option(help="The writer of programs; see `zfbench list`.")] = "grammar",
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
            help="Number of the best programs that are trained again at full length, to choose the one that is judged.",
        ),
    ] = None,
    fast_path: FastPathOption = False,
    patience: Annotated[
        int,
        typer.Option(
            min=1, help="End the search after this number of requests in a row that brought no new working program."
        ),
    ] = 100,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; an interrupted run is continued there.")] = None,
    workers: WorkersOption = None,
    executor: ExecutorOption = None,
    ray_address: RayAddressOption = None,
    updates: UpdatesOption = 2_000,
    seconds: SecondsOption = 300.0,
    sandbox: SandboxOption = None,
    device: DeviceOption = "cpu",
    allow_unsafe_programs: UnsafeOption = False,
    everything: AllOption = False,
) -> None:
    """Search for a program, then judge the best one found.

    Example: zfbench run --task zfish-tiny/masked --budget evaluations=20 --budget updates=500
    """
    from zfbench.records.limits import Limits
    from zfbench.runs.plan import Plan
    from zfbench.runs.search import search
    from zfbench.search.budget import Budget

    plan = Plan(
        task=task,
        discoverer=discoverer,
        proposer=proposer,
        budget=Budget.parse(budget or ["evaluations=20"]),
        seed=seed,
        limits=Limits(updates=updates, seconds=seconds),
        settings=read_settings(setting or []),
        proposer_settings=read_settings(proposer_setting or []),
        ideas=read_ideas(hint or []),
        finalists=finalists,
        fast_path=fast_path,
        patience=patience,
    )
    folder = out or Path("runs") / f"{task.replace('/', '-')}__{discoverer}-{proposer}__seed{seed}"
    with choose_sandbox(sandbox, device) as box, activity(f"{discoverer} + {proposer} on {task}") as bar:
        outcome, result = search(
            plan,
            folder,
            workers=workers,
            on_event=bar.search_events(plan.budgets[0]),
            progress=bar.stage,
            executor=choose_executor(executor, workers, ray_address),
            sandbox=box,
            allow_unsafe=allow_unsafe_programs,
        )
    report_search(outcome, result, folder, everything)


def resume(
    run: RunArgument,
    workers: WorkersOption = None,
    executor: ExecutorOption = None,
    ray_address: RayAddressOption = None,
    sandbox: SandboxOption = None,
    device: DeviceOption = "cpu",
    allow_unsafe_programs: UnsafeOption = False,
    proposer_setting: Annotated[
        list[str] | None,
        typer.Option("--proposer-set", help="Repeatable: where a model is served now, such as base_url=URL."),
    ] = None,
) -> None:
    """Continue an interrupted search with the options in its event log, and judge the best program.

    Example: zfbench resume runs/zfish-tiny-masked__random_search-grammar__seed0
    """
    from zfbench.runs.plan import Plan
    from zfbench.runs.search import search

    plan = Plan.read(run).elsewhere(read_settings(proposer_setting or []))
    with choose_sandbox(sandbox, device) as box, activity(f"{plan.discoverer} + {plan.proposer} on {plan.task}") as bar:
        outcome, result = search(
            plan,
            run,
            workers=workers,
            on_event=bar.search_events(plan.budgets[0]),
            progress=bar.stage,
            executor=choose_executor(executor, workers, ray_address),
            sandbox=box,
            allow_unsafe=allow_unsafe_programs,
        )
    report_search(outcome, result, run)


def replay(run: RunArgument) -> None:
    """Derive the outcome of a search from its event log alone, and compare it with result.json.

    No program is run.
    """
    from zfbench.records.reading import load
    from zfbench.runs.plan import RESULT
    from zfbench.runs.replay import check, replay_finals
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
    difference = check(outcome, load(run / RESULT), final)
    if difference is not None:
        raise ZfbenchError(f"{difference} Judge the search again with `zfbench resume {run}`.")
    typer.echo(f"{RESULT} agrees.")


def serve(
    task: TaskOption,
    name: Annotated[str, typer.Option(help="Name of the system that will call, for the result.")] = "external",
    budget: BudgetOption = None,
    seed: SeedOption = 0,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; an interrupted run is continued there.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port of 127.0.0.1; 0 chooses a free one.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Number of candidates trained at once; further calls wait.")] = 1,
    updates: UpdatesOption = 2_000,
    seconds: SecondsOption = 300.0,
    sandbox: SandboxOption = None,
    device: DeviceOption = "cpu",
    allow_unsafe_programs: UnsafeOption = False,
) -> None:
    """Evaluate programs within a budget, over HTTP on this machine, for a system that owns its search loop.

    Prints a URL and a token. POST /finish ends the search and judges its best program; so does Ctrl-C if the budget is
    spent. Before that, Ctrl-C stops the server, and the same command continues.

    Example: zfbench serve --task zfish-tiny/masked --name openevolve --budget evaluations=100
    """
    from zfbench.records.limits import Limits
    from zfbench.runs.arena import judge_arena, open_arena
    from zfbench.runs.plan import EXTERNAL, Plan
    from zfbench.search.budget import Budget
    from zfbench.search.server import Server

    limits = Limits(updates=updates, seconds=seconds)
    plan = Plan(task, name, EXTERNAL, Budget.parse(budget or ["evaluations=20"]), seed, limits)
    folder = out or Path("runs") / f"{task.replace('/', '-')}__{name}__seed{seed}"
    with choose_sandbox(sandbox, device) as box, activity(f"{name} on {task}") as bar:
        listener = bar.search_events(plan.budgets[0])
        with open_arena(plan, folder, workers, listener, box, allow_unsafe_programs) as arena:
            if not arena.finished:
                with Server(arena, port) as server:
                    typer.echo(f"url    {server.url}\ntoken  {server.token}")
                    with suppress(KeyboardInterrupt):
                        server.serve()
            over = arena.finished or arena.spent
        if over:
            report = judge_arena(plan, folder, bar.stage, box, allow_unsafe_programs)
    if over:
        report_search(*report, folder)
    else:
        console.print("Stopped. The same command continues the search.")
