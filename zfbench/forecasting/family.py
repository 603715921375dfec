"""The functions of every family of tasks about recordings: evaluate, make and fit what is to be judged, judge."""

from __future__ import annotations

from typing import Any

import numpy as np

from zfbench.base import plugins
from zfbench.forecasting.answers import checked
from zfbench.forecasting.baseline import make
from zfbench.forecasting.conformance import check_fitted
from zfbench.forecasting.evaluator import ProgramEvaluator
from zfbench.forecasting.judge import Judge
from zfbench.forecasting.model import ProgramModel
from zfbench.forecasting.sealed import SealedTest
from zfbench.forecasting.task import Task
from zfbench.forecasting.validation import validation_score
from zfbench.protocols.conduct import conduct_of
from zfbench.protocols.models import Baseline, Forecaster, Simulator
from zfbench.protocols.sandbox import Sandbox
from zfbench.protocols.task import Candidate
from zfbench.records.limits import Limits
from zfbench.scoring.objective import selection_loss


class ForecastingFamily:
    """A family of tasks about recordings, to inherit; see `zfbench.protocols.task.TaskFamily`.

    A subclass defines `names`, `load` and `seal`.
    """

    def names(self) -> tuple[str, ...]:
        """The canonical task names."""
        raise NotImplementedError

    def load(self, name: str) -> Task:
        """The task of that full name."""
        raise NotImplementedError

    def seal(self, name: str) -> SealedTest:
        """The sealed test of the task of that name; for the judge alone."""
        raise NotImplementedError

    def judge(self, name: str) -> Judge:
        """The judge of the task of that name."""
        return Judge(self.seal(name))

    def evaluator(self, task: Task, limits: Limits, sandbox: Sandbox | None) -> ProgramEvaluator:
        """What scores the programs of a search by their forecasts of the validation windows."""
        return ProgramEvaluator(task, limits, sandbox)

    def candidate(self, task: Task, source: str, seed: int, sandbox: Sandbox | None) -> ProgramModel:
        """A program that is to be judged."""
        return ProgramModel(source, task.spec, seed, sandbox)

    def baseline(self, task: Task, name: str, seed: int) -> Any:
        """The registered baseline of that name, made for the task.

        Raises:
            UnknownNameError: there is no such baseline.
            PluginError: it lacks a declaration, the task does not give what it needs, a package that it requires is
                missing, or it raises something.
        """
        return make(plugins.load("baseline", name), task, seed, name)

    def future_drive(self, task: Task, baseline: str | None) -> bool | None:
        """Whether a method is given the drive of the horizon; None where the task shows none."""
        if not task.spec.drive:
            return None
        entry: Baseline | None = None if baseline is None else plugins.load("baseline", baseline)
        return True if entry is None else entry.uses_drive

    def fit(self, task: Task, model: Any, limits: Limits) -> None:
        """Fit a program or a baseline to the recordings.

        Raises:
            CandidateError: a program failed.
            PluginError: a baseline breaks its interface, or raises something.
        """
        with conduct_of("forecaster", model, "fit"):
            model.fit(task.train, task.validation, limits)
        if not isinstance(model, Candidate):  # a program's shapes and clamps are the harness's own
            check_fitted(model, task)

    def selection_loss(self, task: Task, model: Any) -> float | None:
        """The task's loss on the validation windows; None for a model without forecasts, or if one is not finite.

        Raises:
            PluginError: the forecast of a baseline has a wrong shape, or it raises something.
        """
        if not isinstance(model, Forecaster | Simulator):
            return None
        inputs = task.validation.inputs
        asked = checked(model)
        predict = asked.forecast if isinstance(asked, Forecaster) else asked.rollout
        prediction = predict(inputs.context, inputs.drive)
        if not np.isfinite(prediction).all():
            return None
        return selection_loss(task.spec.objective, validation_score(task, prediction))
