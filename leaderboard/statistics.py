"""Statistics of a few seeds, in NumPy and SciPy.

Seeds are the unit of replication; stimulus conditions may be resampled within seeds, but overlapping windows are never
resampled. A missing score (NaN) is always refused, because the caller must first decide how a failure counts.

Sources: Agarwal et al. 2021, arXiv 2108.13264 (performance profiles); Hansen et al. 2021,
doi:10.1080/10556788.2020.1808977 (ECDF over runs and targets); Davison & Hinkley 1997, doi:10.1017/CBO9780511802843,
ch. 2.4 and 4.3 (percentile bootstrap, permutation tests).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

FEW = 10  # below this many seeds the percentile bootstrap covers too rarely (75 % of nominal 95 % with three)
EXACT = 14  # up to this number of pairs all sign flips are counted; for more pairs they are sampled
DRAWS = 2_000

Array = NDArray[np.float64]
Statistic = Callable[[Array], Array]  # [..., n] -> [...]


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval; the bounds are infinite if there is only one value."""

    estimate: float
    low: float
    high: float
    n: int

    @property
    def half_width(self) -> float:
        """The larger distance of a bound from the estimate."""
        return max(self.high - self.estimate, self.estimate - self.low)


@dataclass(frozen=True)
class Quartiles:
    """Median and interquartile range."""

    median: float
    lower: float
    upper: float


def quartiles(values: ArrayLike) -> Quartiles:
    """Return median and interquartile range of values [n]."""
    lower, median, upper = np.quantile(_complete(values), [0.25, 0.5, 0.75])
    return Quartiles(float(median), float(lower), float(upper))


def mean(values: ArrayLike) -> Array:
    """Return the mean along the last axis, [..., n] -> [...]."""
    return np.asarray(_complete(values).mean(axis=-1))


def t_interval(values: ArrayLike, confidence: float = 0.95) -> Interval:
    """Student's interval of the mean of values [n]: what fewer than ten seeds deserve."""
    x = _complete(values)
    n = len(x)
    if n < 2:
        return Interval(float(x.mean()), -np.inf, np.inf, n)
    half = float(stats.t.ppf((1 + confidence) / 2, n - 1) * x.std(ddof=1) / np.sqrt(n))
    return Interval(float(x.mean()), float(x.mean()) - half, float(x.mean()) + half, n)


def hierarchical_bootstrap(
    values: ArrayLike,
    rng: np.random.Generator,
    statistic: Statistic = mean,
    confidence: float = 0.95,
    draws: int = DRAWS,
) -> Interval:
    """Return a percentile interval that resamples seeds, and conditions within each drawn seed.

    Args:
        values: [S, K], a score for every seed and condition; with one column only seeds are resampled.
        rng: generator of the draws.
        statistic: function of one mean over conditions per seed, [..., S] -> [...].
        confidence: nominal coverage.
        draws: number of bootstrap samples.

    Returns:
        The interval.
    """
    x = _complete(values)
    S, K = x.shape
    seeds = rng.integers(S, size=(draws, S))
    conditions = rng.integers(K, size=(draws, S, K))
    resampled = x[seeds[:, :, None], conditions].mean(axis=2)  # [draws, S]
    low, high = np.quantile(statistic(resampled), [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(statistic(x.mean(axis=1))), float(low), float(high), S)


def mean_interval(values: ArrayLike, rng: np.random.Generator, confidence: float = 0.95) -> Interval:
    """Return an interval of the mean over seeds: Student's for fewer than `FEW` seeds, and else a bootstrap interval.

    Args:
        values: [n], a score for every seed.
        rng: generator of the bootstrap.
        confidence: nominal coverage.
    """
    x = _complete(values)
    if len(x) < FEW:
        return t_interval(x, confidence)
    return hierarchical_bootstrap(x[:, None], rng, confidence=confidence)


def paired_permutation(differences: ArrayLike, rng: np.random.Generator, draws: int = 20_000) -> float:
    """Return the one-sided p-value that paired differences have a positive mean, by flipping their signs.

    Exact up to `EXACT` pairs, where the smallest possible value is 2^-n. The observed signs count as one of the
    sampled flips otherwise, so that p is never 0.

    Args:
        differences: [n], differences of pairs.
        rng: generator of the sampled flips.
        draws: number of sampled flips.
    """
    d = _complete(differences)
    n = len(d)
    if n <= EXACT:
        signs = np.array(list(itertools.product((1, -1), repeat=n)), np.float64)  # [2^n, n]
    else:
        signs = np.vstack([np.ones(n), rng.choice([-1.0, 1.0], size=(draws, n))])
    sums = signs @ d
    return float(np.mean(sums >= d.sum() - 1e-12 * np.abs(d).sum()))  # rounding must not break ties


def performance_profile(scores: ArrayLike, thresholds: ArrayLike) -> Array:
    """Return the share of runs [n] that score above each threshold [T]: [T].

    A run that failed scores minus infinity.
    """
    x, t = np.asarray(scores, np.float64), _complete(thresholds)
    if np.isnan(x).any():
        raise ValueError("a missing score cannot be profiled; give a failed run the score -inf")
    return np.asarray((x[:, None] > t).mean(axis=0))


def incumbent(spent: ArrayLike, losses: Sequence[float | None], grid: ArrayLike) -> Array:
    """Return the best loss so far at each budget of a grid; infinite before the first working program.

    Args:
        spent: [E], cumulative budget at the end of each evaluation, ascending; any axis (seconds, tokens, ...).
        losses: validation loss of each evaluation; None where the program failed.
        grid: [G], budgets.

    Returns:
        [G].
    """
    x = np.array([np.inf if loss is None else loss for loss in losses], np.float64)
    best = np.concatenate([[np.inf], np.minimum.accumulate(x)])  # [E + 1]
    return np.asarray(best[np.searchsorted(_complete(spent), _complete(grid), side="right")])


def anytime_band(curves: ArrayLike) -> tuple[Array, Array, Array]:
    """Return lower quartile, median and upper quartile over seeds of anytime curves [S, G]: three arrays [G].

    Quartiles are taken among observed values, so a curve that is still infinite counts as the worst.
    """
    x = np.asarray(curves, np.float64)
    lower, median, upper = np.quantile(x, [0.25, 0.5, 0.75], axis=0, method="inverted_cdf")
    return lower, median, upper


def ecdf(curves: ArrayLike, targets: ArrayLike) -> Array:
    """Return the share of (seed, target) pairs reached at each budget: anytime curves [S, G], targets [T] -> [G]."""
    x = np.asarray(curves, np.float64)
    return np.asarray((x[:, None, :] <= _complete(targets)[None, :, None]).mean(axis=(0, 1)))


def top(losses: ArrayLike, k: int = 50) -> Quartiles:
    """Return median and interquartile range of the k lowest losses of a population; of all if there are fewer."""
    return quartiles(np.sort(_complete(losses))[:k])


def _complete(values: ArrayLike) -> Array:
    """The values as an array.

    Raises:
        ValueError: there are none, or one is missing.
    """
    x = np.asarray(values, np.float64)
    if x.size == 0 or np.isnan(x).any():
        raise ValueError("a statistic of missing scores is missing; leave it out instead of averaging the rest")
    return x
