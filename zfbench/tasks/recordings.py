"""What a task about recordings does with programs: it trains them, and scores their forecasts of the windows."""

from __future__ import annotations

from typing import Any

import numpy as np

from zfbench.forecaster import Forecaster, Limits
from zfbench.programs.candidate import ProgramModel
from zfbench.programs.process import Sandbox
from zfbench.search.evaluator import ProgramEvaluator
from zfbench.search.executors import Evaluate
from zfbench.tasks.task import LabelledWindows, Recording, TaskSpec


class RecordingTask:
    """The methods of a `zfbench.tasks.task.Task`, to inherit; see there for the attributes."""

    spec: TaskSpec
    train: tuple[Recording, ...]
    validation: LabelledWindows
    seed_program: str
    data_sha256: str

    def evaluator(self, limits: Limits, sandbox: Sandbox | None) -> Evaluate:
        """See `SearchTask.evaluator`."""
        return ProgramEvaluator(self, limits, sandbox)

    def candidate(self, source: str, seed: int, sandbox: Sandbox | None) -> ProgramModel:
        """See `SearchTask.candidate`."""
        return ProgramModel(source, self.spec, seed, sandbox)

    def fit(self, model: Any, limits: Limits) -> None:
        """Fit a program or a forecaster; see `SearchTask.fit`."""
        model.fit(self.train, self.validation, limits)

    def selection_loss(self, model: Any) -> float | None:
        """MAE of the validation windows; None if a forecast is not finite."""
        inputs = self.validation.inputs
        predict = model.forecast if isinstance(model, Forecaster) else model.rollout
        error = np.abs(predict(inputs.context, inputs.drive) - self.validation.target).mean(dtype=np.float64)
        return float(error) if np.isfinite(error) else None
