"""Commands for tables: finite spaces of programs in which everything has been evaluated once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zfbench.base.errors import ZfbenchError
from zfbench.cli.console import activity, when_stopped
from zfbench.cli.options import SandboxOption, SecondsOption

if TYPE_CHECKING:
    from zfbench.protocols.space import Space

ChoiceOption = Annotated[
    list[int] | None,
    typer.Option(
        min=0,
        help="Use only the programs with this choice of the last slot but one, the synapses of the motor neurons: 0 "
        "plain, 1 by drive, 2 by group, 3 squared; repeatable. Default: all.",
    ),
]

table_app = typer.Typer(no_args_is_help=True, help="Make tables in which searches race without training.")


@table_app.command("build")
def table_build(
    task: Annotated[str, typer.Argument(help="A task, such as zfish-tiny/masked.", metavar="TASK")],
    stage: Annotated[
        list[int] | None,
        typer.Option(
            min=1,
            help="Stage of the space; repeatable. 1: all inputs; 2: the true inputs; 3 and 4: all inputs and hidden "
            "units. Default: 1.",
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Number of trainings at once.")] = 1,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Stop after this number of evaluations; repeat the command to continue.")
    ] = None,
    part: Annotated[
        list[str] | None,
        typer.Option(
            help="A part of the work, repeatable: `screening`, `replicates` (64 programs of a stage again, with two "
            "other seeds) or `judging` (a fifth of a stage in full). Default: all, in this order."
        ),
    ] = None,
    choice: ChoiceOption = None,
    updates: Annotated[int, typer.Option(min=1, help="Updates of a screening.")] = 1_000,
    seconds: SecondsOption = 300.0,
    out: Annotated[Path | None, typer.Option(help="Folder of the outcomes; default: table/TASK.")] = None,
    sandbox: SandboxOption = None,
) -> None:
    """Evaluate every program of a finite space once, as a search does, and judge up to a fifth of them.

    The space has six slots with four choices each, 4,096 programs of the rate family; a stage is a quarter of it. Every
    program is trained with the updates and the seed with which searches screen. A sample is screened with two other
    seeds as well. The best tenth and a random tenth of a stage, or of its parts that are screened to the last program,
    are trained in full and judged. Each outcome is kept in a file; repeat an interrupted command to continue, and only
    evaluations in progress are lost. Give all runs of one table the same --out.

    Example: zfbench table build zfish-tiny/masked --stage 1 --workers 2
    """
    from zfbench.cli.setup import choose_sandbox
    from zfbench.discoverers.proposers.rate.subspace import RateSubspace
    from zfbench.runs.table import Measurement
    from zfbench.runs.table_building import PARTS, build
    from zfbench.runs.tasks import find_task
    from zfbench.tasks.zfish_table.family import folder_name

    loaded = find_task(task)
    space = RateSubspace(loaded.task.spec)
    stages = sorted(set(stage or [1]))
    if unknown := [number for number in stages if number not in space.stages]:
        raise ZfbenchError(f"The space has the stages {space.stages[0]} to {space.stages[-1]}, not {unknown[0]}.")
    if strange := set(part or ()) - set(PARTS):
        raise ZfbenchError(f"There is no part {', '.join(sorted(strange))}; known: {', '.join(PARTS)}.")
    _check_choices(space, choice)
    folder = out or Path("table") / folder_name(task)
    with (
        when_stopped(f"What was evaluated is kept in {folder}; repeat the command to continue."),
        choose_sandbox(sandbox, "cpu") as box,
        activity(f"table {task}") as bar,
    ):
        build(
            Measurement(loaded, space, folder, seconds, workers, box, bar.step),
            stages,
            part or PARTS,
            limit,
            updates,
            choice or (),
        )
    typer.echo(str(folder))


def _check_choices(space: Space, choices: list[int] | None) -> None:
    """Refuse a part that no stage has.

    Raises:
        ZfbenchError: there is none with that choice.
    """
    slot = space.slots[-2]
    if unknown := [choice for choice in choices or () if choice >= len(slot.choices)]:
        raise ZfbenchError(f"The slot '{slot.name}' has the choices 0 to {len(slot.choices) - 1}, not {unknown[0]}.")


@table_app.command("pack")
def table_pack(
    folder: Annotated[Path, typer.Argument(help="The folder of a built table.", metavar="FOLDER")],
    to: Annotated[Path, typer.Option(help="Folder of the two files.")] = Path("leaderboard/tables"),
    stage: Annotated[
        list[int] | None, typer.Option(min=1, help="Stage of the space, repeatable; default: all that are complete.")
    ] = None,
    choice: ChoiceOption = None,
    updates: Annotated[int, typer.Option(min=1, help="Updates of the screenings that the table is to hold.")] = 1_000,
) -> None:
    """Write the evaluations of a built table into one file for searches, and its judgements into one for the judge.

    A part of a stage is all its programs with one choice of the last slot but one. A stage or part that was asked for
    has to be screened completely. If no stage is named, all complete stages are packed, or, if there are none, the
    complete parts of the first stage that has any. Equal outcomes give equal bytes.

    Example: zfbench table pack table/zfish-tiny__masked --to my-tables
    """
    from zfbench.discoverers.proposers.rate.subspace import RateSubspace
    from zfbench.runs.table import task_of
    from zfbench.runs.table_packing import pack
    from zfbench.runs.tasks import load_task

    spec = load_task(task_of(folder)).spec
    space = RateSubspace(spec)
    _check_choices(space, choice)
    for path in pack(folder, spec, space, to, stage or (), updates, choice or ()):
        typer.echo(f"{path}  {path.stat().st_size / 1024:,.0f} KiB")


@table_app.command("fidelity")
def table_fidelity(
    folder: Annotated[Path, typer.Argument(help="The folder of a built table.", metavar="FOLDER")],
    updates: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Number of updates of a short training, repeatable; default: 400 and 1,000."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Number of trainings at once.")] = 1,
    seconds: SecondsOption = 300.0,
    out: Annotated[Path | None, typer.Option(help="Also write the numbers into this JSON file.")] = None,
    sandbox: SandboxOption = None,
) -> None:
    """Say how well short trainings of several lengths rank the programs of a table that were trained in full.

    Short trainings that are missing are made first and kept in the folder; repeat an interrupted command to continue.
    It prints Markdown.

    Example: zfbench table fidelity table/zfish-tiny__masked --updates 400 --updates 1000 --out fidelity.json
    """
    from zfbench.base.files import write_text
    from zfbench.cli.setup import choose_sandbox
    from zfbench.discoverers.proposers.rate.subspace import RateSubspace
    from zfbench.leaderboard.analyses.fidelity import fidelity, in_full_so_far
    from zfbench.leaderboard.analyses.table_report import fidelity_text
    from zfbench.runs.table import Measurement, Training, evaluate, task_of
    from zfbench.runs.tasks import find_task

    loaded = find_task(task_of(folder))
    space = RateSubspace(loaded.task.spec)
    lengths = sorted(set(updates or (400, 1_000)))
    trainings = [Training(codes, length) for codes in in_full_so_far(folder, space) for length in lengths]
    with (
        when_stopped(f"What was evaluated is kept in {folder}; repeat the command to continue."),
        choose_sandbox(sandbox, "cpu") as box,
        activity(f"fidelity of {folder}") as bar,
    ):
        evaluate(Measurement(loaded, space, folder, seconds, workers, box, bar.step), trainings)
    found = fidelity(folder, space, lengths)
    if out is not None:
        write_text(out, json.dumps(found, indent=1) + "\n")
    typer.echo(fidelity_text(found))


@table_app.command("race")
def table_race(
    task: Annotated[str, typer.Argument(help="A task on a table, such as zfish-table/masked.", metavar="TASK")],
    method: Annotated[
        list[str] | None, typer.Option(help="A registered discoverer, repeatable; default: all that zfbench races.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=2, help="Number of seeds of each method, from 0.")] = 200,
    budget: Annotated[
        list[int] | None,
        typer.Option(
            min=1, help="Number of evaluations, repeatable; default: 50, 150 and 500, up to half of the programs."
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Number of processes.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Also write the numbers into this JSON file.")] = None,
) -> None:
    """Race discoverers on a table: many seeds each, every pair tested; an evaluation is looked up.

    It prints Markdown. Equal tables and seeds give equal races, whatever the number of processes.

    Example: zfbench table race zfish-table/masked --seeds 200 --workers 2 --out race.json
    """
    from zfbench.base.files import write_text
    from zfbench.leaderboard.analyses.race import METHODS, race
    from zfbench.leaderboard.analyses.table_report import race_heading, race_text

    with activity(f"race on {task}") as bar:
        found = race(task, method or METHODS, range(seeds), budget or (), workers, bar.step).to_json()
    if out is not None:
        write_text(out, json.dumps(found, indent=1) + "\n")
    typer.echo(f"{race_heading(found)}\n\n{race_text(found)}")


@table_app.command("landscape")
def table_landscape(
    task: Annotated[str, typer.Argument(help="A task on a table, such as zfish-table/masked.", metavar="TASK")],
    out: Annotated[Path | None, typer.Option(help="Also write the numbers into this JSON file.")] = None,
) -> None:
    """Describe the landscape of a table: distances, traps, what each choice is worth, noise, and the judge's scores.

    It prints Markdown, and opens the file of the judgements: it is no part of any search.

    Example: zfbench table landscape zfish-table/masked --out landscape.json
    """
    from zfbench.base.files import write_text
    from zfbench.leaderboard.analyses.landscape import describe
    from zfbench.leaderboard.analyses.table_report import landscape_text

    found = describe(task)
    if out is not None:
        write_text(out, json.dumps(found, indent=1) + "\n")
    typer.echo(landscape_text(found))


@table_app.command("report")
def table_report(
    race: Annotated[Path, typer.Argument(help="The file of a race.", metavar="RACE.json")],
    landscape: Annotated[
        Path | None, typer.Argument(help="The file of a landscape of the same table.", metavar="LANDSCAPE.json")
    ] = None,
    fidelity: Annotated[Path | None, typer.Option(help="The file of `zfbench table fidelity`.")] = None,
    to: Annotated[Path | None, typer.Option(help="Write the page into this file; default: print it.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail if the page is out of date.")] = False,
) -> None:
    """Write the page of results from a race and a landscape of the same table.

    Example: zfbench table report race.json landscape.json --to table.md
    """
    from zfbench.base.files import write_text
    from zfbench.leaderboard.analyses.table_report import page, read, read_fidelity

    if landscape is None:
        raise ZfbenchError(
            "The page needs the landscape of the same table beside the race; `zfbench table landscape TASK --out "
            "landscape.json` makes its file."
        )
    text = page(read(race), read(landscape), None if fidelity is None else read_fidelity(fidelity))
    if to is None:
        if check:
            raise ZfbenchError("--check needs --to with the file of the page to compare.")
        typer.echo(text, nl=False)
        return
    if check:
        if not to.exists() or to.read_text(encoding="utf-8") != text:
            raise ZfbenchError(f"{to} is not what {race} and {landscape} say; run the command without --check.")
        return
    write_text(to, text)
    typer.echo(str(to))
