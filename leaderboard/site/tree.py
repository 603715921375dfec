"""The tree of a search's programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from zfbench.leaderboard.site.svg import LEFT, Scale, drawing, frame, segment

RADIUS = {"worked": 4, "finalist": 5.5, "judged": 7.5}
APART, LINE = 42, 13  # pixels between labels, across and down
ORDER = ("worked", "failed", "finalist", "judged")  # what is drawn later is not hidden


@dataclass(frozen=True)
class Node:
    """A program of a search.

    Attributes:
        number: its place in the order of evaluation.
        loss: its loss when screened; None if it failed.
        parent: the number of the program that it started from.
        kind: `worked`, `failed`, `finalist` or `judged`.
        tip: what it was made by, and its loss.
        link: where its code is; empty if it is nowhere.
    """

    number: int
    loss: float | None
    parent: int | None
    kind: str
    tip: str
    link: str = ""


def tree(nodes: Sequence[Node], x_label: str, y_label: str, width: int = 640, height: int = 400) -> Markup:
    """Draw programs by number and loss, joined to their parents, with failures at the top.

    The axis of the loss is logarithmic if all losses are positive. Finalists and the judged program bear their numbers.

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
    parts = [frame(x, y, x_label, y_label, height)]
    parts += [segment(*at[node.parent], *at[node.number], "descent") for node in nodes if node.parent in at]
    taken: list[tuple[float, float]] = []
    for node in sorted(nodes, key=lambda node: ORDER.index(node.kind)):
        mark = _mark(node, *at[node.number], _label(node, *at[node.number], taken))
        parts.append(f'<a href="{escape(node.link)}">{mark}</a>' if node.link else mark)
    return drawing(parts, width, height, f"{y_label} over {x_label}, with descent", role="group")


def _label(node: Node, x: float, y: float, taken: list[tuple[float, float]]) -> str:
    """The number of a finalist or the judged program, above it and above earlier labels that it would meet."""
    if node.kind not in ("finalist", "judged"):
        return ""
    height = y - 12
    while any(abs(x - other) < APART and abs(height - its) < LINE for other, its in taken):
        height -= LINE
    taken.append((x, height))
    leader = "" if height == y - 12 else segment(x, y - 8, x, height + 3, "descent")
    words = f"{node.number}{' judged' if node.kind == 'judged' else ''}"
    return f'{leader}<text x="{x:.1f}" y="{height:.1f}" text-anchor="middle">{words}</text>'


def _mark(node: Node, x: float, y: float, label: str) -> str:
    if node.kind == "failed":
        shape = f'<path d="M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8"/>'
    elif node.kind == "judged":  # a star, so that it is known without colour
        shape = f'<path d="{_star(x, y, RADIUS["judged"])}"/>'
    else:
        shape = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS[node.kind]}"/>'
    return f'<g class="node {node.kind}"><title>{escape(node.tip)}</title>{shape}{label}</g>'


def _star(x: float, y: float, radius: float) -> str:
    """The path of a star with five points."""
    spokes = ((0, -1), (0.24, -0.31), (0.95, -0.31), (0.38, 0.12), (0.59, 0.81), (0, 0.4))
    around = [*spokes, *((-u, v) for u, v in reversed(spokes[1:-1]))]
    return "M" + "L".join(f"{x + 1.3 * radius * u:.1f} {y + 1.3 * radius * v:.1f}" for u, v in around) + "z"
