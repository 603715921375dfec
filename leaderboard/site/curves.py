"""The numbers behind the plots of the index, which the page's script draws for the rows that the filters show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zfbench.leaderboard.board import Row
from zfbench.leaderboard.site.searches import AXES, anytime, loss_curve, reached
from zfbench.leaderboard.statistics import Interval, performance_profile

ERRORS = "forecast/ood/mae_sd/group/"
THRESHOLDS = np.linspace(0, 1, 41)  # held-out errors, in standard deviations
LEAST = 1e-5  # smaller errors, such as the oracle's zero, are drawn at the edge of a logarithmic axis

Array = NDArray[np.float64]
Point = list[float | None]


def plots_of(row: Row, targets: Array | None) -> dict[str, Any]:
    """Return what the plots need of a row; plots that it is not on are missing.

    Args:
        row: the row.
        targets: losses that are targets of the searches on its task; None if there are none.

    Returns:
        `shortcut`: error in distribution and held out, each with the bounds of its interval, which may be missing;
        `profile`: share of seeds and groups below each of `THRESHOLDS`; `anytime` and `reached`: for each budget axis
        the steps of its curves.
    """
    found: dict[str, Any] = {}
    inside, outside = (row.scores.get(f"forecast/{split}/mae") for split in ("id", "ood"))
    if inside is not None and outside is not None:
        found["shortcut"] = [*_bounds(inside), *_bounds(outside)]
    if not row.failures and (errors := [v for run in row.runs for k, v in run.metrics.items() if k.startswith(ERRORS)]):
        found["profile"] = rounded(performance_profile(-np.array(errors), -THRESHOLDS).tolist())
    axes = [axis for axis in AXES if any(loss_curve(run, axis) for run in row.runs)]
    curves = {
        "anytime": {axis: anytime(row, axis) for axis in axes},
        "reached": {axis: reached(row, axis, targets) for axis in axes},
    }
    for name, own in curves.items():
        if drawn := {axis: [rounded(part) for part in steps] for axis, steps in own.items() if steps}:
            found[name] = drawn
    return found


def rounded(values: Sequence[float]) -> list[float]:
    """Return numbers with four digits, which are shorter than a pixel of any plot."""
    return [float(f"{value:.4g}") for value in values]


def _bounds(score: Interval) -> Point:
    """The mean and its bounds, which are missing if there is only one seed."""
    known = math.isfinite(score.half_width)
    mean, low, high = rounded([max(score.estimate, LEAST), *((score.low, score.high) if known else (0, 0))])
    return [mean, max(low, LEAST), high] if known else [mean, None, None]
