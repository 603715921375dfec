"""Plots for notebooks; each function returns a matplotlib figure, which a notebook shows and `savefig` writes."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from zfbench.base.errors import ZfbenchError
from zfbench.leaderboard.board import Row
from zfbench.leaderboard.highlights import SIX_FORERUNNERS, SIX_HEADLINES
from zfbench.leaderboard.pictures import COLOURS, draw_jacobian
from zfbench.records.recordings import TaskSpec
from zfbench.records.result import Result

EXAMPLE = "forecast/ood/example/"  # begins the names of example forecasts in a result's pictures


class Picture(Figure):
    """A figure that needs no display, and that a notebook shows by itself."""

    def _repr_png_(self) -> bytes:
        """The figure as PNG, which notebooks ask for by this name."""
        content = io.BytesIO()
        self.savefig(content, format="png", dpi=110)
        return content.getvalue()


def activity(recording: pd.DataFrame, title: str = "") -> Picture:
    """Draw the activity of all neurons over time, with a line between groups.

    Args:
        recording: a table with a row for each step and columns (kind, group, name), as `zfbench.load_recordings` gives.
        title: title of the plot; empty for none.
    """
    neurons = recording["neuron"]
    figure, axes = _figure(9.0, 5.0)
    image = axes.imshow(
        neurons.to_numpy().T, aspect="auto", cmap="viridis", interpolation="nearest",
        extent=(float(recording.index[0]), float(recording.index[-1]), len(neurons.columns) - 0.5, -0.5),
    )  # fmt: skip
    _mark_groups(axes, list(neurons.columns.get_level_values("group")))
    axes.set(xlabel="time (ms)", title=title)
    figure.colorbar(image, ax=axes, label="activity")
    return figure


def scores(results: Sequence[Result]) -> Picture:
    """Draw six scores of each method, its mean over seeds with a mark for each seed: 0 knows nothing, 1 is the truth.

    Args:
        results: results of one task.

    Raises:
        ZfbenchError: no result has one of these scores.
    """
    rows: dict[str, list[Result]] = {}
    for result in results:
        rows.setdefault(Row((result,)).method, []).append(result)
    new = any(name.startswith("headline/") for result in results for name in result.metrics)
    shown = SIX_HEADLINES if new else SIX_FORERUNNERS
    drawn = 0
    figure, axes = _figure(8.0, 1.0 + 0.25 * len(shown) * (len(rows) + 1))
    for k, (method, runs) in enumerate(rows.items()):
        colour = COLOURS[k % len(COLOURS)]
        for i, score in enumerate(shown):
            own = [interval.estimate for run in runs if (interval := score.of(Row((run,)))) is not None]
            y = i * (len(rows) + 1) + k
            axes.plot(own, [y] * len(own), "|", color=colour, alpha=0.6)
            if own:
                axes.plot(np.mean(own), y, "o", color=colour)
            drawn += len(own)
        axes.plot([], [], "o", color=colour, label=method)
    if not drawn:
        raise ZfbenchError(
            "None of these results has any score of this plot; give results of the family zfish whose status is ok."
        )
    for value in (0, 1):
        axes.axvline(value, color="0.6", linewidth=0.8, zorder=0)
    middle = (len(rows) - 1) / 2
    axes.set_yticks([i * (len(rows) + 1) + middle for i in range(len(shown))], [score.heading for score in shown])
    axes.invert_yaxis()
    axes.set_xlim(-0.6, 1.1)
    axes.set_xlabel("0: knows nothing; 1: the true circuit; what is below -0.6 is not shown")
    figure.legend(loc="outside upper center", ncols=3, frameon=False, fontsize=8)
    return figure


def forecasts(results: Sequence[Result], neurons: Sequence[str]) -> Picture:
    """Draw forecasts of one window of the held-out stimulus, a panel for each neuron.

    Args:
        results: results with pictures, such as those of `zfbench.judge`; that of `oracle` is drawn in black.
        neurons: names of neurons of which results keep an example.

    Raises:
        ZfbenchError: no result keeps an example of one of the neurons.
    """
    figure = _empty(8.0, 0.6 + 1.5 * len(neurons))
    for panel, neuron in zip(figure.subplots(len(neurons), 1, sharex=True, squeeze=False)[:, 0], neurons, strict=True):
        known = [result for result in results if EXAMPLE + neuron in result.pictures]
        if not known:
            names = sorted({name.removeprefix(EXAMPLE) for r in results for name in r.pictures if EXAMPLE in name})
            raise ZfbenchError(f"No result keeps a forecast of '{neuron}'; there are {', '.join(names) or 'none'}.")
        for k, result in enumerate(known):
            truth = result.method.name == "oracle"
            style = {"color": "black", "linewidth": 2.2} if truth else {"color": COLOURS[k % len(COLOURS)]}
            panel.plot(result.pictures[EXAMPLE + neuron], label="truth" if truth else result.method.name, **style)
        panel.set_title(neuron, fontsize=9, loc="left", pad=2)
    panel.set_xlabel("ms ahead")
    figure.axes[0].legend(fontsize=8, frameon=False, loc="upper right")
    return figure


def wiring(jacobian: ArrayLike, spec: TaskSpec, title: str = "") -> Picture:
    """Draw a wiring: how the activity of each neuron depends on that of each other one step before.

    Args:
        jacobian: [N, N], to row from column; of a result `result.pictures["connectivity/mean_jacobian"]`.
        spec: specification of the task, which names neurons and groups.
        title: title of the plot; empty for none.
    """
    figure, axes = _figure(6.4, 5.6)
    image = draw_jacobian(axes, np.asarray(jacobian, np.float64))
    _mark_groups(axes, list(spec.groups), both=True)
    axes.set(xlabel="from", ylabel="to", title=title)
    figure.colorbar(image, ax=axes, label="signed root of the Jacobian (red: excitation)")
    return figure


def search(result: Result) -> Picture:
    """Draw the loss of every program of a search in the order of evaluation, and the best so far.

    Args:
        result: result of a search.

    Raises:
        ZfbenchError: the result is not of a search that recorded its programs.
    """
    if not result.evaluated:
        raise ZfbenchError(f"{result.method.name} recorded no evaluated programs; give the result of a search.")
    losses = np.array([np.nan if entry.loss is None else entry.loss for entry in result.evaluated])
    number = np.arange(1, len(losses) + 1)
    figure, axes = _figure(7.0, 3.6)
    axes.plot(number, losses, "o", color=COLOURS[0], label="program")
    axes.step(number, np.fmin.accumulate(losses), where="post", color=COLOURS[1], label="best so far")
    failed = np.isnan(losses)
    if failed.any():
        axes.plot(number[failed], np.full(failed.sum(), np.nanmax(losses)), "x", color="0.5", label="failed")
    axes.set(xlabel="evaluation", ylabel="validation loss")
    axes.legend(frameon=False, fontsize=8)
    return figure


def _mark_groups(axes: Axes, groups: Sequence[str], both: bool = False) -> None:
    """Name each group at the middle of its neurons, with a line between groups."""
    starts = [i for i, group in enumerate(groups) if i == 0 or group != groups[i - 1]]
    ends = [*starts[1:], len(groups)]
    middles = [(start + end - 1) / 2 for start, end in zip(starts, ends, strict=True)]
    names = [groups[start] for start in starts]
    for start in starts[1:]:
        axes.axhline(start - 0.5, color="white" if not both else "0.8", linewidth=0.6)
        if both:
            axes.axvline(start - 0.5, color="0.8", linewidth=0.6)
    axes.set_yticks(middles, names, fontsize=7)
    if both:
        axes.set_xticks(middles, names, fontsize=7, rotation=90)


def _empty(width: float, height: float) -> Picture:
    figure = Picture(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _figure(width: float, height: float) -> tuple[Picture, Axes]:
    figure = _empty(width, height)
    return figure, figure.subplots()
