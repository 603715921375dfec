"""The atlas as a picture: a program's loss on the validation data against what the judge finds in it, as SVG.

A row for each headline score, a column for each loss: of a table's screenings, of its full trainings, and of the finals
of live searches. Where the loss tells which model has the mechanism, the scores fall from left to right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from zfbench.leaderboard.analyses.landscape import Correlation, correlation
from zfbench.leaderboard.analyses.searches import LOSS, Comparison
from zfbench.leaderboard.outcomes import outcome

SCORES = {
    "headline/generalisation": "generalisation",
    "headline/wiring": "wiring",
    "headline/responses": "responses",
}
SCREENED, FULL = "screening", "full training"
WIDE, HIGH, LEFT, TOP, GAP, BOTTOM, LEGEND = 260, 150, 70, 56, 34, 64, 24  # pixels: a panel, and what is around it
LOW, ONE = -0.1, 1.0  # range of the scores; what is beyond stands at the edge
ORDINARY, BEST, TRUE = "#7A7A7A", "#0072B2", "#D55E00"  # Okabe & Ito's palette


@dataclass(frozen=True)
class Point:
    """A judged program.

    Attributes:
        loss: that a search saw.
        scores: by name of the headline score; one that is not applicable is missing.
        best: whether its screening is among the best tenth.
        true: whether it is the true form.
    """

    loss: float
    scores: Mapping[str, float]
    best: bool = False
    true: bool = False


def columns(landscape: Mapping[str, Any], searches: Comparison | None) -> dict[str, list[Point]]:
    """Return the judged programs by the heading of their column.

    Args:
        landscape: what `zfbench table landscape` wrote, with its atlas.
        searches: live searches whose judged programs have a column too; None for none.
    """
    found: dict[str, list[Point]] = {}
    for heading, name in ((SCREENED, "loss"), (FULL, "full loss")):
        found[f"finite space, {heading}"] = [
            Point(row[name], _known(row), row["best tenth"], row["true"])
            for row in landscape["atlas"]["points"]
            if row[name] is not None
        ]
    if searches is not None:
        chosen = [
            Point(math.exp(loss), _known(run.metrics))  # the outcome is a logarithm
            for runs in searches.runs.values()
            for run in runs
            if (loss := outcome(run, LOSS)) is not None
        ]
        found["live searches, finals"] = chosen
    return found


def relation(points: Sequence[Point], score: str) -> Correlation | None:
    """Return the rank correlation of the loss with a score; None for few programs.

    Args:
        points: the programs.
        score: name of a headline score.
    """
    pairs = [(point.loss, point.scores[score]) for point in points if score in point.scores]
    return correlation([loss for loss, _ in pairs], [value for _, value in pairs])


def draw(landscape: Mapping[str, Any], searches: Comparison | None) -> str:
    """Return the picture as SVG text; equal programs give equal text.

    Args:
        landscape: what `zfbench table landscape` wrote, with its atlas.
        searches: live searches whose judged programs have a column too; None for none.
    """
    found = columns(landscape, searches)
    width = LEFT + len(found) * (WIDE + GAP)
    height = TOP + len(SCORES) * (HIGH + GAP) + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="img" font-family="sans-serif" font-size="13" fill="#222">',
        "<title>Losses of programs on the validation data against scores of the judge</title>",
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-weight="bold">Loss on the validation data against what the judge finds</text>',
    ]
    for column, (heading, points) in enumerate(found.items()):
        left = LEFT + column * (WIDE + GAP)
        parts.append(f'<text x="{left}" y="{TOP - 12}">{escape(heading)}, {len(points)} programs</text>')
        for row, score in enumerate(SCORES):
            parts += _panel(points, score, left, TOP + row * (HIGH + GAP), labelled=column == 0)
        parts.append(
            f'<text x="{left + WIDE / 2}" y="{height - BOTTOM + 10}" text-anchor="middle">loss (logarithmic)</text>'
        )
    place = LEFT
    for colour, filled, words in (
        (TRUE, True, "finite space: the true form"),
        (BEST, True, "finite space: best tenth of the screenings"),
        (ORDINARY, False, "other programs"),
    ):
        parts.append(_mark(place, height - LEGEND, colour, filled, diamond=colour == TRUE))
        parts.append(f'<text x="{place + 10}" y="{height - LEGEND + 4}">{words}</text>')
        place += 270
    return "\n".join([*parts, "</svg>\n"])


def _known(metrics: Mapping[str, float | None]) -> dict[str, float]:
    return {name: value for name in SCORES if (value := metrics.get(name)) is not None}


def _panel(points: Sequence[Point], score: str, left: int, top: int, labelled: bool) -> list[str]:
    """One panel: axes, rank correlation, and a mark for each program, the true ones on top."""
    losses = [math.log(point.loss) for point in points] or [0.0]
    low, high = min(losses), max(losses)

    def x(loss: float) -> float:
        return round(left + 8 + (math.log(loss) - low) / max(high - low, 1e-12) * (WIDE - 16), 1)

    def y(value: float) -> float:
        return round(top + HIGH - (min(max(value, LOW), ONE) - LOW) / (ONE - LOW) * HIGH, 1)

    found = relation(points, score)
    said = "" if found is None else "rank correlation {value:.2f} [{low:.2f}, {high:.2f}]".format(**found.to_json())
    parts = [f'<rect x="{left}" y="{top}" width="{WIDE}" height="{HIGH}" fill="none" stroke="#999"/>']
    for value in (0.0, 0.5, 1.0):
        parts.append(f'<path d="M{left} {y(value)}H{left + WIDE}" stroke="#ddd"/>')
        if labelled:
            parts.append(f'<text x="{left - 6}" y="{y(value) + 4}" text-anchor="end" font-size="11">{value:g}</text>')
    if labelled:
        middle = top + HIGH / 2
        parts.append(
            f'<text x="{left - 44}" y="{middle}" text-anchor="middle" transform="rotate(-90 {left - 44} {middle})">'
            f"{SCORES[score]}</text>"
        )
    for loss in (math.exp(low), math.exp(high)):
        parts.append(f'<text x="{x(loss)}" y="{top + HIGH + 13}" text-anchor="middle" font-size="11">{loss:.2g}</text>')
    parts.append(f'<text x="{left + WIDE / 2}" y="{top + HIGH + 13}" text-anchor="middle" font-size="11">{said}</text>')
    for point in sorted(points, key=lambda point: (point.true, point.best)):
        if score in point.scores:
            colour = TRUE if point.true else BEST if point.best else ORDINARY
            parts.append(
                _mark(x(point.loss), y(point.scores[score]), colour, point.true or point.best, diamond=point.true)
            )
    return parts


def _mark(x: float, y: float, colour: str, filled: bool, diamond: bool) -> str:
    """A diamond or a circle, so that nothing depends on colour alone."""
    fill = colour if filled else "none"
    if diamond:
        return f'<path d="M{x} {y - 6}l6 6l-6 6l-6 -6z" fill="{fill}"/>'
    return f'<circle cx="{x}" cy="{y}" r="3" fill="{fill}" stroke="{colour}"/>'
