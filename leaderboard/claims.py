"""Published claims as tests over results, which are supported, refuted or undecided.

A claim is a TOML file; each of its tests compares two methods (or a method with a number) seed by seed:

    id = "mask-restores-ood"
    source = "..."
    text = "..."
    [[tests]]
    left = {method = "masked_mlp", task = "zfish-tiny/masked"}
    right = {method = "driven_mlp", task = "zfish-tiny/driven"}     # or a number
    metric = "forecast/ood/skill_last_value"                        # `right` may name a metric of its own
    relation = "higher"                                             # higher | lower | comparable
    effect = 0.1                                                    # in units of the metric
    confidence = 0.95
    seeds = 5                                                       # with fewer matched seeds it stays undecided

`higher` and `lower` are supported if the difference is significantly larger than `effect`, and refuted if it is
significantly smaller. `comparable` is supported if the difference is significantly within plus or minus `effect` (an
equivalence test; Schuirmann 1987, doi:10.1007/BF01068419). Significantly means by Student's interval of the mean
difference.

A claim of several tests is supported if all are supported (an intersection-union test, which needs no correction), and
refuted if one is refuted at a confidence that is corrected for their number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from zfbench.base.errors import ZfbenchError
from zfbench.base.toml import read_toml
from zfbench.leaderboard.board import boards
from zfbench.leaderboard.statistics import Interval, mean_interval, one_sample_p
from zfbench.records.reading import disputed, setup_of
from zfbench.records.result import MethodRecord, Result, SearchOptions

Verdict = Literal["supported", "refuted", "undecided"]
ALL_SEEDS = -1  # key of a score that does not depend on the seed

Array = NDArray[np.float64]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Side(_Strict):
    """One side of a comparison: a method on a task.

    Attributes:
        method, task: names of the method and the task.
        proposer: proposer of a search; None for any.
        settings: settings of the method that its runs must have; they may have others too.
        proposer_settings: settings of the proposer that its runs must have; they may have others too.
        budget, finalists, patience, ideas: options of a search, as in
            `zfbench.records.result.SearchOptions`; None for any.
        metric: name of the metric, if it is not the test's.
    """

    method: str
    task: str
    proposer: str | None = None
    settings: dict[str, object] | None = None
    proposer_settings: dict[str, object] | None = None
    budget: dict[str, float] | None = None
    finalists: int | None = None
    patience: int | None = None
    ideas: tuple[str, ...] | None = None
    metric: str | None = None

    def describe(self) -> str:
        """Return a description for people."""
        settings = [*(self.settings or {}).items(), *(self.proposer_settings or {}).items()]
        settings += [(name, value) for name, value in self.options().items() if name != "budget"]
        own = f" ({', '.join(f'{k}={v}' for k, v in settings)})" if settings else ""
        return f"{self.method}{f' + {self.proposer}' if self.proposer else ''}{own} on {self.task}"

    def includes(self, result: Result) -> bool:
        """Return True if a result is a run of this side."""
        return self.matches(result.task.name, result.method, result.search)

    def options(self) -> dict[str, Any]:
        """Return the options of a search that the side demands, by their names in `SearchOptions`."""
        return {name: value for name in SearchOptions.model_fields if (value := getattr(self, name)) is not None}

    def is_like(self, other: Side) -> bool:
        """Return True if another side has the same runs, whatever its metric."""
        return self.model_copy(update={"metric": None}) == other.model_copy(update={"metric": None})

    def matches(self, task: str, method: MethodRecord, search: SearchOptions | None) -> bool:
        """Return True if a run, done or only planned, is one of this side.

        Args:
            task: name of the task.
            method: record of the method.
            search: options of a search; None for any other method.
        """
        given = {} if search is None else dict(search)
        return (
            task == self.task
            and method.name == self.method
            and self.proposer in (None, method.proposer)
            and all(given.get(name) == value for name, value in self.options().items())
            and all(method.settings.get(k) == v for k, v in (self.settings or {}).items())
            and all(method.proposer_settings.get(k) == v for k, v in (self.proposer_settings or {}).items())
        )


class Comparison(_Strict):
    """One comparison of two methods, or of a method with a number; the module's example shows the fields."""

    left: Side
    right: Side | float
    metric: str
    relation: Literal["higher", "lower", "comparable"]
    effect: float = Field(ge=0)
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    seeds: int = Field(default=5, ge=2)

    def describe(self) -> str:
        """Return a description for people."""
        right = self.right.describe() if isinstance(self.right, Side) else f"{self.right:g}"
        words = {"higher": "above", "lower": "below", "comparable": "within"}[self.relation]
        other = f" ({self.right.metric})" if isinstance(self.right, Side) and self.right.metric else ""
        margin = f"by more than {self.effect:g}" if self.relation != "comparable" else f"plus or minus {self.effect:g}"
        return f"{self.metric}: {self.left.describe()} {words} {right}{other} {margin}"


