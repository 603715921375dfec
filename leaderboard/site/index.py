"""The contents of the index: claims, and for each section its tables, with the numbers that the page's script draws."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from zfbench.leaderboard.apart import apart
from zfbench.leaderboard.board import CEILING, ORACLE, Row, written_from_tables
from zfbench.leaderboard.certificates import MEANING, words
from zfbench.leaderboard.claims_report import evidence, family
from zfbench.leaderboard.columns import HEADLINE, RANKED_BY, Column
from zfbench.leaderboard.site.cells import Cell, is_drawn, place, rank_cell, score_cell
from zfbench.leaderboard.site.curves import THRESHOLDS, plots_of, rounded
from zfbench.leaderboard.site.searches import AXES, REFERENCE, targets_of
from zfbench.leaderboard.site.sections import Entry, Section, Table
from zfbench.leaderboard.tables import LEGENDS, MISSING, RANKS, UNCERTAINTY, future_drive, label, show
from zfbench.leaderboard.verdicts import VERDICTS, Answer

SHOWN = 8  # methods of a table before all of its rows are asked for
KEPT = (ORACLE, CEILING)  # references that are shown with them
TRACKS = {  # what a method of the track is given
    "autonomous": "activity alone: forecasts without the drive",
    "driven": "activity and drive, but no wiring",
    "masked": "activity, drive, and which groups may be connected",
}
FACTS = (  # columns that are no scores, of the rows that are shown when all are asked for
    ("kind", "control, baseline, program or search"),
    ("seeds", "runs, and how many of them worked"),
    ("future drive", "whether the method is given the drive of the horizon; compare only rows that agree in it"),
)
PLOTS = ("shortcut", "profile", "anytime", "reached")
LINES = {  # which control stands at 0 in each drawn column
    "headline": "a stated control",
    "forecast": "the last value",
}


@dataclass(frozen=True)
class Line:
    """A row of a table as it is drawn.

    Attributes:
        number: its number in the table, by which the page's script finds its other columns and its curves.
        entry: the row.
        name: the method, with the status of runs that failed.
        cells: rank and main columns.
        rest: True if it is hidden until all rows are asked for.
    """

    number: int
    entry: Entry
    name: str
    cells: list[Cell]
    rest: bool

    @property
    def short(self) -> str:
        """The name without the settings in brackets."""
        return self.name.partition(" (")[0]

    @property
    def settings(self) -> str:
        """The settings in brackets; empty if there are none."""
        return self.name[len(self.short) + 1 :]


def index_page(
    found: Sequence[Section], answers: Sequence[Answer], numbers: Sequence[Sequence[dict[str, Any]]]
) -> dict[str, Any]:
    """Return what the template of the index is given.

    Args:
        found: the sections.
        answers: decisions of claims.
        numbers: of each section the `table_numbers` of its tables.
    """
    entries = [entry for section in found for table in section.tables for entry in table.entries]
    return {
        "root": "",
        "larva": any(HEADLINE in table.score_names for section in found for table in section.tables),
        "sections": [
            _section(section, number, own) for number, (section, own) in enumerate(zip(found, numbers, strict=True))
        ],
        "axis": f"--zero:{place(0):.2f}%;--one:{place(1):.2f}%",
        "differences": list(filter(None, apart([section.board for section in found]))),
        "filters": _filters(entries),
        "claims": claims_box(answers),
        "explained": _explained(found),
        "methods": sum(not entry.row.is_reference for entry in entries),
        "results": len({id(run) for entry in entries for run in entry.row.runs}),
    }


def claims_box(answers: Sequence[Answer]) -> dict[str, Any]:
    """Return how many claims have each verdict, the decided ones, and all with their evidence, decided ones first."""
    counts = Counter(answer.verdict for answer in answers)
    return {
        "counts": [(verdict, counts[verdict]) for verdict in VERDICTS],
        "decided": [answer for answer in answers if answer.verdict != "undecided"],
        "all": [
            (answer, [(finding.verdict, finding.test.describe(), evidence(finding)) for finding in answer.findings])
            for answer in sorted(answers, key=lambda answer: VERDICTS.index(answer.verdict))
        ],
        "together": family(answers) if answers else "",
    }


def script(numbers: Sequence[Sequence[dict[str, Any]]]) -> str:
    """Return the script that holds the numbers of the plots and of the columns that are not shown at first."""
    tables = [table for section in numbers for table in section]
    held = {"thresholds": rounded(THRESHOLDS.tolist()), "axes": AXES, "tables": tables}
    return f"const numbers = {json.dumps(held, ensure_ascii=False, separators=(',', ':'), allow_nan=False)};\n"


def table_numbers(section: Section, table: Table) -> dict[str, Any]:
    """Return the numbers of a table's plots, and its columns that are not shown at first."""
    columns = table.others(section.board.columns)
    targets = targets_of(next((entry.row for entry in table.entries if entry.row.method == REFERENCE), None))
    return {
        "columns": [*([name, about, "text"] for name, about in FACTS), *map(_heading, columns)],
        "rows": [{"more": _more(entry.row, columns), **plots_of(entry.row, targets)} for entry in table.entries],
    }


