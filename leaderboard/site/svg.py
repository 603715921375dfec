"""Plots as inline SVG, coloured by CSS classes so that they follow the page's light or dark theme.

Every function returns markup that is safe to put into a page: names are escaped here.
"""

from __future__ import annotations

import base64
import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import ArrayLike, NDArray

LEFT = 68  # pixels to the left of the axes, for numbers and a label
LEGEND_WIDTH = 270  # width of one entry in pixels
EXCITATION, INHIBITION = (178, 24, 43), (33, 102, 172)  # red and blue of ColorBrewer's RdBu


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


@dataclass(frozen=True)
class Node:
    """A program of a search for a tree.

    It has a number, a loss (None: failed), a parent, a kind that determines how it is drawn, and a tip.
    """

    number: int
    loss: float | None
    parent: int | None
    kind: str
    tip: str


@dataclass(frozen=True)
class Point:
    """A mark of a scatter plot, with a link to a page."""

    name: str
    style: str
    kind: str
    x: float
    y: float
    link: str


def scatter(points: Sequence[Point], x_label: str, y_label: str, width: int = 640, height: int = 480) -> Markup:
    """Draw a log-log scatter plot with the diagonal.

    Values below the axes, such as the oracle's zero, are drawn at their edge.

    Args:
        points: the marks.
        x_label: label of the horizontal axis.
        y_label: label of the vertical axis.
        width: width in pixels.
        height: height in pixels.
    """
    values = [v for p in points for v in (p.x, p.y) if v > 1e-5]
    if not values:
        return Markup("")
    low, high = min(values) / 1.6, max(values) * 1.5
    x, y = Scale(low, high, LEFT, width - 16, log=True), Scale(low, high, height - 48, 14, log=True)
    parts = [_frame(x, y, x_label, y_label, height)]
    parts.append(_line_between(x(low), y(low), x(high), y(high), "diagonal"))
    taken: list[tuple[float, float, float]] = []
    places: dict[tuple[float, float], list[Point]] = {}
    for p in sorted(points, key=lambda p: -p.y):
        places.setdefault((round(x(p.x), 1), round(y(p.y), 1)), []).append(p)
    for (px, py), here in places.items():
        p, name = here[0], " = ".join(dict.fromkeys(p.name for p in here))
        left = px > width - 40 - 7 * len(name)
        ty = _free(taken, px, py + 4, 7.0 * len(name), left)
        label = f'<text x="{px - 9 if left else px + 9:.1f}" y="{ty:.1f}" text-anchor="{"end" if left else "start"}">'
        tip = f"{name}: {_number(p.x)} in, {_number(p.y)} out of distribution"
        parts.append(
            f'<a href="{escape(p.link)}" class="point {p.style}" data-links="{escape(" ".join(q.link for q in here))}">'
            f"<title>{escape(tip)}</title>{_mark(p.kind, px, py)}{label}{escape(name)}</text></a>"
        )
    return _svg(parts, width, height, f"{y_label} against {x_label}")


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
    per_row = max(1, (width - LEFT) // LEGEND_WIDTH)
    head = 14 + 18 * -(-len(curves) // per_row) if legend else 8
    x = Scale(min(c.x[0] for c in curves), max(c.x[-1] for c in curves), LEFT, width - 16)
    y = Scale(y_low, y_high, height - 48, head)
    parts = [_frame(x, y, x_label, y_label, height)]
    for i, c in enumerate(curves):
        if c.low is not None and c.high is not None:
            band = [*zip(c.x, c.low, strict=True), *reversed(list(zip(c.x, c.high, strict=True)))]
            parts.append(f'<polygon class="band {c.style}" points="{_points(band, x, y)}"/>')
        path = _points(list(zip(c.x, c.y, strict=True)), x, y)
        parts.append(f'<polyline class="curve {c.style}" points="{path}"><title>{escape(c.name)}</title></polyline>')
        if legend:
            lx, ly = LEFT + LEGEND_WIDTH * (i % per_row), 12 + 18 * (i // per_row)
            parts.append(_line_between(lx, ly, lx + 20, ly, f"curve {c.style}"))
            parts.append(f'<text class="entry" x="{lx + 26}" y="{ly + 4}">{escape(c.name)}</text>')
    return _svg(parts, width, height, f"{y_label} over {x_label}")


def tree(nodes: Sequence[Node], x_label: str, y_label: str, width: int = 640, height: int = 400) -> Markup:
    """Draw programs by number and loss, joined to their parents, with failures at the top.

    The axis of the loss is logarithmic if all losses are positive.

    Args:
        nodes: the programs.
        x_label: label of the horizontal axis.
        y_label: label of the vertical axis.
        width: width in pixels.
        height: height in pixels.
    """
    losses = [node.loss for node in nodes if node.loss is not None]
    if not losses:
        return Markup("")
    low, high = min(losses), max(losses)
    log = low > 0
    low, high = (low / 1.1, high * 1.1) if log else (low, high + 0.1 * (high - low or 1.0))
    x = Scale(0.5, len(nodes) + 0.5, LEFT, width - 16)
    y = Scale(low, high, height - 48, 34, log=log)
    at = {node.number: (x(node.number), 20.0 if node.loss is None else y(node.loss)) for node in nodes}
    parts = [_frame(x, y, x_label, y_label, height)]
    for node in nodes:
        if node.parent in at:
            parts.append(_line_between(*at[node.parent], *at[node.number], "descent"))
    for node in sorted(nodes, key=lambda node: node.kind == "best"):  # the best is never hidden
        px, py = at[node.number]
        mark = f'<circle cx="{px:.1f}" cy="{py:.1f}" r="{7 if node.kind == "best" else 4}"/>'
        if node.kind == "failed":
            mark = f'<path d="M{px - 4:.1f} {py - 4:.1f}l8 8m0 -8l-8 8"/>'
        parts.append(f'<g class="node {escape(node.kind)}"><title>{escape(node.tip)}</title>{mark}</g>')
    return _svg(parts, width, height, f"{y_label} over {x_label}, with descent")


def trace(
    name: str,
    truth: Sequence[float] | None,
    forecast: Sequence[float],
    y_range: tuple[float, float] = (-0.1, 1.1),
) -> Markup:
    """Draw a small panel: a curve of one neuron over the true one.

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
        parts.append(_line_between(x.start, y(0), x.end, y(0), "grid"))
    for style, path in (("truth", truth), ("model", forecast)):
        if path is not None:
            parts.append(f'<polyline class="curve {style}" points="{_points(list(enumerate(path)), x, y)}"/>')
    return _svg(parts, width, height, f"Forecast of {name}")


def bars(values: Sequence[tuple[str, float]], reference: float | None = None, width: int = 600) -> Markup:
    """Draw horizontal bars with their values.

    Args:
        values: label and value of each bar.
        reference: value that is drawn as a line; None for none.
        width: width in pixels.
    """
    if not values:
        return Markup("")
    top = min(max(v for _, v in values), 4.0)  # one absurd group must not flatten all others
    x = Scale(0, max(top, reference or 0) * 1.02, 56, width - 56)
    parts = []
    for i, (name, value) in enumerate(values):
        at = 18 * i + 4
        parts.append(
            f'<text x="50" y="{at + 11}" text-anchor="end">{escape(name)}</text>'
            f'<rect class="bar" x="56" y="{at}" width="{x(value) - 56:.1f}" height="13"/>'
            f'<text x="{x(value) + 5:.1f}" y="{at + 11}">{_number(value)}</text>'
        )
    height = 18 * len(values) + 8
    if reference is not None:
        parts.append(_line_between(x(reference), 0, x(reference), height, "diagonal"))
    return _svg(parts, width, height, "Scores by group of neurons")


def matrix(values: ArrayLike) -> Markup:
    """Draw a signed matrix [N, N] without its diagonal: red is excitation, blue is inhibition, zero is transparent."""
    J = np.array(values, np.float64)
    np.fill_diagonal(J, 0.0)
    strength = np.clip(np.sqrt(np.abs(J)) / 0.6, 0, 1)  # a signed root shows weak edges beside strong ones
    pixels = np.zeros((*J.shape, 4), np.uint8)
    pixels[..., :3] = np.where((J > 0)[..., None], EXCITATION, INHIBITION)
    pixels[..., 3] = np.round(255 * strength)
    data = base64.b64encode(_png(pixels)).decode()
    return Markup(f'<img class="matrix" alt="" src="data:image/png;base64,{data}">')


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """An RGBA picture [H, W, 4] as a PNG file."""
    height, width, _ = pixels.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1).tobytes()

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def _frame(x: Scale, y: Scale, x_label: str, y_label: str, height: int) -> str:
    """Axes with grid lines, numbers and labels."""
    parts = []
    for t in x.ticks():
        parts.append(_line_between(x(t), y.start, x(t), y.end, "grid"))
        parts.append(f'<text x="{x(t):.1f}" y="{y.start + 16}" text-anchor="middle">{_number(t)}</text>')
    for t in y.ticks():
        parts.append(_line_between(x.start, y(t), x.end, y(t), "grid"))
        parts.append(f'<text x="{x.start - 6}" y="{y(t) + 4:.1f}" text-anchor="end">{_number(t)}</text>')
    middle = (y.start + y.end) / 2
    parts.append(f'<text x="{(x.start + x.end) / 2}" y="{height - 8}" text-anchor="middle">{escape(x_label)}</text>')
    parts.append(
        f'<text x="12" y="{middle}" text-anchor="middle" transform="rotate(-90 12 {middle})">{escape(y_label)}</text>'
    )
    return "".join(parts)


def _mark(kind: str, x: float, y: float) -> str:
    if kind == "control":
        return f'<path d="M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z"/>'
    if kind == "baseline":
        return f'<rect x="{x - 4.5:.1f}" y="{y - 4.5:.1f}" width="9" height="9"/>'
    if kind == "search":
        return f'<path d="M{x:.1f} {y - 7:.1f}l6.5 11.5h-13z"/>'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5"/>'


def _free(taken: list[tuple[float, float, float]], x: float, y: float, width: float, left: bool) -> float:
    """The nearest height at which a label of that width meets no earlier one."""
    begin = x - 9 - width if left else x + 9
    for shift in sorted(range(-90, 91, 13), key=abs):
        clear = all(abs(y + shift - ty) >= 12 or begin > end or begin + width < start for start, end, ty in taken)
        if clear and y + shift > 16:
            taken.append((begin, begin + width, y + shift))
            return y + shift
    return y


def _points(path: Sequence[tuple[float, float]], x: Scale, y: Scale) -> str:
    return " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in path)


def _line_between(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    return f'<line class="{style}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1e4 else f"{value:.0e}"


def _svg(parts: Sequence[str], width: float, height: float, title: str) -> Markup:
    return Markup(f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>')
