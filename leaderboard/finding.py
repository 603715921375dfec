"""The picture of the finding: what methods score, between knowing nothing (0) and the true circuit (1), as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from zfbench.leaderboard.board import Row
from zfbench.leaderboard.highlights import REFERENCES, Highlights, Shown

COLOURS = ("#0072B2", "#009E73", "#D55E00", "#7A7A7A")  # Okabe & Ito's palette, then grey
MARKS = ("circle", "square", "diamond", "triangle")  # so that nothing depends on colour alone
LOW, HIGH = -0.25, 1.05  # range of the axis; what is below stands at its edge, with its number
WIDTH, LABEL, RIGHT = 900, 130, 230  # pixels: whole picture, names of the scores, names of the methods
LANE, GAP, TOP, BOTTOM = 13, 10, 34, 30  # pixels: a method, between two scores, title, axis


def draw(shown: Highlights) -> str:
    """Return the picture as SVG text; equal highlights give equal text."""
    parts, y = [], 0
    for track, rows in shown.rows.items():
        drawn = [row for row in rows if row.runs[0].method.name not in REFERENCES][: len(COLOURS)]
        panel, height = _panel(track, drawn, shown.scores, y)
        parts += panel
        y += height
    title = "Scores of methods by track, from 0 (knows nothing) to 1 (the true circuit)"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}" '
            f'role="img" font-family="sans-serif" font-size="13" fill="#222">',
            f"<title>{title}</title>",
            '<rect width="100%" height="100%" fill="white"/>',
            *parts,
            "</svg>\n",
        ]
    )


def _panel(track: str, rows: Sequence[Row], scores: Sequence[Shown], top: int) -> tuple[list[str], int]:
    """The panel of a track, and its height."""
    block = LANE * len(rows) + GAP
    bottom = top + TOP + block * len(scores)
    parts = [f'<text x="{LABEL}" y="{top + 20}" font-weight="bold">Track {escape(track)}</text>']
    for value, words in ((0.0, "0: knows nothing"), (0.5, "0.5"), (1.0, "1: true circuit")):
        x = _x(value)
        dash = ' stroke-dasharray="2 3"' if value == 0.5 else ""
        parts.append(f'<path d="M{x} {top + TOP - 6}V{bottom}" stroke="#999"{dash}/>')
        parts.append(f'<text x="{x}" y="{bottom + 16}" text-anchor="middle" font-size="11">{words}</text>')
    for i, score in enumerate(scores):
        y = top + TOP + i * block
        parts.append(
            f'<text x="{LABEL - 12}" y="{y + (block - GAP) / 2 + 4}" text-anchor="end">{escape(score.heading)}</text>'
        )
        for k, row in enumerate(rows):
            parts += _point(score, row, k, y + LANE * k + LANE / 2)
    for k, row in enumerate(rows):
        y, x = top + TOP + 8 + 22 * k, WIDTH - RIGHT + 16
        short = escape(row.method.partition(" (")[0])  # without the settings in brackets
        parts += [_mark(x, y, k), f'<text x="{x + 12}" y="{y + 4}">{short}</text>']
    return parts, TOP + block * len(scores) + BOTTOM


def _point(score: Shown, row: Row, k: int, y: float) -> list[str]:
    """The mean of a row with its interval; nothing if the row has no such score."""
    interval = score.of(row)
    if interval is None:
        return []
    x = _x(interval.estimate)
    parts = []
    if interval.n > 1:
        parts.append(f'<path d="M{_x(interval.low)} {y}H{_x(interval.high)}" stroke="{COLOURS[k]}" stroke-width="2"/>')
    parts.append(_mark(x, y, k))
    if interval.estimate < LOW:
        parts.append(f'<text x="{x + 9}" y="{y + 4}" font-size="11">&#8592; {interval.estimate:.2f}</text>')
    return parts


def _mark(x: float, y: float, k: int) -> str:
    shape = {
        "circle": f"M{x - 5} {y}a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z",
        "square": f"M{x - 4.5} {y - 4.5}h9v9h-9z",
        "diamond": f"M{x} {y - 6}l6 6l-6 6l-6 -6z",
        "triangle": f"M{x} {y - 6}l6 10h-12z",
    }[MARKS[k]]
    return f'<path d="{shape}" fill="{COLOURS[k]}" stroke="white"/>'


def _x(value: float) -> float:
    """The pixels of a value, kept within the axis."""
    inside = min(max(value, LOW), HIGH)
    return round(LABEL + (inside - LOW) / (HIGH - LOW) * (WIDTH - LABEL - RIGHT), 1)
