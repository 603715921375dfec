"""Scores from losses by rank alone, so that no method depends on the units of a task's loss."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata


def rank_scores(losses: Sequence[float | None]) -> NDArray[np.float64]:
    """Return the ranks of losses scaled to [0, 1], 1 for the lowest loss: [n].

    Equal losses share their mean rank, the only program that works scores 0.5, and failures (None) score 0.
    """
    scores = np.zeros(len(losses))
    working = [k for k, loss in enumerate(losses) if loss is not None]
    if len(working) == 1:
        scores[working] = 0.5
    elif working:
        ranks = rankdata([losses[k] for k in working])  # 1 for the lowest
        scores[working] = (len(working) - ranks) / (len(working) - 1)
    return scores
