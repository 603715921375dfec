"""Reports on claims, as text and as JSON."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence

from zfbench.leaderboard.claims import Answer, Finding
from zfbench.leaderboard.commands import command, describe
from zfbench.leaderboard.statistics import Interval


def as_text(answers: Sequence[Answer]) -> str:
    """Return a paragraph for each claim with its tests, and the count of verdicts."""
    paragraphs = []
    for answer in answers:
        lines = [f"{answer.verdict.upper():<10} {answer.claim.id}", f"  {answer.claim.text} [{answer.claim.source}]"]
        for finding in answer.findings:
            lines += [f"  - {finding.verdict}: {finding.test.describe()}", f"    {evidence(finding)}"]
            lines += [f"    {line}" for line in describe(finding.missing, answer.claim.command)]
        paragraphs.append("\n".join(lines))
    counts = Counter(answer.verdict for answer in answers)
    summary = ", ".join(f"{counts[verdict]} {verdict}" for verdict in ("supported", "refuted", "undecided"))
    return "\n\n".join([*paragraphs, summary])


def evidence(finding: Finding) -> str:
    """Return effect, interval, p-value and number of seeds, with the reason if the test is undecided."""
    parts = [] if finding.effect is None else [_effect(finding.effect, finding.test.confidence)]
    if finding.p is not None:
        parts.append(f"p = {finding.p:.3g}")
    if finding.effect is not None:
        parts.append(f"n = {finding.effect.n}")
    if finding.reason:
        parts.append(finding.reason)
    return ", ".join(parts)


def as_json(answers: Sequence[Answer]) -> str:
    """Return all decisions as JSON."""
    return json.dumps(
        [
            {
                "id": answer.claim.id,
                "source": answer.claim.source,
                "text": answer.claim.text,
                "verdict": answer.verdict,
                "tests": [
                    {
                        "test": finding.test.model_dump(mode="json"),
                        "verdict": finding.verdict,
                        "effect": None if finding.effect is None else finding.effect.estimate,
                        "low": _finite(finding.effect, "low"),
                        "high": _finite(finding.effect, "high"),
                        "n": 0 if finding.effect is None else finding.effect.n,
                        "p": finding.p,
                        "reason": finding.reason,
                        "missing": [
                            {
                                "side": m.side.model_dump(mode="json"),
                                "seeds": m.seeds,
                                "command": answer.claim.command or command(m),
                            }
                            for m in finding.missing
                        ],
                    }
                    for finding in answer.findings
                ],
            }
            for answer in answers
        ],
        indent=1,
        allow_nan=False,
    )


def _effect(effect: Interval, confidence: float) -> str:
    if not math.isfinite(effect.low):
        return f"difference {effect.estimate:.3g}, no interval"
    return f"difference {effect.estimate:.3g} [{effect.low:.3g}, {effect.high:.3g}] at {confidence:.0%}"


def _finite(effect: Interval | None, bound: str) -> float | None:
    value = None if effect is None else float(getattr(effect, bound))
    return value if value is not None and math.isfinite(value) else None