class Claim(_Strict):
    """A published claim, and the comparisons that decide it.

    `command` measures the missing runs if neither a suite nor a search does.
    """

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    source: str = Field(min_length=1)
    text: str = Field(min_length=1)
    tests: tuple[Comparison, ...] = Field(min_length=1)
    command: str = ""


@dataclass(frozen=True)
class Missing:
    """Runs that a test needs and the results do not have."""

    side: Side
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Finding:
    """The decision of one test.

    Attributes:
        effect: mean of left - right over seeds with its interval, at the test's confidence; None without results.
        p: one-sided p-value in the direction of the verdict; for an undecided test in that of the claim.
        reason: reason why it is undecided; empty otherwise.
        missing: runs that are needed for a decision.
    """

    test: Comparison
    verdict: Verdict
    effect: Interval | None = None
    p: float | None = None
    reason: str = ""
    missing: tuple[Missing, ...] = ()


@dataclass(frozen=True)
class Answer:
    """The decision of a claim, with those of its tests."""

    claim: Claim
    verdict: Verdict
    findings: tuple[Finding, ...]


def read_claim(path: Path) -> Claim:
    """Read the file of a claim.

    Raises:
        ZfbenchError: the file cannot be read, or a field is wrong; the sentence names it.
    """
    return read_toml(path, "claim", Claim)


def read_claims(folder: Path) -> list[Claim]:
    """Read all claims of a folder, in order of file name.

    Raises:
        ZfbenchError: there are none, one is wrong, or two have the same id.
    """
    claims = [read_claim(path) for path in sorted(folder.glob("*.toml"))]
    if not claims:
        raise ZfbenchError(f"There are no claims (*.toml) in {folder}; check the path.")
    ids = [claim.id for claim in claims]
    for name in ids:
        if ids.count(name) > 1:
            raise ZfbenchError(f"Two claims in {folder} have the id '{name}'; rename one.")
    return claims


def check(claim: Claim, results: Sequence[Result]) -> Answer:
    """Decide a claim by results."""
    findings = tuple(_decide(test, results, len(claim.tests)) for test in claim.tests)
    verdicts = {finding.verdict for finding in findings}
    verdict: Verdict = "refuted" if "refuted" in verdicts else "supported" if verdicts == {"supported"} else "undecided"
    return Answer(claim, verdict, findings)


def _decide(test: Comparison, results: Sequence[Result], tests: int) -> Finding:
    left, reason = _values(test.left, test, results)
    if isinstance(test.right, Side):
        right, why = _values(test.right, test, results)
        reason = reason or why or _mixed(test.left, test.right, results)
    else:
        right = {ALL_SEEDS: test.right}
    missing = _missing(test, results)
    if reason:
        return Finding(test, "undecided", reason=reason, missing=missing)
    differences = _differences(left, right)
    if not len(differences):
        return Finding(test, "undecided", reason="the two sides have no seed in common", missing=missing)
    alpha = 1 - test.confidence
    effect = mean_interval(differences, test.confidence)
    margins = _margins(test, differences)
    support = max(_one_sided(m) for m in margins)
    if len(differences) < test.seeds:
        return Finding(test, "undecided", effect, support, f"{len(differences)} of {test.seeds} seeds", missing)
    if support <= alpha and all(mean_interval(m, test.confidence).low > 0 for m in margins):
        return Finding(test, "supported", effect, support)
    ways = tests * len(margins)  # each could refute the claim by chance
    against = min(_one_sided(-m) for m in margins)
    if against <= alpha and any(mean_interval(m, 1 - alpha / ways).high < 0 for m in margins):
        return Finding(test, "refuted", effect, against)
    return Finding(test, "undecided", effect, support, "the difference is not clear of the margin")


