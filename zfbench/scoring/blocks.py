"""Responses by block: what the neurons of one group do to those of another, each block with a capped relative error.

Pooled over all neurons, a relative error is the error of the strongest responses: in the larva nine tenths of the
energy of all impulse responses come from one group. A block is a pair of a perturbed and a responding group; the
median over blocks gives each of them one vote, and the cap keeps a diverging one from drowning the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from zfbench.base.errors import ZfbenchError
from zfbench.scoring.arrays import jackknife_error

CAP = 2.0
"""The largest relative error of a block that counts: twice that of predicting no response; our choice."""

FLOOR = 1e-2
"""A block counts if its largest true response exceeds this, in units of activity (full scale 1); our choice."""

UPPER = 0.9
"""The quantile over blocks that is reported beside the median; our choice."""


@dataclass(frozen=True, eq=False)
class Energies:
    """Sums of squares of responses, by state, perturbed neuron and responding neuron.

    Attributes:
        error: [S, N, N], of the differences between the model's and the true responses; `error[s, source, target]`.
        truth: [S, N, N], of the true responses.
        peak: [N, N], the largest true |response| over states and steps.
    """

    error: Float[NDArray[np.float64], "S N N"]
    truth: Float[NDArray[np.float64], "S N N"]
    peak: Float[NDArray[np.float64], "N N"]


def energies(
    model: Float[NDArray[np.float64], "S N *probe N"], truth: Float[NDArray[np.float64], "S N *probe N"]
) -> Energies:
    """Sum squared responses over amplitudes and steps.

    Args:
        model: [S, N, ..., N], the model's response of every neuron (last axis) to a perturbation of each (second axis).
        truth: the true responses, in the same shape.
    """
    between = tuple(range(2, truth.ndim - 1))
    return Energies(
        error=np.square(model - truth).sum(axis=between),
        truth=np.square(truth).sum(axis=between),
        peak=np.abs(truth).max(axis=(0, *between)),
    )


def together(parts: Sequence[Energies]) -> Energies:
    """Join the energies of several sets of states."""
    return Energies(
        error=np.concatenate([part.error for part in parts]),
        truth=np.concatenate([part.truth for part in parts]),
        peak=np.max([part.peak for part in parts], axis=0),
    )


@dataclass(frozen=True, eq=False)
class BlockScore:
    """Relative errors of blocks, 0 if perfect, 1 for predicting no response, at most `CAP`.

    Attributes:
        error: the median over blocks; None if no block counts.
        upper: the quantile `UPPER` over blocks.
        by_source: the median over the blocks of each perturbed group.
        blocks: number of blocks that count.
        left_out: [S], the median with one state left out at a time; empty if no block counts.
        standard_error: the jackknife's over states; None if no block counts.
    """

    error: float | None
    upper: float | None
    by_source: dict[str, float]
    blocks: int
    left_out: Float[NDArray[np.float64], " T"]
    standard_error: float | None


def score_cross(responses: Energies, groups: Sequence[str], floor: float = FLOOR) -> BlockScore:
    """Score the responses of all neurons but the perturbed one, in blocks of (perturbed group, responding group).

    A block's error is ||model - truth|| / ||truth|| over its pairs of different neurons, its states and its steps,
    capped at `CAP`.

    Args:
        responses: sums of squares.
        groups: the group of each neuron, N names.
        floor: a block counts if its largest true response exceeds this.
    """
    return _score(responses, groups, floor, ~np.eye(len(responses.peak), dtype=bool))


def score_self(responses: Energies, groups: Sequence[str], floor: float = FLOOR) -> BlockScore:
    """Score the response of each perturbed neuron itself, in one block for each group; see `score_cross`.

    Args:
        responses: sums of squares.
        groups: the group of each neuron, N names.
        floor: a block counts if its largest true response exceeds this.
    """
    return _score(responses, groups, floor, np.eye(len(responses.peak), dtype=bool))


def _score(
    responses: Energies, groups: Sequence[str], floor: float, pairs: Bool[NDArray[np.bool_], "N N"]
) -> BlockScore:
    S, N = responses.error.shape[:2]
    if len(groups) != N:
        raise ZfbenchError(f"{len(groups)} groups were given for {N} neurons; give one for each.")
    names = list(dict.fromkeys(groups))
    member = np.asarray(groups) == np.asarray(names)[:, None]  # [G, N]

    def blocks(values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum [S, N, N] over the pairs of each block: [S, G, G]."""
        return member @ np.where(pairs, values, 0.0) @ member.T.astype(np.float64)

    strongest = np.where(pairs, responses.peak, 0.0)  # [N, N]
    strongest = np.stack([strongest[m].max(axis=0) for m in member])  # [G, N]
    counted = np.stack([strongest[:, m].max(axis=1) for m in member], axis=1) > floor  # [G, G]
    if not counted.any():
        return BlockScore(None, None, {}, 0, np.empty(0), None)
    error, truth = blocks(responses.error)[:, counted], blocks(responses.truth)[:, counted]  # [S, blocks]
    relative = _capped(error.sum(axis=0), truth.sum(axis=0))  # [blocks]
    source = np.nonzero(counted)[0]
    left_out = np.array(
        [np.nanmedian(_capped(error.sum(axis=0) - error[s], truth.sum(axis=0) - truth[s])) for s in range(S)]
        if S > 1
        else [float(np.median(relative))]
    )
    return BlockScore(
        error=float(np.median(relative)),
        upper=float(np.quantile(relative, UPPER)),
        by_source={names[g]: float(np.median(relative[source == g])) for g in np.unique(source)},
        blocks=int(counted.sum()),
        left_out=left_out,
        standard_error=jackknife_error(left_out),
    )


def _capped(error: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Relative errors from sums of squares, at most `CAP`; NaN where nothing responds."""
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.sqrt(np.maximum(error, 0.0) / truth)
    return np.where(truth > 0, np.minimum(relative, CAP), np.nan)
