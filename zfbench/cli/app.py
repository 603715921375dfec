"""The command line: parse, call, print. Heavy modules are imported inside the commands that need them."""

from __future__ import annotations

import json
import sys
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zfbench import __version__
from zfbench.base.errors import ZfbenchError
from zfbench.cli.console import activity, console, fail

if TYPE_CHECKING:
    from zfbench.protocols.executor import ExecutorFactory
    from zfbench.protocols.sandbox import Sandbox
    from zfbench.records.result import Result
    from zfbench.search.outcome import SearchOutcome

app = typer.Typer(
    name="zfbench",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="""A benchmark for methods that claim to discover mechanistic models, on a simulated larval zebrafish.

[bold]First steps[/bold]

  zfbench demo                                  one table of real scores, in minutes

  zfbench list                                  tasks and methods

  zfbench run --task zfish-tiny/masked --discoverer random_search --budget evaluations=20

  zfbench resume RUN                            go on with it after an interruption

  zfbench judge my_program.py --task zfish-tiny/driven
""",
)
data_app = typer.Typer(no_args_is_help=True, help="Build, check and look at the data sets.")
testbed_app = typer.Typer(no_args_is_help=True, help="The simulated larva itself.")
app.add_typer(data_app, name="data")
app.add_typer(testbed_app, name="testbed")

TaskOption = Annotated[str, typer.Option("--task", help="For example zfish-tiny/masked; see `zfbench list`.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Equal seeds and versions give equal results.")]
UpdatesOption = Annotated[int, typer.Option(min=1, help="Optimiser steps of the training that is judged.")]
SecondsOption = Annotated[float, typer.Option(min=1, help="Time limit of one training, compilation included.")]
SandboxOption = Annotated[
    str | None,
    typer.Option(help="`bubblewrap` (confines) or `process` (limits only); default: $ZFBENCH_SANDBOX, else the best."),
]
DeviceOption = Annotated[
    str, typer.Option(help="Where programs compute: cpu, or gpu, which only the sandbox `process` shows them.")
]
WorkersOption = Annotated[
    int | None,
    typer.Option(min=1, help="Candidates trained at once; 1 is reproducible. Default: what the executor has room for."),
]
ExecutorOption = Annotated[
    str | None,
    typer.Option("--executor", help="Where candidates are trained: serial, processes (pinned to cores) or ray."),
]
RayAddressOption = Annotated[
    str | None, typer.Option(help="Of a running Ray cluster, such as 10.0.0.5:6379; default: one on this machine.")
]
UnsafeOption = Annotated[
    bool, typer.Option("--allow-unsafe-programs", help="Run programs that nobody vouches for without confinement.")
]
FastPathOption = Annotated[
    bool,
    typer.Option(
        "--fast-path/--no-fast-path",
        help="Screen candidates by one program that is compiled once and reads them as data, where the proposer has "
        "one (grammar); equal up to rounding. Finals and judge train the programs themselves.",
    ),
]
TierOption = Annotated[str, typer.Option("--tier", help="`tiny` (12 s a condition) or `standard` (80 s).")]


