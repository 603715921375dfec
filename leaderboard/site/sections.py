"""Boards as the page shows them: one for all search budgets, with a table for each task.

The boards of the text tables hold one search budget each, and repeat the methods that are not searches. Here boards
that differ in nothing but the search budget are one section; a search's row says its budget, and ranks are among all
rows of a table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from zfbench.leaderboard.board import CEILING, ORACLE, Board, Row
from zfbench.leaderboard.columns import HEADLINE, RANKED_BY, Column, main_columns, sorting_key
from zfbench.leaderboard.header import Header
from zfbench.leaderboard.ranking import Rank, ranks
from zfbench.search.budget import written

TRACKS = ("masked", "driven")  # tracks that stand before the others; `autonomous`, of forecasts alone, comes last
LONGEST = 120  # characters of a page's file name


@dataclass(frozen=True)
class Entry:
    """A row of the page: a method on one task, at one budget if it is a search.

    Attributes:
        row: the runs.
        budget: the search budget in words; empty unless it is a search.
        page: path of its page, relative to the index; it differs from those of all other rows.
    """

    row: Row
    budget: str
    page: str


@dataclass(frozen=True)
class Table:
    """The rows of one task.

    Attributes:
        entries: methods, best first, and then the references.
        known: the ranks by method, if its rows are those of one board; None if they have to be computed.
    """

    entries: tuple[Entry, ...]
    known: Mapping[str, Rank] | None

    @property
    def task(self) -> str:
        """The task's full name."""
        return self.entries[0].row.task

    @property
    def track(self) -> str:
        """The task's track; empty if its family has none."""
        return self.entries[0].row.track

    @property
    def methods(self) -> list[Entry]:
        """The rows that are not references."""
        return [entry for entry in self.entries if not entry.row.is_reference]

    @cached_property
    def ranks(self) -> dict[str, Rank]:
        """The rank of every ranked row, by its page."""
        if self.known is not None:
            return {e.page: self.known[e.row.method] for e in self.methods if e.row.method in self.known}
        scores = {entry.page: entry.row.by_seed(HEADLINE) for entry in self.methods}
        return ranks({page: own for page, own in scores.items() if own})

    @cached_property
    def score_names(self) -> frozenset[str]:
        """The names of the scores that some row has."""
        return frozenset(name for entry in self.entries for name in entry.row.scores)

    @cached_property
    def references(self) -> dict[str, Row]:
        """The controls, the oracle and the ceiling, by name."""
        return {entry.row.method: entry.row for entry in self.entries if entry.row.is_reference}

    def main(self, columns: Sequence[Column]) -> tuple[Column, ...]:
        """Return those of its section's columns that are shown unless all are asked for."""
        return main_columns(columns, self.score_names, self.track)

    def others(self, columns: Sequence[Column]) -> tuple[Column, ...]:
        """Return the further columns of which some row has the score."""
        main = self.main(columns)
        return tuple(column for column in columns if column not in main and column.score in self.score_names)


@dataclass(frozen=True)
class Section:
    """Rows that are comparable but for the search budget.

    Attributes:
        board: all of its rows as one board, whose header names no budget.
        tables: a table for each task.
    """

    board: Board
    tables: tuple[Table, ...]


def sections(found: Sequence[Board]) -> list[Section]:
    """Return the sections of these boards: the newest benchmark version first, then the larger."""
    groups: dict[Header, list[Board]] = {}
    for board in found:
        groups.setdefault(replace(board.header, budget=""), []).append(board)
    merged = [(header, boards, _rows(boards)) for header, boards in groups.items()]
    merged.sort(key=lambda group: (-group[0].benchmark_version, -len(group[2])))
    taken: set[str] = set()
    return [
        _section(header, rows, boards[0] if len(boards) == 1 else None, number, taken)
        for number, (header, boards, rows) in enumerate(merged)
    ]


def budget_of(row: Row) -> str:
    """Return the search budget in words, such as "40 evaluations, 400 updates"; empty for what is no search."""
    options = row.runs[0].search
    limits = {} if options is None else options.budget
    return ", ".join(f"{written(limit)} {unit.replace('_', ' ')}" for unit, limit in limits.items() if limit)


def _rows(boards: Sequence[Board]) -> list[tuple[Row, str]]:
    """The rows of boards that differ in their search budget, each once, with its budget."""
    found = {(row.task, row.method, budget_of(row)): row for board in boards for row in board.rows}
    return [(row, budget) for (_, _, budget), row in found.items()]


def _section(
    header: Header, rows: Sequence[tuple[Row, str]], only: Board | None, number: int, taken: set[str]
) -> Section:
    known = {} if only is None else {table.task: table.ranks for table in only.tables}
    tasks: dict[str, list[tuple[Row, str]]] = {}
    for row, budget in sorted(rows, key=lambda pair: _standing(*pair)):
        tasks.setdefault(row.task, []).append((row, budget))
    tables = [
        Table(tuple(Entry(row, budget, _page(row, budget, number, taken)) for row, budget in own), known.get(task))
        for task, own in tasks.items()
    ]
    tables.sort(key=lambda table: (HEADLINE not in table.score_names, _place(table.track), table.task))
    board = Board(header, tuple(entry.row for table in tables for entry in table.entries))
    return Section(board, tuple(tables))


def _place(track: str) -> int:
    return TRACKS.index(track) if track in TRACKS else len(TRACKS)


def _standing(row: Row, budget: str) -> tuple[int, tuple[int, float], str, str]:
    """Methods first, then the oracle, the ceiling and the controls; among them the best first."""
    group = 0 if not row.is_reference else {ORACLE: 1, CEILING: 2}.get(row.method, 3)
    main = {name: row.scores[name].estimate for name in RANKED_BY if name in row.scores}
    return group, sorting_key(main), row.method, budget


def _page(row: Row, budget: str, section: int, taken: set[str]) -> str:
    """The path of a row's page, which no other row has."""
    name = f"{section}-{row.task}-{row.method}{f'-{budget}' if budget else ''}"
    stem = re.sub(r"[^\w.]+", "-", name, flags=re.ASCII).strip("-")[:LONGEST]
    page, again = f"methods/{stem}.html", 1
    while page.lower() in taken:  # some file systems ignore case
        again += 1
        page = f"methods/{stem}-{again}.html"
    taken.add(page.lower())
    return page
