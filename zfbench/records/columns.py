"""Columns of a table of programs, with what repeats itself written once.

A column is the list of its entries, or, where that is shorter, one of

    {"runs": [["seed", 1], ["mutate", 46]]}    an entry and how often it follows itself
    {"steps": [[1000, 47]]}                    integers: what each adds to the one before, at first to 0, and how often
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import accumulate, groupby, pairwise
from typing import Any


def packed(columns: Mapping[str, list[Any]]) -> dict[str, Any]:
    """Return the columns, each in the shortest of its forms; columns of lists stay as they are."""
    return {name: min(_forms(column), key=lambda form: len(json.dumps(form))) for name, column in columns.items()}


def _forms(column: list[Any]) -> list[Any]:
    """The forms that a column may take: floats stay lists, since equal ones may be written differently (0.0, -0.0)."""
    if all(type(entry) is str for entry in column):
        return [column, {"runs": _runs(column)}]
    if all(type(entry) is int for entry in column):
        return [column, {"steps": _runs([after - before for before, after in pairwise([0, *column])])}]
    return [column]


def _runs(entries: Sequence[Any]) -> list[list[Any]]:
    return [[entry, len(list(group))] for entry, group in groupby(entries)]


def records(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a table, by the names of its columns, whose forms are those that `packed` writes.

    Raises:
        ValueError: a column has none of the forms, or another number of entries than a column that is a list.
    """
    lengths = {len(column) for column in columns.values() if isinstance(column, list)}
    if len(lengths) > 1:
        raise ValueError("its columns have different lengths")
    entries = [_entries(name, column, *lengths) for name, column in columns.items()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*entries, strict=True)]


def _entries(name: str, column: Any, length: int = 0) -> list[Any]:
    """The entries of a column; their number is known from a list, so that no short run can fill the memory."""
    if isinstance(column, list):
        return column
    for form in ("runs", "steps"):
        if isinstance(column, dict) and list(column) == [form] and _total(column[form]) == length:
            entries = [entry for entry, count in column[form] for _ in range(count)]
            if form == "runs":
                return entries
            if all(type(step) is int for step in entries):
                return list(accumulate(entries))
    raise ValueError(f"its column {name} is not a list, and not runs or steps of as many entries as the others have")


def _total(runs: Any) -> int | None:
    """The number of entries of some runs; None for what is no list of runs."""
    if not (isinstance(runs, list) and all(isinstance(run, list) and len(run) == 2 for run in runs)):
        return None
    counts = [count for _, count in runs]
    return sum(counts) if all(type(count) is int and count > 0 for count in counts) else None
