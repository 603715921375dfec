"""A simulator program as a likelihood: simulated in a separate process, with its likelihood learned in this one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zfbench.base.errors import DensityError, ZfbenchError
from zfbench.engine.serialise import ENGINE
from zfbench.protocols.sandbox import Sandbox
from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError, Status, normalise
from zfbench.scoring.likelihood import (
    Likelihood,
    MarginalLikelihood,
    Posterior,
    fit_parameters,
    log_fitted,
    log_marginal_importance,
    log_marginal_prior,
)
from zfbench.simulators.density import Training, fit_likelihood, fit_posterior, pfn_likelihood, pfn_posterior
from zfbench.simulators.problem import Observed, SimulatorTask
from zfbench.simulators.simulate import simulate_program

BATCH = 200  # simulations in one update of the density estimator; sbi's default
FITTED_DRAWS = 10_000  # draws from the posterior of each observation, the best of which is fitted (Wahl et al. 2026)
AGAIN = 2**31  # number of the stream of repeated evaluations, apart from the numbers of all other streams


@dataclass(frozen=True)
class SimulationReport:
    """The cost of learning a program's likelihood.

    Attributes:
        simulations: number of trajectories of the program.
        updates: largest number of optimiser steps that the density estimators may have taken; 0 where the likelihood is
            exact.
        seconds: wall-clock time in s.
    """

    simulations: int
    updates: int
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-compatible form."""
        return asdict(self)


