"""The evaluator of searches on simulator tasks: it simulates a candidate, learns its likelihood and scores the data."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from zfbench.base.errors import ZfbenchError
from zfbench.protocols.sandbox import Sandbox
from zfbench.protocols.task import Evaluator
from zfbench.records.evaluation import FITTED, STANDARDISED_MSE, Evaluation
from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError, Program, Status
from zfbench.records.spend import Spend
from zfbench.sandbox.choose import SandboxUser
from zfbench.scoring.likelihood import MarginalLikelihood
from zfbench.simulators.model import SimulatorModel
from zfbench.simulators.problem import Observed, SimulatorTask

OUTSIDE = 0.01  # quantile of the simulations below which, or above its complement, an observation is surprising
SHOWN = 5  # number of the worst statistics that the feedback names


class SimulatorEvaluator(SandboxUser, Evaluator):
    """Scores simulator programs by the marginal likelihood of the observations to select on.

    Args:
        task: the task that the candidates solve.
        limits: limits of each candidate.
        sandbox: runs the candidates; without one, each candidate opens its own.
        fitted: metric at fitted parameters that is measured too, `FITTED` or `STANDARDISED_MSE`, by a posterior that
            shares the limit of updates; None for neither.
    """

    def __init__(
        self, task: SimulatorTask, limits: Limits, sandbox: Sandbox | None = None, fitted: str | None = None
    ) -> None:
        self._task = task
        self._limits = limits
        self._sandbox = sandbox
        self._fitted = fitted

    def with_fitted(self, metric: str) -> SimulatorEvaluator:
        """Return an evaluator that also measures a metric at fitted parameters.

        Args:
            metric: `FITTED` or `STANDARDISED_MSE`.

        Raises:
            ZfbenchError: the task has no parameters, or simulates nothing that a posterior could be learned from.
        """
        if self._task.likelihood == "exact" or not self._task.spec.parameters:
            raise ZfbenchError(
                f"The task '{self._task.spec.name}' fits no parameters by simulation, so that {metric} is not "
                "measured; use `funsearch`, or weights=likelihood."
            )
        return SimulatorEvaluator(self._task, self._limits, self._sandbox, fitted=metric)

    def __call__(self, program: Program, seed: int) -> Evaluation:
        """Simulate and score a program with a seed; every failure becomes an evaluation with its status."""
        if self._sandbox is not None and self._task.likelihood == "surrogate":
            self._sandbox.start()  # before the clock starts, so that no candidate pays for it
        began = time.monotonic()
        model = SimulatorModel(
            program.source, self._task, seed, self._sandbox, learn_posterior=self._fitted is not None
        )
        updates = 0
        try:
            model.fit(self._limits)
            updates = 0 if model.report is None else model.report.updates
            marginal = model.log_marginal(self._task.observed)
            fitted = self._at_fitted_parameters(model)
        except CandidateError as error:
            said = f"\nIt printed: {error.printed[-1_000:]}" if error.printed else ""
            return Evaluation(error.status, feedback=str(error) + said, spend=_spend(began, updates))
        return Evaluation(
            Status.OK,
            loss=-marginal.total,
            log_likelihood=marginal.total,
            metrics={
                "log_marginal_se": marginal.total_standard_error,
                **fitted,
            },
            feedback=feedback(marginal, model.simulated, self._task.observed, self._task.spec.statistics),
            spend=_spend(began, updates),
        )

    def _at_fitted_parameters(self, model: SimulatorModel) -> dict[str, float]:
        """Return the metric that was asked for; empty if none was, or if it is not defined."""
        if self._fitted is None:
            return {}
        measure = {FITTED: model.log_fitted, STANDARDISED_MSE: model.fitted_error}[self._fitted]
        value = measure(self._task.observed)
        return {} if value is None else {self._fitted: value}


def feedback(
    marginal: MarginalLikelihood, simulated: NDArray[np.float64], observed: Observed, names: tuple[str, ...]
) -> str:
    """Describe a simulator's fit in words, as feedback to the author of the program.

    The text is a function of the program's scores alone, so that equal evaluations give equal feedback.

    Args:
        marginal: marginal likelihood of the observations.
        simulated: [n, K], statistics of simulations with parameters from the prior.
        observed: the observations.
        names: names of the K statistics.
    """
    M, least = len(observed), marginal.log_evidence.min()
    lines = [
        f"Log marginal likelihood of {M} observations: {marginal.total:.1f} nats (Monte Carlo error "
        f"{marginal.total_standard_error:.1f}), {marginal.total / M:.2f} each; the worst observation {least:.2f}."
    ]
    if len(simulated):
        rank = np.array([(simulated < x).mean(axis=0) for x in observed.statistics])  # [M, K]
        beyond = ((rank < OUTSIDE) | (rank > 1 - OUTSIDE)).mean(axis=0)  # [K]
        worst = [k for k in np.argsort(-beyond, kind="stable")[:SHOWN] if beyond[k] > 2 * OUTSIDE]
        for k in worst:
            low, middle, high = np.quantile(simulated[:, k], (0.01, 0.5, 0.99))
            lines.append(
                f"Statistic '{names[k]}': {beyond[k]:.0%} of the observations (median "
                f"{np.median(observed.statistics[:, k]):.4g}) lie outside the central 98 % of the simulations "
                f"({low:.4g} to {high:.4g}, median {middle:.4g})."
            )
        if not worst:
            lines.append("No statistic of the observations is outside what the simulations reach.")
    return "\n".join(lines)


def _spend(began: float, updates: int) -> Spend:
    """Return the cost of one evaluation, including the seconds that it occupied a worker."""
    return Spend(evaluations=1, updates=updates, device_seconds=time.monotonic() - began)
