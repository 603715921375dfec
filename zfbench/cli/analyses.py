"""Commands that analyse a task, or that repeat the analysis of one paper on results or runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args

import typer

from zfbench.base.errors import ZfbenchError
from zfbench.cli.options import BatchOption, DeviceOption, ResultsArguments, SandboxOption, SecondsOption, UpdatesOption
from zfbench.protocols.contenders import Kind

KINDS = get_args(Kind)


def identify(
    task: Annotated[str, typer.Argument(help="A task, such as zfish-tiny/masked.", metavar="TASK")],
    replicates: Annotated[int, typer.Option(min=1, help="Trainings of each program under each budget.")] = 10,
    first: Annotated[
        int, typer.Option(min=0, help="Number of the first replicate; each replicate number has its own training seed.")
    ] = 0,
    screening: Annotated[
        int, typer.Option(min=1, help="Updates of a short training, as in the screening of a search.")
    ] = 1_000,
    full: Annotated[int, typer.Option(min=1, help="Updates of a full training.")] = 2_000,
    kind: Annotated[
        list[str] | None,
        typer.Option(help=f"Compare the truth with programs of this kind alone; repeatable: {', '.join(KINDS[1:])}."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Number of trainings at once.")] = 1,
    seconds: SecondsOption = 600,
    out: Annotated[Path | None, typer.Option(help="Folder of the outcomes; default: identify/TASK.")] = None,
    sandbox: SandboxOption = None,
    device: DeviceOption = "cpu",
    batch: BatchOption = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure whether the loss that searches minimise ranks the true program first; repeat the command to continue.

    It trains the true program, the seed program, the seed program with each true feature added, the true program with
    each feature removed, and the strongest generic approximators, all as a search trains them.

    Example: zfbench identify zfish-tiny/masked --workers 2
    """
    from tabulate import tabulate

    from zfbench.cli.console import activity
    from zfbench.cli.setup import choose_sandbox
    from zfbench.runs import unseen
    from zfbench.runs.certificate import as_text
    from zfbench.runs.identify import Measurement, as_file, contest_of, to_json
    from zfbench.runs.identify import identify as measure
    from zfbench.runs.tasks import find_task

    if unknown := set(kind or ()) - set(KINDS[1:]):
        raise ZfbenchError(
            f"There are no programs of the kind {', '.join(sorted(unknown))} to compare with the truth; choose from "
            f"{', '.join(KINDS[1:])}."
        )
    contest = contest_of(find_task(task), kind or ())
    measurement = Measurement(task, (screening, full), replicates, seconds, first)
    folder = out or Path("identify") / task.replace("/", "__").replace("@", "_")
    with choose_sandbox(sandbox, device) as box, activity(f"identify {task}") as bar:
        certificates = measure(measurement, contest, folder, workers, box, bar.step, batch)
    if as_json:
        typer.echo(as_file(to_json(certificates, measurement, folder, kind or ())))
        return

    def table(rows: list[list[str]], headings: list[str]) -> str:
        return tabulate(rows, headings, tablefmt="github", disable_numparse=True)

    typer.echo(as_text(certificates[0], table))
    if (apart := unseen.sentence(certificates[0])) is not None:
        typer.echo(f"\n{apart}")
    for other in certificates[1:]:
        typer.echo("\nThe same trainings, ranked by another loss:\n\n" + as_text(other, table))


