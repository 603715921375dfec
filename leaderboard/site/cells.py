"""The cells of the page's tables: a score as text, and where its mean and interval stand on the axis of its cell."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from zfbench.leaderboard.board import CEILING, Row
from zfbench.leaderboard.columns import Column
from zfbench.leaderboard.ranking import Rank
from zfbench.leaderboard.statistics import Interval
from zfbench.leaderboard.tables import MISSING, REFERENCE, show

LOW, HIGH = -0.25, 1.05  # axis of every drawn cell; what lies outside stands at its edge
WIDE = 100.0  # larger scores, of unstable models, are not drawn


@dataclass(frozen=True)
class Cell:
    """A cell with a number.

    Attributes:
        text: the mean.
        uncertainty: the half-width of its interval; empty if there is none.
        value: the number to sort by; empty if it is missing.
        style: CSS variables of the drawing, in per cent of the axis; empty for a cell without one.
        outside: `under` or `over` if the mean lies outside the axis.
    """

    text: str
    uncertainty: str = ""
    value: str = ""
    style: str = ""
    outside: str = ""


def is_drawn(column: Column) -> bool:
    """Return True for scores with a common axis: 0 at a stated control or the last value, 1 for what is perfect."""
    return column.family == "headline" or "/skill_" in column.score


def score_cell(score: Interval | None, column: Column, references: Mapping[str, Row]) -> Cell:
    """Return the cell of a score.

    Args:
        score: mean and interval; None where missing.
        column: its column.
        references: references of the table by name, among which the ceiling is drawn as a line.
    """
    if score is None:
        return Cell(MISSING)
    value = f"{score.estimate:.10g}"
    if not is_drawn(column) or abs(score.estimate) >= WIDE:
        text, _, uncertainty = show(score, column.decimals).partition(" ± ")
        return Cell(text, uncertainty, value)
    # The same digits in every cell, so that numbers align; the drawing shows how certain they are.
    uncertainty = f"{score.half_width:.2f}" if math.isfinite(score.half_width) else ""
    outside = "under" if score.estimate < LOW else "over" if score.estimate > HIGH else ""
    text = f"{round(score.estimate, 2) + 0.0:.2f}"  # no minus before a zero
    return Cell(text, uncertainty, value, _style(score, column, references), outside)


def rank_cell(rank: Rank | None, row: Row) -> Cell:
    """Return the cell of a rank, which is sorted by the best rank and then by the worst."""
    if rank is None:
        return Cell(REFERENCE if row.is_reference else MISSING)
    return Cell(str(rank), value=str(rank.best * 100_000 + rank.worst))


def _style(score: Interval, column: Column, references: Mapping[str, Row]) -> str:
    marks = {"m": score.estimate}
    if math.isfinite(score.half_width) and score.half_width > 0:
        marks |= {"l": score.low, "h": score.high}
    ceiling = references.get(CEILING)
    if ceiling is not None and column.score in ceiling.scores:
        marks["c"] = ceiling.scores[column.score].estimate
    return ";".join(f"--{name}:{place(value):.1f}%" for name, value in marks.items())


def place(value: float) -> float:
    """Return where a value stands on the axis, in per cent from its left end."""
    return 100 * (min(max(value, LOW), HIGH) - LOW) / (HIGH - LOW)
