"""Searches of equal budget side by side: what they found, how soon, and which pairs of methods differ.

Results are compared if they are of one task, proposer, budget and limits. Two methods are compared over the seeds that
both have, in pairs: with one seed they share the seed program, the training seeds and the draws of the judge. Losses
are compared by their ratio, scores by their difference.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from zfbench.leaderboard.outcomes import is_error, outcome
from zfbench.leaderboard.statistics import Interval, detectable, holm, incumbent, mean_interval, one_sample_p
from zfbench.records.result import Result, to_json
from zfbench.scoring import outdated

LOSS, AREA, MEAN = "search/validation_loss", "search/anytime_loss", "headline/mean"
SCORES = ("headline/generalisation", "headline/wiring", "headline/responses", MEAN)
TESTED = (LOSS, AREA, MEAN)

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """Two methods, or two arms of one, by one measure, over the seeds of both.

    Attributes:
        one, other: their names.
        measure: name of the measure.
        gap: mean of `one` minus `other` with its interval; of losses, of their logarithms.
        p: of Student's paired test, two-sided.
        significant: whether it is, after Holm's correction over all that was tested together: the pairs of a comparison
            by this measure, or the pairs of arms by all measures.
        detectable: the smallest true gap that so many seeds find in four of five comparisons.
    """

    one: str
    other: str
    measure: str
    gap: Interval
    p: float
    significant: bool
    detectable: float


@dataclass(frozen=True)
class Comparison:
    """Searches of one task with one proposer and one budget.

    Attributes:
        task: full name of the task.
        proposer: name of the proposer, with the settings by which it differs.
        budget: of each search, by unit.
        runs: by method, its results by ascending seed.
    """

    task: str
    proposer: str
    budget: Mapping[str, float]
    runs: Mapping[str, tuple[Result, ...]]

    def by_seed(self, method: str, measure: str) -> dict[int, float]:
        """Return a measure of a method by seed, losses as logarithms; empty if a run lacks it."""
        found = {run.seed: outcome(run, measure) for run in self.runs[method]}
        known = {seed: value for seed, value in found.items() if value is not None}
        return known if len(known) == len(found) else {}

    def best(self, method: str) -> Array:
        """Return the lowest loss so far after each evaluation [S, E]; a search that ended early keeps what it had."""
        runs = self.runs[method]
        count = np.arange(1.0, max(len(run.evaluated) for run in runs) + 1)
        losses = [[evaluated.loss for evaluated in run.evaluated] for run in runs]
        return np.array([incumbent(np.arange(1.0, len(own) + 1), own, count) for own in losses])

    @cached_property
    def pairs(self) -> list[Pair]:
        """Every pair of methods with two common seeds or more, by every tested measure."""
        found = []
        for measure in TESTED:
            values = {method: self.by_seed(method, measure) for method in self.runs}
            gaps = {
                (a, b): np.array([values[a][seed] - values[b][seed] for seed in sorted(common)])
                for a, b in combinations(values, 2)
                if len(common := values[a].keys() & values[b].keys()) > 1
            }
            found += tested({(*names, measure): gap for names, gap in gaps.items()})
        return found


def tested(gaps: Mapping[tuple[str, str, str], Array]) -> list[Pair]:
    """Return what is to say of paired differences, tested together with Holm's correction.

    Args:
        gaps: by two names and a measure, the differences by seed [S]; of losses, of their logarithms.
    """
    p = [float(one_sample_p(gap)) for gap in gaps.values()]
    return [
        Pair(*named, mean_interval(gap), chance, bool(passed), detectable(gap))
        for (named, gap), chance, passed in zip(gaps.items(), p, holm(p), strict=True)
    ]


def versions(run: Result) -> list[Any]:
    """The version of the benchmark, and those of families of scores that are not today's: runs that differ never meet.

    A family that one of two runs lacks, such as that of a stage that failed, keeps them together.
    """
    return [run.benchmark_version, outdated(run.metric_versions)]


def comparisons(results: Iterable[Result]) -> list[Comparison]:
    """Group searches that can be compared; those without a rival are left out.

    Args:
        results: any results; what is no search, or failed, is passed over.
    """
    groups: dict[tuple[str, str, str, str], dict[str, dict[int, Result]]] = {}
    for run in results:
        if run.search is None or run.status != "ok" or not run.evaluated:
            continue
        proposer = f"{run.method.proposer} {_told(run.method.proposer_told)}".strip()
        alike = to_json([run.search.model_dump(), run.limits, versions(run)])
        key = (run.task.name, run.task.data_sha256, proposer, alike)
        name = f"{run.method.name} {_told(run.method.settings)}".strip()
        groups.setdefault(key, {}).setdefault(name, {})[run.seed] = run
    found = []
    for (task, _, proposer, _), methods in sorted(groups.items()):
        if len(methods) > 1:
            runs = {name: tuple(own[seed] for seed in sorted(own)) for name, own in sorted(methods.items())}
            budget = dict(next(iter(runs.values()))[0].search.budget)  # type: ignore[union-attr]
            found.append(Comparison(task, proposer, budget, runs))
    return found


def size(comparison: Comparison) -> int:
    """Return the number of searches of a comparison."""
    return sum(map(len, comparison.runs.values()))


def depth(run: Result) -> int | None:
    """Return the number of proposals that led from the seed program to the judged one; None if it was not evaluated."""
    numbers = {evaluated.program: number for number, evaluated in enumerate(run.evaluated, 1)}
    number = None if run.program is None else numbers.get(run.program.id[:12])
    if number is None:
        return None
    steps = 0
    while parents := run.evaluated[number - 1].parents:
        number, steps = parents[-1], steps + 1
    return steps


def improving(run: Result) -> float:
    """Return the share of a search's evaluations after the first that lowered the lowest loss so far."""
    losses = [math.inf if evaluated.loss is None else evaluated.loss for evaluated in run.evaluated]
    best = np.minimum.accumulate(losses)
    return float(np.mean(best[1:] < best[:-1])) if len(losses) > 1 else 0.0


