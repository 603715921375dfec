"""Inside the sandbox: a forecasting program is executed, trained, and answers with predictions.

The process holds the training recordings and the inputs it is asked to forecast, nothing else.
"""

from __future__ import annotations

import time
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from zfbench.forecasting.contract import TrainingChoice
from zfbench.records.frame import Frame
from zfbench.records.program import CandidateError, Status
from zfbench.records.recordings import Recording, TaskSpec
from zfbench.sandbox.worker import Answer, execute, failure

if TYPE_CHECKING:
    from zfbench.forecasting.training import Trained

GIVEN = "given/"  # prefix of arrays that are initial parameters


def prepare(job: Frame, began: float) -> tuple[Frame, Answer]:
    """Train a program on recordings; its report, and how it answers what it is asked to forecast.

    A frame of kind `train again` has it trained anew, from other given parameters; a training that fails then is
    `not fitted`, which ends nothing, for the program is none that could be to blame.
    """
    from zfbench.forecasting.flax_step import Dynamics  # imports JAX, so after the limits are set
    from zfbench.forecasting.training import Trainer

    spec = TaskSpec.from_json(dict(job.fields["spec"]))
    train = [
        Recording(condition, job.arrays[f"activity{k}"], job.arrays[f"drive{k}"])
        for k, condition in enumerate(job.fields["conditions"])
    ]
    program = execute(job.fields["source"])
    declared = TrainingChoice.parse(getattr(program, "training", None))
    trainer = Trainer(Dynamics.of(_instantiate(program, spec), spec), spec, train)

    def fit(asked: Frame, began: float) -> Trained:
        choice = TrainingChoice(**asked.fields["training"]) if "training" in asked.fields else declared
        given = {k.removeprefix(GIVEN): array for k, array in asked.arrays.items() if k.startswith(GIVEN)}
        deadline = began + asked.fields["seconds"]
        return trainer.train(choice, asked.fields["updates"], deadline, asked.fields["seed"], given)

    trained = fit(job, began)

    def answer(frame: Frame) -> Frame:
        nonlocal trained
        if frame.kind == "train again":
            try:
                trained = fit(frame, time.monotonic())
            except CandidateError as error:
                return failure(error.status, error.message, "not fitted")
            return Frame("fitted", trained.report.to_json())
        asked = frame.arrays
        path = trained.forecast(
            trained.params, asked["context"], asked["drive"], asked["clamp_mask"], asked["clamp_value"]
        )
        return Frame("path", arrays={"path": np.asarray(path)})

    return Frame("fitted", trained.report.to_json()), answer


def _instantiate(program: ModuleType, spec: TaskSpec) -> Any:
    import flax.linen as nn

    model = getattr(program, "Model", None)
    if not isinstance(model, type) or not issubclass(model, nn.Module):
        raise CandidateError(Status.INVALID, "`Model` must be a subclass of flax.linen.Module.")
    if "spec" not in model.__dataclass_fields__:
        raise CandidateError(Status.INVALID, "`Model` must declare the field `spec`, as in `spec: Any`.")
    return model(spec=spec)
