"""Checks for what no correct result can hold: scores out of bounds or in contradiction, impossible names and spends.

`zfbench.records.reading.load` refuses what is no result at all. The checks here need nothing but the result; those that
need its task or other results are in `zfbench.runs.validation`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from zfbench.records.result import Result

LONGEST = 200  # characters of a name
REPEATED = 1e-6  # relative difference of two numbers that a judge computed from the same arrays and rounded
DIGITS = 1e-5  # relative difference of a loss and its short form in the list of evaluated programs
SHOWN = 0.01  # of a spend in that list, which is rounded to it
THINNED = 0.01  # slack of a mean against its thinned curve, in units of the curve's largest value

AT_MOST_ONE = ("skill_last_value", "skill_mean", "lift")
SHARES = ("excitable", "target_share", "clipped", "table_share", "balanced_sign_accuracy")
SIGNED_SHARES = ("rank_correlation", "weight_spearman")
NEVER_NEGATIVE = ("_se", "_sd", "error", "error_relative", "distance", "mae", "_loss")
CONTROLS = {"skill_last_value": "last value", "skill_mean": "mean"}  # each skill, and the control it is relative to


def contradictions(result: Result) -> Iterator[tuple[str, str]]:
    """Yield the field and a sentence's end for each thing that cannot be, such as ("seed", "it is negative")."""
    yield from _names(result)
    for name, value in result.metrics.items():
        yield from _bounds(name, value)
    for split in sorted({name.split("/")[1] for name in result.metrics if re.fullmatch(r"forecast/\w+/mae", name)}):
        yield from _forecast(f"forecast/{split}", result)
    yield from _lifts(result.metrics)
    yield from _blocks(result.metrics)
    yield from _headlines(result.metrics)
    yield from _efforts(result)
    if result.method.kind == "search":
        yield from _search(result)
    elif result.search is not None or result.method.proposer is not None or result.evaluated or result.finals:
        yield "method.kind", f"a {result.method.kind} has no proposer, search, evaluated programs or finals"


def implied_error(result: Result, split: str, skill: str) -> float | None:
    """Return the error of the control that a skill is relative to, MAE / (1 - skill); None without skill or error.

    It is a property of the data, so that all results on the same data imply the same.

    Args:
        result: the result.
        split: `id` or `ood`.
        skill: a key of `CONTROLS`.
    """
    error = result.metrics.get(f"forecast/{split}/mae")
    value = result.metrics.get(f"forecast/{split}/{skill}")
    if error is None or value is None or 1 - value < 1e-4:  # an error that is almost zero implies nothing
        return None
    return error / (1 - value)


def close(a: float, b: float, tolerance: float = REPEATED) -> bool:
    """Return True if two numbers are equal but for rounding.

    Args:
        a: a number.
        b: the other number.
        tolerance: largest difference, as a share of the larger number.
    """
    return abs(a - b) <= tolerance * max(abs(a), abs(b), 1e-6)


def _names(result: Result) -> Iterator[tuple[str, str]]:
    method, task = result.method, result.task
    texts = {"method.name": method.name, "task.name": task.name, "task.track": task.track, "status": result.status}
    texts |= {"method.proposer": method.proposer} if method.proposer is not None else {}
    for field, text in texts.items():
        if not text.strip() or text != text.strip():
            yield field, "it is empty, or begins or ends with a space"
        if len(text) > LONGEST:
            yield field, f"it has more than {LONGEST} characters"
        if not text.isprintable():
            yield field, "it has line breaks or other control characters"
    if method.name == "oracle" and method.kind != "control":
        yield "method.name", "'oracle' is the name of the true circuit"
    if method.name == "ceiling" and method.kind != "control":
        yield "method.name", "'ceiling' is the name of the true form with learned constants"


def _bounds(name: str, value: float) -> Iterator[tuple[str, str]]:
    last = name.rsplit("/", 1)[-1]
    errors = any(part.endswith(NEVER_NEGATIVE) for part in name.split("/"))
    if any(part in AT_MOST_ONE for part in name.split("/")) and value > 1 + REPEATED:
        yield f"metrics.{name}", f"{value} is above 1"
    if last in SHARES and not -REPEATED <= value <= 1 + REPEATED:
        yield f"metrics.{name}", f"{value} is outside [0, 1]"
    if last in SIGNED_SHARES and abs(value) > 1 + REPEATED:
        yield f"metrics.{name}", f"{value} is outside [-1, 1]"
    density = name.startswith("likelihood/") and last.endswith("_loss")  # minus a log density, which has either sign
    if errors and not density and "skill" not in last and value < 0:
        yield f"metrics.{name}", f"{value} is negative"
    if name.startswith("headline/") and not last.endswith("_se") and abs(value) > 1 + REPEATED:
        yield f"metrics.{name}", f"{value} is outside [-1, 1]"


