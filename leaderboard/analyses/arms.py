"""One search on two tracks and with two families of programs: what wiring and form each give, in matched pairs.

An arm is a track and a family, such as black boxes in the driven track. Two arms are compared where they differ in one
of the two and their searches have the method, its settings and the budget in common; a pair is two searches with one
seed. Lueckmann, Jain & Januszewski (2026, arXiv 2602.04492) compare black boxes without wiring with programs that are
given it; an arm in between tells the family's share from the wiring's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from tabulate import tabulate

from zfbench.leaderboard.analyses.searches import Pair, shown, tested, versions
from zfbench.leaderboard.outcomes import is_error, outcome
from zfbench.leaderboard.statistics import mean_interval
from zfbench.records.result import Result, to_json

FAMILY = "family"  # the proposer's setting
MEASURES = {
    "error on trained stimuli": ("forecast/id/mae", None),
    "error on the held-out stimulus": ("forecast/ood/mae", None),
    "held out over trained": ("forecast/ood/mae", "forecast/id/mae"),
    "generalisation": ("headline/generalisation", None),
    "wiring": ("headline/wiring", None),
    "lift of allowed pairs": ("connectivity/cross/in_mask/lift", None),
    "responses": ("headline/responses", None),
    "mean": ("headline/mean", None),
}
"""By what tables call it: the name of an outcome, and of one that it is taken relative to."""
WITHIN_A_TRACK = ("wiring", "mean")  # with the mask there are fewer candidates for an edge, so its scores are others
BETWEEN_TRACKS = ("lift of allowed pairs",)  # the candidates that both tracks have


@dataclass(frozen=True)
class Arms:
    """Searches of one method and budget on two or more arms.

    Attributes:
        method: name of the method.
        circuit: what the tracks share: tier and variant of the task.
        budget: of each search, by unit.
        runs: by (track, family), the results by ascending seed.
    """

    method: str
    circuit: str
    budget: Mapping[str, float]
    runs: Mapping[tuple[str, str], tuple[Result, ...]]

    def by_seed(self, arm: tuple[str, str], measure: str) -> dict[int, float]:
        """Return a measure of an arm by seed, errors as logarithms; without the runs that lack it."""
        found = {run.seed: outcome(run, *MEASURES[measure]) for run in self.runs[arm]}
        return {seed: value for seed, value in found.items() if value is not None}

    @cached_property
    def pairs(self) -> list[Pair]:
        """Every two arms that differ in track or family alone and share two seeds or more, by what they can share."""
        gaps: dict[tuple[str, str, str], NDArray[np.float64]] = {}
        for one, other in combinations(self.runs, 2):
            if (one[0] == other[0]) == (one[1] == other[1]):
                continue
            left_out = BETWEEN_TRACKS if one[0] == other[0] else WITHIN_A_TRACK
            for measure in (name for name in MEASURES if name not in left_out):
                values = self.by_seed(one, measure), self.by_seed(other, measure)
                common = sorted(values[0].keys() & values[1].keys())
                if len(common) > 1:
                    difference = np.array([values[0][seed] - values[1][seed] for seed in common])
                    gaps[called(one), called(other), measure] = difference
        return tested(gaps)


def called(arm: tuple[str, str]) -> str:
    """Return the name of an arm, such as "driven, blackbox"."""
    return ", ".join(arm)


def arms(results: Iterable[Result]) -> list[Arms]:
    """Group searches by method and budget; only those with a pair of arms are kept.

    Args:
        results: any results; what is no search of a proposer with families, or failed, is passed over.
    """
    groups: dict[tuple[str, ...], dict[tuple[str, str], dict[int, Result]]] = {}
    for run in results:
        told = run.method.proposer_told
        if run.search is None or run.status != "ok" or FAMILY not in told:
            continue
        rest = {name: value for name, value in told.items() if name != FAMILY}
        circuit = run.task.name.replace(f"/{run.task.track}", "", 1)
        options = run.search.model_dump()
        settings = to_json([run.method.settings, run.method.proposer, rest, options, run.limits, versions(run)])
        group = groups.setdefault((run.method.name, circuit, run.task.data_sha256, settings), {})
        group.setdefault((run.task.track, str(told[FAMILY])), {})[run.seed] = run
    found = []
    for (method, circuit, _, _), own in sorted(groups.items()):
        runs = {arm: tuple(by_seed[seed] for seed in sorted(by_seed)) for arm, by_seed in sorted(own.items())}
        search = next(iter(runs.values()))[0].search
        candidate = Arms(method, circuit, {} if search is None else dict(search.budget), runs)
        if candidate.pairs:
            found.append(candidate)
    return found


def as_markdown(found: Sequence[Arms]) -> str:
    """Return a table of the arms and one of their differences, for each method.

    Args:
        found: what is to be shown.
    """
    if not found:
        return "No search was run on two tracks, or with two families of programs, at one budget."
    return "\n\n".join(_part(one) for one in found)


def _part(a: Arms) -> str:
    budget = ", ".join(f"{value:g} {unit}" for unit, value in sorted(a.budget.items()))
    rows = []
    for arm, runs in a.runs.items():
        cells = [called(arm), str(len(runs))]
        for measure, (name, _) in MEASURES.items():
            values = list(a.by_seed(arm, measure).values())
            cells.append(shown(mean_interval(values), name) if values else "-")
        rows.append(cells)
    differences = [
        [pair.measure, pair.one, pair.other, *_difference(pair), f"{pair.p:.1g}", "yes" if pair.significant else "no"]
        for pair in sorted(a.pairs, key=lambda pair: (pair.one, pair.other))
    ]
    columns = ["measure", "arm", "other arm", "difference", "95 % interval", "seeds", "p", "significant"]
    return "\n\n".join(
        [
            f"### {a.circuit}, `{a.method}`: {budget}",
            _table(rows, ["arm", "seeds", *MEASURES]),
            "Differences are of the arm less the other arm, and of errors the ratio, over the seeds that both have. "
            "Significant: after Holm's correction over this table. The score of wiring and the mean are not compared "
            "between tracks, since with the mask fewer pairs of neurons are candidates for an edge; the lift of the "
            "pairs that the mask allows is ([scores.md](../scores.md)).",
            _table(differences, columns),
        ]
    )


def _difference(pair: Pair) -> list[str]:
    """The difference or ratio, its interval, and the number of pairs."""
    gap = pair.gap
    values = [gap.estimate, gap.low, gap.high]
    if is_error(MEASURES[pair.measure][0]):
        size, low, high = (math.exp(value) for value in values)
        return [f"x {size:.2f}", f"{low:.2f} to {high:.2f}", str(gap.n)]
    return [f"{values[0]:+.2f}", f"{values[1]:+.2f} to {values[2]:+.2f}", str(gap.n)]


def _table(rows: Sequence[Sequence[str]], headings: Sequence[str]) -> str:
    return tabulate(rows, headings, tablefmt="github", disable_numparse=True)