class SimulatorModel:
    """A program of a simulator task, from its source to marginal likelihoods.

    Attributes:
        source: the program.
        report: the cost of learning its likelihood; None before `fit`.
        simulated: [n, K], the statistics that the likelihood was learned from; empty where it is exact.
        posterior: the posterior of the parameters; None before it is learned, and where it is not asked for.
        engine: what carries it out.
    """

    engine = ENGINE
    report: SimulationReport | None = None
    simulated: NDArray[np.float64]
    posterior: Posterior | None = None

    def __init__(
        self, source: str, task: SimulatorTask, seed: int, sandbox: Sandbox | None = None, learn_posterior: bool = False
    ) -> None:
        """Hold a program that has not been run yet.

        Args:
            source: the program.
            task: the task that it solves.
            seed: seed of all draws and fits.
            sandbox: runs the program; without one, it opens its own.
            learn_posterior: also learn the posterior of the parameters, for `log_fitted`.
        """
        self.source = source
        self._learn_posterior = learn_posterior
        self._task = task
        self._seed = seed
        self._sandbox = sandbox
        self._limits: Limits | None = None
        self._likelihood: Likelihood | None = None

    def fit(self, limits: Limits) -> None:
        """Simulate with parameters from the priors, and learn the likelihood of the statistics.

        Args:
            limits: seconds of simulating, and updates of all density estimators, in whole passes over the simulations,
                of which there are two at least.

        Raises:
            CandidateError: the program failed; its status and sentence say how.
            ZfbenchError: the extra `inference` is not installed, or the task's `statistics` have the wrong shape.
        """
        began = time.monotonic()
        self._limits = limits
        if self._task.likelihood == "exact":
            self._likelihood = exact_likelihood(self._task, self.source)
            self.simulated = np.empty((0, len(self._task.spec.statistics)))
            self.report = SimulationReport(0, 0, time.monotonic() - began)
            return
        theta, contexts, x = self._simulate(limits)
        n = len(theta)
        networks = 0 if self._task.estimator == "nle-pfn" else 1 + self._learns_posterior
        training = Training(batch=BATCH).within(limits.updates, n, max(networks, 1))
        with density_errors_fail_the_program():
            self._learn(theta, contexts, x, training)
        self.simulated = x
        updates = networks * training.epochs * training.steps(n)
        self.report = SimulationReport(n, updates, time.monotonic() - began)

    def log_marginal(self, observed: Observed) -> MarginalLikelihood:
        """Return the log marginal likelihood of each observation, by draws from the prior or from its posterior.

        Raises:
            CandidateError: non_finite; the likelihood is zero or undefined for an observation.
        """
        assert self._likelihood is not None, "fit the program before it is scored"
        spec, x, contexts = self._task.spec, observed.statistics, observed.contexts
        with density_errors_fail_the_program():
            if self._task.evidence == "importance" and self.posterior is not None:
                marginal = log_marginal_importance(
                    self._likelihood, x, self.posterior, spec.log_prior, self._prior_draws(), self._stream(6), contexts
                )
            else:
                marginal = log_marginal_prior(self._likelihood, x, self._prior_draws(), contexts)
        if not np.isfinite(marginal.total):
            raise CandidateError(Status.NON_FINITE, "An observation is impossible under the program.")
        return marginal

    def log_fitted(self, observed: Observed) -> float:
        """Return the log likelihood of the observations in nats, each at the parameters that its posterior fits to it.

        Raises:
            CandidateError: non_finite; an observation is impossible under its fitted parameters.
        """
        assert self._likelihood is not None, "fit the program before it is scored"
        assert self.posterior is not None, "a program is fitted to observations by its posterior; set `learn_posterior`"
        spec, x, contexts = self._task.spec, observed.statistics, observed.contexts
        prior = self._prior_draws()
        with density_errors_fail_the_program():
            total = log_fitted(
                self._likelihood, x, self.posterior, spec.supports, prior, FITTED_DRAWS, self._stream(5), contexts
            ).sum()
        if not np.isfinite(total):
            raise CandidateError(Status.NON_FINITE, "An observation is impossible under its fitted parameters.")
        return float(total)

    def fitted_error(self, observed: Observed) -> float | None:
        """Return the squared error of one simulation of each observation, at the parameters that are fitted to it.

        Each statistic is in units of its variance over observations, and those that do not vary are left out: the score
        of the ablation `weights=mse` (Wahl et al. 2026, arXiv 2602.18266). It is None where no statistic varies.

        Raises:
            CandidateError: the program failed at the fitted parameters.
        """
        assert self.posterior is not None, "a program is fitted to observations by its posterior; set `learn_posterior`"
        assert self._limits is not None, "fit the program before it is scored"
        task, x, contexts = self._task, observed.statistics, observed.contexts
        prior, rng = self._prior_draws(), np.random.default_rng(self._stream(8))
        with density_errors_fail_the_program():
            theta = fit_parameters(
                x, self.posterior, task.spec.supports, prior, FITTED_DRAWS, self._stream(5), contexts
            )
        path = simulate_program(self.source, task.spec, theta, contexts, self._limits, self._stream(7), self._sandbox)
        return squared_error(self._statistics(path, contexts, rng), x)

    def refitted(self, number: int) -> SimulatorModel:
        """Return the same program, simulated and learned anew with the seeds of that number.

        Raises:
            CandidateError: the program failed.
        """
        assert self._limits is not None, "fit the program before it is fitted again"
        seed = int(np.random.SeedSequence(self._seed, spawn_key=(AGAIN, number)).generate_state(1)[0])
        model = SimulatorModel(self.source, self._task, seed, self._sandbox)
        model.fit(self._limits)
        return model

    def close(self) -> None:
        """Do nothing: the program's process ended with its last simulation."""

    def _simulate(self, limits: Limits) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return parameters [n, P], contexts [n, C] and the statistics [n, K] of trajectories under them."""
        task, rng = self._task, np.random.default_rng(self._stream(0))
        theta = task.spec.draw_parameters(rng, task.simulations)
        contexts = task.contexts(rng, task.simulations)
        path = simulate_program(self.source, task.spec, theta, contexts, limits, self._stream(1), self._sandbox)
        return theta, contexts, self._statistics(path, contexts, rng)

    def _statistics(
        self, path: NDArray[np.float32], contexts: NDArray[np.float64], rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Return the checked statistics [n, K] of trajectories."""
        task = self._task
        x = task.statistics(path, contexts, rng)
        expected = (len(path), len(task.spec.statistics))
        if x.shape != expected:
            raise ZfbenchError(
                f"The `statistics` of the task '{task.spec.name}' gave an array of shape {x.shape}; its author should "
                f"make it {expected}, a row for each trajectory and a column for each name in the specification."
            )
        if not np.isfinite(x).all():
            name = task.spec.statistics[np.argwhere(~np.isfinite(x))[0, 1]]
            raise CandidateError(Status.NON_FINITE, f"The statistic '{name}' of a simulation is not finite.")
        return x

    @property
    def _learns_posterior(self) -> bool:
        """True if the posterior is learned too."""
        return self._learn_posterior or self._task.evidence == "importance"

    def _learn(
        self,
        theta: NDArray[np.float64],
        contexts: NDArray[np.float64],
        x: NDArray[np.float64],
        training: Training,
    ) -> None:
        """Learn the densities that are asked for, with the task's kind of estimator."""
        if self._task.estimator == "nle-pfn":
            self._likelihood = pfn_likelihood(theta, x, context=contexts)
            self.posterior = pfn_posterior(theta, x, context=contexts) if self._learns_posterior else None
            return
        self._likelihood = fit_likelihood(theta, x, self._stream(2), context=contexts, training=training)
        if self._learns_posterior:
            self.posterior = fit_posterior(theta, x, self._stream(4), context=contexts, training=training)

    def _prior_draws(self) -> NDArray[np.float64]:
        """Draw parameters [B, P] from their priors."""
        return self._task.spec.draw_parameters(np.random.default_rng(self._stream(3)), self._task.draws)

    def _stream(self, number: int) -> int:
        """Return the seed of a purpose: 0 parameters, 1 paths, 2 likelihood, 3 prior, 4-6 posterior, 7-8 fits."""
        return int(np.random.SeedSequence(self._seed, spawn_key=(number,)).generate_state(1)[0])


def squared_error(simulated: NDArray[np.float64], observed: NDArray[np.float64]) -> float | None:
    """Return the mean squared difference of simulations and observations [M, K], in units of each column's variance.

    Columns that do not vary over observations are left out; None if none varies.
    """
    varies = observed.std(axis=0) > 0
    if not varies.any():
        return None
    scaled = (simulated - observed)[:, varies] / observed[:, varies].std(axis=0)
    return float(np.square(scaled).mean())


@contextmanager
def density_errors_fail_the_program() -> Iterator[None]:
    """Turn a density error into a failure of the program.

    Simulations from which no density can be learned, or an undefined one, are the program's fault; the run goes on.

    Raises:
        CandidateError: non_finite; the code inside raised a `DensityError`.
    """
    try:
        yield
    except DensityError as error:
        raise CandidateError(Status.NON_FINITE, str(error)) from error


def exact_likelihood(task: SimulatorTask, source: str) -> Likelihood:
    """Return the exact likelihood that the task knows for a program.

    Raises:
        CandidateError: invalid; the task knows none for this program.
    """
    known = task.exact.get(normalise(source))
    if known is None:
        raise CandidateError(
            Status.INVALID,
            f"The task '{task.spec.name}' knows the exact likelihood of {len(task.exact)} programs only.",
        )
    return known