def _section(section: Section, number: int, numbers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    tables = [
        _table(section, table, f"{number}-{position}", own)
        for position, (table, own) in enumerate(zip(section.tables, numbers, strict=True))
    ]
    return {"board": section.board, "tables": tables}


def _table(section: Section, table: Table, name: str, numbers: dict[str, Any]) -> dict[str, Any]:
    columns = table.main(section.board.columns)
    lines = []
    for number, entry in enumerate(table.entries):
        reference = entry.row.is_reference
        cells = [rank_cell(table.ranks.get(entry.page), entry.row)] if table.ranks else []
        cells += [score_cell(entry.row.scores.get(c.score), c, table.references) for c in columns]
        rest = entry.row.method not in KEPT if reference else number >= SHOWN
        lines.append(Line(number, entry, label(entry.row), cells, rest))
    plots = {plot for row in numbers["rows"] for plot in row if plot != "more"}
    axes = {axis for row in numbers["rows"] for axis in row.get("anytime", ())}
    return {
        "id": name,
        "table": table,
        "title": table.track or table.task,
        "given": TRACKS.get(table.track, ""),
        "verdict": words(table.task, section.board.header.data_sha256),
        "columns": columns,
        "drawn": [column for column in columns if is_drawn(column)],
        "zero": next((LINES[c.family] for c in columns if is_drawn(c)), ""),
        "ceiling": CEILING in table.references,
        "remarks": [remark for entry in table.entries if (remark := written_from_tables(entry.row))],
        "budgets": list(dict.fromkeys(entry.budget for entry in table.entries if entry.budget)),
        "lines": lines,
        "order": _order(table, section.board.columns),
        "plots": [plot for plot in PLOTS if plot in plots],
        "axes": {axis: title for axis, title in AXES.items() if axis in axes},
        "unrecorded": ", ".join(title for axis, title in AXES.items() if axes and axis not in axes),
    }


def _order(table: Table, columns: Sequence[Column]) -> Column | None:
    """The column by which the rows are sorted at first; None if they have no score that rows are sorted by."""
    main = next((score for score in RANKED_BY if score in table.score_names), None)
    return next((column for column in columns if column.score == main), None)


def _heading(column: Column) -> list[str]:
    return [column.heading, f"{column.score}: {column.direction}", column.better]


def _more(row: Row, columns: Sequence[Column]) -> list[str | list[Any]]:
    """The other cells of a row: text alone, or a text and the number to sort by."""
    scores = [(row.scores.get(column.score), column.decimals) for column in columns]
    cells = [MISSING if score is None else [show(score, places), score.estimate] for score, places in scores]
    return [row.kind, row.seeds, future_drive(row), *cells]


def _filters(entries: Sequence[Entry]) -> dict[str, list[str]]:
    """The values of each filter that has a choice."""
    values = {
        "track": list(dict.fromkeys(entry.row.track for entry in entries if entry.row.track)),
        "task": list(dict.fromkeys(entry.row.task for entry in entries)),
        "kind": sorted({entry.row.kind for entry in entries if not entry.row.is_reference}),
        "budget": sorted({entry.budget for entry in entries if entry.budget}),
    }
    tracks = {(entry.row.track, entry.row.task) for entry in entries}
    if len(tracks) == len(values["track"]):  # a track says which task
        del values["task"]
    return {name: own for name, own in values.items() if len(own) > 1}


def _explained(found: Sequence[Section]) -> list[str]:
    """An explanation of the columns, a sentence or more for each family of scores."""
    families = dict.fromkeys(column.family for section in found for column in section.board.columns)
    ranked = any(table.ranks for section in found for table in section.tables)
    about = [LEGENDS[name] for name in families if name in LEGENDS]
    return [*([RANKS] if ranked else []), MEANING, *about, UNCERTAINTY]
