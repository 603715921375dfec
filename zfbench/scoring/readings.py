"""Readings: several ways to ask a model for its one-step map, which have to agree with each other.

A central difference with one public step size can be answered by a program that ripples at just that scale, and a
reading at the first step by one that treats recorded activity otherwise than its own predictions. Therefore step sizes
are drawn anew for every judgement, from fine to coarse, and the map is also estimated from what a model does later in a
free run.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from zfbench.base.errors import ZfbenchError
from zfbench.scoring.arrays import finite

OCTAVES = (-9.0, -7.0, -5.0, -4.0, -3.0, -2.0)
"""Binary logarithms of the bounds of the step sizes, in units of activity, one size between each two; our choice.

The finest are as fine as float32 allows. The coarsest move a neuron by an eighth to a quarter of its full scale: what
has an effect then has one that matters for forecasts.
"""

RIDGE = 1e-6
"""Penalty of the free-running map, relative to the mean squared response; our choice.

Directions that no kick excites later than the first step are left at zero instead of being amplified.
"""

QUANTUM = 2.0**-12
"""Predictions whose different values are never closer than this are quantised; our choice, an eighth of the finest."""

COARSE = 2
"""The number of coarsest step sizes that are asked where predictions are quantised."""

SHIFT = 0.75
"""Of a grid's spacing, the least common shift of all kicks that is no rounding: between a half and one; our choice."""

OFF_COURSE = 0.05
"""A model has another course for kicks if more than this share of its states and neurons are shifted; our choice."""

DISAGREEMENT = 0.1
"""Readings disagree if their wiring scores differ by more than this; our choice, thrice what honest programs differ."""


def draw_step_sizes(rng: np.random.Generator) -> Float[NDArray[np.float64], " K"]:
    """Draw one step size between each two bounds of `OCTAVES`, log-uniformly: in ascending order, [K]."""
    return 2.0 ** rng.uniform(OCTAVES[:-1], OCTAVES[1:])


def median_reading(responses: Float[NDArray[np.float64], "K S *T N N"]) -> Float[NDArray[np.float64], "S *T N N"]:
    """Return the median over K step sizes, entry by entry: an entry that few of the sizes show is not believed."""
    return np.median(responses, axis=0)


def common_reading(responses: Float[NDArray[np.float64], "K S *T N N"]) -> Float[NDArray[np.float64], "S *T N N"]:
    """Return what all of K step sizes show alike: the smallest size of each entry, and 0 where two signs differ.

    A monotone effect has one sign at every step size. The effect of a ripple changes its sign with the step size, and
    becomes small with coarse ones.
    """
    agree = np.abs(np.sign(responses).sum(axis=0)) == len(responses)
    return np.where(agree, np.sign(responses[0]) * np.abs(responses).min(axis=0), 0.0)


def free_running_map(responses: Float[NDArray[np.float64], "S T N N"]) -> Float[NDArray[np.float64], "S N N"]:
    """Estimate the one-step map that a model follows on its own predictions, from its responses to small kicks.

    If M is the map, the response one step later is M times the response before: R_{t+1} = M R_t. M is the least-squares
    solution over t = 1 .. T - 1 of all kicks together, as in dynamic mode decomposition (Tu et al. 2014, definition 1,
    doi:10.3934/jcd.2014.1.391); with T = 2 it is R_2 R_1^-1. The first step of a rollout enters as the state that it
    leads to, never as an answer.

    Args:
        responses: `responses[s, t, i, j]`, [S, T, N, N], the response of neuron i after t + 1 steps to a kick of neuron
            j, divided by the size of the kick; T is at least 2.

    Returns:
        [S, N, N], entry (i, j) from neuron j to neuron i.

    Raises:
        ZfbenchError: there is a single step, or a response is not finite.
    """
    R = finite(responses, "response", ("state", "step", "target", "source"))
    S, T, N = R.shape[:3]
    if T < 2:
        raise ZfbenchError("A free-running map was asked for from one step; give responses of at least two.")
    before = np.moveaxis(R[:, :-1], 1, 2).reshape(S, N, -1)  # [S, N, (T - 1) * N]
    after = np.moveaxis(R[:, 1:], 1, 2).reshape(S, N, -1)
    second = before @ np.swapaxes(before, 1, 2)  # [S, N, N]
    scale = np.trace(second, axis1=1, axis2=2)[:, None, None] / N
    regularised = second + (RIDGE * scale + np.finfo(np.float64).tiny) * np.eye(N)
    return np.swapaxes(np.linalg.solve(regularised, before @ np.swapaxes(after, 1, 2)), 1, 2)


def grid_spacing(predictions: Float[NDArray[np.floating], "P N"]) -> Float[NDArray[np.float64], " N"]:
    """Return the smallest difference between different values of each neuron, [P, N] -> [N]; 0 if it never differs."""
    values = [np.unique(column) for column in predictions.T]
    return np.array([np.diff(v).min() if len(v) > 1 else 0.0 for v in values])


def share_off_course(
    sides: Float[NDArray[np.float64], "2 S N N"], size: float, spacing: Float[NDArray[np.float64], " N"]
) -> float:
    """Return in which share of states and targets any kick, up or down, shifts the first step by a step of the grid.

    Most sources move a target little, or with a kick up and a kick down in opposite ways, so that the mean of both is
    the answer to no kick, up to half a step of the grid where that answer was close to being rounded otherwise. Where
    the median over sources of this difference is more than `SHIFT` of a step, the model has noticed that it was kicked.

    Args:
        sides: [2, S, N, N], the response to a kick up and to one down, each divided by its size.
        size: of the kicks.
        spacing: [N], the grid's; targets with 0 say nothing.
    """
    shift = np.abs(np.median(sides[0] - sides[1], axis=2)) * size / 2  # [S, N]
    shifted = (shift > SHIFT * spacing)[:, spacing > 0]
    return float(shifted.mean()) if shifted.size else 0.0


def is_quantised(predictions: Float[NDArray[np.floating], "P N"]) -> bool:
    """Return whether predictions [P, N] take values on a grid that is coarse compared with the finest step size.

    The grid's spacing is estimated by the smallest difference between different values of a neuron, and the median over
    neurons is compared with `QUANTUM`. Neurons that never differ say nothing.
    """
    spacing = grid_spacing(predictions)
    spacing = spacing[spacing > 0]
    return bool(spacing.size) and float(np.median(spacing)) > QUANTUM