def _forecast(split: str, result: Result) -> Iterator[tuple[str, str]]:
    """Compare the error of a split with those of its conditions and groups, with its curve and with its skills."""
    metrics, field = result.metrics, f"metrics.{split}/mae"
    error = metrics[f"{split}/mae"]
    conditions = _below(metrics, f"{split}/mae/condition/")
    groups = _below(metrics, f"{split}/mae/group/")
    if conditions and not close(error, float(np.mean(conditions))):
        yield field, f"{error} is not the mean over its conditions, {np.mean(conditions):.6g}"
    if groups and not min(groups) * (1 - REPEATED) <= error <= max(groups) * (1 + REPEATED):
        yield field, f"{error} is not between those of its groups, {min(groups):.6g} and {max(groups):.6g}"
    curve, steps = result.curves.get(f"{split}/mae"), result.curves.get("forecast/steps")
    if curve and steps and len(curve) == len(steps):
        low, high = _mean_between(curve, steps)
        slack = THINNED * max(max(curve), 1e-6)
        if not low - slack <= error <= high + slack:
            yield field, f"{error} is not the mean of its curve over the horizon, {low:.6g} to {high:.6g}"
        if min(curve) < 0:
            yield f"curves.{split}/mae", "an error is negative"
    for skill in CONTROLS:
        own, known = result.curves.get(f"{split}/{skill}"), metrics.get(f"{split}/{skill}")
        if own and max(own) > 1 + REPEATED:
            yield f"curves.{split}/{skill}", "a skill is above 1"
        if own and known is not None and error > 1e-6 and (known > max(own) + THINNED or known < min(own) - THINNED):
            yield f"metrics.{split}/{skill}", f"{known} is not between those of its curve"


def _mean_between(curve: Sequence[float], steps: Sequence[float]) -> tuple[float, float]:
    """Return the smallest and the largest mean over the horizon of a curve that was thinned to these steps.

    Between two steps that were kept, a value is taken to lie between theirs.
    """
    horizon = np.arange(1, steps[-1] + 1)
    right = np.clip(np.searchsorted(steps, horizon), 0, len(steps) - 1)
    left = np.where(np.asarray(steps)[right] == horizon, right, np.maximum(right - 1, 0))
    ends = np.array([np.asarray(curve)[left], np.asarray(curve)[right]])  # [2, H]
    return float(ends.min(axis=0).mean()), float(ends.max(axis=0).mean())


