"""Three pictures of results: forecasts, recovered wiring, and errors on training and held-out conditions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zfbench.base.files import atomic_write
from zfbench.leaderboard.names import method_name as label
from zfbench.records.result import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

# Okabe & Ito's palette, readable without colour vision
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
MARKERS = {"control": "D", "baseline": "s", "program": "o", "search": "*"}


def draw_demo(results: Sequence[Result], neurons: Sequence[str], folder: Path) -> list[Path]:
    """Draw the three pictures of the demo.

    Args:
        results: results of the demo's suite.
        neurons: N names.
        folder: folder of the pictures.

    Returns:
        The paths of the pictures.
    """
    by_name = {r.method.name: r for r in results if r.status == "ok"}
    truth = next(r for r in results if r.method.name == "oracle" and r.task.track == "driven")
    shown = [by_name[n] for n in ("driven_mlp", "masked_mlp", "best_of_n") if n in by_name]
    paths = [folder / name for name in ("traces.png", "connectivity.png", "id_vs_ood.png")]
    draw_traces(truth, shown, paths[0])
    draw_connectivity(truth, shown, neurons, paths[1])
    draw_scatter(results, paths[2])
    return paths


def draw_scatter(results: Sequence[Result], path: Path) -> None:
    """Draw out-of-distribution against in-distribution errors; methods above the diagonal did not generalise."""
    shown = [
        r for r in results if "forecast/id/mae" in r.metrics and r.metrics["forecast/id/mae"] > 1e-5
    ]  # the oracle would stretch the logarithm
    figure, axes = _figure(8.0, 6.2)
    tracks = sorted({r.task.track for r in shown})
    names: dict[tuple[float, float], list[str]] = {}
    for r in shown:
        point = (r.metrics["forecast/id/mae"], r.metrics["forecast/ood/mae"])
        axes.scatter(
            *point, s=110 if r.method.kind == "search" else 60, marker=MARKERS[r.method.kind],
            color=COLOURS[tracks.index(r.task.track)], zorder=3, edgecolor="white", linewidth=0.6,
        )  # fmt: skip
        names.setdefault(point, []).append(label(r))
    for point, who in names.items():
        axes.annotate(" = ".join(who), point, xytext=(6, 4), textcoords="offset points", fontsize=8)
    axes.set_xscale("log")
    axes.set_yscale("log")
    values = [r.metrics[f"forecast/{s}/mae"] for r in shown for s in ("id", "ood")]
    low, high = min(values) * 0.7, max(values) * 1.5
    axes.plot([low, high], [low, high], color="0.6", linewidth=1, zorder=1)
    axes.set(xlim=(low, high), ylim=(low, high), xlabel="MAE, training conditions", ylabel="MAE, held-out condition")
    axes.set_title("Above the line: accurate on the training stimuli, worse on a new stimulus", fontsize=10)
    for i, track in enumerate(tracks):
        axes.scatter([], [], color=COLOURS[i], label=track)
    for kind, marker in MARKERS.items():
        axes.scatter([], [], color="0.4", marker=marker, label=kind)
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    _save(figure, path)


def draw_traces(truth: Result, results: Sequence[Result], path: Path) -> None:
    """Draw forecasts of one held-out window, a panel for each neuron, with the true activity from the oracle.

    Args:
        truth: result of the oracle.
        results: results of the methods.
        path: path of the picture.
    """
    prefix = "forecast/ood/example/"
    neurons = [name.removeprefix(prefix) for name in truth.pictures if name.startswith(prefix)]
    rows = -(-len(neurons) // 3)
    figure, grid = _figure(11.0, 1.5 * rows + 0.8, rows, 3)
    for panel, neuron in zip(grid.flat, neurons, strict=False):
        panel.plot(truth.pictures[prefix + neuron], color="black", linewidth=2.2, label="truth")
        for colour, r in zip(COLOURS, results, strict=False):
            if prefix + neuron in r.pictures:
                panel.plot(r.pictures[prefix + neuron], color=colour, linewidth=1.2, label=label(r))
        panel.set_title(neuron, fontsize=9, loc="left", pad=2)
        panel.set_ylim(-0.15, 1.15)
        panel.tick_params(labelsize=7)
    for panel in list(grid.flat)[len(neurons) :]:
        panel.axis("off")
    for panel in grid[-1]:
        panel.set_xlabel("ms ahead", fontsize=8)
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper center", ncols=len(labels), fontsize=9, frameon=False)
    figure.suptitle(" ", fontsize=10)  # room for the legend
    _save(figure, path)


def draw_connectivity(truth: Result, results: Sequence[Result], neurons: Sequence[str], path: Path) -> None:
    """Draw mean one-step Jacobians without their diagonal: the true one, then each method's.

    Args:
        truth: result of the oracle.
        results: results of the methods.
        neurons: N names.
        path: path of the picture.
    """
    shown = [truth, *(r for r in results if "connectivity/mean_jacobian" in r.pictures)]
    figure, grid = _figure(4.2 * len(shown), 4.6, 1, len(shown))
    for panel, r in zip(np.atleast_1d(grid).flat, shown, strict=True):
        image = draw_jacobian(panel, np.array(r.pictures["connectivity/mean_jacobian"], np.float64))
        panel.set_title("truth" if r is truth else label(r), fontsize=10)
        _group_ticks(panel, neurons)
    figure.colorbar(image, ax=np.atleast_1d(grid), shrink=0.7, label="signed root of mean Jacobian (red: excitation)")
    _save(figure, path)


def draw_jacobian(panel: Axes, jacobian: NDArray[np.float64]) -> AxesImage:
    """Draw a mean Jacobian [N, N] without its diagonal, as signed roots, which show weak edges beside strong ones."""
    J = jacobian.copy()
    np.fill_diagonal(J, 0.0)
    return panel.imshow(np.sign(J) * np.sqrt(np.abs(J)), cmap="RdBu_r", vmin=-0.6, vmax=0.6, interpolation="nearest")


def _group_ticks(panel: Axes, neurons: Sequence[str]) -> None:
    """One tick at every fourth neuron."""
    ticks = range(0, len(neurons), 4)
    panel.set_xticks(list(ticks), [neurons[i] for i in ticks], rotation=90, fontsize=6)
    panel.set_yticks(list(ticks), [neurons[i] for i in ticks], fontsize=6)
    panel.set_xlabel("from", fontsize=8)
    panel.set_ylabel("to", fontsize=8)


def _figure(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Figure, Any]:
    """A figure that needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, sharex=rows * columns > 3, squeeze=rows * columns == 1)
    return figure, axes


def _save(figure: Figure, path: Path) -> None:
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=130)
