"""The scores of one judged model: numbers, curves, versions of the metrics, and notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(repr=False)
class Scores:
    """The scores that a judge computes; `zfbench.records.result.Result` describes the fields."""

    metrics: dict[str, float] = field(default_factory=dict)
    curves: dict[str, list[float]] = field(default_factory=dict)
    metric_versions: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    pictures: dict[str, NDArray[np.float16]] = field(default_factory=dict)

    def __repr__(self) -> str:
        """One line; the attributes hold the numbers."""
        return f"<Scores: {len(self.metrics)} metrics, {len(self.curves)} curves, {len(self.notes)} notes>"

    def add(self, name: str, value: float | None) -> None:
        """Record a score, rounded to ten significant digits, unless it is undefined."""
        if value is not None:
            self.metrics[name] = float(f"{value:.10g}")

    def add_curve(self, name: str, values: Sequence[float | None]) -> None:
        """Record a list of scores unless one of them is undefined."""
        defined = [float(f"{v:.6g}") for v in values if v is not None]
        if len(defined) == len(values):
            self.curves[name] = defined

    def add_picture(self, name: str, values: ArrayLike) -> None:
        """Keep an array that only a picture needs, in half precision."""
        self.pictures[name] = np.asarray(values, np.float16)

    def add_all(self, prefix: str, values: Mapping[str, float | None]) -> None:
        """Record several scores below a prefix."""
        for name, value in values.items():
            self.add(f"{prefix}/{name}", value)

    def join(self, others: Scores) -> None:
        """Add all that another record of scores holds."""
        self.metrics |= others.metrics
        self.curves |= others.curves
        self.metric_versions |= others.metric_versions
        self.notes += others.notes
        self.pictures |= others.pictures
