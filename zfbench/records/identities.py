"""Identities between the headline scores of a result and the parts that they are computed from.

Every part of a headline score is in the result's file, so a headline score that was written by hand contradicts its
parts, or comes without them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from zfbench.records.consistency import REPEATED
from zfbench.records.result import Result

SCORES = ("generalisation", "wiring", "responses")
WORST = {"generalisation": -1.0, "wiring": -1.0, "responses": 0.0}  # of what a model made impossible: without parts
READINGS = (
    "median",
    "common",
    "free",
    "late",
    "early",
)  # of which the lowest counts; the last two are there if they do
QUANTISED = "predictions are quantised"  # of a note: the coarse reading then counts in place of the last two
RESPONSES = ("dynamics/impulse/cross/error", "intervention/cross/error")
AT_WORST = "the headline score {} is at its worst"  # of a note: a model made it impossible
TABLE = "table"  # the tier of tasks on which scores are looked up
EARLY = "dynamics/early/responses"  # counts where it is there


def broken(result: Result) -> Iterator[tuple[str, str]]:
    """Yield the field and a sentence's end for each headline score that is not what its parts make of it.

    Results on a table hold headline scores without their parts, so that nothing is yielded for them.
    """
    if result.task.tier == TABLE:
        return
    metrics = result.metrics
    for split in ("id", "ood"):
        yield from _differs(f"forecast/{split}/balanced_skill", _balanced(metrics, split), metrics)
    expected = {
        "generalisation": metrics.get("forecast/ood/balanced_skill"),
        "wiring": _wiring(result),
        "responses": _responses(result),
    }
    for name, value in expected.items():
        field = f"headline/{name}"
        stated = metrics.get(field)
        if stated is not None and value is None and stated != WORST[name]:
            yield f"metrics.{field}", f"{stated} is stated without the scores that it is computed from"
        yield from _differs(field, value, metrics)
    errors = [metrics.get(f"headline/{name}_se") for name in SCORES]
    known = [error for error in errors if error is not None]
    together = math.hypot(*known) / len(known) if len(known) == len(errors) else None
    yield from _differs("headline/mean_se", together, metrics)


def _differs(name: str, expected: float | None, metrics: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    stated = metrics.get(name)
    if stated is not None and expected is not None and abs(stated - expected) > REPEATED * max(1.0, abs(expected)):
        yield f"metrics.{name}", f"{stated} is not what its parts make of it, {expected:.6g}"


def _balanced(metrics: Mapping[str, float], split: str) -> float | None:
    """The mean over groups of their skills, each clipped to [-1, 1]."""
    skills = [value for name, value in metrics.items() if name.startswith(f"forecast/{split}/skill_last_value/group/")]
    return float(np.clip(skills, -1, 1).mean()) if skills else None


def _wiring(result: Result) -> float | None:
    """The lowest reading; of what is read in one way alone, lift above the control and signs."""
    metrics, prefix = result.metrics, "connectivity/cross"
    lift, control, signs = (metrics.get(f"{prefix}/{n}") for n in ("lift", "control_lift", "balanced_sign_accuracy"))
    if lift is None or control is None or signs is None or control >= 1:
        return None
    once = (max(-1.0, min(1.0, (lift - control) / (1 - control))) + 2 * signs - 1) / 2
    counted: tuple[str, ...] = READINGS
    if any(QUANTISED in note for note in result.notes):
        counted = ("median", "coarse", "coarse_free", "late", "early")
    return min([once, *(metrics[name] for n in counted if (name := f"connectivity/reading/{n}") in metrics)])


def _responses(result: Result) -> float | None:
    """The mean over impulses and interventions of 1 - the median error of their blocks, at least 0; or a lower one.

    None where one of the two failed: the score is then at its worst, whatever the other one is.
    """
    metrics = result.metrics
    if any(AT_WORST.format("responses") in note for note in result.notes):
        return None
    errors = [metrics[name] for name in RESPONSES if name in metrics]
    return min(float(np.mean([max(0.0, 1.0 - e) for e in errors])), metrics.get(EARLY, np.inf)) if errors else None
