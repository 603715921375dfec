"""The task `mixtures`: find which of 20 Gaussian mixtures the data came from; the LLM-free validation of a search.

After Wahl et al. 2026 (arXiv 2602.18266): 1,000 draws of one of 20 candidate models, its parameters at s = 1 and u = 0,
and a proposer that draws candidates uniformly. A program is literals that define a mixture
(`zfbench.testbed.mixtures`); it is read, never run, so nothing needs a sandbox. Its worth is the log marginal
likelihood of the draws, averaged over scale and shift. What the likelihood is depends on the mode:

    mixtures/exact@target:0    the mixture's own density
    mixtures/cached@target:0   a neural estimate from 5,000 simulations, fitted once for each program
    mixtures/refit@target:0    a neural estimate fitted anew whenever the program is proposed: the paper's way

All five targets have the same candidates. What `exact` and `cached` compute is kept on disk.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zfbench import scoring
from zfbench.cache import remembered
from zfbench.errors import UnknownNameError, ZfbenchError
from zfbench.forecaster import Limits
from zfbench.judge import Scores
from zfbench.programs.contract import CandidateError, Status
from zfbench.programs.process import Sandbox
from zfbench.programs.simulator_model import blaming_the_program
from zfbench.scoring import neural
from zfbench.scoring.likelihood import Likelihood, MarginalLikelihood, log_marginal_prior
from zfbench.scoring.neural import LikelihoodEstimator, Training, fit_likelihood, restore_likelihood
from zfbench.scoring.population import concentration
from zfbench.search.discoverer import Generation
from zfbench.search.types import Evaluation, Program, Spend
from zfbench.testbed.mixtures import (
    DIMENSIONS,
    PARAMETERS,
    SCALE,
    SHIFT,
    SHIFTED,
    Mixture,
    draw_candidate,
    draw_parameters,
    read_mixture,
)

Array = NDArray[np.float64]

MODES = ("exact", "cached", "refit")
TARGETS = 5
CANDIDATES = 20
OBSERVATIONS = 1_000
SIMULATIONS = 5_000
DRAWS = {"exact": 2_000, "cached": 500, "refit": 2_000}  # B, of the prior; the paper's 2,000 but for the quick mode
TRAINING = Training(batch=100, learning_rate=2e-3)  # so that a short fit goes far; the published is of up to 500 epochs
VERSION = 1  # of candidates and data

SEED_PROGRAM = Mixture(
    np.ones(1), np.zeros((1, DIMENSIONS)), 5.0 * np.eye(DIMENSIONS)[None], tuple(range(SHIFTED))
).source

CONTRACT = f"""\
Assign Python literals to four names, and write nothing else but comments and a docstring; the program is read, not run.

    weights    list of C positive numbers, the components' shares
    means      C lists of {DIMENSIONS} numbers
    factors    C matrices F, {DIMENSIONS} lists of {DIMENSIONS} numbers; component k has the covariance F F^T
    shifted    list of {SHIFTED} different dimensions out of 0 .. {DIMENSIONS - 1}

