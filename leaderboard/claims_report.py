"""Reports on claims, as text and as JSON."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from zfbench.leaderboard.claims import Comparison
from zfbench.leaderboard.commands import command, describe, own_command
from zfbench.leaderboard.outcomes import is_error
from zfbench.leaderboard.shipped import RESULTS
from zfbench.leaderboard.statistics import Interval
from zfbench.leaderboard.verdicts import VERDICTS, Answer, Finding, hold_together

BESIDE = "over training seeds alone, not over circuits, recordings, test windows or probe states"
WIDEST = max(map(len, VERDICTS))


def as_text(answers: Sequence[Answer], results: Path = RESULTS) -> str:
    """Return the count of verdicts, a line for each claim, what holds of them together, and each claim in detail.

    Args:
        answers: the decisions.
        results: the results that were checked, a folder or a file, for the commands that measure missing runs.
    """
    lines = [f"{answer.verdict.upper():<{WIDEST}}  {answer.claim.id}" for answer in answers]
    parts = [summary(answers), "\n".join(lines), family(answers), f"Intervals are {BESIDE}."]
    return "\n\n".join([*parts, *(_paragraph(answer, results) for answer in answers)])


def summary(answers: Sequence[Answer]) -> str:
    """Return how many claims have each verdict."""
    counts = Counter(answer.verdict for answer in answers)
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS)


def family(answers: Sequence[Answer]) -> str:
    """Return which decisions hold if the probability of one wrong decision among all claims is to be 5 % at most."""
    decided = [(a, held) for a, held in zip(answers, hold_together(answers), strict=True) if a.verdict != "undecided"]
    if not decided:
        return "No claim is decided, so there is nothing to correct for the number of claims."
    lost = [answer.claim.id for answer, held in decided if not held]
    kept = len(decided) - len(lost)
    text = f"Corrected for all {len(answers)} claims together (Holm, 5 %), {kept} of {len(decided)} decisions hold"
    return f"{text}; these do not: {', '.join(lost)}." if lost else f"{text}."


def evidence(finding: Finding) -> str:
    """Return effect, interval, p-value, number of seeds and power, with the reason if the test is undecided."""
    parts = [] if finding.effect is None else [_effect(finding.effect, finding.test)]
    if finding.p is not None:
        parts.append(f"p = {finding.p:.3g}")
    if finding.effect is not None:
        parts.append(f"n = {finding.effect.n} training seeds")
    if finding.shows is not None:
        parts.append(_shown(finding.shows, finding.test))
    if finding.reason:
        parts.append(finding.reason)
    return ", ".join(parts)


def as_json(answers: Sequence[Answer], results: Path = RESULTS) -> str:
    """Return all decisions as JSON; effects of errors are log ratios. The arguments are those of `as_text`."""
    held = hold_together(answers)
    records = [_record(answer, results) | {"holds_together": h} for answer, h in zip(answers, held, strict=True)]
    return json.dumps(records, indent=1, allow_nan=False)


def _paragraph(answer: Answer, results: Path) -> str:
    claim = answer.claim
    lines = [f"{claim.id}: {answer.verdict}", f"  {claim.text} [{claim.source}]"]
    if claim.margin_reason:
        lines.append(f"  margin: {claim.margin_reason}")
    if claim.margin_seeds:
        lines.append(f"  seeds that chose the margin, left out: {', '.join(map(str, claim.margin_seeds))}")
    for finding in answer.findings:
        lines += [f"  - {finding.verdict}: {finding.test.describe()}", f"    {evidence(finding)}"]
        lines += [f"    {line}" for line in describe(finding.missing, claim, results)]
    return "\n".join(lines)


def _effect(effect: Interval, test: Comparison) -> str:
    """Return the difference of scores or the ratio of errors, with its interval."""
    name, show = ("ratio", math.exp) if is_error(test.metric) else ("difference", float)
    if not math.isfinite(effect.low):
        return f"{name} {show(effect.estimate):.3g}, no interval"
    interval = f"[{show(effect.low):.3g}, {show(effect.high):.3g}] at {test.confidence:.0%}"
    return f"{name} {show(effect.estimate):.3g} {interval} ({BESIDE})"


def _shown(effect: float, test: Comparison) -> str:
    size = f"a factor of {math.exp(effect):.3g}" if is_error(test.metric) else f"{effect:.3g}"
    return f"smallest effect beyond the margin that so many seeds show: {size} (power 80 %)"


def _record(answer: Answer, results: Path) -> dict[str, object]:
    claim = answer.claim
    return {
        "id": claim.id,
        "source": claim.source,
        "text": claim.text,
        "margin_reason": claim.margin_reason,
        "margin_seeds": claim.margin_seeds,
        "verdict": answer.verdict,
        "tests": [
            {
                "test": finding.test.model_dump(mode="json"),
                "verdict": finding.verdict,
                "scale": "log ratio" if is_error(finding.test.metric) else "difference",
                "effect": None if finding.effect is None else finding.effect.estimate,
                "low": None if finding.effect is None else _finite(finding.effect.low),
                "high": None if finding.effect is None else _finite(finding.effect.high),
                "n": 0 if finding.effect is None else finding.effect.n,
                "p": finding.p,
                "shows": finding.shows,
                "reason": finding.reason,
                "missing": [
                    {
                        "side": m.side.model_dump(mode="json"),
                        "seeds": m.seeds,
                        "command": own_command(claim, results) or command(m, results),
                    }
                    for m in finding.missing
                ],
            }
            for finding in answer.findings
        ],
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
