"""Features of the truth that a task's data do not show, and how the truth ranks before all programs but those without.

If a full training reaches the same loss without a feature, no search can tell the two programs apart by that loss, and
which of them comes first is chance. The verdict of a certificate counts such a program as a rival like any other; this
module says what the verdict rests on.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection
from dataclasses import dataclass

from zfbench.runs.certificate import Certificate, Standing

MARGIN = 0.05  # of the logarithm of the loss: a loss that is lower by a twentieth is a difference
LEAST = 5  # replicates below which nothing is called unseen
TRUTH, REMOVED = "truth: ", "removed: "  # before the names of programs


@dataclass(frozen=True)
class Unseen:
    """A feature whose worth is within the margin, with confidence.

    Attributes:
        feature: its name.
        low: lower bound of Student's 95 % interval of its signal under the largest budget, in logarithms of the loss.
        high: upper bound.
    """

    feature: str
    low: float
    high: float


def unseen(certificate: Certificate) -> tuple[Unseen, ...]:
    """Return the features that the data do not show: their interval lies within the margin on both sides of zero.

    Only losses that are compared by ratio have such a margin; of others nothing is called unseen.

    Args:
        certificate: of a task.
    """
    from scipy import stats  # not needed to list verdicts

    if certificate.scale != "ratio":
        return ()
    largest = certificate.standings[-1]
    truth = next(losses for name, losses in largest.losses.items() if name.startswith(TRUTH))
    found = []
    for feature in largest.removed:
        pairs = zip(largest.losses[REMOVED + feature], truth, strict=True)
        gains = [math.log(without / own) for without, own in pairs if without is not None and own is not None]
        if len(gains) < LEAST:
            continue
        half = stats.t.ppf(0.975, len(gains) - 1) * statistics.stdev(gains) / math.sqrt(len(gains))
        low, high = statistics.fmean(gains) - half, statistics.fmean(gains) + half
        if low > -MARGIN and high < MARGIN:
            found.append(Unseen(feature, low, high))
    return tuple(found)


def ranks_without(standing: Standing, features: Collection[str]) -> tuple[int, ...]:
    """Return the rank of the truth in each replicate among all programs but those that lack one of these features.

    Args:
        standing: the outcome under one budget.
        features: the features that are left out.
    """
    out = {REMOVED + feature for feature in features}
    truth = next(losses for name, losses in standing.losses.items() if name.startswith(TRUTH))
    rivals = {losses for name, losses in standing.losses.items() if name not in out and not name.startswith(TRUTH)} - {
        truth
    }  # equal losses in every replicate are one program under two names
    ranks = []
    for replicate, own in enumerate(truth):
        others = [losses[replicate] for losses in rivals]
        ranks.append(1 + (len(others) if own is None else sum(o is not None and o <= own for o in others)))
    return tuple(ranks)


def sentence(certificate: Certificate) -> str | None:
    """Return what the data do not show, and how the truth ranks apart from it; None if they show every feature.

    Args:
        certificate: of a task.
    """
    hidden = unseen(certificate)
    if not hidden:
        return None
    names = "; ".join(f"{one.feature} [{one.low:+.3f}, {one.high:+.3f}]" for one in hidden)
    largest = certificate.standings[-1].updates
    first = {
        standing.updates: ranks_without(standing, [one.feature for one in hidden]).count(1)
        for standing in certificate.standings
    }
    counts = " and ".join(f"{count} of {certificate.replicates} at {u:,} updates" for u, count in first.items())
    return (
        f"The data do not show: {names} (after {largest:,} updates the logarithm of the loss without it differs by "
        f"less than {MARGIN:g}; Student's 95 % interval). Apart from the programs that lack it, the truth is first in "
        f"{counts}."
    )
