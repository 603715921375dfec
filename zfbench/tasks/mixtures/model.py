"""A mixture as a program: read, fitted where its mode asks for it, and turned into marginal likelihoods."""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zfbench.base.cache import remembered
from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError, Program, Status
from zfbench.scoring.likelihood import Likelihood, MarginalLikelihood, log_marginal_prior
from zfbench.simulators import density as neural
from zfbench.simulators.density import LikelihoodEstimator, Training, fit_likelihood, restore_likelihood
from zfbench.simulators.model import density_errors_fail_the_program
from zfbench.tasks.mixtures.mixture import (
    Mixture,
    draw_parameters,
    read_mixture,
)

Array = NDArray[np.float64]
MODES = ("exact", "cached", "refit")
OBSERVATIONS = 1_000
SIMULATIONS = 5_000
DRAWS = {"exact": 2_000, "cached": 500, "refit": 2_000}  # B, draws from the prior; the paper's 2,000 except in `cached`
TRAINING = Training(batch=100, learning_rate=2e-3)  # our choice, for short fits; the paper trains up to 500 epochs
VERSION = 1  # of candidates and data; increased when they change


@dataclass(frozen=True)
class FitReport:
    """The cost of finding a likelihood.

    Attributes:
        updates: largest number of optimiser steps that it may have taken; 0 where the likelihood is exact.
        seconds: wall-clock time in s; close to zero where the likelihood is cached.
    """

    updates: int
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-compatible form."""
        return asdict(self)


class MixtureModel:
    """A program of the task `mixtures` with its likelihood; implements `zfbench.protocols.task.Candidate`.

    Args:
        source: the program.
        mode: one of `MODES`.
        seed: seed of all draws and fits.

    Attributes:
        source: the program.
        report: the cost of finding its likelihood; None before `fit`.
    """

    report: FitReport | None = None

    def __init__(self, source: str, mode: str, seed: int) -> None:
        self.source = source
        self._mode, self._seed = mode, seed
        self._id = Program(source).id
        self._epochs = 0
        self._fitted: LikelihoodEstimator | None = None

    def fit(self, limits: Limits) -> None:
        """Read the program and, in the mode `refit`, fit its likelihood.

        Args:
            limits: updates of the density estimator, in whole epochs.

        Raises:
            CandidateError: the program is invalid, or no density can be learned from it.
            ZfbenchError: the extra `inference` is not installed.
        """
        began = time.monotonic()
        self.mixture = read(self.source)
        training = TRAINING.within(limits.updates, SIMULATIONS)
        self._epochs = 0 if self._mode == "exact" else training.epochs
        if self._mode == "refit":
            with density_errors_fail_the_program():
                self._fitted = self._learn(self._seed)
        self.report = FitReport(self._epochs * training.steps(SIMULATIONS), time.monotonic() - began)

    def log_marginal(self, x: Array) -> MarginalLikelihood:
        """Return the log marginal likelihood of observations [M, D], by the likelihood of the mode.

        Raises:
            CandidateError: non_finite; the likelihood is undefined for an observation.
        """
        if self._mode == "refit":
            with density_errors_fail_the_program():
                return self._average(self._likelihood(), x, self._seed)
        key = self._key | {
            "x": hashlib.sha256(np.ascontiguousarray(x, "<f8").tobytes()).hexdigest(),
            "draws": DRAWS[self._mode],
        }
        with density_errors_fail_the_program():
            found = remembered("mixtures", key, lambda: _arrays(self._average(self._likelihood(), x, 0)))
        return MarginalLikelihood(
            found["log_evidence"],
            found["standard_error"],
            found["effective_size"],
            float(found["total"]),
            float(found["total_standard_error"]),
        )

    def close(self) -> None:
        """Do nothing: no process was started."""

    @property
    def _key(self) -> dict[str, Any]:
        """Everything that a cached likelihood depends on."""
        key: dict[str, Any] = {"version": [VERSION, neural.VERSION], "mode": self._mode, "program": self._id}
        if self._mode == "cached":
            key |= {"epochs": self._epochs, "libraries": {name: _version(name) for name in ("sbi", "torch")}}
        return key

    def _likelihood(self) -> Likelihood:
        if self._mode == "exact":
            return self.mixture
        if self._fitted is None:
            kept = remembered("mixtures", self._key, lambda: self._learn(int(self._id[:8], 16)).arrays())
            self._fitted = restore_likelihood(kept, self._training)
        return self._fitted

    @property
    def _training(self) -> Training:
        return replace(TRAINING, epochs=self._epochs)

    def _learn(self, seed: int) -> LikelihoodEstimator:
        """Learn a neural likelihood from new simulations."""
        rng = np.random.default_rng(seed)
        theta = draw_parameters(rng, SIMULATIONS)
        return fit_likelihood(theta, self.mixture.simulate(rng, theta), seed, training=self._training)

    def _average(self, likelihood: Likelihood, x: Array, seed: int) -> MarginalLikelihood:
        theta = draw_parameters(np.random.default_rng([seed, 1]), DRAWS[self._mode])
        return log_marginal_prior(likelihood, x, theta)


def read(source: str) -> Mixture:
    """Read the mixture that a program defines.

    Raises:
        CandidateError: invalid; the program defines none.
    """
    try:
        return read_mixture(source)
    except ValueError as error:
        raise CandidateError(Status.INVALID, f"The program defines no mixture: {error}.") from error


def _arrays(marginal: MarginalLikelihood) -> dict[str, NDArray[Any]]:
    return {name: np.asarray(value) for name, value in vars(marginal).items()}


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "not installed"
