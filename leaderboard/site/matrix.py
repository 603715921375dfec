"""Matrices of connections with the groups of neurons on their axes, and the scale of their colours."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from itertools import groupby

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import ArrayLike, NDArray

from zfbench.leaderboard.site.svg import drawing, number, segment

EXCITATION, INHIBITION = (178, 24, 43), (33, 102, 172)  # red and blue of ColorBrewer's RdBu
FULL = 0.36  # size of a connection from which on its colour is full
SIDE, LEFT, TOP = 440, 64, 44  # pixels: the picture, and the room for names at its left and above it
LETTERS = 9.5  # pixels: size of the names of groups
TICKS = (-FULL, -0.09, 0.0, 0.09, FULL)


def matrix(values: ArrayLike, groups: Sequence[str], title: str) -> Markup:
    """Draw a signed matrix without its diagonal: red is excitation, blue is inhibition, no colour is zero.

    Args:
        values: [N, N], from the neuron of the column to that of the row.
        groups: the group of each neuron, in order; empty if they are not known.
        title: what it shows, for whoever cannot see it.
    """
    J = np.array(values, np.float64)
    np.fill_diagonal(J, 0.0)
    cell = SIDE / len(J)
    right, bottom = LEFT + SIDE, TOP + SIDE
    place = f'x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}"'
    parts = [
        f'<rect class="paper" {place}/>',
        f'<image {place} preserveAspectRatio="none" href="data:image/png;base64,{_encoded(J)}"/>',
    ]
    begin = 0
    for name, size in runs(groups):
        low, middle = begin * cell, (begin + size / 2) * cell
        if begin:
            parts.append(segment(LEFT, TOP + low, right, TOP + low, "border"))
            parts.append(segment(LEFT + low, TOP, LEFT + low, bottom, "border"))
        x, y = LEFT + middle, TOP + middle
        font = f'class="group" style="font-size: {min(LETTERS, 0.95 * size * cell):.1f}px"'  # a neuron's row is narrow
        parts.append(f'<text {font} x="{LEFT - 4}" y="{y + 3:.1f}" text-anchor="end">{escape(name)}</text>')
        turned = f'x="{x + 3:.1f}" y="{TOP - 4}" transform="rotate(-90 {x + 3:.1f} {TOP - 4})"'
        parts.append(f"<text {font} {turned}>{escape(name)}</text>")
        begin += size
    parts.append(f'<text x="{LEFT + SIDE / 2}" y="11" text-anchor="middle">from</text>')
    middle = TOP + SIDE / 2
    parts.append(f'<text x="10" y="{middle}" text-anchor="middle" transform="rotate(-90 10 {middle})">to</text>')
    parts.append(_scale(bottom + 12))
    words = f"{title}: {(J > 0.01).sum()} entries above 0.01 and {(J < -0.01).sum()} below -0.01, from column to row"
    return drawing(parts, right + 8, bottom + 44, words)


def runs(groups: Sequence[str]) -> list[tuple[str, int]]:
    """Return the name and the number of neurons of each stretch of one group."""
    return [(name, len(list(own))) for name, own in groupby(groups)]


def _scale(top: float) -> str:
    """The colours with their numbers, from full inhibition to full excitation."""
    values = np.linspace(-1, 1, 61)
    strip = np.sign(values) * values**2 * FULL  # along the strip the drawn strength is linear
    place = f'x="{LEFT}" y="{top}" width="{SIDE / 2}" height="10"'
    parts = [
        f'<rect class="paper" {place}/>',
        f'<image {place} preserveAspectRatio="none" href="data:image/png;base64,{_encoded(strip[None])}"/>',
    ]
    for tick in TICKS:
        x = LEFT + SIDE / 4 * (1 + np.sign(tick) * np.sqrt(abs(tick) / FULL))
        parts.append(f'<text class="group" x="{x:.1f}" y="{top + 22}" text-anchor="middle">{number(tick)}</text>')
    words = "blue inhibits, red excites"
    parts.append(f'<text class="group" x="{LEFT + SIDE / 2 + 12}" y="{top + 9}">{words}</text>')
    return "".join(parts)


def _encoded(values: NDArray[np.float64]) -> str:
    """A signed picture [H, W] as a PNG file in base 64; a signed root shows weak entries beside strong ones."""
    pixels = np.zeros((*values.shape, 4), np.uint8)
    pixels[..., :3] = np.where((values > 0)[..., None], EXCITATION, INHIBITION)
    pixels[..., 3] = np.round(255 * np.clip(np.sqrt(np.abs(values) / FULL), 0, 1))
    return base64.b64encode(_png(pixels)).decode()


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """An RGBA picture [H, W, 4] as a PNG file."""
    height, width, _ = pixels.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1).tobytes()

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 6)) + chunk(b"IEND", b"")
