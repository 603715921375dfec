"""Plots as inline SVG, coloured by CSS classes so that they follow the page's light or dark theme.

Every function returns markup that is safe to put into a page: names are escaped here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import ArrayLike

LEFT = 68  # pixels to the left of the axes, for numbers and a label
LONGEST_BAR = 4.0
ENTRY, LETTER = 40, 6.6  # pixels: of a legend's entry without its text, and of one of its letters


@dataclass(frozen=True)
class Scale:
    """A linear or logarithmic map from values to pixels."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return the pixels of a value, kept within the axis."""
        low, high, v = (math.log10(x) if self.log else x for x in (self.low, self.high, self._inside(value)))
        if low == high:  # one value alone
            return self.start
        return self.start + (v - low) / (high - low) * (self.end - self.start)

    def all(self, values: ArrayLike) -> list[float]:
        """Return the pixels of values on a linear axis [n], kept within it."""
        if self.low == self.high:
            return [self.start] * len(np.atleast_1d(values))
        inside = np.clip(np.asarray(values, np.float64), self.low, self.high)
        pixels: list[float] = (
            self.start + (inside - self.low) / (self.high - self.low) * (self.end - self.start)
        ).tolist()
        return pixels

    def ticks(self) -> list[float]:
        """Return round values along the axis."""
        if self.log:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            ratio = self.high / self.low
            steps = (1,) if ratio > 300 else (1, 2, 5) if ratio > 10 else (1, 1.5, 2, 3, 4, 5, 7)
            candidates = [m * 10.0**k for k in decades for m in steps]
        elif self.low == self.high:
            candidates = [self.low]
        else:
            step = 10.0 ** math.floor(math.log10((self.high - self.low) / 5))
            step = next(s for s in (step, 2 * step, 5 * step, 10 * step) if (self.high - self.low) / s <= 5)
            first = math.ceil(self.low / step - 1e-9)
            candidates = [round((first + i) * step, 10) for i in range(7)]
        return [t for t in candidates if self.low * (1 - 1e-9) <= t <= self.high * (1 + 1e-9)]

    def _inside(self, value: float) -> float:
        return min(max(value, self.low), self.high)


@dataclass(frozen=True)
class Line:
    """A curve; its class determines the colour, and `low` and `high` draw a band around it."""

    name: str
    style: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


