"""Hints that a discoverer may attach to a request, in a text form that any proposer can read.

`blame:MN=0.4,nMLF=0.3` says which neuron groups account for the parent's error, in relative shares. Hints of
other kinds, such as plain sentences for a language model, are left alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from zfbench.records.evaluation import Scored

BLAME = "blame:"
BLAMED = "blame/"  # prefix of the metrics that say what a group's error is while the others follow the recording
SHARES = "blame_share/"  # prefix of the metrics that say the same as the loss weighs it, up to a common factor
CRITIQUE = "critique"  # asks a language model to criticise the last parent before it writes
NO_NUMBERS = "no_numbers"  # asks to withhold from the writer every number that was measured of a program
BLIND = "blind"  # asks a proposer to take no notice of any score: neither of blame nor of what helped before
ANEW = "anew"  # asks a proposer for a whole program drawn uniformly, whatever the parents


def blame_hint(errors: Mapping[str, float]) -> str:
    """Return the hint for errors per neuron group, as shares that sum to one, with the worst group first.

    Raises:
        ValueError: an error is negative or not finite, or none is positive.
    """
    total = sum(errors.values())
    if not (math.isfinite(total) and total > 0 and min(errors.values()) >= 0):
        raise ValueError(f"blame needs finite errors of at least 0 with a positive sum, got {dict(errors)}")
    worst_first = sorted(errors.items(), key=lambda item: (-item[1], item[0]))
    return BLAME + ",".join(f"{group}={error / total:.4g}" for group, error in worst_first)


def advice(groups: Sequence[str], parents: Sequence[Scored]) -> tuple[str, ...]:
    """Return the hints that the requests of every method get: the groups to blame for the loss of the last parent.

    A group's share is its own error as the loss weighs it. There is no hint if the task has no groups, or if the last
    parent was not measured in this way.
    """
    metrics = parents[-1].evaluation.metrics if parents else {}
    errors = {group: metrics[SHARES + group] for group in dict.fromkeys(groups) if SHARES + group in metrics}
    return (blame_hint(errors),) if sum(errors.values()) > 0 else ()


def blame(hints: Sequence[str]) -> dict[str, float]:
    """Return the shares of blame by neuron group from the last hint that gives them; empty if there is none.

    Raises:
        ValueError: a hint begins with `blame:` but is not of that form.
    """
    shares: dict[str, float] = {}
    for hint in hints:
        if hint.startswith(BLAME):
            shares = {}
            for part in hint.removeprefix(BLAME).split(","):
                group, separator, share = part.rpartition("=")
                try:
                    value = float(share)
                except ValueError:
                    value = math.nan
                if not (separator and group and math.isfinite(value) and value >= 0):
                    raise ValueError(f"the hint {hint!r} is not of the form 'blame:MN=0.4,nMLF=0.3'")
                shares[group] = value
    return shares
