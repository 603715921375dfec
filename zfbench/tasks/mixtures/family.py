"""The family `mixtures`: its tasks by name, and the functions that evaluate, fit and judge their programs."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from zfbench.base.errors import UnknownNameError
from zfbench.protocols.sandbox import Sandbox
from zfbench.records.limits import Limits
from zfbench.scoring.likelihood import MarginalLikelihood
from zfbench.simulators.family import no_recordings
from zfbench.tasks.mixtures.evaluator import MixtureEvaluator
from zfbench.tasks.mixtures.judge import MixtureJudge
from zfbench.tasks.mixtures.model import MODES, MixtureModel
from zfbench.tasks.mixtures.task import TARGETS, MixtureTask, SealedMixtures, models, seal, task_name


class MixtureFamily:
    """The entry point `mixtures` of the group `zfbench.tasks`."""

    def names(self) -> tuple[str, ...]:
        """The names of all tasks."""
        return tuple(task_name(mode, target) for mode in MODES for target in range(TARGETS))

    def load(self, name: str) -> MixtureTask:
        """The task of that name, as methods may see it."""
        sealed = self.seal(name)
        return MixtureTask(sealed.spec, sealed.track, sealed.selection, sealed.data_sha256)

    def seal(self, name: str) -> SealedMixtures:
        """The sealed test of the task of that name; for the judge alone."""
        match = re.fullmatch(r"mixtures/(\w+)@target:(\d+)", name)
        if match is None or name not in self.names():
            raise UnknownNameError("task", name, self.names())
        return seal(name, match[1], int(match[2]))

    def judge(self, name: str) -> MixtureJudge:
        """The judge of the task of that name."""
        return MixtureJudge(self.seal(name))

    def evaluator(self, task: MixtureTask, limits: Limits, sandbox: Sandbox | None) -> MixtureEvaluator:  # noqa: ARG002
        """What scores the programs of a search; no sandbox is needed."""
        return MixtureEvaluator(task, limits)

    def candidate(self, task: MixtureTask, source: str, seed: int, sandbox: Sandbox | None) -> MixtureModel:  # noqa: ARG002
        """A program that is to be judged."""
        return MixtureModel(source, task.mode, seed)

    def baseline(self, task: MixtureTask, name: str, seed: int) -> Any:  # noqa: ARG002
        """There is none.

        Raises:
            ZfbenchError: always; baselines forecast recordings.
        """
        raise no_recordings(task.spec.name)

    def future_drive(self, task: MixtureTask, baseline: str | None) -> bool | None:  # noqa: ARG002
        """None: there is no drive."""
        return None

    def fit(self, task: MixtureTask, model: MixtureModel, limits: Limits) -> None:  # noqa: ARG002
        """Read the program; where its likelihood is fitted anew, fit it."""
        model.fit(limits)

    def selection_loss(self, task: MixtureTask, model: MixtureModel) -> float | None:
        """Minus the log marginal likelihood of the observations; None if they are impossible."""
        total = model.log_marginal(task.observed).total
        return -total if np.isfinite(total) else None


MIXTURES = MixtureFamily()


def evaluate_all(mode: str, candidate: int, updates: int) -> list[MarginalLikelihood]:
    """The log marginal likelihood of one candidate for each of the five targets' data; kept on disk."""
    model = MixtureModel(models()[candidate].source, mode, seed=0)
    model.fit(Limits(updates=updates))
    return [model.log_marginal(MIXTURES.seal(task_name(mode, t)).selection) for t in range(TARGETS)]
