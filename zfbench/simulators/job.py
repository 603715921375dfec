"""Inside the sandbox: a simulator program is executed once, and its functions are handed out as data."""

from __future__ import annotations

import numpy as np

from zfbench.engine.serialise import to_bytes
from zfbench.records.frame import Frame
from zfbench.sandbox.worker import execute
from zfbench.simulators.functions import trace_simulator


def trace(job: Frame) -> Frame:
    """Execute and trace a simulator: its bytes."""
    parameters, context, observations = (job.fields[kind] for kind in ("parameters", "context", "observations"))
    traced = trace_simulator(execute(job.fields["source"]), parameters, context, len(observations))
    return Frame("traced", arrays={"step": np.frombuffer(to_bytes(traced), np.uint8)})