def _lifts(metrics: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    """Compare every lift with its average precision and prevalence: (AP - p) / (1 - p)."""
    for name, lift in metrics.items():
        prefix, _, last = name.rpartition("/")
        precision, prevalence = metrics.get(f"{prefix}/average_precision"), metrics.get(f"{prefix}/prevalence")
        if last == "lift" and precision is not None and prevalence is not None and prevalence < 1:
            expected = (precision - prevalence) / (1 - prevalence)
            if abs(lift - expected) > REPEATED:
                yield f"metrics.{name}", f"{lift} is not that of its average precision, {expected:.6g}"


def _blocks(metrics: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    """Compare a median over blocks with those of the blocks of each source, and with its upper quantile."""
    for prefix in ("dynamics/impulse/cross", "intervention/cross"):
        error, upper = metrics.get(f"{prefix}/error"), metrics.get(f"{prefix}/error_upper")
        parts = _below(metrics, f"{prefix}/error/source/")
        if error is not None and parts and not min(parts) - REPEATED <= error <= max(parts) + REPEATED:
            yield (
                f"metrics.{prefix}/error",
                f"{error} is not between those of its sources, {min(parts):.6g} and {max(parts):.6g}",
            )
        if error is not None and upper is not None and upper < error * (1 - REPEATED):
            yield f"metrics.{prefix}/error_upper", f"the .9 quantile {upper} is below the median {error}"


def _headlines(metrics: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    parts = [metrics.get(f"headline/{name}") for name in ("generalisation", "wiring", "responses")]
    mean, known = metrics.get("headline/mean"), [part for part in parts if part is not None]
    if mean is not None and len(known) < len(parts):
        yield "metrics.headline/mean", "a mean needs all three headline scores"
    elif mean is not None and abs(mean - float(np.mean(known))) > REPEATED:
        yield "metrics.headline/mean", f"{mean} is not the mean of the three headline scores"


def _efforts(result: Result) -> Iterator[tuple[str, str]]:
    """Compare limits with what was spent on the training of what was judged."""
    limits, kind = result.limits, result.method.kind
    for name in ("updates", "seconds"):
        limit = limits.get(name)
        if kind != "control" and (limit is None or limit <= 0):
            yield f"limits.{name}", "a method that is fitted has such a limit above 0"
    allowed = limits.get("updates") or 0.0
    if kind != "search" and result.spend.updates > allowed:
        yield "spend.updates", f"{result.spend.updates} updates are above the limit of {allowed:g}"
    if kind == "program" and result.status == "ok" and result.program is None:
        yield "program", "the program that was judged is missing"
    trained = None if result.program is None else result.program.training.get("updates")
    if isinstance(trained, int | float) and kind != "control":
        if trained > allowed:
            yield "program.training.updates", f"{trained:g} updates are above the limit of {allowed:g}"
        best = result.program.training.get("best_update") if result.program is not None else None
        if isinstance(best, int | float) and not 0 <= best <= trained:
            yield "program.training.best_update", f"{best:g} is none of the program's {trained:g} updates"
        if result.spend.updates < trained:
            yield "spend.updates", f"{result.spend.updates} updates are fewer than the program's {trained:g}"
    loss = None if result.program is None else result.program.validation_loss
    for name in (name for name in result.metrics if name.startswith("forecast/validation/")):
        if loss is not None and not close(result.metrics[name], loss):
            yield f"metrics.{name}", f"{result.metrics[name]} is not the program's validation loss, {loss}"


def _search(result: Result) -> Iterator[tuple[str, str]]:
    if result.search is None or result.method.proposer is None:
        yield "search", "a search has a proposer, and options with a budget"
        return
    if result.status == "ok" and result.program is None:
        yield "program", "the program that the search found is missing"
    budget = result.search.budget
    if not any(budget.values()):
        yield "search.budget", "a search has a budget"
    for unit in ("evaluations", "tokens", "money"):
        spent, allowed = getattr(result.spend, unit), budget.get(unit)
        if allowed is not None and spent > allowed * (1 + REPEATED):
            yield f"spend.{unit}", f"{spent:g} is above the budget of {allowed:g}"
    each = max(budget.get("updates") or 0.0, result.limits.get("updates") or 0.0)
    if each and result.spend.updates > (result.spend.evaluations + 1) * each:  # the winner is trained once more
        yield "spend.updates", f"{result.spend.updates} updates are more than its trainings may have"
    yield from _evaluated(result)
    judged = None if result.program is None else result.program.id
    losses = {str(f.get("program")): loss for f in result.finals if isinstance(loss := f.get("full_loss"), int | float)}
    if judged is not None and losses and losses.get(judged, np.inf) > min(losses.values()):
        yield "program.id", "the judged program is not the finalist with the lowest loss"
    known = {entry.program for entry in result.evaluated}
    if judged is not None and known and judged[:12] not in known:
        yield "program.id", "the judged program is none of those that the search evaluated"


def _evaluated(result: Result) -> Iterator[tuple[str, str]]:
    """Compare what was spent, and the finals, with the programs that the search evaluated."""
    if not result.evaluated or result.search is None:
        return
    until, screened = result.evaluated[-1].spend, len(result.evaluated)
    for number, entry in enumerate(result.evaluated, 1):
        if entry.spend.evaluations < number:
            yield f"evaluated.evaluations.{number - 1}", f"{entry.spend.evaluations} are too few for {number} programs"
            break
    if result.spend.evaluations < screened + len(result.finals):
        yield (
            "spend.evaluations",
            f"{result.spend.evaluations} are fewer than the {screened} of the search and {len(result.finals)} of its "
            "finals",
        )
    for unit in ("updates", "device_seconds", "wall_seconds", "tokens", "money"):
        spent, before = getattr(result.spend, unit), getattr(until, unit)
        if spent < before * (1 - REPEATED) - SHOWN:
            yield f"spend.{unit}", f"{spent:g} is less than the search had spent by its last program, {before:g}"
    if len(result.finals) > result.search.finalists:
        yield "finals", f"there are {len(result.finals)} of them, and {result.search.finalists} finalists"
    losses: dict[str, list[float]] = {}
    for entry in result.evaluated:
        if entry.loss is not None:
            losses.setdefault(entry.program, []).append(entry.loss)
    entered = []
    for number, final in enumerate(result.finals):
        known, loss = losses.get(str(final.get("program"))[:12]), final.get("screened_loss")
        if known is None or not isinstance(loss, int | float):
            yield f"finals.{number}.program", "it is none of the working programs that the search evaluated"
        elif not any(close(loss, other, DIGITS) for other in known):
            yield f"finals.{number}.screened_loss", f"{loss:g} is not the loss that the search found, {known[0]:g}"
        else:
            entered.append(float(loss))
    best = min((min(known) for known in losses.values()), default=None)
    if best is not None and entered and min(entered) > best * (1 + DIGITS):
        yield "finals", f"the best program of the search, of loss {best:g}, is not among them"


def _below(metrics: Mapping[str, float], prefix: str) -> list[float]:
    return [value for name, value in metrics.items() if name.startswith(prefix)]
