"""The task `mixtures`: find which of 20 Gaussian mixtures the data came from; the LLM-free validation of a search.

After Wahl et al. 2026 (arXiv 2602.18266): 1,000 draws of one of 20 candidate models, its parameters at s = 1 and u = 0,
and a proposer that draws candidates uniformly. A program is literals that define a mixture
(`zfbench.tasks.mixtures.mixture`); it is read, never run, so nothing needs a sandbox. Its worth is the log marginal
likelihood of the draws, averaged over scale and shift. What the likelihood is depends on the mode:

    mixtures/exact@target:0    the mixture's own density
    mixtures/cached@target:0   a neural estimate from 5,000 simulations, fitted once for each program
    mixtures/refit@target:0    a neural estimate fitted anew whenever the program is proposed: the paper's way

All five targets have the same candidates. What `exact` and `cached` compute is kept on disk.
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
    """What an author of mixtures may know; see `zfbench.protocols.task.Spec`.

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
        read(source)

    def to_json(self) -> dict[str, Any]:
        """See `Spec.to_json`."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class MixtureTask:
    """What a search receives; see `zfbench.protocols.task.SearchTask`.

    Attributes:
        spec: what programs may know.
        mode: what the likelihood is, one of `MODES`.
        observed: [M, D], the observations to select on.
        data_sha256: hash of the candidates and of all observations.
    """

    spec: MixtureSpec
    mode: str
    observed: Array
    data_sha256: str
    seed_program: str = SEED_PROGRAM

    @property
    def reevaluate(self) -> bool:
        """In `refit`, a program that is proposed again is evaluated again."""
        return self.mode == "refit"


@dataclass(frozen=True, eq=False)
class SealedMixtures:
    """What the judge alone loads; see `zfbench.protocols.task.Sealed`.

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


def task_name(mode: str, target: int) -> str:
    """The full name of a task."""
    return f"mixtures/{mode}@target:{target}"


@lru_cache
def models() -> tuple[Mixture, ...]:
    """The candidates, in the order of their numbers; the first five are the targets."""
    return tuple(draw_candidate(np.random.default_rng([VERSION, k])) for k in range(CANDIDATES))


@lru_cache
def seal(name: str, mode: str, target: int) -> SealedMixtures:
    """The sealed test of a target in a mode; the same candidates for all."""
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
