"""Scores from losses by rank alone, so that no method depends on the units of a task's loss."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata


def rank_scores(losses: ArrayLike) -> NDArray[np.float64]:
    """Return the ranks of losses scaled to [0, 1], 1 for the lowest loss: [n].

    Equal losses share their mean rank, the only program that works scores 0.5, and failures (NaN) score 0.
    """
    values = np.asarray(losses, np.float64)
    scores, working = np.zeros(len(values)), ~np.isnan(values)
    count = working.sum()
    if count == 1:
        scores[working] = 0.5
    elif count:
        ranks = rankdata(values[working])  # 1 for the lowest
        scores[working] = (count - ranks) / (count - 1)
    return scores
