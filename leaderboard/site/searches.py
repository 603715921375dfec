"""Searches: best loss against each unit of the budget, and pictures of one search's programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zfbench.leaderboard.board import Row
from zfbench.leaderboard.site.svg import Line, lines
from zfbench.leaderboard.site.tree import Node, tree
from zfbench.leaderboard.statistics import anytime_band, ecdf, incumbent, top
from zfbench.records.result import Evaluated, Result

if TYPE_CHECKING:
    from markupsafe import Markup

AXES = {
    "evaluations": "evaluations",
    "device_seconds": "device seconds",
    "wall_seconds": "wall seconds",
    "tokens": "tokens",
}
POINTS = 200  # number of budgets at which a curve is computed, except on the axis of evaluations
REFERENCE = "last_value"  # targets are shares of this control's validation error, which no search can change
SELECTION = ("forecast/validation/balanced_error", "forecast/validation/mae")  # whichever a result's search minimises
TARGETS = np.geomspace(1.0, 0.05, 41)
POPULATION = 50

Array = NDArray[np.float64]
LossCurve = tuple[list[float], list[float | None]]  # spend at the end of each evaluation, and its loss
Steps = tuple[list[float], ...]  # budgets at which a step function changes, and the last; its values from there on


@dataclass(frozen=True)
class Panel:
    """The plots of one budget axis; a plot that cannot be drawn is empty."""

    axis: str
    title: str
    anytime: Markup
    reached: Markup


def targets_of(reference: Row | None) -> Array | None:
    """Return the losses that are a search's targets, [41]; None if the reference has no loss of a search."""
    scores = {} if reference is None else reference.scores
    return next((scores[name].estimate * TARGETS for name in SELECTION if name in scores), None)


def panels(row: Row, targets: Array | None) -> list[Panel]:
    """Return the plots of every budget axis for which a row recorded its spend.

    Args:
        row: a search.
        targets: losses that are targets; None if there are none.
    """
    found = []
    for axis, title in AXES.items():
        if any(loss_curve(run, axis) for run in row.runs):
            best, share = anytime(row, axis), reached(row, axis, targets)
            seeds = f"{sum(bool(loss_curve(run, axis)) for run in row.runs)} of {len(row.runs)} seeds"
            found.append(
                Panel(
                    axis,
                    title,
                    lines(_drawn(best, seeds), title, "best validation loss"),
                    lines(_drawn(share, seeds), title, "share of seeds x targets reached", y_range=(0, 1)),
                )
            )
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


def anytime(row: Row, axis: str) -> Steps:
    """Return the best loss so far over seeds, from where all seeds have a program that works.

    Returns:
        Budgets, median, lower and upper quartile; nothing if there is no such budget.
    """
    grid, best = _incumbents(row, axis)
    begun = np.isfinite(best).all(axis=0)
    if not begun.any():
        return ()
    low, median, high = anytime_band(best[:, begun])
    return _changes(grid[begun], median, low, high)


def reached(row: Row, axis: str, targets: Array | None) -> Steps:
    """Return the share of pairs of a seed and a target that are reached.

    Args:
        row: a search.
        axis: unit of the budget, a key of `AXES`.
        targets: losses that are targets; None if there are none.

    Returns:
        Budgets and shares; nothing without targets.
    """
    grid, best = _incumbents(row, axis)
    return () if targets is None or not len(grid) else _changes(grid, ecdf(best, targets))


def _incumbents(row: Row, axis: str) -> tuple[Array, Array]:
    """Return a row's budgets [G] and the best losses of its seeds there [S, G]; no budgets if unrecorded."""
    curves = [curve for run in row.runs if (curve := loss_curve(run, axis))]
    if not curves:
        return np.empty(0), np.empty((0, 0))
    end = max(spent[-1] for spent, _ in curves)
    grid = np.arange(1.0, end + 1) if axis == "evaluations" else np.linspace(0, end, POINTS + 1)[1:]
    return grid, np.array([incumbent(spent, losses, grid) for spent, losses in curves])


def _changes(grid: Array, *values: Array) -> Steps:
    """Return the budgets at which one of several step functions [G] changes, the last budget, and the values there."""
    table = np.array(values)  # [F, G]
    kept = np.ones(len(grid), bool)
    kept[1:-1] = (np.diff(table, axis=1) != 0).any(axis=0)[:-1]
    return tuple(row.tolist() for row in (grid[kept], *table[:, kept]))


def _drawn(steps: Steps, name: str) -> list[Line]:
    """The line of a step function, with a band if it has bounds."""
    if not steps:
        return []
    x, y, *band = ([float(v) for v in np.repeat(part, 2)] for part in steps)
    return [Line(name, "model", x[1:], y[:-1], *(bound[:-1] for bound in band))]


def family(run: Result) -> Markup:
    """Draw every program of a search by evaluation and loss, joined to its parent; finalists and the judged one."""
    finalists = {str(final.get("program", ""))[:12] for final in run.finals}
    judged = "" if run.program is None else run.program.id[:12]
    nodes = []
    for number, e in enumerate(run.evaluated, 1):
        kind = "failed" if e.loss is None else "worked"
        kind = "finalist" if e.program in finalists else kind
        kind = "judged" if e.program == judged else kind
        tip = f"{number}: {made(e)}, {e.status if e.loss is None else f'loss {e.loss:.4g}'}"
        link = f"#program-{e.program}" if kind in ("finalist", "judged") else ""
        nodes.append(Node(number, e.loss, e.parents[-1] if e.parents else None, kind, tip, link))
    return tree(nodes, "evaluation", "validation loss")


def made(evaluated: Evaluated) -> str:
    """Return how a program was made, such as "mutate of 3"."""
    of = f" of {', '.join(map(str, evaluated.parents))}" if evaluated.parents else ""
    return f"{evaluated.operator}{of}"


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