def _one_sided(margins: Array) -> float:
    """Return Student's p-value that the mean of margins [n] is positive."""
    if len(margins) < 2:
        return 1.0
    half = float(one_sample_p(margins)) / 2
    return half if margins.mean() > 0 else 1 - half


def _missing(test: Comparison, results: Sequence[Result]) -> tuple[Missing, ...]:
    """Return the runs with which both sides have enough common seeds; seeds that one side already has are preferred."""
    known: list[tuple[Side, set[int]]] = []
    for side in (test.left, test.right):
        if not isinstance(side, Side) or any(side.is_like(other) for other, _ in known):
            continue
        runs = [r for r in results if side.includes(r)]
        if not _is_the_same_for_all_seeds(runs):
            known.append((side, {r.seed for r in runs}))
    candidates = set(range(test.seeds)).union(*(seeds for _, seeds in known))
    cost = {seed: sum(seed not in seeds for _, seeds in known) for seed in candidates}
    wanted = sorted(sorted(candidates, key=lambda seed: (cost[seed], seed))[: test.seeds])
    absent = [(side, tuple(seed for seed in wanted if seed not in seeds)) for side, seeds in known]
    return tuple(Missing(side, seeds) for side, seeds in absent if seeds)


def _margins(test: Comparison, differences: Array) -> list[Array]:
    """Return quantities by seed, [n] each, all of which must be positive on average for the claim to hold."""
    if test.relation == "comparable":
        return [test.effect - differences, test.effect + differences]
    return [(differences if test.relation == "higher" else -differences) - test.effect]


def _values(side: Side, test: Comparison, results: Sequence[Result]) -> tuple[dict[int, float], str]:
    """Return the scores by seed, and the reason why there are none that are comparable, or an empty text."""
    runs = [r for r in results if side.includes(r)]
    metric = side.metric or test.metric
    if not runs:
        return {}, f"no results of {side.describe()}"
    if len({setup_of(r) for r in runs}) > 1 or disputed(runs):
        kinds = "settings, budgets, data sets or versions of the metrics"
        return {}, f"{side.describe()} ran with several {kinds}; name one or give their folder"
    broken = [r for r in runs if r.status != "ok" or metric not in r.metrics]
    if broken:
        return {}, f"{len(broken)} of {len(runs)} seeds of {side.describe()} have no {metric}"
    values = {r.seed: r.metrics[metric] for r in runs}
    if _is_the_same_for_all_seeds(runs):
        return {ALL_SEEDS: next(iter(values.values()))}, ""
    return values, ""


def _is_the_same_for_all_seeds(runs: Sequence[Result]) -> bool:
    """Return True for a single run that is equal for every seed: of a control, or of a fit without optimiser steps."""
    if len(runs) != 1:
        return False
    (run,) = runs
    return run.method.kind == "control" or (run.method.kind == "baseline" and run.spend.updates == 0)


def _differences(left: dict[int, float], right: dict[int, float]) -> Array:
    """Return left minus right for every seed that both have, [n]."""
    seeds = sorted((left.keys() | right.keys()) - {ALL_SEEDS}) or [ALL_SEEDS]
    pairs = [(left.get(s, left.get(ALL_SEEDS)), right.get(s, right.get(ALL_SEEDS))) for s in seeds]
    return np.array([a - b for a, b in pairs if a is not None and b is not None], np.float64)


def _mixed(left: Side, right: Side, results: Iterable[Result]) -> str:
    """Return the reason why the two sides are not comparable, which is that no board holds both; else an empty text."""
    for board in boards([r for r in results if left.includes(r) or right.includes(r)]):
        runs = [run for row in board.rows for run in row.runs]
        if any(left.includes(r) for r in runs) and any(right.includes(r) for r in runs):
            return ""
    return "the two sides were measured on other data, limits, budgets or versions"
