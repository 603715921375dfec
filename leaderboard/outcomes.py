"""Outcomes of runs that claims compare: a score or an error, also taken relative to another one of the same run.

Scores are compared by their difference and errors by their log ratio: an error of 0.02 instead of 0.03 is as much of an
improvement as one of 0.2 instead of 0.3. Errors below `FLOOR` count as `FLOOR`.

Two outcomes of searches are derived that no judge measures: `search/validation_loss`, the loss by which a search
selects, of its judged program after the finals; and `search/anytime_loss`, the geometric mean over its evaluations of
the best loss so far, which is the area under the anytime curve on a logarithmic axis.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from zfbench.leaderboard.statistics import incumbent
from zfbench.records.result import Result

FLOOR = 1e-9


def is_error(metric: str) -> bool:
    """Return True for what is zero at best, such as `forecast/ood/mae`, so that ratios of it can be compared."""
    return any(part.endswith(("mae", "mae_sd", "error", "loss")) for part in metric.split("/"))


def on_scale(value: float, metric: str) -> float | None:
    """Return a score as it is, and an error's logarithm; None for an error that is negative."""
    if not is_error(metric):
        return value
    return math.log(max(value, FLOOR)) if value >= 0 else None


def outcome(result: Result, metric: str, relative_to: str | None = None) -> float | None:
    """Return what a run scored, errors as logarithms; None if the run has no such outcome.

    Args:
        result: the run.
        metric: name of a metric, or of an outcome of searches.
        relative_to: a further one of the same kind, which is subtracted on the scale of the comparison.
    """
    values = [_value(result, name) for name in (metric, relative_to) if name]
    scaled = [None if value is None else on_scale(value, metric) for value in values]
    known = [value for value in scaled if value is not None]
    if len(known) < len(values):
        return None
    return known[0] - sum(known[1:])


def _value(result: Result, name: str) -> float | None:
    derived = OF_SEARCHES.get(name)
    return result.metrics.get(name) if derived is None else derived(result)


def _validation_loss(result: Result) -> float | None:
    if result.search is None or result.program is None:
        return None
    return result.program.validation_loss


def _anytime_loss(result: Result) -> float | None:
    losses = [evaluated.loss for evaluated in result.evaluated]
    worked = [loss for loss in losses if loss is not None]
    if not worked or min(worked) <= 0:
        return None
    count = np.arange(1.0, len(losses) + 1)
    best = incumbent(count, losses, count)
    best[~np.isfinite(best)] = max(worked)  # before the first program that worked
    return float(np.exp(np.log(best).mean()))


OF_SEARCHES: dict[str, Callable[[Result], float | None]] = {
    "search/validation_loss": _validation_loss,
    "search/anytime_loss": _anytime_loss,
}
