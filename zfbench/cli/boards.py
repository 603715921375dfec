"""Commands for results: tables and the web page, checks of result files, and claims as tests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zfbench.cli.options import ResultsArgument, ResultsArguments

claims_app = typer.Typer(no_args_is_help=True, help="Check published claims against results.")


def validate(results: ResultsArgument = None) -> None:
    """Check result files, and print each fault with its file, its field and how to fix it.

    Impossible content is a fault too: scores that are out of bounds, or that contradict each other, the task or
    published results on the same data; and names, limits or spends that no run can have.

    Example: zfbench validate leaderboard/results
    """
    from zfbench.leaderboard.shipped import ABSENT, REMEDY, RESULTS, results_folder
    from zfbench.records.reading import load_folder, result_files
    from zfbench.runs.validation import validate as check

    folder = results_folder(results)
    files = result_files(folder)
    published = load_folder(RESULTS) if RESULTS.is_dir() and folder.resolve() != RESULTS else []
    if not RESULTS.is_dir():
        typer.echo(f"Not compared with published results: {ABSENT}; {REMEDY} to compare them too.", err=True)
    outcome = check(files, published)
    for sentence in (*outcome.unchecked, *outcome.faults):
        typer.echo(sentence, err=True)
    typer.echo(f"{len(outcome.valid)} valid results, {len(outcome.faults)} faults")
    if outcome.faults:
        raise typer.Exit(1)


def leaderboard(
    results: ResultsArguments = None,
    with_published: Annotated[
        bool, typer.Option("--with-published", help="Show the published results beside the given ones.")
    ] = False,
    task: Annotated[str | None, typer.Option(help="Show only this task.")] = None,
    track: Annotated[str | None, typer.Option(help="Show only this track.")] = None,
    style: Annotated[str, typer.Option("--format", help="text, markdown, latex, csv, json or html.")] = "text",
    html: Annotated[Path | None, typer.Option(help="Write a static web page into this folder.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Show all columns in tables; CSV, JSON and the page always hold all.")
    ] = False,
) -> None:
    """Print tables of results with a row for each method: ranks, and means over seeds with their uncertainty.

    Results with other data, limits, budget or benchmark version are shown in a separate table, and a sentence below it
    says in what they differ.

    Example: zfbench leaderboard my-results --with-published --track masked
    """
    from zfbench.base.errors import UnknownNameError, ZfbenchError
    from zfbench.leaderboard.apart import apart
    from zfbench.leaderboard.board import boards, select
    from zfbench.leaderboard.shipped import results_folders
    from zfbench.leaderboard.tables import FORMATS, TABLES, pieces
    from zfbench.records.reading import load_folders

    if style not in FORMATS:
        raise UnknownNameError("format", style, FORMATS)
    folders = results_folders(results, with_published)
    everything = load_folders(folders, for_tables=html is None)
    chosen = select(everything, task, track)
    if not chosen:
        tasks = ", ".join(sorted({r.task.name for r in everything}))
        tracks = ", ".join(sorted({r.task.track for r in everything}))
        places = " and ".join(map(str, folders))
        raise ZfbenchError(f"No result in {places} is of that task and track; tasks: {tasks}; tracks: {tracks}.")
    if html is not None:
        from zfbench.leaderboard.claims import read_claims
        from zfbench.leaderboard.shipped import CLAIMS
        from zfbench.leaderboard.site.build import build
        from zfbench.leaderboard.verdicts import check

        answers = [check(claim, everything) for claim in read_claims(CLAIMS)]
        pages = build(boards(chosen), html, answers)
        typer.echo(f"{len(pages)} files; open {pages[0]}")
        return
    found = boards(chosen)
    for piece in pieces(found, style, every):
        typer.echo(piece, nl=False)
    typer.echo()
    if style not in TABLES:  # tables have the sentences below them
        for sentence in filter(None, apart(found)):
            typer.echo(sentence, err=True)


def publish(
    root: Annotated[Path, typer.Argument(help="Folder of the repository.", metavar="ROOT")] = Path(),
    check: Annotated[bool, typer.Option(help="Change nothing, and fail if something is out of date.")] = False,
) -> None:
    """Write what the repository derives from its published results: tables in documents, the picture of the finding.

    Example: zfbench publish
    """
    from zfbench.leaderboard.board import boards
    from zfbench.leaderboard.publish import check_documents
    from zfbench.leaderboard.publish import publish as write
    from zfbench.leaderboard.shipped import results_folder
    from zfbench.records.reading import load_folder

    check_documents(root)  # before the results are read
    changed = write(root, boards(load_folder(results_folder(None))), check)
    for path in changed:
        typer.echo(f"wrote {path}")
    if not changed:
        typer.echo("Everything is up to date.")


@claims_app.command("check")
def check_claims(
    results: ResultsArgument = None,
    folder: Annotated[
        Path | None, typer.Option("--claims", help="Folder of claims (*.toml); default: the shipped ones.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option("--id", help="Check only this claim; repeatable.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 unless all claims are supported.")] = False,
) -> None:
    """Print for each claim whether the results support it, refute it, show less than its margin, or do not decide it.

    Example: zfbench claims check leaderboard/results
    """
    from zfbench.base.errors import UnknownNameError
    from zfbench.leaderboard.claim_names import check_names
    from zfbench.leaderboard.claims import read_claims
    from zfbench.leaderboard.claims_report import as_json as to_json
    from zfbench.leaderboard.claims_report import as_text
    from zfbench.leaderboard.shipped import CLAIMS, results_folder
    from zfbench.leaderboard.stand_ins import check_won_and_lost
    from zfbench.leaderboard.verdicts import check
    from zfbench.records.reading import load_folder

    known = {claim.id: claim for claim in read_claims(folder or CLAIMS)}
    for name in only or ():
        if name not in known:
            raise UnknownNameError("claim", name, known)
    place = results_folder(results)
    measured = load_folder(place)
    chosen = [claim for name, claim in known.items() if not only or name in only]
    if folder is not None:  # tests of zfbench check the shipped ones, on results that have all of their scores
        check_names(chosen, measured)
        check_won_and_lost(chosen, measured)
    answers = [check(claim, measured) for claim in chosen]
    typer.echo((to_json if as_json else as_text)(answers, place))
    if strict and any(answer.verdict != "supported" for answer in answers):
        raise typer.Exit(1)
