"""Boards as data: CSV and JSON, with every score at full precision."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence

from zfbench.leaderboard.board import Board, Row, Table
from zfbench.leaderboard.escaping import spreadsheet
from zfbench.leaderboard.statistics import Interval

RANKS = ("rank_best", "rank_worst")
LIMITS = ("updates", "seconds")  # fields of a board's header


def as_csv(found: Sequence[Board]) -> str:
    """Return one CSV of all boards: a line for each row; mean, low and high of the score of every column.

    A missing number is empty, and so is the text without rows. The fields of the headers are columns; those of limits
    are named `limit:updates` and `limit:seconds`, because a row has its own seconds. Texts that a spreadsheet would
    take for a formula begin with an apostrophe.
    """
    import pandas as pd

    records = [
        _record(row, table, board) | _header_columns(board)
        for board in found
        for table in board.tables
        for row in table.rows
    ]
    safe = [{k: spreadsheet(v) if isinstance(v, str) else v for k, v in record.items()} for record in records]
    if not safe:
        return ""
    return pd.DataFrame.from_records(safe).astype(dict.fromkeys(RANKS, "Int64")).to_csv(index=False)


def as_json(found: Sequence[Board]) -> str:
    """Return every score of every row, including those without a column, as JSON with a line for each row."""
    return "".join(json_pieces(found))


def json_pieces(found: Sequence[Board]) -> Iterator[str]:
    """Yield the text of `as_json` row by row, so that the scores of thousands of rows are never in memory together."""
    yield "["
    for number, board in enumerate(found):
        head = json.dumps({"header": board.header.to_json(), "note": board.note}, allow_nan=False)
        yield (",\n" if number else "") + head[:-1] + ', "rows": ['
        rows = (_row_json(row, table) for table in board.tables for row in table.rows)
        for place, row in enumerate(rows):
            yield (",\n" if place else "\n") + row
        yield "]}"
    yield "]"


def _header_columns(board: Board) -> dict[str, object]:
    return {f"limit:{name}" if name in LIMITS else name: v for name, v in board.header.to_json().items()}


def _record(row: Row, table: Table, board: Board) -> dict[str, object]:
    record: dict[str, object] = {**_identity(row, table), "seeds": len(row.runs), "failed": len(row.failures)}
    for column in board.columns:
        score = row.scores.get(column.score)
        record[column.score] = None if score is None else score.estimate
        record |= {f"{column.score}:{bound}": _bound(score, bound) for bound in ("low", "high")}
    return record


def _identity(row: Row, table: Table) -> dict[str, object]:
    rank = table.ranks.get(row.method)
    return {
        "task": row.task,
        "track": row.track,
        "method": row.method,
        "kind": row.kind,
        "reference": row.is_reference,
        **dict(zip(RANKS, (None, None) if rank is None else (rank.best, rank.worst), strict=True)),
        "future_drive": row.future_drive,
    }


def _bound(score: Interval | None, name: str) -> float | None:
    value = None if score is None else {"low": score.low, "high": score.high}[name]
    return value if value is not None and math.isfinite(value) else None


def _row_json(row: Row, table: Table) -> str:
    scores = {
        name: {"mean": score.estimate, "low": _bound(score, "low"), "high": _bound(score, "high"), "n": score.n}
        for name, score in row.every_score().items()
    }
    fields = {"seeds": [run.seed for run in row.runs], "failures": row.failures, "scores": scores}
    return json.dumps(_identity(row, table) | fields, allow_nan=False)
