"""Inside the sandbox: a simulator program is executed, and answers parameters and contexts with trajectories."""

from __future__ import annotations

import numpy as np

from zfbench.records.frame import Frame
from zfbench.sandbox.worker import Answer, execute


def prepare(job: Frame, _: float) -> tuple[Frame, Answer]:
    """Execute a simulator; how it answers parameters and contexts with trajectories."""
    import jax

    from zfbench.simulators.vectorise import batch_simulator

    names = {kind: job.fields[kind] for kind in ("parameters", "context", "observations")}
    simulate = batch_simulator(
        execute(job.fields["source"]), **names, steps=job.fields["steps"], every=job.fields["every"]
    )
    key = jax.random.key(job.fields["seed"])

    def answer(frame: Frame) -> Frame:
        rows = frame.fields["first"] + np.arange(len(frame.arrays["parameters"]))
        path = simulate(key, rows, frame.arrays["parameters"], frame.arrays["contexts"])
        return Frame("trajectories", arrays={"path": np.asarray(path)})

    return Frame("ready"), answer
