"""Methods side by side: every discoverer with every proposer and seed, the same budget, one table with spread.

Each run has a folder of its own under the study's, and is resumed or skipped where it was before; so a study may be
stopped at any time, and widened by more seeds or methods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from tabulate import tabulate

from zfbench.records.result import Result
from zfbench.runs.plan import Plan
from zfbench.runs.search import search
from zfbench.search.outcome import SearchOutcome

CONTROL = "random_search"  # what every other method is compared with, seed by seed
SCORES = {  # of the winner, by heading
    "ID MAE": "forecast/id/mae",
    "OOD MAE": "forecast/ood/mae",
    "sign acc.": "connectivity/wiring/sign_accuracy",
    "impulse error": "dynamics/impulse/error",
    "interv. error": "intervention/error",
    "log p held out": "likelihood/log_marginal",
    "eval. sd": "likelihood/evaluation_sd",
    "optimism": "likelihood/optimism",
    "exact log p each": "likelihood/exact_per_observation",
    "surrogate error each": "likelihood/surrogate_error_per_observation",
}


@dataclass(frozen=True)
class Grid:
    """The cells of a study.

    Attributes:
        plan: what all runs share; its discoverer, settings, proposer and seed are replaced.
        discoverers: registered names.
        proposers: registered names.
        seeds: of the runs.
        settings: of each discoverer that has any.
    """

    plan: Plan
    discoverers: Sequence[str]
    proposers: Sequence[str]
    seeds: Sequence[int]
    settings: Mapping[str, dict[str, Any]] = field(default_factory=dict)

    def plans(self) -> Iterator[Plan]:
        """Seed by seed, so that an unfinished study compares all methods on fewer seeds."""
        for seed in self.seeds:
            for proposer in self.proposers:
                for discoverer in self.discoverers:
                    own = self.settings.get(discoverer, {})
                    yield replace(self.plan, discoverer=discoverer, settings=own, proposer=proposer, seed=seed)


@dataclass(frozen=True)
class Run:
    """One finished cell."""

    plan: Plan
    outcome: SearchOutcome
    result: Result | None

    @property
    def method(self) -> str:
        """Discoverer and proposer."""
        return f"{self.plan.discoverer} + {self.plan.proposer}"

    def incumbent(self, evaluations: int) -> float:
        """Lowest validation loss among the first evaluations while screened; infinite if none worked."""
        losses = [s.evaluation.loss for s in self.outcome.evaluated[:evaluations]]
        return min((loss for loss in losses if loss is not None), default=np.inf)


def run_study(grid: Grid, folder: Path, started: Callable[[Plan], None] = lambda _: None) -> list[Run]:
    """Run what is missing of a study, one run after the other.

    Args:
        grid: its cells.
        folder: of all runs.
        started: told each plan as it begins.
    """
    runs = []
    for plan in grid.plans():
        started(plan)
        name = f"{plan.task.replace('/', '-')}__{plan.discoverer}-{plan.proposer}__seed{plan.seed}"
        runs.append(Run(plan, *search(plan, folder / name)))
    return runs


def summary(runs: Sequence[Run]) -> str:
    """A table, best median incumbent first: median [lowest, highest] over seeds.

    Columns: the incumbent's validation error at a quarter, a half and all of the evaluations; in how many seeds it
    ends below random search with the same proposer; failures; those of the winner's sealed scores that some run has.
    """
    total = max(len(run.outcome.evaluated) for run in runs)
    marks = sorted({max(total // 4, 1), max(total // 2, 1), total})
    by_method: dict[str, list[Run]] = {}
    for run in runs:
        by_method.setdefault(run.method, []).append(run)
    measured = {key for run in runs if run.result is not None for key in run.result.metrics}
    shown = {heading: key for heading, key in SCORES.items() if key in measured}
    rows = []
    for method in sorted(by_method, key=lambda m: float(np.median([run.incumbent(total) for run in by_method[m]]))):
        cells = by_method[method]
        curve = [[run.incumbent(mark) for run in cells] for mark in marks]
        scores = [
            [r.result.metrics[key] for r in cells if r.result is not None and key in r.result.metrics]
            for key in shown.values()
        ]
        failed = sum(run.outcome.counts.failed for run in cells)
        rows.append(
            [method, len(cells), *map(_spread, curve), _wins(cells, runs, total), failed, *map(_spread, scores)]
        )
    headers = ["method", "seeds", *(f"@{mark}" for mark in marks), f"beats {CONTROL}", "failed", *shown]
    return tabulate(rows, headers, tablefmt="github", disable_numparse=True)


def _wins(cells: Sequence[Run], runs: Sequence[Run], total: int) -> str:
    """In how many seeds a method ends strictly below the control, of those that both have."""
    control = {
        (run.plan.proposer, run.plan.seed): run.incumbent(total) for run in runs if run.plan.discoverer == CONTROL
    }
    pairs = [
        (run.incumbent(total), control[run.plan.proposer, run.plan.seed])
        for run in cells
        if run.plan.discoverer != CONTROL and (run.plan.proposer, run.plan.seed) in control
    ]
    return f"{sum(own < other for own, other in pairs)} of {len(pairs)}" if pairs else "-"


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "-"
    return f"{np.median(values):.4f} [{min(values):.4f}, {max(values):.4f}]"
