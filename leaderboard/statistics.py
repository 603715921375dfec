"""Statistics of a few seeds, in NumPy and SciPy.

Seeds are the unit of replication; overlapping windows are never resampled. A missing score (NaN) is always refused,
because the caller must first decide how a failure counts.

Intervals of a mean are Student's at every number of seeds. A percentile bootstrap of ten seeds covers 0.905 where it
promises 0.95 (`tests/leaderboard/test_statistics.py` measures it). Student's interval too covers less where scores are
far from normal: bimodal outcomes, as of searches that hit or miss, need ten seeds or more.

Sources: Student 1908, doi:10.1093/biomet/6.1.1; Holm 1979, doi:10.2307/4615733; Agarwal et al. 2021, arXiv 2108.13264
(performance profiles); Hansen et al. 2021, doi:10.1080/10556788.2020.1808977 (ECDF over runs and targets).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

POWER = 0.8  # probability with which an effect that n seeds "can show" is shown
ROUNDING = 1e-12  # relative to their size, numbers that differ by less are equal

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
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


def mean_interval(values: ArrayLike, confidence: float = 0.95) -> Interval:
    """Return Student's interval of the mean over seeds, mean +- t(n - 1) sd / sqrt(n).

    Args:
        values: [n], a score for every seed.
        confidence: nominal coverage.
    """
    return mean_intervals(_complete(values)[None], confidence)[0]


def mean_intervals(values: Array, confidence: float = 0.95) -> list[Interval]:
    """Return `mean_interval` of each of K scores at once, to the last digit.

    Args:
        values: [K, n], no NaN.
        confidence: nominal coverage.
    """
    n, means = values.shape[1], values.mean(axis=1)
    if n < 2:
        return [Interval(mean, -np.inf, np.inf, n) for mean in means.tolist()]
    half = _t_quantile((1 + confidence) / 2, n - 1) * (values.std(axis=1, ddof=1) / np.sqrt(n))
    half = np.where(is_constant(values), 0.0, half)
    bounds = zip(means.tolist(), (means - half).tolist(), (means + half).tolist(), strict=True)
    return [Interval(mean, low, high, n) for mean, low, high in bounds]


@lru_cache(maxsize=64)  # a folder of results has few numbers of seeds
def _t_quantile(probability: float, freedom: int) -> float:
    return float(stats.t.ppf(probability, freedom))


def is_constant(values: Array) -> NDArray[np.bool_]:
    """Return whether values [..., n] are equal along the last axis but for rounding: [...]."""
    return np.asarray(np.ptp(values, axis=-1) <= ROUNDING * np.abs(values).max(axis=-1))


def one_sample_p(differences: ArrayLike) -> Array:
    """Return the two-sided p-value of Student's test that differences have a mean of zero.

    Differences that are equal for all seeds leave nothing to chance: 1 if they are zero, and else 0.

    Args:
        differences: [..., n], with n of at least 2.

    Returns:
        [...].
    """
    d = _complete(differences)
    constant = is_constant(d)
    p = np.where(np.abs(d).max(axis=-1) <= ROUNDING, 1.0, 0.0)
    if not constant.all():
        p[~constant] = stats.ttest_1samp(d[~constant], 0.0, axis=-1).pvalue
    return p


def holm(p: ArrayLike, level: float = 0.05) -> NDArray[np.bool_]:
    """Return which of several tests are significant when all of them together err with at most that probability.

    Holm's procedure: the k-th smallest of m p-values is compared with level / (m - k + 1), until one is larger.

    Args:
        p: [m], p-values.
        level: probability of one wrong rejection or more.

    Returns:
        [m].
    """
    values = _complete(p) if np.size(p) else np.empty(0)
    order = np.argsort(values, kind="stable")
    passed = np.logical_and.accumulate(values[order] <= level / np.arange(len(values), 0, -1))
    significant = np.zeros(len(values), bool)
    significant[order] = passed
    return significant


def detectable(differences: ArrayLike, confidence: float = 0.95, power: float = POWER) -> float:
    """Return the smallest true mean that a two-sided Student's test of so many seeds finds with that power.

    The spread of the differences is taken as their true one. The power is that of the noncentral t distribution.

    Args:
        differences: [n], differences of pairs; n of at least 2.
        confidence: 1 - level of the test.
        power: probability of finding it.
    """
    d = _complete(differences)
    n = len(d)
    if is_constant(d):
        return 0.0
    critical = stats.t.ppf((1 + confidence) / 2, n - 1)
    found = optimize.brentq(lambda shift: stats.nct.sf(critical, n - 1, shift) - power, 0.0, 10.0 * critical)
    return float(found * stats.sem(d))


def seeds_needed(measured: Interval, power: float = POWER, level: float = 0.05) -> int:
    """Return with how many seeds a two-sided Student's test finds a mean like the measured one with that power.

    Mean and spread are taken as the true ones, so the interval must come from many seeds.

    Args:
        measured: Student's 95 % interval of the mean, which does not hold zero.
        power: probability of finding it.
        level: of the test.

    Raises:
        ValueError: the interval holds zero, or is of fewer than two seeds.
    """
    if measured.n < 2 or measured.low <= 0 <= measured.high:
        raise ValueError("only for a mean of two or more seeds whose interval does not hold zero")
    spread = measured.half_width / stats.t.ppf(0.975, measured.n - 1) * np.sqrt(measured.n)
    if spread == 0:
        return 2
    effect = abs(measured.estimate) / spread
    n = 2
    while stats.nct.sf(stats.t.ppf(1 - level / 2, n - 1), n - 1, effect * np.sqrt(n)) < power:
        n += 1
    return n


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