A draw is x = s z + u: z from the mixture, the scale s ~ U[{SCALE[0]:g}, {SCALE[1]:g}], and a shift
u ~ U[{SHIFT[0]:g}, {SHIFT[1]:g}] in the dimensions `shifted`, zero elsewhere."""


@dataclass(frozen=True)
class MixtureSpec:
    """What an author of mixtures may know; see `zfbench.tasks.task.Spec`.

    Attributes:
        name: of the task.
        candidates: source of the models that the data may have come from, in an order that tells nothing.
    """

    name: str
    candidates: tuple[str, ...]
    contract: str = CONTRACT
    groups: tuple[str, ...] = ()

    @property
    def description(self) -> str:
        """See `Spec.description`."""
        return (
            f"{OBSERVATIONS:,} points in {DIMENSIONS} dimensions were drawn from a Gaussian mixture. Find a mixture "
            "under which they are probable when its scale and shift are integrated out, for each point by itself."
        )

    def facts(self) -> dict[str, str]:
        """See `Spec.facts`."""
        return {
            "Parameters": ", ".join(PARAMETERS),
            "Candidates": f"{len(self.candidates)}, one of them the source",
        }

    def check(self, source: str) -> None:
        """See `Spec.check`."""
        _read(source)

    def to_json(self) -> dict[str, Any]:
        """See `Spec.to_json`."""
        return asdict(self)


@dataclass(frozen=True)
class FitReport:
    """How a likelihood was found.

    Attributes:
        updates: most optimiser steps that it may have taken; 0 where it is exact.
        seconds: wall-clock time; close to none where it was fitted before.
    """

    updates: int
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """JSON-compatible form."""
        return asdict(self)


class MixtureModel:
    """A mixture on its way to a marginal likelihood; see `zfbench.tasks.task.Candidate`.

    Attributes:
        source: the program.
        report: how its likelihood was found, once it is.
    """

    report: FitReport

    def __init__(self, source: str, mode: str, seed: int) -> None:
        self.source = source
        self._mode, self._seed = mode, seed
        self._id = Program(source).id
        self._epochs = 0
        self._fitted: LikelihoodEstimator | None = None

    def fit(self, limits: Limits) -> None:
        """Read the program; where its likelihood is fitted anew, fit it.

        Args:
            limits: updates of the density estimator, in whole epochs.

        Raises:
            CandidateError: the program is invalid, or no density can be learned of it.
            ZfbenchError: the extra `inference` is not installed.
        """
        began = time.monotonic()
        self.mixture = _read(self.source)
        training = TRAINING.within(limits.updates, SIMULATIONS)
        self._epochs = 0 if self._mode == "exact" else training.epochs
        if self._mode == "refit":
            with blaming_the_program():
                self._fitted = self._learn(self._seed)
        self.report = FitReport(self._epochs * training.steps(SIMULATIONS), time.monotonic() - began)

    def log_marginal(self, x: Array) -> MarginalLikelihood:
        """Log marginal likelihood of observations [M, D], by the mode's likelihood.

        Raises:
            CandidateError: non_finite; the likelihood is undefined for an observation.
        """
        if self._mode == "refit":
            with blaming_the_program():
                return self._average(self._likelihood(), x, self._seed)
        key = self._key | {
            "x": hashlib.sha256(np.ascontiguousarray(x, "<f8").tobytes()).hexdigest(),
            "draws": DRAWS[self._mode],
        }
        with blaming_the_program():
            found = remembered("mixtures", key, lambda: _arrays(self._average(self._likelihood(), x, 0)))
        return MarginalLikelihood(
            found["log_evidence"],
            found["standard_error"],
            found["effective_size"],
            float(found["total"]),
            float(found["total_standard_error"]),
        )

    def close(self) -> None:
        """There are no processes."""

    @property
    def _key(self) -> dict[str, Any]:
        """What a likelihood that is kept depends on."""
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
        """A neural likelihood from fresh simulations."""
        rng = np.random.default_rng(seed)
        theta = draw_parameters(rng, SIMULATIONS)
        return fit_likelihood(theta, self.mixture.simulate(rng, theta), seed, training=self._training)

    def _average(self, likelihood: Likelihood, x: Array, seed: int) -> MarginalLikelihood:
        theta = draw_parameters(np.random.default_rng([seed, 1]), DRAWS[self._mode])
        return log_marginal_prior(likelihood, x, theta)


class MixtureTask:
    """What a search receives; see `zfbench.tasks.task.SearchTask`.

    Attributes:
        reevaluate: in `refit`, a program that is proposed again is evaluated again.
    """

    seed_program = SEED_PROGRAM

    def __init__(self, spec: MixtureSpec, mode: str, observed: Array, data_sha256: str) -> None:
        self.spec, self.mode, self.observed, self.data_sha256 = spec, mode, observed, data_sha256
        self.reevaluate = mode == "refit"

    def evaluator(self, limits: Limits, sandbox: Sandbox | None) -> Callable[[Program, int], Evaluation]:  # noqa: ARG002
        """See `SearchTask.evaluator`; programs are read here, and none is run."""
        return MixtureEvaluator(self, limits)

    def candidate(self, source: str, seed: int, sandbox: Sandbox | None) -> MixtureModel:  # noqa: ARG002
        """See `SearchTask.candidate`."""
        return MixtureModel(source, self.mode, seed)

    def fit(self, model: MixtureModel, limits: Limits) -> None:
        """See `SearchTask.fit`."""
        model.fit(limits)

    def selection_loss(self, model: MixtureModel) -> float | None:
        """Minus the log marginal likelihood of the observations; None if they are impossible."""
        total = model.log_marginal(self.observed).total
        return -total if np.isfinite(total) else None


class MixtureEvaluator:
    """Scores the programs of a search; see `zfbench.search.executors.Evaluate`."""

    def __init__(self, task: MixtureTask, limits: Limits) -> None:
        self._task, self._limits = task, limits

    def __call__(self, program: Program, seed: int) -> Evaluation:
        """Score with that seed; every failure of the program becomes an evaluation with its status."""
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
            spend=Spend(evaluations=1, updates=model.report.updates, device_seconds=time.monotonic() - began),
        )


@dataclass(frozen=True, eq=False)
class SealedMixtures:
    """What the judge alone loads; see `zfbench.tasks.sealed.Sealed`.

    Attributes:
        spec: the task's.
        track: the mode.
        circuit: the target's number.
        target: source of the model that the data came from.
        selection: [M, D], the observations that searches select on.
        held_out: [M, D], further draws of the target.
    """

    spec: MixtureSpec
    track: str
    circuit: str
    data_sha256: str
    target: str
    selection: Array
    held_out: Array
    tier: str = "standard"
    holdout: str = ""

    def judge(self) -> MixtureJudge:
        """See `Sealed.judge`."""
        return MixtureJudge(self)


class MixtureJudge:
    """Scores mixtures by their own density on draws that no search saw; see `zfbench.tasks.sealed.TaskJudge`."""

    selection_score = "likelihood/selection_loss"

    def __init__(self, sealed: SealedMixtures) -> None:
        self.sealed = sealed

    @property
    def controls(self) -> Mapping[str, str]:
        """The model that the data came from."""
        return {"oracle": self.sealed.target}

    def score(self, model: MixtureModel, progress: Callable[[str], None] = lambda _: None) -> Scores:
        """Held-out evidence, what a neural likelihood is off by, and whether it is the target."""
        progress("likelihood")
        exact = MixtureModel(model.source, "exact", 0)
        exact.fit(Limits())
        held_out, selection = (exact.log_marginal(x) for x in (self.sealed.held_out, self.sealed.selection))
        chosen_by = model.log_marginal(self.sealed.selection)
        M = len(selection.log_evidence)
        scores = Scores(metric_versions={"likelihood": scoring.VERSIONS["likelihood"]})
        scores.add_all(
            "likelihood",
            {
                "log_marginal": held_out.total,
                "log_marginal_se": held_out.total_standard_error,
                "log_marginal_per_observation": held_out.total / M,
                "log_marginal_selection": chosen_by.total,
                "surrogate_error_per_observation": (chosen_by.total - selection.total) / M,
                "target_found": float(Program(model.source).id == Program(self.sealed.target).id),
            },
        )
        return scores

    def score_generations(self, generations: Sequence[Generation]) -> Scores:
        """See `zfbench.tasks.sealed.PopulationJudge`: the target's share of the population."""
        found = concentration(
            [generation.programs for generation in generations],
            [generation.resampled for generation in generations],
            Program(self.sealed.target).id,
        )
        scores = Scores(metric_versions={"population": scoring.VERSIONS["population"]})
        scores.add("population/target_share", found.after_jumps)
        scores.add("population/target_share_first", found.first)
        scores.add("population/target_share_settled", found.settled)
        scores.add_curve("population/target_share", found.share.tolist())
        scores.add_curve("population/jumps", [float(k) for k in found.jumps])
        return scores

    def score_mask(self) -> Scores:
        """There is no wiring."""
        raise ZfbenchError(f"The task '{self.sealed.spec.name}' has no wiring to score; judge programs on it.")


