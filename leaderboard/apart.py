"""Sentences on why results are not on one board: the fields in which the headers of two boards differ."""

from __future__ import annotations

from collections.abc import Sequence

from zfbench.leaderboard.board import Board

WORDS = {  # fields of a header, as people call them
    "benchmark_version": "benchmark version",
    "data_sha256": "hash of the data",
    "updates": "limit of updates of a training",
    "seconds": "limit of seconds of a training",
    "budget": "search budget",
    "metric_versions": "versions of metrics",
}
HASH = 12  # characters of a hash that are printed


def apart(boards: Sequence[Board]) -> list[str]:
    """Return for each board why its rows are not on an earlier board with the same task; empty if there is none.

    It is compared with the earlier board from which it differs least.
    """
    return [
        _sentence(board, [other for other in boards[:number] if _share(board, other)])
        for number, board in enumerate(boards)
    ]


def _sentence(board: Board, earlier: Sequence[Board]) -> str:
    if not earlier:
        return ""
    nearest = min(earlier, key=lambda other: len(_differing(board, other)))
    rows = f"the rows of {board.tables[0].task}" if len(board.tables) == 1 else "the rows of these tables"
    reasons = ", ".join(_differing(board, nearest))
    return f"Not comparable: {rows} and those of an earlier table differ in: {reasons}."


def _share(one: Board, other: Board) -> bool:
    """True if both have rows of the same task."""
    return not {row.task for row in one.rows}.isdisjoint(row.task for row in other.rows)


def _differing(board: Board, other: Board) -> list[str]:
    """The fields in which two headers differ, with both values."""
    own, known = board.header.to_json(), other.header.to_json()
    return [
        f"{WORDS[name]} ({_short(own[name])} here, {_short(known[name])} there)"
        for name in WORDS
        if own.get(name) != known.get(name)
    ]


def _short(value: object) -> str:
    """A value of a header for people."""
    if isinstance(value, float):
        return f"{value:g}"
    text = str(value or "none")
    return text[:HASH] if len(text) == 64 else text