def gap(
    task: Annotated[str, typer.Argument(help="A task of the larva, such as zfish-tiny/driven.", metavar="TASK")],
    program: Annotated[list[str], typer.Argument(help="Names of reference programs.", metavar="PROGRAM...")],
    seed: Annotated[
        list[int] | None, typer.Option(min=0, help="Seed of the trainings; repeatable. Default: 0.")
    ] = None,
    updates: UpdatesOption = 2_000,
    seconds: SecondsOption = 300.0,
    sandbox: SandboxOption = None,
    device: DeviceOption = "cpu",
    out: Annotated[Path | None, typer.Option(help="Also write the numbers into this JSON file.")] = None,
) -> None:
    """Compare a program's error on the held-out condition with its error when it is trained on that condition too.

    Each program is trained twice with each seed, and judged on windows of the condition that come later than all
    training data.

    Example: zfbench gap zfish-tiny/masked masked_mlp masked_leaky_sigmoid
    """
    import json

    from tabulate import tabulate

    from zfbench.base.files import write_text
    from zfbench.baselines.reference import source_of
    from zfbench.cli.console import activity
    from zfbench.cli.setup import choose_sandbox
    from zfbench.leaderboard.analyses.gap import HEADINGS, as_rows, measure, to_json
    from zfbench.records.limits import Limits

    sources = {name: source_of(name) for name in program}
    limits = Limits(updates=updates, seconds=seconds)
    with choose_sandbox(sandbox, device) as box, activity(f"gap {task}") as bar:
        found = measure(task, sources, seed or [0], limits, box, bar.step)
    if out is not None:
        write_text(out, json.dumps(to_json(task, found, limits), indent=1) + "\n")
    typer.echo(tabulate(as_rows(found), HEADINGS, tablefmt="github", disable_numparse=True))


def searches(
    results: ResultsArguments = None,
    picture: Annotated[
        Path | None, typer.Option(help="Draw the lowest loss so far of the largest comparison into this file (SVG).")
    ] = None,
) -> None:
    """Compare searches of equal budget: what they found, how soon, how, and which pairs of methods differ.

    Searches of one task, proposer and budget are compared over the seeds that all methods have. The output is Markdown.
    It also shows the ranking in a race on a finite space, where there is one. Searches by one method on two tracks, or
    with two families of programs, are compared with each other too.

    Example: zfbench searches my-results --picture anytime.svg
    """
    from zfbench.base.files import write_text
    from zfbench.leaderboard.analyses import arms
    from zfbench.leaderboard.analyses.searches import comparisons, size
    from zfbench.leaderboard.analyses.searches_report import as_markdown, draw, read_races
    from zfbench.leaderboard.shipped import FOLDER, results_folders
    from zfbench.records.reading import load_folders

    runs = load_folders(results_folders(results, with_published=False))
    found = comparisons(runs)
    typer.echo(as_markdown(found, read_races(FOLDER / "tables")))
    if several := arms.arms(runs):
        typer.echo(f"\n{arms.as_markdown(several)}")
    if picture is not None and found:
        write_text(picture, draw(max(found, key=size)))
        typer.echo(f"\nDrawn in {picture}.")


def mixtures(
    results: Annotated[Path, typer.Argument(help="Folder of results on mixtures.", metavar="RESULTS")],
    out: Annotated[Path, typer.Option(help="Folder for mixtures.md and mixtures.png.")] = Path("mixtures"),
    surrogate: Annotated[
        bool,
        typer.Option(
            help="Also list the errors of the neural likelihoods of all 20 models (takes minutes, then cached)."
        ),
    ] = False,
) -> None:
    """Compare with published figures how ModelSMC concentrates on the true model among 20.

    Example: zfbench suite run mixtures --out mixtures/results; zfbench mixtures mixtures/results
    """
    from zfbench.base.files import write_text
    from zfbench.leaderboard.analyses import mixtures as analysis
    from zfbench.records.reading import load_folder

    found = [r for r in load_folder(results) if r.task.name.startswith("mixtures/") and r.status == "ok"]
    if not found:
        raise ZfbenchError(f"No result in {results} is of mixtures; `zfbench suite run mixtures` makes some.")
    text = analysis.summary(found)
    if surrogate:
        text += f"\n\nLog marginal likelihood of target 0's data:\n\n{analysis.surrogate_errors(0)}"
    typer.echo(text)
    write_text(out / "mixtures.md", text + "\n")
    analysis.draw(found, out / "mixtures.png")


def channels(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs on hodgkin_huxley.", metavar="RUN...")],
) -> None:
    """Print how strongly runs support each ion channel: posterior mass, and median and best evidence.

    Example: zfbench channels runs/hodgkin_huxley__modelsmc-channels__seed*
    """
    from zfbench.leaderboard.analyses.channels import table

    typer.echo(table(runs))
