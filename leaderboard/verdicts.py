"""Verdicts of results on claims: supported, refuted, no better than the margin, or undecided.

With d the difference of left and right in the claimed direction (for errors of their logarithms), seed by seed, m the
margin, and Student's interval of the mean of d at the test's confidence, a test of `higher` or `lower` is

- supported if the interval lies above m,
- refuted if it lies at or below 0: there is no effect, or one in the opposite direction,
- no better than the margin if it lies below m: there may be an effect, but not one of that size,
- undecided otherwise.

`comparable` is supported if the interval lies within plus or minus m (an equivalence test; Schuirmann 1987,
doi:10.1007/BF01068419), and refuted if it lies outside.

A claim of several tests is supported if all are (an intersection-union test, which needs no correction). One test that
is refuted, or no better than the margin, decides against the claim; since each of k tests could do so by chance, their
intervals are taken at a confidence of 1 - (1 - c) / k for these verdicts. Only results of the newest benchmark version
among the given ones are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zfbench.leaderboard.board import boards, is_without_chance
from zfbench.leaderboard.claims import Claim, Comparison, Side
from zfbench.leaderboard.outcomes import on_scale, outcome
from zfbench.leaderboard.ranking import ALL_SEEDS
from zfbench.leaderboard.statistics import Interval, detectable, holm, mean_interval, one_sample_p
from zfbench.records.reading import disputed, setup_of
from zfbench.records.result import Result

Verdict = Literal["supported", "refuted", "no better than the margin", "undecided"]
VERDICTS: tuple[Verdict, ...] = ("supported", "no better than the margin", "refuted", "undecided")

NO_SEED = "the two sides have no seed in common, or only seeds that chose the margin"

Array = NDArray[np.float64]
BySeed = Mapping[int, float]  # outcome by seed, or under ALL_SEEDS if it depends on none


@dataclass(frozen=True)
class Missing:
    """Runs that a test needs and the results do not have.

    Attributes:
        side: the side of the test.
        seeds: the seeds that would do.
        untried: True if there is no run of the side at all; one run says all if the method has no chance in it.
    """

    side: Side
    seeds: tuple[int, ...]
    untried: bool = False


@dataclass(frozen=True)
class Finding:
    """The decision of one test.

    Attributes:
        effect: mean of left - right over seeds with its interval, at the test's confidence; for errors of their
            logarithms; None without results.
        p: two-sided p-value of the verdict, corrected for the number of tests where it decides against the claim; for
            an undecided test that of the claim.
        shows: the smallest true effect beyond the margin that so many seeds with such a spread show in 80 % of
            repetitions.
        reason: reason why it is undecided; empty otherwise.
        missing: runs that are needed for a decision.
    """

    test: Comparison
    verdict: Verdict
    effect: Interval | None = None
    p: float | None = None
    shows: float | None = None
    reason: str = ""
    missing: tuple[Missing, ...] = ()


@dataclass(frozen=True)
class Answer:
    """The decision of a claim, with those of its tests."""

    claim: Claim
    verdict: Verdict
    findings: tuple[Finding, ...]

    @property
    def p(self) -> float:
        """The p-value of the verdict: of its weakest test if all are needed, else of its strongest; 1 if undecided."""
        own = [f.p for f in self.findings if f.verdict == self.verdict and f.p is not None]
        if self.verdict == "undecided" or not own:
            return 1.0
        return max(own) if self.verdict == "supported" else min(own)


def check(claim: Claim, results: Sequence[Result]) -> Answer:
    """Decide a claim by results."""
    own = newest(results)
    return answer_of(claim, tuple(_find(test, claim, own) for test in claim.tests))


def newest(results: Sequence[Result]) -> list[Result]:
    """Return the results of the newest benchmark version among them."""
    version = max((r.benchmark_version for r in results), default=0)
    return [r for r in results if r.benchmark_version == version]


def hold_together(answers: Sequence[Answer], level: float = 0.05) -> list[bool]:
    """Return which decisions still hold if all claims together may err with that probability (Holm's procedure)."""
    return [bool(held) for held in holm([answer.p for answer in answers], level)]


def decide(test: Comparison, left: BySeed, right: BySeed, tests: int = 1, missing: tuple[Missing, ...] = ()) -> Finding:
    """Decide a test by the outcomes of its two sides.

    Args:
        test: the test.
        left: outcomes of the left side by seed, errors as logarithms.
        right: outcomes of the right side.
        tests: number of tests of the claim.
        missing: runs that are still missing.
    """
    differences = _differences(left, right, test.seeds)
    n = len(differences)
    if n == 0:
        return Finding(test, "undecided", reason=NO_SEED, missing=missing)
    alpha = 1 - test.confidence
    effect = mean_interval(differences, test.confidence)
    if n < test.seeds:
        return Finding(
            test, "undecided", effect, None, _shows(test, differences), f"{n} of {test.seeds} seeds", missing
        )
    verdict, p = _judged(test, differences, effect, mean_interval(differences, 1 - alpha / tests), tests)
    reason = "the interval does not decide" if verdict == "undecided" else ""
    return Finding(test, verdict, effect, p, _shows(test, differences), reason)


def _judged(
    test: Comparison, differences: Array, own: Interval, corrected: Interval, tests: int
) -> tuple[Verdict, float]:
    """Return verdict and p-value of differences [n], given their interval at the confidence of the test and of all."""

    def p(margin: float) -> float:
        return float(one_sample_p(differences - margin))

    m = test.effect
    if test.relation == "comparable":
        if -m < own.low and own.high < m:
            return "supported", max(p(m), p(-m))
        if corrected.low > m or corrected.high < -m:
            return "refuted", min(1.0, tests * p(np.copysign(m, own.estimate)))
        return "undecided", max(p(m), p(-m)) if abs(own.estimate) < m else 1.0
    sign = 1.0 if test.relation == "higher" else -1.0
    low = own.low if sign > 0 else -own.high
    high = corrected.high if sign > 0 else -corrected.low
    if low > m:
        return "supported", p(sign * m)
    if high <= 0:
        return "refuted", min(1.0, tests * p(0.0))
    if high < m:
        return "no better than the margin", min(1.0, tests * p(sign * m))
    return "undecided", p(sign * m) if sign * own.estimate > m else 1.0


def _shows(test: Comparison, differences: Array) -> float | None:
    return detectable(differences, test.confidence) if len(differences) > 1 else None


def answer_of(claim: Claim, findings: tuple[Finding, ...]) -> Answer:
    """Return the decision of a claim by those of its tests."""
    verdicts = {finding.verdict for finding in findings}
    order: tuple[Verdict, ...] = ("refuted", "no better than the margin", "undecided")
    return Answer(claim, next((verdict for verdict in order if verdict in verdicts), "supported"), findings)


def _find(test: Comparison, claim: Claim, results: Sequence[Result]) -> Finding:
    left, reason = outcomes_of(test.left, test, results, claim.margin_seeds)
    if isinstance(test.right, Side):
        right, why = outcomes_of(test.right, test, results, claim.margin_seeds)
        reason = reason or why or _mixed(test.left, test.right, results)
    else:
        right = constant(test.right, test)
    missing = _missing(test, claim, results)
    if reason:
        return Finding(test, "undecided", reason=reason, missing=missing)
    return decide(test, left, right, len(claim.tests), missing)


def _missing(test: Comparison, claim: Claim, results: Sequence[Result]) -> tuple[Missing, ...]:
    """Return the runs with which both sides have enough common seeds; seeds that one side already has are preferred."""
    known: list[tuple[Side, set[int]]] = []
    for side in (test.left, test.right):
        if not isinstance(side, Side) or any(side.is_like(other) for other, _ in known):
            continue
        runs = [r for r in results if side.includes(r)]
        if not is_without_chance(runs):
            known.append((side, {r.seed for r in runs}))
    free = set(range(test.seeds + len(claim.margin_seeds))).union(*(seeds for _, seeds in known))
    candidates = free - set(claim.margin_seeds)
    cost = {seed: sum(seed not in seeds for _, seeds in known) for seed in candidates}
    wanted = sorted(sorted(candidates, key=lambda seed: (cost[seed], seed))[: test.seeds])
    absent = [(side, tuple(seed for seed in wanted if seed not in seeds), not seeds) for side, seeds in known]
    return tuple(Missing(side, seeds, untried) for side, seeds, untried in absent if seeds)


def outcomes_of(
    side: Side, test: Comparison, results: Sequence[Result], left_out: Sequence[int] = ()
) -> tuple[BySeed, str]:
    """Return the outcomes by seed, and the reason why there are none that are comparable, or an empty text.

    Args:
        side: one side of the test.
        test: the test.
        results: results among which the runs of the side are.
        left_out: seeds that do not test the claim.
    """
    runs = [r for r in results if side.includes(r)]
    metric = side.metric or test.metric
    if not runs:
        return {}, f"no results of {side.describe()}"
    if len({setup_of(r) for r in runs}) > 1 or disputed(runs):
        kinds = "settings, budgets, data sets or versions of the metrics"
        return {}, f"{side.describe()} ran with several {kinds}; name one or give their folder"
    found = {r.seed: outcome(r, metric, test.relative_to) for r in runs}
    values = {seed: value for seed, value in found.items() if value is not None}
    if len(values) < len(runs):
        return {}, f"{len(runs) - len(values)} of {len(runs)} seeds of {side.describe()} have no {metric}"
    if is_without_chance(runs):
        return {ALL_SEEDS: next(iter(values.values()))}, ""
    return {seed: value for seed, value in values.items() if seed not in left_out}, ""


def constant(value: float, test: Comparison) -> BySeed:
    """Return a number as the outcome of every seed; none if it is a negative error."""
    scaled = on_scale(value, test.metric)
    return {} if scaled is None else {ALL_SEEDS: scaled}


def _differences(left: BySeed, right: BySeed, seeds: int) -> Array:
    """Return left minus right for every seed that both have, [n]; for `seeds` seeds if neither depends on the seed."""
    known = sorted((left.keys() | right.keys()) - {ALL_SEEDS}) or [ALL_SEEDS] * seeds
    pairs = [(left.get(s, left.get(ALL_SEEDS)), right.get(s, right.get(ALL_SEEDS))) for s in known]
    return np.array([a - b for a, b in pairs if a is not None and b is not None], np.float64)


def _mixed(left: Side, right: Side, results: Iterable[Result]) -> str:
    """Return the reason why the two sides are not comparable, which is that no board holds both; else an empty text."""
    for board in boards([r for r in results if left.includes(r) or right.includes(r)]):
        runs = [run for row in board.rows for run in row.runs]
        if any(left.includes(r) for r in runs) and any(right.includes(r) for r in runs):
            return ""
    return "the two sides were measured on other data, limits, budgets or versions"
