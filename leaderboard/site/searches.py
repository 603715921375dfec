"""Pictures of searches: best loss against each unit of the budget, and the tree of their programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zfbench.leaderboard.board import Board, Row
from zfbench.leaderboard.site.svg import Line, Node, lines, tree
from zfbench.leaderboard.statistics import anytime_band, ecdf, incumbent, top
from zfbench.records.result import Result

if TYPE_CHECKING:
    from markupsafe import Markup

AXES = {
    "evaluations": "evaluations",
    "device_seconds": "device seconds",
    "wall_seconds": "wall seconds",
    "tokens": "tokens",
}
POINTS = 200  # number of points of a curve
REFERENCE = "last_value"  # targets are shares of this control's validation error, which no search can change
SELECTION = ("forecast/validation/balanced_error", "forecast/validation/mae")  # whichever a result's search climbs
TARGETS = np.geomspace(1.0, 0.05, 41)
POPULATION = 50

LossCurve = tuple[list[float], list[float | None]]  # spend at the end of each evaluation, and its loss


@dataclass(frozen=True)
class Panel:
    """The plots of one budget axis; a plot that cannot be drawn is empty."""

    axis: str
    title: str
    anytime: Markup
    reached: Markup


def panels(rows: Sequence[Row], board: Board) -> list[Panel]:
    """Return the plots of every budget axis for which some search recorded its spend."""
    found = []
    for axis, title in AXES.items():
        if any(loss_curve(run, axis) for row in rows for run in row.runs):
            anytime = lines(_anytime(rows, axis), title, "best validation loss", height=400)
            reached = lines(
                _reached(rows, board, axis), title, "share of seeds x targets reached", height=400, y_range=(0, 1)
            )
            found.append(Panel(axis, title, anytime, reached))
    return found


def unrecorded(found: Sequence[Panel]) -> str:
    """Return the names of the budget axes without a plot; empty if there are none."""
    return ", ".join(title for axis, title in AXES.items() if axis not in {panel.axis for panel in found})


def loss_curve(run: Result, axis: str) -> LossCurve | None:
    """Return a search's spend on an axis at the end of each evaluation, and the losses; None if it was not recorded."""
    if run.evaluated:
        spent = [float(getattr(evaluated.spend, axis)) for evaluated in run.evaluated]
        return (spent, [evaluated.loss for evaluated in run.evaluated]) if spent[-1] > 0 else None
    return None


def _anytime(rows: Sequence[Row], axis: str) -> list[Line]:
    """Best loss so far: median and interquartile range over seeds, from where all seeds have a program that works."""
    curves: list[Line] = []
    for row in rows:
        grid, best, name = _incumbents(row, axis)
        begun = np.isfinite(best).all(axis=0)
        if begun.any():
            low, median, high = anytime_band(best[:, begun])
            x = _edges(grid[begun])
            curves.append(Line(name, f"line-{len(curves) % 16}", x, _flats(median), _flats(low), _flats(high)))
    return curves


def _reached(rows: Sequence[Row], board: Board, axis: str) -> list[Line]:
    """Share of (seed, target) pairs reached; targets are shares of the reference's error on the same task."""
    curves: list[Line] = []
    for row in rows:
        grid, best, name = _incumbents(row, axis)
        references = [r.scores for r in board.rows if r.method == REFERENCE and r.task == row.task]
        error = next((scores[name] for scores in references for name in SELECTION if name in scores), None)
        if len(grid) and error is not None:
            share = ecdf(best, error.estimate * TARGETS)
            curves.append(Line(name, f"line-{len(curves) % 16}", _edges(grid), _flats(share)))
    return curves


def _incumbents(row: Row, axis: str) -> tuple[NDArray[np.float64], NDArray[np.float64], str]:
    """Return a row's budgets [G], best losses of its seeds there [S, G], and label; no budgets if unrecorded."""
    curves = [curve for run in row.runs if (curve := loss_curve(run, axis))]
    if not curves:
        return np.empty(0), np.empty((0, 0)), row.method
    end = max(spent[-1] for spent, _ in curves)
    grid = np.arange(1.0, end + 1) if axis == "evaluations" else np.linspace(0, end, POINTS + 1)[1:]
    best = np.array([incumbent(spent, losses, grid) for spent, losses in curves])
    return grid, best, f"{row.method} ({len(curves)} of {len(row.runs)} seeds)"


def _edges(grid: NDArray[np.float64]) -> list[float]:
    """Return the budgets at which the steps of a curve that changes at budgets [G] begin and end: [2G - 1]."""
    return [float(x) for x in np.repeat(grid, 2)[1:]]


def _flats(values: NDArray[np.float64]) -> list[float]:
    """Return values [G], each of which holds until the next budget, at the edges of their steps: [2G - 1]."""
    return [float(y) for y in np.repeat(values, 2)[:-1]]


def family(run: Result) -> Markup:
    """Draw every program of a search by evaluation and loss, joined to its parent."""
    worked = [e.loss for e in run.evaluated if e.loss is not None]
    best = min(worked, default=None)
    nodes = []
    for number, e in enumerate(run.evaluated, 1):
        made = f"{e.operator} of {', '.join(map(str, e.parents))}" if e.parents else e.operator
        fate = e.status if e.loss is None else f"loss {e.loss:.4g}"
        kind = "failed" if e.loss is None else "best" if e.loss == best else "worked"
        nodes.append(Node(number, e.loss, e.parents[-1] if e.parents else None, kind, f"{number}: {made}, {fate}"))
    return tree(nodes, "evaluation", "validation loss")


def population(run: Result) -> Markup:
    """Draw median and interquartile range of the best programs so far."""
    known: list[float] = []
    quartiles: list[tuple[float, float, float, float]] = []
    for number, evaluated in enumerate(run.evaluated, 1):
        if evaluated.loss is not None:
            known.append(evaluated.loss)
            best = top(known, POPULATION)
            quartiles.append((float(number), best.lower, best.median, best.upper))
    if not quartiles:
        return lines([], "", "")
    x, low, median, high = (list(values) for values in zip(*quartiles, strict=True))
    curve = Line(f"best {POPULATION} so far, or all of fewer", "model", x, median, low, high)
    return lines([curve], "evaluation", "validation loss")


def method_context(row: Row, board: Board) -> dict[str, Any]:
    """Return the pictures of searches for a method's page."""
    found = panels([row], board)
    recorded = next((run for run in row.runs if run.evaluated), None)
    return {
        "panels": found,
        "unrecorded": unrecorded(found),
        "recorded": recorded,
        "family": None if recorded is None else family(recorded),
        "population": None if recorded is None else population(recorded),
    }
