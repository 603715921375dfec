"""Inside the sandbox: a forecasting program is executed once, and handed out as a traced step.

The process holds the task's specification, no data. What it hands out is checked by whoever asked.
"""

from __future__ import annotations

from dataclasses import asdict
from types import ModuleType
from typing import Any

import flax.linen as nn
import numpy as np

from zfbench.engine.serialise import to_bytes
from zfbench.forecasting.contract import TrainingChoice
from zfbench.forecasting.flax_step import trace_model
from zfbench.records.frame import Frame
from zfbench.records.program import CandidateError, Status
from zfbench.records.recordings import TaskSpec
from zfbench.sandbox.worker import execute


def trace(job: Frame) -> Frame:
    """Execute and trace a program: its bytes, and what it chooses of the training."""
    spec = TaskSpec.from_json(dict(job.fields["spec"]))
    program = execute(job.fields["source"])
    choice = TrainingChoice.parse(getattr(program, "training", None))
    step = to_bytes(trace_model(instantiate(program, spec), spec))
    return Frame("traced", {"training": asdict(choice)}, {"step": np.frombuffer(step, np.uint8)})


def instantiate(program: ModuleType, spec: TaskSpec) -> Any:
    """The program's module for a task.

    Raises:
        CandidateError: invalid; `Model` is not what the contract says.
    """
    model = getattr(program, "Model", None)
    if not isinstance(model, type) or not issubclass(model, nn.Module):
        raise CandidateError(Status.INVALID, "`Model` must be a subclass of flax.linen.Module.")
    if "spec" not in model.__dataclass_fields__:
        raise CandidateError(Status.INVALID, "`Model` must declare the field `spec`, as in `spec: Any`.")
    return model(spec=spec)