def lines(
    curves: Sequence[Line],
    x_label: str,
    y_label: str,
    width: int = 640,
    height: int = 300,
    y_range: tuple[float, float] | None = None,
    legend: bool = True,
) -> Markup:
    """Draw curves with bands on linear axes that include zero, with a legend above.

    Args:
        curves: the curves.
        x_label: label of the horizontal axis.
        y_label: label of the vertical axis.
        width: width in pixels.
        height: height in pixels.
        y_range: range of the vertical axis; None to fit the curves.
        legend: True for a legend.
    """
    if not curves:
        return Markup("")
    top = max(max(c.high if c.high is not None else c.y) for c in curves)
    bottom = min(min(c.low if c.low is not None else c.y) for c in curves)
    y_low, y_high = y_range or (min(0.0, 1.05 * bottom), 1.05 * top if top > 0 else 1.0 if bottom >= 0 else 0.0)
    entry = ENTRY + LETTER * max(len(c.name) for c in curves)
    per_row = max(1, int((width - LEFT) / entry))
    head = 14 + 18 * -(-len(curves) // per_row) if legend else 8
    x = Scale(min(c.x[0] for c in curves), max(c.x[-1] for c in curves), LEFT, width - 16)
    y = Scale(y_low, y_high, height - 48, head)
    parts = [frame(x, y, x_label, y_label, height)]
    for i, c in enumerate(curves):
        if c.low is not None and c.high is not None:
            band = _points([*c.x, *reversed(c.x)], [*c.low, *reversed(c.high)], x, y)
            parts.append(f'<polygon class="band {c.style}" points="{band}"/>')
        path = _points(c.x, c.y, x, y)
        parts.append(f'<polyline class="curve {c.style}" points="{path}"><title>{escape(c.name)}</title></polyline>')
        if legend:
            lx, ly = LEFT + entry * (i % per_row), 12 + 18 * (i // per_row)
            parts.append(segment(lx, ly, lx + 20, ly, f"curve {c.style}"))
            parts.append(f'<text class="entry" x="{lx + 26:.0f}" y="{ly + 4}">{escape(c.name)}</text>')
    return drawing(parts, width, height, f"{y_label} over {x_label}")


def trace(
    name: str,
    truth: Sequence[float] | None,
    forecast: Sequence[float],
    y_range: tuple[float, float] = (-0.1, 1.1),
) -> Markup:
    """Draw a small panel: a curve of one neuron over the true one, with an arrow where a curve leaves the panel.

    Args:
        name: title of the panel.
        truth: [T], the true curve; None for none.
        forecast: [T], the model's curve.
        y_range: range of the vertical axis; by default that of activity.
    """
    width, height = 200, 84
    x, y = Scale(0, len(forecast) - 1, 4, width - 4), Scale(*y_range, height - 4, 20)
    parts = [f'<text x="4" y="13">{escape(name)}</text>']
    if y_range[0] < 0 < y_range[1]:
        parts.append(segment(x.start, y(0), x.end, y(0), "grid"))
    for style, path in (("truth", truth), ("model", forecast)):
        if path is not None:
            parts.append(f'<polyline class="curve {style}" points="{_points(range(len(path)), path, x, y)}"/>')
            parts.append(_cut(style, path, x, y))
    return drawing(parts, width, height, f"Forecast of {name}")


def bars(values: Sequence[tuple[str, float]], reference: float | None = None, width: int = 600) -> Markup:
    """Draw horizontal bars with their values; a bar that is too long for the axis ends in an arrow.

    Args:
        values: label and value of each bar.
        reference: value that is drawn as a line; None for none.
        width: width in pixels.
    """
    if not values:
        return Markup("")
    top = min(max(v for _, v in values), LONGEST_BAR)  # one absurd group must not flatten all others
    x = Scale(0, max(top, reference or 0) * 1.02, 56, width - 72)
    parts = []
    for i, (name, value) in enumerate(values):
        at = 18 * i + 4
        parts.append(
            f'<text x="50" y="{at + 11}" text-anchor="end">{escape(name)}</text>'
            f'<rect class="bar" x="56" y="{at}" width="{x(value) - 56:.1f}" height="13"/>'
            f'<text x="{x(value) + 5:.1f}" y="{at + 11}">{"→ " * (value > x.high)}{number(value)}</text>'
        )
    height = 18 * len(values) + 8
    if reference is not None:
        parts.append(segment(x(reference), 0, x(reference), height, "diagonal"))
    return drawing(parts, width, height, "Scores by group of neurons")


def frame(x: Scale, y: Scale, x_label: str, y_label: str, height: int) -> str:
    """Return axes with grid lines, numbers and labels.

    Args:
        x: scale of the horizontal axis.
        y: scale of the vertical axis.
        x_label: label of the horizontal axis.
        y_label: label of the vertical axis.
        height: height of the picture in pixels.
    """
    parts = []
    for t in x.ticks():
        parts.append(segment(x(t), y.start, x(t), y.end, "grid"))
        parts.append(f'<text x="{x(t):.1f}" y="{y.start + 16}" text-anchor="middle">{number(t)}</text>')
    for t in y.ticks():
        parts.append(segment(x.start, y(t), x.end, y(t), "grid"))
        parts.append(f'<text x="{x.start - 6}" y="{y(t) + 4:.1f}" text-anchor="end">{number(t)}</text>')
    middle = (y.start + y.end) / 2
    parts.append(f'<text x="{(x.start + x.end) / 2}" y="{height - 8}" text-anchor="middle">{escape(x_label)}</text>')
    parts.append(
        f'<text x="12" y="{middle}" text-anchor="middle" transform="rotate(-90 12 {middle})">{escape(y_label)}</text>'
    )
    return "".join(parts)


def segment(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    """Return a straight line.

    Args:
        x1: pixels from the left to its start.
        y1: pixels from the top to its start.
        x2: pixels from the left to its end.
        y2: pixels from the top to its end.
        style: its CSS class.
    """
    return f'<line class="{style}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def number(value: float) -> str:
    """Return a number with three digits."""
    return f"{value:.3g}" if abs(value) < 1e4 else f"{value:.0e}"


def drawing(parts: Sequence[str], width: float, height: float, title: str, role: str = "img") -> Markup:
    """Return a picture of these parts.

    Args:
        parts: markup of the parts.
        width: width in pixels.
        height: height in pixels.
        title: what it shows, for whoever cannot see it.
        role: `img`, or `group` if it holds links.
    """
    name = f'role="{role}" aria-label="{escape(title)}"'
    return Markup(f'<svg viewBox="0 0 {width} {height}" {name}>{"".join(parts)}</svg>')


def _cut(style: str, path: Sequence[float], x: Scale, y: Scale) -> str:
    """Arrows at the edge, where a curve first leaves the panel on either side."""
    over = next((i for i, value in enumerate(path) if value > y.high), None)
    under = next((i for i, value in enumerate(path) if value < y.low), None)
    up = "" if over is None else f"M{x(over) - 4:.1f} {y.end + 6:.1f}l4 -6l4 6z"
    down = "" if under is None else f"M{x(under) - 4:.1f} {y.start - 6:.1f}l4 6l4 -6z"
    return f'<path class="cut {style}" d="{up}{down}"><title>leaves the panel</title></path>' if up or down else ""


def _points(xs: ArrayLike, ys: ArrayLike, x: Scale, y: Scale) -> str:
    """The points of a path in pixels."""
    return " ".join(map("%.1f,%.1f".__mod__, zip(x.all(xs), y.all(ys), strict=True)))
