"""Commands for a run's folder: resume it, replay it, or serve it to a system that owns its loop."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from zfbench.base.errors import ZfbenchError
from zfbench.cli.app import (
    DeviceOption,
    ExecutorOption,
    RayAddressOption,
    SandboxOption,
    SecondsOption,
    SeedOption,
    TaskOption,
    UnsafeOption,
    UpdatesOption,
    WorkersOption,
    choose_executor,
    choose_sandbox,
    report_search,
)
from zfbench.cli.console import activity, console

RunArgument = Annotated[Path, typer.Argument(help="The run's folder.", metavar="RUN")]


def resume(
    run: RunArgument,
    workers: WorkersOption = None,
    executor: ExecutorOption = None,
    ray_address: RayAddressOption = None,
    sandbox: SandboxOption = None,
    device: DeviceOption = "cpu",
    allow_unsafe_programs: UnsafeOption = False,
) -> None:
    """Go on with an interrupted search, as its log says it was begun, and judge the best program.

    Example: zfbench resume runs/zfish-tiny-masked__random_search-grammar__seed0
    """
    from zfbench.runs.plan import Plan
    from zfbench.runs.search import search

    plan = Plan.read(run)
    with choose_sandbox(sandbox, device) as box, activity(f"{plan.discoverer} + {plan.proposer} on {plan.task}") as bar:
        place = choose_executor(executor, workers, ray_address)
        outcome, result = search(
            plan, run, workers, bar.search_events(plan.budgets[0]), bar.stage, place, box, allow_unsafe_programs
        )
    report_search(outcome, result, run)


def replay(run: RunArgument) -> None:
    """Derive a search's outcome from its log alone, without running a program, and compare it with result.json."""
    from zfbench.records.result import read
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
    difference = check(outcome, read(run / RESULT), final)
    if difference is not None:
        raise ZfbenchError(f"{difference} Judge the search again with `zfbench resume {run}`.")
    typer.echo(f"{RESULT} agrees.")


def serve(
    task: TaskOption,
    name: Annotated[str, typer.Option(help="What the system that will call is known as.")] = "guest",
    budget: Annotated[
        list[str] | None, typer.Option(help="Repeatable: evaluations=20, updates=500 (of each candidate), ...")
    ] = None,
    seed: SeedOption = 0,
    out: Annotated[Path | None, typer.Option(help="The run's folder; an interrupted run goes on there.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Of 127.0.0.1; 0 takes a free one.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Candidates trained at once; further calls wait.")] = 1,
    updates: UpdatesOption = 2_000,
    seconds: SecondsOption = 300.0,
    sandbox: SandboxOption = None,
    device: DeviceOption = "cpu",
    allow_unsafe_programs: UnsafeOption = False,
) -> None:
    """Evaluate programs for a system that owns its search loop, within a budget, over HTTP on this machine.

    Prints a URL and a token. POST /finish ends the search and judges its best program; so does Ctrl-C when the budget
    is spent. Before that, Ctrl-C stops the server, and the same command goes on.

    Example: zfbench serve --task zfish-tiny/masked --name openevolve --budget evaluations=100
    """
    from zfbench.records.limits import Limits
    from zfbench.runs.arena import judge_arena, open_arena
    from zfbench.runs.plan import GUEST, Plan
    from zfbench.search.budget import Budget
    from zfbench.search.server import Door

    limits = Limits(updates=updates, seconds=seconds)
    plan = Plan(task, name, GUEST, Budget.parse(budget or ["evaluations=20"]), seed, limits)
    folder = out or Path("runs") / f"{task.replace('/', '-')}__{name}__seed{seed}"
    with choose_sandbox(sandbox, device) as box, activity(f"{name} on {task}") as bar:
        listener = bar.search_events(plan.budgets[0])
        with open_arena(plan, folder, workers, listener, box, allow_unsafe_programs) as arena:
            if not arena.finished:
                with Door(arena, port) as door:
                    typer.echo(f"url    {door.url}\ntoken  {door.token}")
                    with suppress(KeyboardInterrupt):
                        door.serve()
            over = arena.finished or arena.spent
        if over:
            report = judge_arena(plan, folder, bar.stage, box, allow_unsafe_programs)
    if over:
        report_search(*report, folder)
    else:
        console.print("stopped; the same command goes on from there.")
