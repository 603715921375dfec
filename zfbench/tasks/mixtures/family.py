"""The family `mixtures`: its tasks by name, and the functions that evaluate, fit and judge their programs."""

from __future__ import annotations

import re

import numpy as np

from zfbench.base.errors import UnknownNameError
from zfbench.protocols.sandbox import Sandbox
from zfbench.records.limits import Limits
from zfbench.scoring.likelihood import MarginalLikelihood
from zfbench.simulators.family import WithoutRecordings
from zfbench.tasks.mixtures.evaluator import MixtureEvaluator
from zfbench.tasks.mixtures.judge import MixtureJudge
from zfbench.tasks.mixtures.model import MODES, MixtureModel
from zfbench.tasks.mixtures.task import TARGETS, MixtureTask, SealedMixtures, models, seal, task_name


class MixtureFamily(WithoutRecordings):
    """The family of tasks that is registered as `mixtures` in the entry-point group `zfbench.tasks`."""

    def names(self) -> tuple[str, ...]:
        """Return the names of all tasks."""
        return tuple(task_name(mode, target) for mode in MODES for target in range(TARGETS))

    def load(self, name: str) -> MixtureTask:
        """Return the task of that name, without anything that only the judge may see.

        Raises:
            UnknownNameError: there is no such task.
        """
        sealed = self.seal(name)
        return MixtureTask(sealed.spec, sealed.track, sealed.selection, sealed.data_sha256)

    def seal(self, name: str) -> SealedMixtures:
        """Return the sealed test of the task of that name, which only the judge may load.

        Raises:
            UnknownNameError: there is no such task.
        """
        match = re.fullmatch(r"mixtures/(\w+)@target:(\d+)", name)
        if match is None or name not in self.names():
            raise UnknownNameError("task", name, self.names())
        return seal(name, match[1], int(match[2]))

    def judge(self, name: str) -> MixtureJudge:
        """Return the judge of the task of that name."""
        return MixtureJudge(self.seal(name))

    def evaluator(self, task: MixtureTask, limits: Limits, sandbox: Sandbox | None) -> MixtureEvaluator:  # noqa: ARG002
        """Return an evaluator, which scores the programs of a search without a sandbox.

        Args:
            task: the task that the programs solve.
            limits: limits of each program.
            sandbox: not used; programs are read and never run.
        """
        return MixtureEvaluator(task, limits)

    def candidate(self, task: MixtureTask, source: str, seed: int, sandbox: Sandbox | None) -> MixtureModel:  # noqa: ARG002
        """Return a program that is to be judged.

        Args:
            task: the task that the program solves.
            source: its source.
            seed: seed of all draws and fits.
            sandbox: not used; programs are read and never run.
        """
        return MixtureModel(source, task.mode, seed)

    def fit(self, task: MixtureTask, model: MixtureModel, limits: Limits) -> None:  # noqa: ARG002
        """Read a program and, in the mode `refit`, fit its likelihood.

        Args:
            task: the task that the program solves.
            model: the program.
            limits: limits of the fit.

        Raises:
            CandidateError: the program failed.
        """
        model.fit(limits)

    def selection_loss(self, task: MixtureTask, model: MixtureModel) -> float | None:
        """Return minus the log marginal likelihood of the observations in nats; None if they are impossible."""
        total = model.log_marginal(task.observed).total
        return -total if np.isfinite(total) else None


MIXTURES = MixtureFamily()


def evaluate_all(mode: str, candidate: int, updates: int) -> list[MarginalLikelihood]:
    """Compute the log marginal likelihood of one candidate for each of the five targets' data; results are cached.

    Args:
        mode: one of `MODES`.
        candidate: number of the candidate.
        updates: limit of the density estimator's updates.
    """
    model = MixtureModel(models()[candidate].source, mode, seed=0)
    model.fit(Limits(updates=updates))
    return [model.log_marginal(MIXTURES.seal(task_name(mode, t)).selection) for t in range(TARGETS)]
