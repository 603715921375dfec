"""Searches beside a program that nobody searched, in pairs of equal seed: do they find better models?

A search that ends near where it began found nothing. Of each task the reference program with the highest mean of the
headline scores is what searches are compared with. It is chosen after its scores are known, which makes the comparison
harder for searches and not easier.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from tabulate import tabulate

from zfbench.leaderboard.analyses.searches import MEAN, Pair, shown, tested, versions
from zfbench.leaderboard.board import Row
from zfbench.leaderboard.outcomes import outcome
from zfbench.leaderboard.statistics import mean_interval
from zfbench.records.result import to_json

EXPLAINED = (
    "The mean of the headline scores of every search, less that of the reference program of its task with the highest "
    "such mean, over the seeds that both have, with Student's 95 % interval. Significant: after Holm's correction over "
    "the searches of the task. The rate family begins with nearly that program: leaky sigmoids that read all inputs."
)
KINDS = ("search", "program")
Scores = dict[int, float]  # mean of the headline scores, by seed


@dataclass(frozen=True)
class AgainstProgram:
    """Searches of one task beside the best program that nobody searched.

    Attributes:
        task: full name of the task.
        program: name of the program.
        scores: by search, its mean of the headline scores by seed.
        reference: that of the program, by seed.
        pairs: every search with two or more seeds that the program has too, tested together.
    """

    task: str
    program: str
    scores: dict[str, Scores]
    reference: Scores
    pairs: list[Pair]


def against_programs(rows: Iterable[Row]) -> list[AgainstProgram]:
    """Compare every search with the best reference program of its task, data, limits and versions.

    Args:
        rows: rows of boards; what has no headline scores is passed over.
    """
    groups: dict[tuple[str, str, str], dict[str, dict[str, Scores]]] = {}
    for row in rows:
        known = {run.seed: score for run in row.runs if (score := outcome(run, MEAN)) is not None}
        if row.kind in KINDS and known:
            limits = {name: limit for name, limit in row.runs[0].limits.items() if name != "memory_bytes"}
            alike = (row.task, row.runs[0].task.data_sha256, to_json([limits, versions(row.runs[0])]))
            kinds = groups.setdefault(alike, {kind: {} for kind in KINDS})
            kinds[row.kind][row.method] = known
    found = []
    for (task, _, _), kinds in sorted(groups.items()):
        searches, programs = (kinds[kind] for kind in KINDS)
        if not programs:
            continue
        best = max(programs, key=lambda name: np.mean(list(programs[name].values())))
        gaps = {
            (name, best, MEAN): np.array([own[seed] - programs[best][seed] for seed in sorted(common)])
            for name, own in sorted(searches.items())
            if len(common := own.keys() & programs[best].keys()) > 1
        }
        if gaps:
            found.append(AgainstProgram(task, best, searches, programs[best], tested(gaps)))
    return found


def as_markdown(found: Sequence[AgainstProgram]) -> str:
    """Return what the table says, and the table with a row for each search.

    Args:
        found: what is to be shown.
    """
    if not found:
        return "No task has both a search and a program that nobody searched."
    rows = []
    for one in found:
        reference = shown(mean_interval(list(one.reference.values())), MEAN)
        for pair in sorted(one.pairs, key=lambda pair: -pair.gap.estimate):
            own, gap = shown(mean_interval(list(one.scores[pair.one].values())), MEAN), pair.gap
            difference = f"{gap.estimate:+.2f} ({gap.low:+.2f} to {gap.high:+.2f})"
            decided = "yes" if pair.significant else "no"
            beside = f"`{one.program}`, {reference}"
            rows.append([one.task, f"`{pair.one}`", own, beside, difference, str(gap.n), f"{pair.p:.1g}", decided])
    headings = ["task", "search", "mean", "program, its mean", "difference", "seeds", "p", "significant"]
    return f"{EXPLAINED}\n\n{tabulate(rows, headings, tablefmt='github', disable_numparse=True)}"
