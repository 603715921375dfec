"""Published claims as tests over results: supported, refuted or undecided, never noise called an effect.

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
    seeds = 5                                                       # fewer matched seeds decide nothing

`higher` and `lower` are supported when the difference is larger than `effect` beyond doubt, and refuted when it is
smaller beyond doubt; `comparable` when it lies within plus or minus `effect` (an equivalence test; Schuirmann 1987).
Beyond doubt: the interval of the mean difference and a sign-flip permutation test agree.

A claim of several tests is supported if all are (intersection-union, which needs no correction) and refuted if one is,
at a confidence corrected for their number.
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
from zfbench.leaderboard.statistics import Interval, mean_interval, paired_permutation
from zfbench.records.reading import disputed, setup_of
from zfbench.records.result import MethodRecord, Result, SearchOptions

Verdict = Literal["supported", "refuted", "undecided"]
EVERY_SEED = -1  # the key of a score that does not depend on the seed

Array = NDArray[np.float64]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Side(_Strict):
    """One side of a comparison.

    Attributes:
        method, task: names.
        proposer: of a search; None for any.
        settings: of the method that its runs must have; others may be set too.
        proposer_settings: likewise of the proposer.
        budget, finalists, patience, ideas, fast_path: of a search, as `zfbench.records.result.SearchOptions` has them;
            None for any.
        metric: overrides the test's.
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
    fast_path: bool | None = None
    metric: str | None = None

    def describe(self) -> str:
        """For people."""
        settings = [*(self.settings or {}).items(), *(self.proposer_settings or {}).items()]
        settings += [(name, value) for name, value in self.options().items() if name != "budget"]
        own = f" ({', '.join(f'{k}={v}' for k, v in settings)})" if settings else ""
        return f"{self.method}{f' + {self.proposer}' if self.proposer else ''}{own} on {self.task}"

    def fits(self, result: Result) -> bool:
        """Whether a result is a run of this side."""
        return self.names(result.task.name, result.method, result.search)

    def options(self) -> dict[str, Any]:
        """The options of a search that it asks for, by their names in `SearchOptions`."""
        return {name: value for name in SearchOptions.model_fields if (value := getattr(self, name)) is not None}

    def is_like(self, other: Side) -> bool:
        """Whether it is the same runs, whatever their metric."""
        return self.model_copy(update={"metric": None}) == other.model_copy(update={"metric": None})

    def names(self, task: str, method: MethodRecord, search: SearchOptions | None) -> bool:
        """Whether a run is one of this side, done or only planned.

        Args:
            task: its name.
            method: who is judged.
            search: how a search is run; None for any other method.
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
    """One comparison; see the module's example for the fields."""

    left: Side
    right: Side | float
    metric: str
    relation: Literal["higher", "lower", "comparable"]
    effect: float = Field(ge=0)
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    seeds: int = Field(default=5, ge=2)

    def describe(self) -> str:
        """For people."""
        right = self.right.describe() if isinstance(self.right, Side) else f"{self.right:g}"
        words = {"higher": "above", "lower": "below", "comparable": "within"}[self.relation]
        other = f" ({self.right.metric})" if isinstance(self.right, Side) and self.right.metric else ""
        margin = f"by more than {self.effect:g}" if self.relation != "comparable" else f"plus or minus {self.effect:g}"
        return f"{self.metric}: {self.left.describe()} {words} {right}{other} {margin}"


