"""Ranks with ties: which rows of a table are better than which beyond chance.

A row's rank lies between 1 + the number of rows that are significantly better, and the number of rows less those that
are significantly worse. Two rows are compared by Student's test: paired over the seeds that both have, against the one
score of a row without chance as a one-sample test, and by Welch's test where they share fewer than three seeds. All
pairs of a table are corrected together by Holm's procedure, so that with 95 % probability no two rows are put in an
order that is chance. The ranges then hold simultaneously (Mogstad, Romano, Shaikh & Wilhelm 2024,
doi:10.1093/restud/rdad006).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from zfbench.leaderboard.statistics import holm, is_constant, one_sample_p

ALL_SEEDS = -1  # key of a score that does not depend on the seed
SEEDS = 3  # fewest seeds with which a method that depends on chance is ranked

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Rank:
    """The best and the worst rank that a row may have; they are equal where the data decide."""

    best: int
    worst: int

    def __str__(self) -> str:
        return str(self.best) if self.best == self.worst else f"{self.best}-{self.worst}"


def ranks(scores: Mapping[str, Mapping[int, float]], level: float = 0.05) -> dict[str, Rank]:
    """Rank rows by a score of which larger is better.

    Args:
        scores: for each row, its score by seed, or a single one under `ALL_SEEDS` if it does not depend on the seed.
        level: probability that one pair or more is put in an order by chance.

    Returns:
        The rank of each row that has a score without chance or at least `SEEDS` seeds.
    """
    names = [name for name, own in scores.items() if ALL_SEEDS in own or len(own) >= SEEDS]
    values = _table([scores[name] for name in names])
    first, second = np.triu_indices(len(names), 1)
    p, difference = _compared(values)
    significant = holm(p[first, second], level)
    better, worse = np.zeros(len(names), int), np.zeros(len(names), int)
    for i, j in zip(first[significant], second[significant], strict=True):
        winner, loser = (i, j) if difference[i, j] > 0 else (j, i)
        better[loser] += 1
        worse[winner] += 1
    return {name: Rank(1 + int(b), len(names) - int(w)) for name, b, w in zip(names, better, worse, strict=True)}


def _table(scores: Sequence[Mapping[int, float]]) -> Array:
    """The scores of K rows and S seeds, [K, S]; NaN where a row lacks a seed, equal for all seeds without chance."""
    seeds = sorted({seed for own in scores for seed in own} - {ALL_SEEDS}) or list(range(SEEDS))
    return np.array([[own.get(seed, own.get(ALL_SEEDS, np.nan)) for seed in seeds] for own in scores])


def _compared(values: Array) -> tuple[Array, Array]:
    """Return p-values and mean differences, row minus column, of scores [K, S]: [K, K] each, above the diagonal."""
    K = len(values)
    p, difference = np.ones((K, K)), np.zeros((K, K))
    known = ~np.isnan(values)
    for i in range(K - 1):
        others = np.arange(i + 1, K)
        shared = known[others] & known[i]  # [J, S]
        for seeds in np.unique(shared, axis=0):
            group = others[(shared == seeds).all(axis=1)]
            if seeds.sum() >= SEEDS:
                d = values[i, seeds] - values[group][:, seeds]
                p[i, group], difference[i, group] = one_sample_p(d), d.mean(axis=1)
            else:
                p[i, group], difference[i, group] = _welch(values[i], values[group])
    return p, difference


def _welch(x: Array, others: Array) -> tuple[Array, Array]:
    """Return p-values and mean differences of scores [S] and others [J, S], all independent: [J] each."""
    x = x[~np.isnan(x)]
    samples = [own[~np.isnan(own)] for own in others]
    count, mean, sd = (np.array([f(y) for y in samples]) for f in (len, np.mean, lambda y: np.std(y, ddof=1)))
    difference = x.mean() - mean
    constant = np.array([is_constant(y) for y in samples]) & is_constant(x)
    p = np.where(difference == 0.0, 1.0, 0.0)
    test = stats.ttest_ind_from_stats(x.mean(), x.std(ddof=1), len(x), mean, sd, count, equal_var=False)
    return np.where(constant, p, test.pvalue), difference