@app.command("list")
def list_names(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """List tasks, baselines, discoverers and proposers, of this package and of installed plug-ins."""
    from zfbench.base import plugins
    from zfbench.runs.judge import MASK_ONLY
    from zfbench.runs.tasks import task_names

    listing = {
        "tasks": task_names(),
        "baselines": tuple(sorted((*plugins.names("baseline"), MASK_ONLY))),
        "discoverers": plugins.names("discoverer"),
        "proposers": plugins.names("proposer"),
    }
    if as_json:
        typer.echo(json.dumps(listing))
        return
    for kind, found in listing.items():
        typer.secho(kind, bold=True)
        for name in found:
            typer.echo(f"  {name}")
    typer.echo(
        "\nA task's name may end in @holdout:CONDITION, such as zfish-tiny/driven@holdout:inward, and in @anonymous: "
        "neutral names, so that no method can know the system from what was published."
    )


@app.command()
def run(
    task: TaskOption,
    discoverer: Annotated[str, typer.Option(help="What selects; see `zfbench list`.")] = "random_search",
    proposer: Annotated[str, typer.Option(help="What writes programs; see docs/tasks.md for which.")] = "grammar",
    budget: Annotated[
        list[str] | None,
        typer.Option(
            help="Repeatable: evaluations=20, updates=500 (of each candidate), device_seconds=3600, wall_seconds=3600, "
            "tokens=2000000, money=5 (of a proposer with prices)."
        ),
    ] = None,
    seed: SeedOption = 0,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="Repeatable: a setting of the discoverer, NAME=JSON.")
    ] = None,
    proposer_setting: Annotated[
        list[str] | None, typer.Option("--proposer-set", help="Repeatable: a setting of the proposer, NAME=JSON.")
    ] = None,
    hint: Annotated[
        list[str] | None, typer.Option(help="Repeatable: a research idea, or @FILE with one a line.")
    ] = None,
    finalists: Annotated[
        int | None, typer.Option(min=0, help="Programs trained anew at full length before the judge sees the best.")
    ] = None,
    fast_path: FastPathOption = False,
    patience: Annotated[
        int, typer.Option(min=1, help="End after so many requests in a row without a new working program.")
    ] = 100,
    out: Annotated[Path | None, typer.Option(help="The run's folder; an interrupted run goes on there.")] = None,
    workers: WorkersOption = None,
    executor: ExecutorOption = None,
    ray_address: RayAddressOption = None,
    updates: UpdatesOption = 2_000,
    seconds: SecondsOption = 300.0,
    sandbox: SandboxOption = None,
    device: DeviceOption = "cpu",
    allow_unsafe_programs: UnsafeOption = False,
) -> None:
    """Search for a program, then judge the best one found.

    Example: zfbench run --task zfish-tiny/masked --budget evaluations=20 --budget updates=500
    """
    from zfbench.records.limits import Limits
    from zfbench.runs.plan import Plan
    from zfbench.runs.search import search
    from zfbench.search.budget import Budget

    plan = Plan(
        task,
        discoverer,
        proposer,
        Budget.parse(budget or ["evaluations=20"]),
        seed,
        Limits(updates=updates, seconds=seconds),
        read_settings(setting or []),
        read_settings(proposer_setting or []),
        _ideas(hint or []),
        finalists,
        fast_path,
        patience,
    )
    folder = out or Path("runs") / f"{task.replace('/', '-')}__{discoverer}-{proposer}__seed{seed}"
    with choose_sandbox(sandbox, device) as box, activity(f"{discoverer} + {proposer} on {task}") as bar:
        place = choose_executor(executor, workers, ray_address)
        outcome, result = search(
            plan, folder, workers, bar.search_events(plan.budgets[0]), bar.stage, place, box, allow_unsafe_programs
        )
    report_search(outcome, result, folder)


@app.command()
def judge(
    program: Annotated[Path, typer.Argument(help="A Python file; see `zfbench contract`.", metavar="PROGRAM.py")],
    task: TaskOption,
    seed: SeedOption = 0,
    updates: UpdatesOption = 2_000,
    seconds: SecondsOption = 300.0,
    sandbox: SandboxOption = None,
    device: DeviceOption = "cpu",
    out: Annotated[Path | None, typer.Option(help="Result file; default PROGRAM.result.json.")] = None,
) -> None:
    """Train a program and judge it on the sealed test.

    Example: zfbench judge my_program.py --task zfish-tiny/driven

    What a program must define: zfbench contract
    """
    from zfbench.records.limits import Limits
    from zfbench.records.result import MethodRecord
    from zfbench.runs.judge import assess_program
    from zfbench.runs.tasks import load_judge, load_task

    try:
        source = program.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ZfbenchError(f"Cannot read the program {program}: {error}; check the path.") from error
    with choose_sandbox(sandbox, device) as box, activity(f"{program.name} on {task}") as bar:
        bar.stage("data")
        loaded, the_judge = load_task(task), load_judge(task)
        method = MethodRecord(name=program.stem, kind="program")
        limits = Limits(updates=updates, seconds=seconds)
        result = assess_program(source, method, loaded, the_judge, seed, limits, progress=bar.stage, sandbox=box)
    target = out or program.with_suffix(".result.json")
    result.write(target)
    _print_result(result)
    typer.echo(f"\nWritten to {target}")
    if result.status != "ok":
        raise typer.Exit(1)


@app.command()
def contract(
    task: Annotated[str | None, typer.Option(help="Of this task, with its facts; default: of recordings.")] = None,
) -> None:
    """Print what a program must define, with an example.

    Example: zfbench contract --task sir
    """
    from zfbench.forecasting.contract import CONTRACT
    from zfbench.runs.tasks import load_task

    if task is None:
        typer.echo(CONTRACT)
        return
    spec = load_task(task).spec
    typer.echo(f"{spec.description}\n")
    for heading, text in spec.facts().items():
        typer.echo(f"{heading}: {text}")
    typer.echo(f"\n{spec.contract}")