class Claim(_Strict):
    """What a source claims, and how our results decide it; `command` measures it where no suite and no search does."""

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
    """What one test came to.

    Attributes:
        effect: mean of left - right over seeds with its interval, at the test's confidence; None without results.
        p: one-sided, of the direction of the verdict; for an undecided test that of the claim.
        reason: why it is undecided; empty otherwise.
        missing: the runs without which it stays undecided.
    """

    test: Comparison
    verdict: Verdict
    effect: Interval | None = None
    p: float | None = None
    reason: str = ""
    missing: tuple[Missing, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What our results say about a claim."""

    claim: Claim
    verdict: Verdict
    findings: tuple[Finding, ...]


def read_claim(path: Path) -> Claim:
    """Read a claim's file.

    Raises:
        ZfbenchError: it cannot be read, or a field is wrong; the sentence names it.
    """
    return read_toml(path, "claim", Claim)


def read_claims(folder: Path) -> list[Claim]:
    """All claims of a folder, in order of file name.

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
    """What the results say about a claim."""
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
        right = {EVERY_SEED: test.right}
    missing = _missing(test, results)
    if reason:
        return Finding(test, "undecided", reason=reason, missing=missing)
    differences = _differences(left, right)
    if not len(differences):
        return Finding(test, "undecided", reason="the two sides have no seed in common", missing=missing)
    rng = np.random.default_rng(0)
    alpha = 1 - test.confidence
    effect = mean_interval(differences, rng, test.confidence)
    margins = _margins(test, differences)
    support = max(paired_permutation(m, rng) for m in margins)
    if len(differences) < test.seeds:
        return Finding(test, "undecided", effect, support, f"{len(differences)} of {test.seeds} seeds", missing)
    if support <= alpha and all(mean_interval(m, rng, test.confidence).low > 0 for m in margins):
        return Finding(test, "supported", effect, support)
    ways = tests * len(margins)  # each could refute the claim by chance
    against = min(paired_permutation(-m, rng) for m in margins)
    if against <= alpha and any(mean_interval(m, rng, 1 - alpha / ways).high < 0 for m in margins):
        return Finding(test, "refuted", effect, against)
    return Finding(test, "undecided", effect, support, "the difference is not clear of the margin")


def _missing(test: Comparison, results: Sequence[Result]) -> tuple[Missing, ...]:
    """What to measure so that both sides have as many seeds as the test asks for, seeds that one side has first."""
    known: list[tuple[Side, set[int]]] = []
    for side in (test.left, test.right):
        if not isinstance(side, Side) or any(side.is_like(other) for other, _ in known):
            continue
        runs = [r for r in results if side.fits(r)]
        if not _stands_for_all(runs):
            known.append((side, {r.seed for r in runs}))
    candidates = set(range(test.seeds)).union(*(seeds for _, seeds in known))
    cost = {seed: sum(seed not in seeds for _, seeds in known) for seed in candidates}
    wanted = sorted(sorted(candidates, key=lambda seed: (cost[seed], seed))[: test.seeds])
    absent = [(side, tuple(seed for seed in wanted if seed not in seeds)) for side, seeds in known]
    return tuple(Missing(side, seeds) for side, seeds in absent if seeds)


def _margins(test: Comparison, differences: Array) -> list[Array]:
    """What must all be positive on average for the claim to hold, [n] each."""
    if test.relation == "comparable":
        return [test.effect - differences, test.effect + differences]
    return [(differences if test.relation == "higher" else -differences) - test.effect]


def _values(side: Side, test: Comparison, results: Sequence[Result]) -> tuple[dict[int, float], str]:
    """Scores by seed, or why there are none that may be compared."""
    runs = [r for r in results if side.fits(r)]
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
    if _stands_for_all(runs):
        return {EVERY_SEED: next(iter(values.values()))}, ""
    return values, ""


def _stands_for_all(runs: Sequence[Result]) -> bool:
    """Whether these runs are a single one that every seed would repeat: of a control, or of a fit without training."""
    if len(runs) != 1:
        return False
    (run,) = runs
    return run.method.kind == "control" or (run.method.kind == "baseline" and run.spend.updates == 0)


def _differences(left: dict[int, float], right: dict[int, float]) -> Array:
    """Left minus right of every seed that both have, [n]."""
    seeds = sorted((left.keys() | right.keys()) - {EVERY_SEED}) or [EVERY_SEED]
    pairs = [(left.get(s, left.get(EVERY_SEED)), right.get(s, right.get(EVERY_SEED))) for s in seeds]
    return np.array([a - b for a, b in pairs if a is not None and b is not None], np.float64)


def _mixed(left: Side, right: Side, results: Iterable[Result]) -> str:
    """Why the two sides may not be compared: no board holds both."""
    for board in boards([r for r in results if left.fits(r) or right.fits(r)]):
        runs = [run for row in board.rows for run in row.runs]
        if any(left.fits(r) for r in runs) and any(right.fits(r) for r in runs):
            return ""
    return "the two sides were measured on other data, limits, budgets or versions"
