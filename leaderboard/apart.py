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


def differences(boards: Sequence[Board]) -> list[str]:
    """Return a sentence for each board with a task that an earlier board has too: why its rows are not on that one.

    It is compared with the earlier board from which it differs least.
    """
    sentences = []
    for number, board in enumerate(boards):
        alike = [(len(_differing(board, other)), k) for k, other in enumerate(boards[:number]) if _share(board, other)]
        if alike:
            _, nearest = min(alike)
            reasons = ", ".join(_differing(board, boards[nearest]))
            sentences.append(f"Table {number + 1} is not comparable with table {nearest + 1}: other {reasons}.")
    return sentences


def _share(one: Board, other: Board) -> bool:
    """True if both have rows of the same task."""
    return not {row.task for row in one.rows}.isdisjoint(row.task for row in other.rows)


def _differing(board: Board, other: Board) -> list[str]:
    """The fields in which two headers differ, with both values."""
    own, known = board.header.to_json(), other.header.to_json()
    return [
        f"{WORDS[name]} ({_short(own[name])}, not {_short(known[name])})"
        for name in WORDS
        if own.get(name) != known.get(name)
    ]


def _short(value: object) -> str:
    """A value of a header for people."""
    if isinstance(value, float):
        return f"{value:g}"
    text = str(value or "none")
    return text[:HASH] if len(text) == 64 else text
