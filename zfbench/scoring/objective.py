"""The two losses that searches on recordings can be run by: group-balanced relative error, and the plain mean.

The plain mean absolute error weighs every neuron alike, so a true feature of a group of two neurons among 54 is lost in
it, and capacity that helps all neurons a little is not. The balanced error compares each group with its own difficulty
and weighs all groups alike, whatever their size and the scale of their activity.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from zfbench.base.errors import ZfbenchError
from zfbench.records.recordings import BALANCED
from zfbench.scoring.forecast import ForecastScore

FLOOR = 0.01
"""Share of the last value's error that is added to both errors of a group before their ratio is taken; our choice.

A group that is forecast almost exactly then counts as finished, where a bare logarithm would go on rewarding it. It was
fixed before programs were compared by it.
"""


def balanced_error(errors: Mapping[str, float | None], references: Mapping[str, float | None]) -> float:
    """Return the group-balanced relative error: 1 for the last value, lower is better, never zero.

    The geometric mean over groups g of (MAE_g + e_g) / (L_g + e_g), where L_g is the group's error of the last value
    and e_g = `FLOOR` L_g. Groups that the last value forecasts exactly have no scale and are left out.

    Args:
        errors: mean absolute error of each group.
        references: mean absolute error of the last value of each group.

    Raises:
        ZfbenchError: the last value forecasts every group exactly.
    """
    logarithms = [
        math.log((error / reference + FLOOR) / (1 + FLOOR))
        for group, reference in references.items()
        if reference and (error := errors[group]) is not None
    ]
    if not logarithms:
        raise ZfbenchError(
            "No group's activity changes within the windows to select on, so that errors have no scale; use other "
            "recordings, or the plain mean absolute error."
        )
    return math.exp(sum(logarithms) / len(logarithms))


def selection_loss(objective: str, score: ForecastScore) -> float:
    """Return the loss of a task with this objective; `score` has the last value as its control.

    Args:
        objective: one of `zfbench.records.recordings.OBJECTIVES`.
        score: of the forecasts of the windows to select on.
    """
    if objective == BALANCED:
        return balanced_error(score.mae.per_group, score.control.per_group)
    assert score.mae.overall is not None  # windows, steps and neurons are never empty
    return score.mae.overall
