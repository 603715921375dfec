"""Silence a neuron: what happens to the rest of the circuit, in the true circuit and in a linear model."""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import zfbench
from zfbench.base import plugins
from zfbench.records.clamp import Clamp
from zfbench.records.limits import Limits
from zfbench.tasks.zfish.truth import true_model

TASK = "zfish-tiny/driven"

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", type=Path, default=Path("silence.png"))
parser.add_argument("--neuron", default="nMLF_L")
options = parser.parse_args()

task = zfbench.load_task(TASK)
neurons = list(task.spec.neurons)
linear = plugins.load("baseline", "linear")(task, seed=0)
linear.fit(task.train, task.validation, Limits())

context, drive = task.validation.inputs.context, task.validation.inputs.drive  # [B, C, N], [B, C + H, D]
silenced = np.zeros(context.shape[::2], bool)  # [B, N]
silenced[:, neurons.index(options.neuron)] = True
clamp = Clamp(silenced, np.zeros(silenced.shape, np.float32))

figure = Figure(figsize=(7, 4), layout="constrained")
FigureCanvasAgg(figure)
axes = figure.subplots()
for name, model, colour in (("true circuit", true_model(TASK), "black"), ("linear", linear, "#D55E00")):
    effect = model.rollout(context, drive, clamp) - model.rollout(context, drive)  # [B, H, N]
    effect[:, :, neurons.index(options.neuron)] = 0
    size = np.abs(effect).mean(axis=(0, 1))  # [N]
    strongest = np.argsort(size)[::-1][:3]
    print(
        f"{name}: silencing {options.neuron} changes most",
        ", ".join(f"{neurons[i]} ({size[i]:.3f})" for i in strongest),
    )
    axes.plot(size, "o-", color=colour, label=name, markersize=3)
axes.set_xticks(range(len(neurons)), neurons, rotation=90, fontsize=6)
axes.set(ylabel="mean absolute effect on activity", title=f"{options.neuron} held at zero for {task.spec.horizon} ms")
axes.legend(frameon=False)
figure.savefig(options.out, dpi=130)
print(f"wrote {options.out}")
