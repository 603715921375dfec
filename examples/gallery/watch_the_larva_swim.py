"""Watch the larva swim: it follows a floor that moves to the left; one frame is 40 ms."""

import argparse
from pathlib import Path

import numpy as np
from matplotlib import animation
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from zfbench.testbed.larva import simulate
from zfbench.testbed.published import published
from zfbench.testbed.show import outline

STEP = 40  # ms between frames
STRIPE = 4.0  # mm, period of the stripes on the floor

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", type=Path, default=Path("swim.gif"), help="ends in .gif, or in .mp4 where ffmpeg is")
parser.add_argument("--seconds", type=float, default=8.0)
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()

recording = simulate(published(), "left", round(1000 * options.seconds), options.seed)
head = recording.pose[:, :2]
# The floor moves at the stimulus' speed, in the direction that the left eye sees, turned from the body's frame.
course = recording.direction[:, 0] + recording.pose[:, 2]
velocity = recording.speed[:, None] * np.stack([np.cos(course), np.sin(course)], axis=1)  # [T, 2] mm/s
shift = np.cumsum(velocity, axis=0) / 1000

figure = Figure(figsize=(4, 4), layout="constrained")
FigureCanvasAgg(figure)
axes = figure.subplots()
low, high = head.min(axis=0) - 5, head.max(axis=0) + 5
axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal", xlabel="mm", ylabel="mm")
x = np.linspace(low[0], high[0], 120)
y = np.linspace(low[1], high[1], 120)
floor = axes.imshow(np.zeros((120, 120)), extent=(*axes.get_xlim(), *axes.get_ylim()), cmap="Greys", vmin=-3, vmax=4)
(path,) = axes.plot([], [], color="#0072B2", linewidth=1)
(body,) = axes.fill(*outline(recording.pose[0], recording.tail[0]).T, color="#D55E00")


def draw(t: int) -> None:
    """Draw the larva and the floor at step t."""
    along = np.array([np.cos(course[t]), np.sin(course[t])])
    phase = (x[None, :] * along[0] + y[::-1, None] * along[1] - shift[t] @ along) / STRIPE
    floor.set_data(recording.contrast[t] * np.sign(np.sin(2 * np.pi * phase)))
    body.set_xy(outline(recording.pose[t], recording.tail[t]))
    path.set_data(*head[: t + 1].T)
    axes.set_title(f"{t / 1000:.1f} s", loc="left")


film = animation.FuncAnimation(figure, draw, frames=range(0, len(head), STEP))
writer = animation.FFMpegWriter if options.out.suffix == ".mp4" else animation.PillowWriter
film.save(options.out, writer=writer(fps=1000 / STEP), dpi=72)
print(f"wrote {options.out}")
