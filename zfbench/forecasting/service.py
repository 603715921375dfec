"""In the clean process: traced steps are trained and rolled out. No candidate's Python is here.

The process keeps the recordings it was given last, and the trainer of the last step with all that it compiled, so that
another seed of an equal step costs its updates alone.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from zfbench.forecasting.contract import TrainingChoice
from zfbench.forecasting.dynamics import Dynamics
from zfbench.forecasting.signature import read_step
from zfbench.forecasting.training import Trained, Trainer
from zfbench.records.frame import Frame
from zfbench.records.recordings import Recording, TaskSpec


@dataclass
class _Held:
    """What the process holds; each replaces the one before."""

    spec: TaskSpec | None = None
    train: list[Recording] = field(default_factory=list)
    data: str = ""
    trainer: Trainer | None = None
    step: str = ""
    trained: Trained | None = None


HELD = _Held()


def load(asked: Frame) -> Frame:
    """Take recordings and the task's specification, under a name."""
    HELD.__init__()  # type: ignore[misc]
    HELD.spec = TaskSpec.from_json(dict(asked.fields["spec"]))
    HELD.train = [
        Recording(condition, asked.arrays[f"activity{k}"], asked.arrays[f"drive{k}"])
        for k, condition in enumerate(asked.fields["conditions"])
    ]
    HELD.data = asked.fields["data"]
    return Frame("loaded")


def fit(asked: Frame) -> Frame:
    """Train a step, whose bytes the arrays hold; the report."""
    began = time.monotonic()
    assert HELD.spec is not None, "recordings are loaded before a step is trained"
    HELD.trained = None
    if HELD.trainer is None or HELD.step != asked.fields["step"]:
        HELD.trainer = None
        gc.collect()  # what was compiled for it, before the next one takes memory
        dynamics = Dynamics.of(read_step(asked.arrays["step"].tobytes(), HELD.spec))
        HELD.trainer, HELD.step = Trainer(dynamics, HELD.spec, HELD.train), asked.fields["step"]
    choice = TrainingChoice(**asked.fields["training"])
    deadline = began + asked.fields["seconds"]
    HELD.trained = HELD.trainer.train(choice, asked.fields["updates"], deadline, asked.fields["seed"])
    return Frame("fitted", HELD.trained.report.to_json())


def roll_out(asked: Frame) -> Frame:
    """Forecast with the parameters that were trained last."""
    trained, arrays = HELD.trained, asked.arrays
    assert trained is not None, "a step is trained before it is rolled out"
    path = trained.forecast(
        trained.params, arrays["context"], arrays["drive"], arrays["clamp_mask"], arrays["clamp_value"]
    )
    return Frame("path", arrays={"path": np.asarray(path)})


ANSWERS: dict[str, Callable[[Frame], Frame]] = {"load": load, "fit": fit, "roll out": roll_out}
