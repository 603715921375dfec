"""Targets of searches: losses of known programs under the same short training, and how many evaluations they take.

The programs are those of the task's certificate: where the search begins, what knows nothing of the circuit, and the
true form. A search that is at the loss of a generic program found nothing that capacity alone does not give.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tabulate import tabulate

from zfbench.leaderboard.analyses.searches import Comparison
from zfbench.leaderboard.certificates import Published, certificate_of
from zfbench.records.result import Result

KINDS = ("seed", "generic", "truth")  # of the programs whose losses are targets
MEANING = (
    "Targets: median losses of known programs over the replicates of the task's certificate, trained as searches "
    "screen. Cells say in how many seeds a search reached the target, and after how many evaluations in the median "
    "seed; - if it did not in that one."
)


@dataclass(frozen=True)
class Target:
    """A loss to be reached.

    Attributes:
        name: name of the program that has it.
        loss: its median loss.
    """

    name: str
    loss: float


def targets(certificate: Published | None, updates: float | None) -> tuple[Target, ...]:
    """Return the targets under a budget, the easiest first; none if the certificate does not hold that budget.

    Args:
        certificate: of the task; None if it is not measured.
        updates: of each evaluation of the searches.
    """
    standings = () if certificate is None else certificate.found[0].standings
    found = [
        Target(name.split(": ", 1)[1], median)
        for standing in standings
        if standing.updates == updates
        for name, median in standing.medians.items()
        if median is not None and name.split(": ")[0] in KINDS
    ]
    return tuple(sorted(found, key=lambda target: -target.loss))


def reached(run: Result, target: Target) -> float:
    """Return the number of evaluations after which a search had the target's loss or less; infinity if it never had."""
    losses = (evaluated.loss for evaluated in run.evaluated)
    return next((n for n, loss in enumerate(losses, 1) if loss is not None and loss <= target.loss), math.inf)


def as_markdown(comparison: Comparison) -> str:
    """Return a table of the targets that each method reached, and nothing where there are no targets.

    Args:
        comparison: searches of one task, proposer and budget.
    """
    some = next(iter(comparison.runs.values()))[0]
    certificate = certificate_of(comparison.task, some.task.data_sha256)
    known = targets(certificate, comparison.budget.get("updates"))
    if not known:
        return ""
    rows = [[f"`{method}`", *(_cell(runs, target) for target in known)] for method, runs in comparison.runs.items()]
    headings = ["method", *(f"{target.name} ({target.loss:.3f})" for target in known)]
    return f"{MEANING}\n\n{tabulate(rows, headings, tablefmt='github', disable_numparse=True)}"


def _cell(runs: Sequence[Result], target: Target) -> str:
    counts = [reached(run, target) for run in runs]
    median = statistics.median_low(counts)
    return f"{sum(map(math.isfinite, counts))} of {len(counts)}, {median:g}".replace("inf", "-")
