"""The task `mixtures`: find out which of 20 Gaussian mixtures made the data, without a language model.

It is the validation without a language model of Wahl et al. (2026, arXiv 2602.18266): the data are 1,000 draws of one
of 20 candidate models, with its parameters at s = 1 and u = 0, and the proposer draws candidates uniformly. A program
consists of literals that define a mixture (`zfbench.tasks.mixtures.mixture`); it is read and never run, so no sandbox
is needed. Its score is the log marginal likelihood of the draws, averaged over scale and shift. The likelihood depends
on the mode:

    mixtures/exact@target:0    the mixture's own density
    mixtures/cached@target:0   a neural estimate from 5,000 simulations, fitted once for each program
    mixtures/refit@target:0    a neural estimate fitted anew whenever the program is proposed, as in the paper

All five targets have the same candidates. Results of `exact` and `cached` are kept on disk.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from zfbench.records.program import Program
from zfbench.simulators import density as neural
from zfbench.tasks.mixtures.mixture import (
    DIMENSIONS,
    PARAMETERS,
    SCALE,
    SHIFT,
    SHIFTED,
    Mixture,
    draw_candidate,
)
from zfbench.tasks.mixtures.model import DRAWS, OBSERVATIONS, SIMULATIONS, VERSION, Array, read

TARGETS = 5
CANDIDATES = 20
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
    """Everything that an author of mixtures may know; implements `zfbench.protocols.task.Spec`.

    Attributes:
        name: name of the task.
        candidates: source of the models that the data may have come from, in an order that carries no information.
        contract: text that says what a program's source must define.
        groups: empty; errors are not attributed to groups.
    """

    name: str
    candidates: tuple[str, ...]
    contract: str = CONTRACT
    groups: tuple[str, ...] = ()

    @property
    def description(self) -> str:
        """The system and the question, in words."""
        return (
            f"{OBSERVATIONS:,} points in {DIMENSIONS} dimensions were drawn from a Gaussian mixture. Find a mixture "
            "under which they are probable when its scale and shift are integrated out, for each point by itself."
        )

    def facts(self) -> dict[str, str]:
        """Return the facts that a proposer is told beside the description, by heading."""
        return {
            "Parameters": ", ".join(PARAMETERS),
            "Candidates": f"{len(self.candidates)}, one of them the source",
        }

    def check(self, source: str) -> None:
        """Check that a source defines a mixture.

        Raises:
            CandidateError: invalid; it defines none.
        """
        read(source)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-compatible form."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class MixtureTask:
    """The part of the task that a search receives; implements `zfbench.protocols.task.SearchTask`.

    Attributes:
        spec: everything that programs may know.
        mode: kind of the likelihood, one of `MODES`.
        observed: [M, D], the observations to select on.
        data_sha256: hash of the candidates and of all observations.
        seed_program: source that searches start from.
    """

    spec: MixtureSpec
    mode: str
    observed: Array
    data_sha256: str
    seed_program: str = SEED_PROGRAM

    @property
    def reevaluate(self) -> bool:
        """True in the mode `refit`, in which a program that is proposed again is evaluated again."""
        return self.mode == "refit"


@dataclass(frozen=True, eq=False)
class SealedMixtures:
    """The part of the task that only its judge loads; implements `zfbench.protocols.task.Sealed`.

    Attributes:
        spec: the task's specification.
        track: the mode.
        circuit: the target's number, as `target:N`.
        data_sha256: hash of the candidates and of all observations.
        target: source of the model that the data came from.
        selection: [M, D], the observations that searches select on.
        held_out: [M, D], further draws of the target.
        tier: `standard`; there is one size only.
        holdout: empty; no condition is held out.
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


def task_name(mode: str, target: int) -> str:
    """Return the full name of the task of a mode and a target."""
    return f"mixtures/{mode}@target:{target}"


@lru_cache
def models() -> tuple[Mixture, ...]:
    """Return the candidates in the order of their numbers; the first five are the targets."""
    return tuple(draw_candidate(np.random.default_rng([VERSION, k])) for k in range(CANDIDATES))


@lru_cache
def seal(name: str, mode: str, target: int) -> SealedMixtures:
    """Return the sealed test of a target in a mode.

    Args:
        name: full name of the task.
        mode: one of `MODES`.
        target: number of the target.
    """
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
