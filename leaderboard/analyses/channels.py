"""Evidence of runs on `hodgkin_huxley` for ion channels: posterior mass and marginal likelihood by family.

A family's mass in one run is the weight of the particles that have it (Wahl et al. 2026 report it across particles and
runs). The table shows the best program of a family and also the median of all that were tried, because the best of many
noisy evaluations is high for any family that was tried often.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tabulate import tabulate

from zfbench.base.errors import ZfbenchError
from zfbench.discoverers.proposers.slots.channels import FAMILIES, families
from zfbench.records.evaluation import Scored
from zfbench.runs.plan import POPULATION
from zfbench.runs.replay import replay
from zfbench.search import population

BASE = "none"  # programs without a further channel
OTHER = "other"  # programs, such as a language model's, whose channels the grammar cannot read


@dataclass(frozen=True)
class Evidence:
    """The evidence for one family.

    Attributes:
        masses: its share of the weighted population, in each run that has one.
        log_marginals: log marginal likelihood of every working program that has it, over all runs.
    """

    masses: tuple[float, ...]
    log_marginals: tuple[float, ...]


def evidence(
    runs: Sequence[Sequence[Scored]], populations: Sequence[Mapping[str, float] | None]
) -> dict[str, Evidence]:
    """Collect the evidence by family, and for `OTHER` if there are such programs.

    Args:
        runs: the evaluated programs of each run.
        populations: weight by program id in each run, or None; weights of one run sum to one.
    """
    found = {}
    for family in (*FAMILIES, OTHER):
        masses = []
        log_marginals = [
            s.evaluation.log_likelihood
            for run in runs
            for s in run
            if s.evaluation.log_likelihood is not None and _has(s.program.source, family)
        ]
        for run, weights in zip(runs, populations, strict=True):
            if weights is not None:
                holders = {s.program.id for s in run if _has(s.program.source, family)}
                masses.append(sum(weight for program, weight in weights.items() if program in holders))
        if family != OTHER or log_marginals:
            found[family] = Evidence(tuple(masses), tuple(log_marginals))
    return found


def table(folders: Iterable[Path]) -> str:
    """Return a table with a row for each family over the runs in these folders, with the highest median first.

    Raises:
        ZfbenchError: a folder holds no search, or its population is damaged.
    """
    runs, populations = [], []
    for folder in folders:
        runs.append(replay(folder).evaluated)
        populations.append(_population(folder / POPULATION))
    if not runs:
        raise ZfbenchError("There is no run to read; name at least one folder.")
    rows = []
    for family, found in evidence(runs, populations).items():
        values = found.log_marginals
        mass = f"{np.mean(found.masses):.2f}" if found.masses else "-"
        median = float(np.median(values)) if values else -np.inf
        rows.append((median, [family, mass, len(values), *(_shown(values, f) for f in (np.median, max))]))
    rows.sort(key=lambda row: -row[0])
    headings = ["family", "mean mass", "programs", "median log p", "best log p"]
    return tabulate([row for _, row in rows], headings, tablefmt="github", disable_numparse=True)


def _has(source: str, family: str) -> bool:
    own = families(source)
    if own is None:
        return family == OTHER
    return family in own if family != BASE else not own


def _population(path: Path) -> dict[str, float] | None:
    if not path.exists():
        return None
    weights: dict[str, float] = {}
    for program, weight in population.read(path):
        weights[program] = weights.get(program, 0.0) + weight
    return weights


def _shown(values: Sequence[float], summary: object) -> str:
    return f"{summary(values):.1f}" if values and callable(summary) else "-"