@app.command()
def show(
    path: Annotated[Path, typer.Argument(help="A result file, or the folder of a run.", metavar="RESULT.json|RUN")],
    picture: Annotated[Path | None, typer.Option(help="Draw the run's tree of programs here (PNG).")] = None,
) -> None:
    """Print a result: scores, spend, and the program; or a run: what was best when, its tree, and its population."""
    from zfbench.records.result import read
    from zfbench.runs.plan import LOG, POPULATION, RESULT
    from zfbench.runs.replay import progress_of

    if not path.is_dir():
        _print_result(read(path), whole=True)
        return
    from zfbench.search import population
    from zfbench.search.eventlog import read_journal
    from zfbench.search.tree import draw_picture, draw_text, family

    points = progress_of(path)
    priced = any(point.spend.money for point in points)
    money = f"{'money':>10}  " if priced else ""
    typer.echo(f"evaluations  device s    wall s    tokens  {money}validation loss  best so far")
    for point in points:
        if point.improved:
            spend = point.spend
            money = f"{spend.money:10.4f}  " if priced else ""
            typer.echo(
                f"{spend.evaluations:11d}  {spend.device_seconds:8.1f}  {spend.wall_seconds:8.1f}  {spend.tokens:8d}  "
                f"{money}{point.best:15.4f}  {point.program[:12]}"
            )
    typer.echo("")
    members = family(read_journal(path / LOG).events)
    typer.echo(draw_text(members))
    if (path / POPULATION).exists():
        typer.echo(f"\n{population.draw_text(population.read(path / POPULATION), members)}")
    if picture is not None:
        draw_picture(members, picture)
        typer.echo(f"\nDrawn in {picture}.")
    if (path / RESULT).exists():
        typer.echo("")
        _print_result(read(path / RESULT))


@data_app.command("build")
def data_build(
    tier: TierOption = "tiny",
    force: Annotated[bool, typer.Option(help="Build again even if there is a good copy.")] = False,
) -> None:
    """Derive the activity of all recordings from the shipped drive, and cache it."""
    from zfbench.testbed import data

    with activity(f"data {tier}") as bar:
        dataset = data.build(tier, force=force, progress=bar.step)
    typer.echo(f"{dataset.folder}\ndata sha256 {dataset.sha256}")


@data_app.command("verify")
def data_verify(tier: TierOption = "tiny") -> None:
    """Check the cached data against the committed hashes and against f*."""
    from zfbench.testbed import data

    with activity(f"verify {tier}") as bar:
        checks = data.verify(tier, progress=bar.step)
    for check in checks:
        typer.echo(f"{'ok  ' if check.passed else 'FAIL'}  {check.what}: {check.detail}")
    if not all(check.passed for check in checks):
        fail(
            f"The data of tier {tier} are not the canonical ones. `zfbench data build --tier {tier} --force` rebuilds "
            "them; where that does not help, install zfbench anew."
        )


@data_app.command("show")
def data_show(tier: TierOption = "tiny") -> None:
    """Describe a data set: conditions, lengths, hashes, size on disk."""
    from zfbench.testbed import data

    typer.echo(data.describe(tier))


@data_app.command("regenerate")
def data_regenerate(
    save: Annotated[
        Path | None, typer.Option(help="Also write the fresh recording here (how the shipped one was made).")
    ] = None,
) -> None:
    """Run the larvae again from their seeds, and compare with the shipped recording bit for bit.

    A closed loop with thresholds amplifies rounding: another processor or library may record another fish. That is no
    fault; the shipped drive stays the benchmark's.
    """
    from zfbench.testbed import data

    with activity("closed loop") as bar:
        report = data.regenerate(save=save, progress=bar.step)
    for line in report.lines:
        typer.echo(line)
    typer.echo(
        "This machine reproduces the shipped recording bit for bit."
        if report.identical
        else "This machine records another fish; scores are unaffected, since the shipped drive is what counts."
    )
    if not report.identical:
        raise typer.Exit(1)


@testbed_app.command("show")
def draw_larva(
    condition: Annotated[str, typer.Option(help="inward, outward, left, right or forward.")] = "left",
    seconds: Annotated[float, typer.Option(min=1, max=600, help="Simulated seconds.")] = 10.0,
    seed: SeedOption = 0,
    out: Annotated[Path, typer.Option(help="Picture to write.")] = Path("larva.png"),
) -> None:
    """Simulate a larva and draw its path, tail, bouts, stimulus and neural activity (PNG)."""
    from zfbench.base.files import atomic_write
    from zfbench.testbed.larva import simulate
    from zfbench.testbed.published import published
    from zfbench.testbed.show import draw_recording

    with activity(f"larva, {condition}") as bar:
        bar.stage("simulate")
        recording = simulate(published(), condition, round(seconds * 1000), seed)
        bar.stage("draw")
        with atomic_write(out) as path:
            draw_recording(recording, path)
    typer.echo(str(out))


