"""Pictures of a recording: the larva's path, the stimulus, the movement of its tail and the activity of its neurons."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zfbench.testbed.assembly import DRIVE
from zfbench.testbed.body import LENGTH, NECK, WIDTH
from zfbench.testbed.circuit import Circuit
from zfbench.testbed.drive import expand
from zfbench.testbed.published import published

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

    from zfbench.testbed.larva import LarvaRecording

Floats = NDArray[np.float64]

# Okabe and Ito's palette, safe for colour-blind readers; left and right keep their colours throughout.
LEFT, MIDDLE, RIGHT = "#0072B2", "#4D4D4D", "#D55E00"
BOUTS = {1: ("left", LEFT), 0: ("forward", MIDDLE), -1: ("right", RIGHT)}  # name and colour by direction
STYLE: dict[Any, Any] = {  # matplotlib types its keys as one long literal
    "font.size": 9,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


class Bout(NamedTuple):
    """One bout in a picture; steps are milliseconds of the recording.

    Attributes:
        start: step at which the tail begins to beat.
        end: step at which the tail stops beating.
        settled: end of the glide, where the next bout begins or the recording ends.
        direction: +1 left, 0 forward, -1 right.
    """

    start: int
    end: int  # of the tail beat
    settled: int  # end of the glide: the next bout begins, or the recording ends
    direction: int  # +1 left, 0 forward, -1 right

    @property
    def name(self) -> str:
        """The name of the direction in the picture."""
        return BOUTS[self.direction][0]

    @property
    def color(self) -> str:
        """The colour of the bout in the picture."""
        return BOUTS[self.direction][1]


def draw_recording(recording: LarvaRecording, path: Path, circuit: Circuit | None = None, seconds: float = 6.0) -> None:
    """Save one picture of a recording as a PNG file.

    The left half shows the behaviour during the whole recording. The right half shows stimulus, movement and the
    activity of every neuron during the first ``seconds``.

    Args:
        recording: one larva under one condition.
        path: the file to write; its folder exists.
        circuit: the circuit that it lived with, which names its neurons; by default the published one.
        seconds: duration of the right half, at most.

    Raises:
        ValueError: the recording is not of that circuit.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    circuit = published() if circuit is None else circuit
    if recording.activity.shape[1] != len(circuit.neurons):
        raise ValueError(
            f"a recording of {recording.activity.shape[1]} neurons is not of circuit '{circuit.name}', "
            f"which has {len(circuit.neurons)}"
        )
    bouts = _bouts(recording)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(14, 9.5), layout="constrained")
        behaviour, time_course = figure.subfigures(1, 2, squeeze=False, width_ratios=(5, 9))[0]
        path_axes, turn_axes = behaviour.subplots(2, 1, height_ratios=(3.4, 1))
        _draw_path(path_axes, recording, bouts)
        _draw_turns(turn_axes, recording, bouts)
        _draw_time_course(time_course, recording, circuit, bouts, round(1000 * seconds))
        figure.savefig(path, dpi=130, format="png")


def _bouts(recording: LarvaRecording) -> list[Bout]:
    steps = len(recording.pose)
    beating = expand(recording.drive, steps)[:, DRIVE.index("bout")] > 0
    starts = recording.drive.bout_step
    settled = np.append(starts, steps - 1)[1:]
    pauses = np.append(np.flatnonzero(~beating), steps - 1)
    ends = pauses[np.searchsorted(pauses, starts)]
    return [Bout(*map(int, row)) for row in zip(starts, ends, settled, recording.drive.bout_direction, strict=True)]


def _draw_path(axes: Axes, recording: LarvaRecording, bouts: list[Bout]) -> None:
    """Draw the track of the head, coloured by the bout that made it, and the heading after each bout."""
    x, y, heading = recording.pose.T
    settled = [bout.settled for bout in bouts]
    axes.plot(x, y, color="#BBBBBB", linewidth=1)
    for bout in bouts:
        stretch = slice(bout.start, bout.settled + 1)
        axes.plot(x[stretch], y[stretch], color=bout.color, linewidth=2, solid_capstyle="butt")
    if bouts:
        axes.quiver(
            x[settled], y[settled], np.cos(heading[settled]), np.sin(heading[settled]),
            color=[bout.color for bout in bouts],
            angles="xy", scale_units="inches", scale=7, width=0.005, headwidth=4.5, headlength=5, zorder=3,
        )  # fmt: skip
    for step, color, label in ((0, "#9BD3A8", "larva at the start"), (-1, "#C9A9D6", "at the end")):
        axes.fill(*outline(recording.pose[step], recording.tail[step]).T, color=color, zorder=4, label=label)
    axes.legend(loc="best", frameon=True, framealpha=0.9, edgecolor="none")
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.06)
    seconds = len(recording.pose) / 1000
    axes.set(xlabel="x (mm)", ylabel="y (mm)")
    axes.set_title(
        f"Condition '{recording.condition}': path of the head during {seconds:g} s\n(arrows: heading after each bout)"
    )


def outline(pose: Floats, tail_angles: Floats) -> Floats:
    """Return the larva's outline from above, [points, 2] in mm, from pose [3] and joint angles [6] of its tail."""
    orientation = pose[2] + np.concatenate(([0.0], np.cumsum(tail_angles)))
    axis = np.stack((np.cos(orientation), np.sin(orientation)), axis=1)  # [7, 2], towards the head
    side = np.stack((-axis[:, 1], axis[:, 0]), axis=1)
    around = np.linspace(-0.75 * np.pi, 0.75 * np.pi, 25)[:, None]
    head = pose[:2] + LENGTH[0] / 2 * np.cos(around) * axis[0] + WIDTH[0] / 2 * np.sin(around) * side[0]
    joints = pose[:2] - NECK * axis[0] - np.cumsum(LENGTH[1:, None] * axis[1:], axis=0)
    half = np.append(WIDTH[2:], 0.0)[:, None] / 2 * side[1:]
    return np.concatenate((head, joints + half, (joints - half)[::-1]))


