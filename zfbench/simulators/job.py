"""The part that runs inside the sandbox: it executes a simulator program and answers requests with trajectories."""

from __future__ import annotations

import numpy as np

from zfbench.records.frame import Frame
from zfbench.sandbox.worker import Answer, execute


def prepare(job: Frame, _: float) -> tuple[Frame, Answer]:
    """Execute a simulator program, and return the function that answers requests with trajectories.

    Args:
        job: the program's source and the names and numbers of its task, see `zfbench.simulators.simulate`.
        _: the limit of seconds, which is not used.

    Returns:
        The first answer, and a function from a request (parameters, contexts) to an answer (trajectories).

    Raises:
        CandidateError: the program failed.
    """
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