def choose_sandbox(name: str | None, device: str) -> Sandbox:
    """The sandbox that was asked for, or the best; what it does not protect from is said here."""
    from zfbench.sandbox.choose import open_sandbox

    sandbox = open_sandbox(name, device)
    if sandbox.notice:
        console.print(sandbox.notice, highlight=False, soft_wrap=True)
    return sandbox


def choose_executor(name: str | None, workers: int | None, ray_address: str | None) -> ExecutorFactory:
    """The executor that the options name: by default serial for one worker or none given, else processes.

    Raises:
        UnknownNameError: there is no executor of that name.
        ZfbenchError: an address for an executor that has none.
    """
    from zfbench.base import plugins

    name = name or ("serial" if workers in (1, None) else "processes")
    factory: ExecutorFactory = plugins.load("executor", name)
    if ray_address is None:
        return factory
    if name != "ray":
        raise ZfbenchError(f"The executor {name} has no --ray-address; add --executor ray, or leave the address out.")
    return partial(factory, address=ray_address)


def report_search(outcome: SearchOutcome, result: Result | None, folder: Path) -> None:
    """Print how a search ended and how its best program was judged."""
    from zfbench.runs.plan import RESULT

    counts = outcome.counts
    typer.echo(
        f"{counts.evaluated} evaluations ({counts.failed} failed, {counts.duplicates} duplicates free), "
        f"{outcome.spend.device_seconds:.0f} s of training; ended: {outcome.reason}."
    )
    if result is None:
        fail(f"No program worked, so there is nothing to judge; {folder} holds the log with each failure.")
    for row in result.finals:
        full = row["status"] if row["full_loss"] is None else f"{row['full_loss']:.4f}"
        typer.echo(f"  finalist {row['program'][:12]}: screened {row['screened_loss']:.4f}, at full length {full}")
    _print_result(result)
    typer.echo(f"\nWritten to {folder / RESULT}")


def read_settings(assignments: list[str]) -> dict[str, object]:
    """Settings such as `restarts=true`; values are JSON, and plain words are text.

    Raises:
        ZfbenchError: a text is not of the form NAME=VALUE.
    """
    settings: dict[str, object] = {}
    for assignment in assignments:
        name, separator, text = assignment.partition("=")
        if not separator:
            raise ZfbenchError(f"The setting '{assignment}' is not of the form NAME=VALUE.")
        try:
            settings[name] = json.loads(text)
        except json.JSONDecodeError:
            settings[name] = text
    return settings


def _ideas(hints: list[str]) -> tuple[str, ...]:
    """Texts as they stand; `@FILE` stands for the lines of a file."""
    ideas: list[str] = []
    for hint in hints:
        if not hint.startswith("@"):
            ideas.append(hint)
            continue
        try:
            lines = Path(hint[1:]).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ZfbenchError(f"Cannot read the hints in {hint[1:]}: {error}; check the path.") from error
        ideas.extend(line.strip() for line in lines if line.strip())
    return tuple(ideas)


def _print_result(result: object, whole: bool = False) -> None:
    from zfbench.records.result import Result

    assert isinstance(result, Result)
    typer.echo(f"{result.method.name} on {result.task.name}, seed {result.seed}: {result.status}")
    for note in result.notes:
        typer.echo(f"  note: {note}")
    shown = result.metrics if whole else {k: v for k, v in result.metrics.items() if "/group/" not in k}
    width = max(map(len, shown), default=0)
    for name, value in shown.items():
        typer.echo(f"  {name:<{width}}  {value: .4f}")
    if whole:
        typer.echo(f"  spend    {result.spend.model_dump()}")
        typer.echo(f"  timings  {result.timings}")
        typer.echo(f"  data     {result.task.data_sha256}")
        if result.program is not None:
            typer.echo(f"\n{result.program.source}")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of every command."""


def _add_commands() -> None:
    """Commands of other packages: the entry-point group `zfbench.commands`, each a typer command or group of them."""
    for entry in sorted(entry_points(group="zfbench.commands"), key=lambda e: e.name):
        command = entry.load()
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=entry.name)
        else:
            app.command(entry.name)(command)


def main() -> None:
    """Entry point: errors that a user can act on are one sentence, without a traceback."""
    _add_commands()
    try:
        app()
    except ZfbenchError as error:
        console.print(f"[red]error:[/red] {error}", highlight=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        console.print("stopped; what was finished is kept, and the same command goes on from there.")
        sys.exit(130)
