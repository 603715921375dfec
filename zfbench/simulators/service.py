"""In the clean process: traced simulators answer parameters and contexts with trajectories."""

from __future__ import annotations

import gc
from collections.abc import Callable

import jax
import numpy as np

from zfbench.records.frame import Frame
from zfbench.simulators.signature import read_simulator
from zfbench.simulators.vectorise import Simulate, batch_simulator

HELD: dict[str, Simulate] = {}  # the last simulator, by its hash


def simulate(asked: Frame) -> Frame:
    """Trajectories of the simulator whose bytes the frame holds."""
    fields, arrays = asked.fields, asked.arrays
    name = f"{fields['step']} {fields['steps']} {fields['every']}"
    if name not in HELD:
        HELD.clear()
        gc.collect()
        sizes = (fields[kind] for kind in ("parameters", "context", "observations"))
        traced = read_simulator(arrays["step"].tobytes(), *sizes)
        HELD[name] = batch_simulator(traced, fields["steps"], fields["every"])
    rows = fields["first"] + np.arange(len(arrays["theta"]))
    key = jax.random.key(fields["seed"])
    path = HELD[name](key, rows, arrays["theta"], arrays["contexts"])
    return Frame("trajectories", arrays={"path": np.asarray(path)})


ANSWERS: dict[str, Callable[[Frame], Frame]] = {"simulate": simulate}
