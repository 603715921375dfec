"""Tables for a terminal, which fit its width: the scores of one result beside references, and the demo's rows."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from zfbench.leaderboard.board import Board, Row
from zfbench.leaderboard.highlights import (
    FORERUNNERS,
    HEADLINES,
    SIX_FORERUNNERS,
    SIX_HEADLINES,
    Shown,
    written,
)
from zfbench.leaderboard.shipped import RESULTS
from zfbench.records.reading import load, result_files, run_name
from zfbench.records.result import MethodRecord, Result

BLACK_BOX = {"autonomous": "driven_mlp", "driven": "driven_mlp", "masked": "masked_mlp"}  # of each track
SCALE = "0: knows nothing of what is measured; 1: the true circuit."
WITHOUT_DRIVE = "0: the last value, chance or no response; 1: no error, which no forecast reaches without the drive."


def references(result: Result) -> list[Row]:
    """Return the black box of the result's track and the true circuit, from published results on the same data.

    The list is empty where the published results are not installed, or hold no such task.
    """
    task = result.task
    if task.track not in BLACK_BOX or not RESULTS.is_dir():
        return []
    found = []
    for name in (BLACK_BOX[task.track], "oracle"):
        prefix = run_name(task.name, MethodRecord(name=name, kind="program"), None, seed=0).removesuffix("0")
        published = [load(path) for path in result_files(RESULTS) if path.name.startswith(prefix)]
        same = [
            known
            for known in published
            if (known.task, known.benchmark_version) == (task, result.benchmark_version) and known.status == "ok"
        ]
        if same and name != result.method.name:
            found.append(Row(tuple(same)))
    return found


def compare(result: Result, beside: Sequence[Row]) -> Table | None:
    """Return a table of six scores of a result, with a column for each reference; None if it has none of these scores.

    Args:
        result: the result.
        beside: rows of published results to compare with, as `references` finds them.
    """
    row = Row((result,))
    scores = SIX_HEADLINES if any(name.startswith("headline/") for name in result.metrics) else SIX_FORERUNNERS
    if all(score.of(row) is None for score in scores):
        return None
    table = _table(
        ("score", "this", *(entry.method for entry in beside)),
        caption=WITHOUT_DRIVE if result.task.track == "autonomous" else SCALE,
    )
    for score in scores:
        table.add_row(score.heading, *(_cell(score, entry) for entry in (row, *beside)))
    return table


def overview(board: Board) -> list[Table]:
    """Return a table for each track of a board, with a row for each method."""
    new = any(name.startswith("headline/") for row in board.rows for name in row.scores)
    scores = HEADLINES if new else FORERUNNERS
    tables = []
    for track in dict.fromkeys(row.track for row in board.rows):
        table = _table(("method", *(score.heading for score in scores)), title=f"track {track}")
        for row in board.rows:
            if row.track == track:
                table.add_row(Text(row.method), *(_cell(score, row) for score in scores))
        tables.append(table)
    return tables


def _table(headings: Sequence[str], title: str | None = None, caption: str | None = None) -> Table:
    """An empty table whose first column is text, and whose other columns are numbers."""
    table = Table(title=title, caption=caption, title_justify="left", caption_justify="left", box=None, pad_edge=False)
    for i, heading in enumerate(headings):
        table.add_column(Text(heading), justify="right" if i else "left", overflow="fold")
    return table


def _cell(score: Shown, row: Row) -> str:
    interval = score.of(row)
    return "-" if interval is None else written(interval)