def _draw_turns(axes: Axes, recording: LarvaRecording, bouts: list[Bout]) -> None:
    """Draw the turn of each bout with its glide; the last bout may be cut short and is left out."""
    heading = np.degrees(recording.pose[:, 2])
    complete = bouts[:-1]
    turns = [heading[bout.settled] - heading[bout.start] for bout in complete]
    rows = [bout.direction for bout in complete]
    axes.axvline(0, color="#BBBBBB", linewidth=0.7, zorder=0)
    axes.scatter(turns, rows, s=35, c=[bout.color for bout in complete], alpha=0.5, linewidth=0)
    axes.set_yticks(list(BOUTS), [f"{name} ({rows.count(row)})" for row, (name, _) in BOUTS.items()])
    limit = 1.1 * max([30.0, *np.abs(turns)])
    axes.set(xlim=(limit, -limit), ylim=(-1.6, 1.6), xlabel="turn of each bout (degrees, left positive)")


def _draw_time_course(
    figure: SubFigure, recording: LarvaRecording, circuit: Circuit, bouts: list[Bout], steps: int
) -> None:
    time = np.arange(min(steps, len(recording.activity))) / 1000
    window = slice(0, len(time))
    lanes = figure.subplots(6, 1, sharex=True, height_ratios=(1, 0.8, 0.8, 1, 1, 10))
    floor, speed, contrast, tail, heading, activity = lanes

    moving = recording.speed[window, None] > 0
    direction = np.where(moving, np.degrees(recording.direction[window]), np.nan)  # [T, 2 eyes]
    floor.plot(time, direction[:, 0], color=LEFT, linewidth=2, label="left eye")
    floor.plot(time, direction[:, 1], color=RIGHT, linewidth=2, label="right eye", linestyle=(0, (3, 2)))
    floor.set_yticks((-90, 0, 90), ("right", "forward", "left"))
    floor.set(ylabel="floor\nmoves", ylim=(-130, 130))
    floor.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderpad=0)
    speed.fill_between(time, recording.speed[window], color="#8C8C8C", step="post", linewidth=0)
    speed.set(ylabel="speed\n(mm/s)", ylim=(0, None))
    contrast.fill_between(time, recording.contrast[window], color="#8C8C8C", step="post", linewidth=0)
    contrast.set(ylabel="contrast", ylim=(0, 1.05))
    tail.plot(time, -np.degrees(recording.tail[window].sum(axis=1)), color="black", linewidth=0.8)
    tail.set(ylabel="tail\n(deg)")
    heading.plot(time, np.degrees(recording.pose[window, 2]), color="black", linewidth=1)
    heading.set(ylabel="heading\n(deg)")
    _draw_activity(activity, recording.activity[window], circuit, time)

    for lane in lanes:
        lane.margins(x=0)
        for bout in bouts:
            if bout.start < len(time):
                span = bout.start / 1000, min(bout.end, len(time) - 1) / 1000
                lane.axvspan(*span, color=bout.color, alpha=0.15, linewidth=0, zorder=0)
    for bout in bouts:
        if bout.start < len(time):
            tail.text(
                bout.start / 1000, 1.0, bout.name, color=bout.color,
                transform=tail.get_xaxis_transform(), fontsize=8, va="bottom",
            )  # fmt: skip
    figure.align_ylabels(lanes)
    activity.set_xlabel("time (s)")


def _draw_activity(axes: Axes, activity: Floats, circuit: Circuit, time: Floats) -> None:
    """Draw every neuron, with one lane for each cell type, scaled to the largest activity of its lane.

    Cell types of more than two neurons have one lane for each side of the brain.
    """
    groups = np.array(circuit.groups)
    side = np.sign(circuit.mirror - np.arange(len(groups)))  # 1 left, -1 right, 0 on the midline
    lanes: list[tuple[str, NDArray[np.intp]]] = []
    for group in dict.fromkeys(circuit.groups):
        members = np.flatnonzero(groups == group)
        if len(members) > 2:
            lanes += [
                (f"{group} left", members[side[members] > 0]),
                (f"{group} right", members[side[members] < 0]),
            ]
        else:
            lanes.append((group, members))
    color = {1: LEFT, 0: MIDDLE, -1: RIGHT}
    for row, (_, members) in enumerate(lanes):
        peak = max(activity[:, members].max(), 1e-9)
        for neuron in members:
            trace = 0.85 * activity[:, neuron] / peak - row
            axes.plot(time, trace, color=color[int(side[neuron])], linewidth=0.9, alpha=0.85)
        axes.text(1.004, -row, f"{peak:.2f}", transform=axes.get_yaxis_transform(), color=MIDDLE, fontsize=8)
    axes.set_yticks(-np.arange(len(lanes)), [name for name, _ in lanes], va="bottom")
    axes.tick_params(axis="y", length=0)
    axes.set(ylim=(0.6 - len(lanes), 1.0), ylabel="activity by cell type (peak at right)")
    for name, x, hue in (
        ("left neurons (AF, PT: of the left eye)", 0.0, LEFT),
        ("right neurons", 0.33, RIGHT),
        ("midline", 0.47, MIDDLE),
    ):
        axes.text(x, 1.005, name, transform=axes.transAxes, color=hue, va="bottom")
