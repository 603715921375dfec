"""ModelSMC: sequential Monte Carlo over programs (Wahl et al. 2026, arXiv 2602.18266).

A particle is a program with its log-likelihood and its last ancestors. Each of K generations has three steps:

1. resample systematically if the effective sample size 1 / sum_i W_i^2 is below a share of N, with W = softmax(log w /
tau); 2. keep each particle with probability alpha, and otherwise have a new program written from its ancestry; 3.
weigh: log w = log p(data | program), computed in full each time, neither accumulated nor reset.

The weight of a failed program is zero; if all fail, all weigh the same. `n1` is the paper's setting N = 1.

The first population is N copies of the seed program, or, with start = `proposals`, N programs written from it.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from zfbench.base.errors import ZfbenchError
from zfbench.discoverers.settings import COUNT, FLAG, NOT_NEGATIVE, POSITIVE, SHARE, check_choice
from zfbench.protocols.discoverer import Discoverer
from zfbench.records.evaluation import STANDARDISED_MSE, Evaluation, Generation, Request
from zfbench.records.hints import CRITIQUE, NO_NUMBERS
from zfbench.records.program import Program, ProgramId

ANCESTRY = 3  # programs that the proposer sees, the particle's own included (the paper's setting)
FEEDBACK: dict[str, tuple[str, ...]] = {  # hints that ask a language model for each kind
    "critique": (CRITIQUE, NO_NUMBERS),
    "metrics": (),
    "both": (CRITIQUE,),
}


@dataclass(frozen=True)
class Particle:
    """One member of the population.

    Attributes:
        lineage: the last programs of its line of descent, oldest first, its own program last.
        log_weight: log-likelihood; -inf for a failure.
        broken: True if its own program was evaluated and failed.
    """

    lineage: tuple[ProgramId, ...]
    log_weight: float
    broken: bool = False


class ModelSMC(Discoverer):
    """A discoverer that holds a weighted population of programs.

    Args:
        seed: seed of the resampling and of the choice of particles that are kept.
        seed_program: evaluated once, then copied N times into the first population.
        particles: N, number of particles.
        generations: K, number of generations after which the search has finished.
        alpha: probability of keeping a particle.
        tau: temperature of the weights.
        threshold: resample when the effective sample size divided by N is below it.
        weights: `likelihood`, or `mse` for the ablation log w = -MSE, the error at fitted parameters in units of each
            quantity's variance.
        tempering: raise the likelihood to the power k / K in generation k.
        feedback: what a language model is shown of earlier programs: a `critique` that it wrote of them, without a
            number, as in the paper; the `metrics` alone; or `both`. Other proposers take no notice.
        start: the first population: N copies of the `seed` program, or N `proposals` made from it.

    Raises:
        ZfbenchError: a setting is out of its range.
    """

    def __init__(
        self,
        seed: int,
        seed_program: Program,  # noqa: ARG002 (it arrives as the answer to the first request)
        particles: int = 50,
        generations: int = 15,
        alpha: float = 0.8,
        tau: float = 1.0,
        threshold: float = 0.5,
        weights: Literal["likelihood", "mse"] = "likelihood",
        tempering: bool = False,
        feedback: Literal["critique", "metrics", "both"] = "critique",
        start: Literal["seed", "proposals"] = "seed",
    ) -> None:
        COUNT.check("ModelSMC", particles=particles, generations=generations)
        SHARE.check("ModelSMC", alpha=alpha)
        POSITIVE.check("ModelSMC", tau=tau)
        NOT_NEGATIVE.check("ModelSMC", threshold=threshold)
        check_choice("ModelSMC", ("likelihood", "mse"), weights=weights)
        check_choice("ModelSMC", ("seed", "proposals"), start=start)
        check_choice("ModelSMC", FLAG, tempering=tempering)
        check_choice("ModelSMC", tuple(FEEDBACK), feedback=feedback)
        self._rng = np.random.default_rng(seed)
        self._size, self._generations, self._alpha, self._tau = particles, generations, alpha, tau
        self._threshold, self._weights_by, self._tempering = threshold, weights, tempering
        self.wants_fitted = STANDARDISED_MSE if weights == "mse" else None
        self._hints = FEEDBACK[feedback]
        self._first_proposals = particles if start == "proposals" else 0
        self._past: list[Generation] = []
        self._resampled = False
        self._asked, self._generation = 0, 0
        self._pool: list[Particle] = []
        self._unwritten: deque[int] = deque()  # particles of this generation still to be written
        self._pending: dict[int, int] = {}  # particle by request

    def ask(self) -> Request | None:
        """Return the next request of this generation.

        It is None while the last program of the generation is being evaluated, and after generation K.
        """
        if self._asked == 0:
            self._asked = 1
            return Request(0, "seed")
        if not self._pool or (self._pending and not self._unwritten):
            return None
        while not self._unwritten and self._generation < self._generations:
            self._begin_generation()
        if not self._unwritten:
            return None
        slot = self._unwritten.popleft()
        particle = self._pool[slot]
        operator: Literal["repair", "mutate"] = "repair" if particle.broken else "mutate"
        request = Request(self._asked, operator, particle.lineage, self._hints)
        self._pending[request.id] = slot
        self._asked += 1
        return request

    def tell(self, request: Request, program: Program, evaluation: Evaluation) -> None:
        """Put the new program in its ancestor's place, with its own weight.

        Args:
            request: the request that was answered.
            program: the answer.
            evaluation: its evaluation.

        Raises:
            ZfbenchError: the evaluation lacks the quantity that particles are weighed by.
        """
        log_weight = self._log_weight(evaluation)
        if request.id == 0:
            self._pool = [Particle((program.id,), log_weight, not evaluation.ok)] * self._size
            self._unwritten.extend(range(self._first_proposals))
            return
        slot = self._pending.pop(request.id)
        particle = self._pool[slot]
        if program.source:
            lineage = (*particle.lineage, program.id)[-ANCESTRY:]
            self._pool[slot] = Particle(lineage, log_weight, not evaluation.ok)
        else:  # nothing was written: the particle keeps its program
            self._pool[slot] = replace(particle, log_weight=log_weight)

    @property
    def population(self) -> tuple[tuple[ProgramId, float], ...]:
        """The program and the weight of every particle; the weights sum to one."""
        weights = self._weights()
        return tuple((p.lineage[-1], float(w)) for p, w in zip(self._pool, weights, strict=True))

    @property
    def generations(self) -> tuple[Generation, ...]:
        """The first population, and the population at the end of each generation; the last may be under way."""
        return (*self._past, self._now()) if self._pool else ()

    def _now(self) -> Generation:
        return Generation(tuple(particle.lineage[-1] for particle in self._pool), self._resampled)

    def _begin_generation(self) -> None:
        self._past.append(self._now())
        self._generation += 1
        power = self._generation / self._generations if self._tempering else 1.0
        weights = self._weights(power)
        self._resampled = effective_size(weights) < self._threshold * self._size
        if self._resampled:
            self._pool = [self._pool[k] for k in systematic_resample(weights, self._rng.random())]
        self._unwritten.extend(np.flatnonzero(self._rng.random(self._size) >= self._alpha).tolist())

    def _weights(self, power: float = 1.0) -> NDArray[np.float64]:
        """Return the normalised weights [N]; uniform if no program works."""
        log_weights = np.array([particle.log_weight for particle in self._pool])
        if not np.isfinite(log_weights).any():
            return np.full(len(log_weights), 1 / max(len(log_weights), 1))
        weights: NDArray[np.float64] = softmax(log_weights * power / self._tau)
        return weights

    def _log_weight(self, evaluation: Evaluation) -> float:
        if not evaluation.ok:
            return -math.inf
        if self._weights_by == "mse":
            if STANDARDISED_MSE not in evaluation.metrics:
                raise ZfbenchError(f"The task measures no {STANDARDISED_MSE}; run ModelSMC with weights=likelihood.")
            return -evaluation.metrics[STANDARDISED_MSE]
        if evaluation.log_likelihood is None:
            raise ZfbenchError("The task defines no likelihood; run ModelSMC with weights=mse.")
        return evaluation.log_likelihood


def n1(seed: int, seed_program: Program, **settings: Any) -> ModelSMC:
    """Return ModelSMC with one particle: 150 times, a new program from the newest (the paper's N = 1).

    Args:
        seed: seed of all draws.
        seed_program: the first program.
        **settings: settings of `ModelSMC` to change.
    """
    return ModelSMC(seed, seed_program, **{"particles": 1, "generations": 150, "alpha": 0.0, **settings})


def effective_size(weights: NDArray[np.float64]) -> float:
    """Return the effective sample size 1 / sum_i W_i^2 of normalised weights [N]."""
    return float(1 / np.square(weights).sum())


def systematic_resample(weights: NDArray[np.float64], uniform: float) -> NDArray[np.intp]:
    """Return the particles that the grid (i + u) / N selects: systematic resampling, [N].

    Each particle is selected floor(N W) or ceil(N W) times, and N W times in expectation (Douc, Cappé & Moulines 2005,
    doi:10.1109/ISPA.2005.195385).

    Args:
        weights: normalised weights W, [N].
        uniform: u, one draw from [0, 1).
    """
    N = len(weights)
    edges = np.cumsum(weights)
    edges[-1] = 1.0  # rounding must not leave the grid's last point without a particle
    return np.searchsorted(edges, (np.arange(N) + uniform) / N, side="right").clip(max=N - 1)
