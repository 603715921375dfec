"""The evaluator of searches on mixtures: it reads a program and computes the likelihood of the observations."""

from __future__ import annotations

import time

import numpy as np

from zfbench.protocols.task import Evaluator
from zfbench.records.evaluation import Evaluation
from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError, Program, Status
from zfbench.records.spend import Spend
from zfbench.tasks.mixtures.model import MixtureModel
from zfbench.tasks.mixtures.task import MixtureTask


class MixtureEvaluator(Evaluator):
    """Scores the programs of a search; programs are read as data and never run.

    Args:
        task: the task that the programs solve.
        limits: limits of each program.
    """

    def __init__(self, task: MixtureTask, limits: Limits) -> None:
        self._task, self._limits = task, limits

    def __call__(self, program: Program, seed: int) -> Evaluation:
        """Score a program with a seed; every failure of the program becomes an evaluation with its status."""
        began = time.monotonic()
        model = MixtureModel(program.source, self._task.mode, seed)
        try:
            model.fit(self._limits)
            marginal = model.log_marginal(self._task.observed)
            if not np.isfinite(marginal.total):
                raise CandidateError(Status.NON_FINITE, "An observation is impossible under this mixture.")
        except CandidateError as error:
            spend = Spend(evaluations=1, device_seconds=time.monotonic() - began)
            return Evaluation(error.status, feedback=str(error), spend=spend)
        M = len(marginal.log_evidence)
        return Evaluation(
            Status.OK,
            loss=-marginal.total,
            log_likelihood=marginal.total,
            metrics={"log_marginal_se": marginal.total_standard_error},
            feedback=f"Log marginal likelihood of {M} points: {marginal.total:.1f} nats (Monte Carlo error "
            f"{marginal.total_standard_error:.1f}), {marginal.total / M:.2f} each; the worst point "
            f"{marginal.log_evidence.min():.2f}.",
            spend=Spend(
                evaluations=1,
                updates=0 if model.report is None else model.report.updates,
                device_seconds=time.monotonic() - began,
            ),
        )