def order_agreement(comparison: Comparison, race: Mapping[str, float]) -> tuple[float, list[str], list[str]] | None:
    """Compare the order of methods here with that on a table; None for fewer than three common methods.

    Args:
        comparison: live searches.
        race: by method, its mean regret on the way to an equal number of evaluations.

    Returns:
        Kendall's tau, and the methods in both orders, best first.
    """
    areas = {
        m: np.mean(list(own.values())) for m in comparison.runs if (own := comparison.by_seed(m, AREA)) and m in race
    }
    if len(areas) < 3:
        return None
    tau = stats.kendalltau([areas[m] for m in areas], [race[m] for m in areas]).statistic
    return float(tau), sorted(areas, key=areas.__getitem__), sorted(areas, key=race.__getitem__)


def shown(interval: Interval, measure: str) -> str:
    """Return a mean with its interval as text; of logarithms of a loss, the geometric mean with its factor."""
    if is_error(measure):
        factor = math.exp(interval.half_width) if math.isfinite(interval.half_width) else None
        return f"{math.exp(interval.estimate):.3f}" + ("" if factor is None else f" x/ {factor:.2f}")
    half = "" if not math.isfinite(interval.half_width) else f" ± {interval.half_width:.2f}"
    return f"{interval.estimate:.2f}{half}"


def _told(settings: Mapping[str, object]) -> str:
    return f"({', '.join(f'{name}={value}' for name, value in sorted(settings.items()))})" if settings else ""


def rows_of(comparison: Comparison) -> list[list[str]]:
    """Return a row of text for each method, the lowest loss after the finals first.

    Args:
        comparison: the searches.
    """
    rows = []
    for method, runs in comparison.runs.items():
        cells = [f"`{method}`", str(len(runs))]
        for measure in (LOSS, AREA, *SCORES):
            values = list(comparison.by_seed(method, measure).values())
            cells.append(shown(mean_interval(values), measure) if values else "-")
        depths = [found for run in runs if (found := depth(run)) is not None]
        cells.append(f"{np.mean(depths):.1f}" if depths else "-")
        cells.append(f"{100 * np.mean([improving(run) for run in runs]):.0f} %")
        losses = list(comparison.by_seed(method, LOSS).values())
        rows.append((np.mean(losses) if losses else math.inf, cells))
    return [cells for _, cells in sorted(rows, key=lambda row: row[0])]