class MixtureFamily:
    """The entry point `mixtures` of the group `zfbench.tasks`."""

    def names(self) -> tuple[str, ...]:
        """See `zfbench.tasks.task.TaskFamily.names`."""
        return tuple(task_name(mode, target) for mode in MODES for target in range(TARGETS))

    def load(self, name: str) -> MixtureTask:
        """See `zfbench.tasks.task.TaskFamily.load`."""
        sealed = self.seal(name)
        return MixtureTask(sealed.spec, sealed.track, sealed.selection, sealed.data_sha256)

    def seal(self, name: str) -> SealedMixtures:
        """See `zfbench.tasks.sealed.SealedFamily.seal`."""
        match = re.fullmatch(r"mixtures/(\w+)@target:(\d+)", name)
        if match is None or name not in self.names():
            raise UnknownNameError("task", name, self.names())
        return _sealed(name, match[1], int(match[2]))


MIXTURES = MixtureFamily()


def evaluate_all(mode: str, candidate: int, updates: int) -> list[MarginalLikelihood]:
    """The log marginal likelihood of one candidate for each of the five targets' data; kept on disk."""
    model = MixtureModel(models()[candidate].source, mode, seed=0)
    model.fit(Limits(updates=updates))
    return [model.log_marginal(MIXTURES.seal(task_name(mode, t)).selection) for t in range(TARGETS)]


def task_name(mode: str, target: int) -> str:
    """The full name of a task."""
    return f"mixtures/{mode}@target:{target}"


@lru_cache
def models() -> tuple[Mixture, ...]:
    """The candidates, in the order of their numbers; the first five are the targets."""
    return tuple(draw_candidate(np.random.default_rng([VERSION, k])) for k in range(CANDIDATES))


@lru_cache
def _sealed(name: str, mode: str, target: int) -> SealedMixtures:
    candidates = models()
    rng = np.random.default_rng([VERSION, CANDIDATES, target])
    rest = np.tile([1.0, *[0.0] * SHIFTED], (OBSERVATIONS, 1))
    selection, held_out = (candidates[target].simulate(rng, rest) for _ in range(2))
    sources = sorted((model.source for model in candidates), key=lambda source: Program(source).id)
    estimator = "" if mode == "exact" else f" estimator {neural.VERSION}"
    digest = hashlib.sha256("".join([f"{mode} {SIMULATIONS} {DRAWS[mode]}{estimator}", *sources]).encode())
    for x in (selection, held_out):
        digest.update(np.ascontiguousarray(x, "<f8").tobytes())
    return SealedMixtures(
        spec=MixtureSpec(name, tuple(sources)),
        track=mode,
        circuit=f"target:{target}",
        data_sha256=digest.hexdigest(),
        target=candidates[target].source,
        selection=selection,
        held_out=held_out,
    )


def _read(source: str) -> Mixture:
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
