"""Tasks whose programs are simulators with parameters, scored by their marginal likelihood.

After Wahl et al. (2026, arXiv 2602.18266): with observations x_1 .. x_M, each under a known context c_j, a program m
has the score

    log p(x | m) = sum_j log E_{theta ~ p(theta)} [ p(x_j | m, theta, c_j) ],

where the likelihood of the observations' summary statistics is learned from simulations of the program, or stated
exactly where the task can. A program sees parameters and contexts, never an observation.

The author of a task writes a `Problem` and registers a `SimulatorFamily` of it; docs/tasks.md is the guide.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zfbench.scoring.likelihood import Likelihood
from zfbench.simulators import density
from zfbench.simulators.contract import CONTRACT, check_simulator_source

Statistics = Callable[[NDArray[np.floating], NDArray[np.floating], np.random.Generator], NDArray[np.float64]]
"""A function from trajectories [n, T', Y] under contexts [n, C] to summary statistics [n, K].

Its third argument is the source of the observation noise, if there is any.
"""

Contexts = Callable[[np.random.Generator, int], NDArray[np.float64]]
"""A function that draws n contexts [n, C] to simulate under, like those of the observations."""


class Parameter(NamedTuple):
    """A parameter with a uniform prior.

    Attributes:
        name: its name, as programs read it.
        low: lower bound of the prior.
        high: upper bound of the prior.
        meaning: explanation and unit, for people.
    """

    name: str
    low: float
    high: float
    meaning: str = ""

    def __str__(self) -> str:
        return f"{self.name} ~ U[{self.low:g}, {self.high:g}]{f' ({self.meaning})' if self.meaning else ''}"


@dataclass(frozen=True)
class SimulatorSpec:
    """Everything that a simulator program and its author may know; implements `zfbench.protocols.task.Spec`.

    Attributes:
        name: name of the task.
        description: the system and the question.
        parameters: P parameters with their priors.
        context: C names of the quantities of each trajectory that are known before it begins.
        observations: Y names of the entries that `observe` returns.
        statistics: K names of the summary statistics that are scored.
        steps: T, the number of steps of a trajectory.
        every: number of steps from one observation to the next; T is a multiple of it.
        contract: text that says what a program's source must define.

    Raises:
        ValueError: T is not a multiple of `every`, or a prior's bounds are not in order.
    """

    name: str
    description: str
    parameters: tuple[Parameter, ...]
    context: tuple[str, ...]
    observations: tuple[str, ...]
    statistics: tuple[str, ...]
    steps: int
    every: int = 1
    contract: str = CONTRACT

    def __post_init__(self) -> None:
        if self.every < 1 or self.steps < 0 or self.steps % self.every:
            raise ValueError(f"{self.steps} steps are not a multiple of {self.every}")
        if not all(p.low < p.high for p in self.parameters):
            raise ValueError("a prior's lower bound must be below its upper bound")

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of neurons that errors could be attributed to: none."""
        return ()

    @property
    def candidates(self) -> tuple[str, ...]:
        """The programs that the task lists: none."""
        return ()

    @property
    def times(self) -> int:
        """T', the number of observations of a trajectory, that of the initial state included."""
        return self.steps // self.every + 1

    def facts(self) -> dict[str, str]:
        """Return the facts that a proposer is told beside the description, by heading."""
        return {
            "Parameters": "; ".join(map(str, self.parameters)),
            "Context": ", ".join(self.context) or "none",
            "Observed": f"{', '.join(self.observations)}, every {self.every} of {self.steps} steps",
            "Statistics": ", ".join(self.statistics),
            "Validation error": "minus the log marginal likelihood of the observations, in nats; lower is better",
        }

    def check(self, source: str) -> None:
        """Check everything about a source that can be checked without running it.

        Raises:
            CandidateError: the source breaks the contract.
        """
        check_simulator_source(source)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-compatible form."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return fields | {"parameters": [p._asdict() for p in self.parameters]}

    def draw_parameters(self, rng: np.random.Generator, n: int) -> NDArray[np.float64]:
        """Draw n parameters [n, P] from their priors."""
        low, high = self._bounds
        return rng.uniform(low, high, (n, len(low)))

    def supports(self, theta: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which of the parameters [n, P] are possible under their priors: bool [n]."""
        low, high = self._bounds
        inside: NDArray[np.bool_] = np.logical_and(theta >= low, theta <= high)  # [n, P]
        return np.logical_and.reduce(inside, axis=1)

    def log_prior(self, theta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log density [n] of parameters [n, P] under their priors; -inf outside their support."""
        low, high = self._bounds
        return np.where(self.supports(theta), -np.log(high - low).sum(), -np.inf)

    @property
    def _bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The lowest and highest parameters, [P] each."""
        bounds = np.array([(p.low, p.high) for p in self.parameters], float).reshape(-1, 2)
        return bounds[:, 0], bounds[:, 1]


@dataclass(frozen=True, eq=False)
class Observed:
    """Observations: the summary statistics of trajectories, and the contexts under which they were seen.

    Attributes:
        contexts: [M, C].
        statistics: [M, K].

    Raises:
        ValueError: the numbers of rows differ, or a number is not finite.
    """

    contexts: NDArray[np.float64]
    statistics: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.contexts.ndim != 2 or self.statistics.ndim != 2 or len(self.contexts) != len(self.statistics):
            raise ValueError("contexts and statistics need one row for each observation")
        if not (np.isfinite(self.contexts).all() and np.isfinite(self.statistics).all()):
            raise ValueError("an observed number is not finite")

    def __len__(self) -> int:
        return len(self.contexts)

    def take(self, count: int) -> Observed:
        """Return the first `count` observations."""
        return Observed(self.contexts[:count], self.statistics[:count])


@dataclass(frozen=True, eq=False, kw_only=True)
class Scoring:
    """Settings of the simulation and scoring of a task's programs, which methods and judge share.

    Attributes:
        spec: everything that programs may know.
        statistics: function that reduces simulated trajectories to summary statistics.
        contexts: function that draws contexts to simulate under.
        seed_program: source that searches start from.
        simulations: number of simulations from which a program's likelihood is learned.
        draws: B, number of parameters from the prior over which the likelihood is averaged.
        exact: the likelihood of programs for which it is known, by normalised source.
        likelihood: `surrogate`, learned from simulations, or `exact`; with `exact`, programs that are not in the
            attribute of that name are invalid.
        estimator: estimator of the surrogate: `nle`, a flow trained on the simulations, or `nle-pfn`, TabPFN, which
            reads them.
        evidence: `prior` averages over draws from the prior; `importance` averages over draws from each observation's
            posterior, which is then learned too, with the same kind of estimator.
    """

    spec: SimulatorSpec
    statistics: Statistics
    contexts: Contexts
    seed_program: str
    simulations: int = 1_000
    draws: int = 5_000
    exact: Mapping[str, Likelihood] = field(default_factory=dict)
    likelihood: Literal["surrogate", "exact"] = "surrogate"
    estimator: Literal["nle", "nle-pfn"] = "nle"
    evidence: Literal["prior", "importance"] = "prior"


@dataclass(frozen=True, eq=False, kw_only=True)
class SimulatorTask(Scoring):
    """The part of a simulator task that a search may use; implements `zfbench.protocols.task.SearchTask`.

    Attributes:
        observed: the observations to select on.
        data_sha256: hash of all data, the held-out ones included.
        reevaluate: False; the first evaluation of a program stands.
    """

    observed: Observed
    data_sha256: str
    reevaluate: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class Problem(Scoring):
    """A whole simulator task, as its author states it; the family gives methods and judge their parts of it.

    Attributes:
        selection: the observations to select on.
        held_out: the observations that the judge alone scores on.
        controls: source of control programs, by name: `oracle` is the truth, where it is known.

    Raises:
        ValueError: the settings contradict each other, or the observations do not fit the specification.
    """

    selection: Observed
    held_out: Observed
    controls: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.likelihood == "exact" and (self.estimator, self.evidence) != ("nle", "prior"):
            raise ValueError("an exact likelihood has no estimator, and nothing to learn a posterior from")
        shape = (len(self.spec.context), len(self.spec.statistics))
        for observed in (self.selection, self.held_out):
            found = (observed.contexts.shape[1], observed.statistics.shape[1])
            if found != shape:
                raise ValueError(f"observations have {found} contexts and statistics, expected {shape}")

    @cached_property
    def data_sha256(self) -> str:
        """Hash of the observations, the specification, the number of simulations, and the way of scoring."""
        settings = [self.spec.to_json(), self.simulations, self.draws]
        if self.likelihood == "surrogate":
            settings.append(density.VERSION)
        defaults = ("surrogate", "nle", "prior")  # not written down: the hashes of tasks without a choice stay
        chosen = (self.likelihood, self.estimator, self.evidence)
        settings += [own for own, default in zip(chosen, defaults, strict=True) if own != default]
        digest = hashlib.sha256(json.dumps(settings).encode())
        for observed in (self.selection, self.held_out):
            for array in (observed.contexts, observed.statistics):
                digest.update(np.ascontiguousarray(array, "<f8").tobytes())
        return digest.hexdigest()

    @property
    def task(self) -> SimulatorTask:
        """The part that methods receive."""
        shared = {f.name: getattr(self, f.name) for f in fields(Scoring)}
        return SimulatorTask(**shared, observed=self.selection, data_sha256=self.data_sha256)


@dataclass(frozen=True, eq=False)
class SealedSimulator:
    """The part of a simulator task that only its judge loads; implements `zfbench.protocols.task.Sealed`.

    Attributes:
        problem: the whole task.
        tier: size of the data set, `tiny` or `standard`.
        track: `simulator`.
        circuit: empty; there is no circuit.
        holdout: empty; no condition is held out.
    """

    problem: Problem
    tier: str
    track: str = "simulator"
    circuit: str = ""
    holdout: str = ""

    @property
    def spec(self) -> SimulatorSpec:
        """The task's specification."""
        return self.problem.spec

    @property
    def data_sha256(self) -> str:
        """Hash of the data."""
        return self.problem.data_sha256
