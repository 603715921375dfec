"""Interventions: the effect of clamping one neuron on all others, do(a_i = v).

The notation is that of Pearl (2009, ch. 3, doi:10.1017/CBO9780511803161). One mechanism, a neuron held at a value from
an onset on, serves three interventions: clamping it at its value at onset, silencing it and stimulating it. The effect
is the difference of the rollouts with and without the clamp, from the same context under the same drive. The clamped
neuron is overwritten after every step, so the other neurons are affected from the second step on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from zfbench.base.errors import ZfbenchError
from zfbench.scoring.arrays import finite, normalised_error, spearman

CLAMPED_AT: dict[str, float | None] = {"clamp": None, "silence": 0.0, "stimulate": 1.0}
"""Each kind of intervention, and the activity at which it holds a neuron; None: the neuron's own activity at onset."""

EFFECT_THRESHOLD = 1e-2
"""The sign of an effect counts if its true size exceeds this, in units of activity (full scale 1); our choice."""


@dataclass(frozen=True, eq=False)
class ClampProbes:
    """A batch of W * K rollouts, ordered by window, with one clamped neuron each.

    Attributes:
        context: [W * K, C, N].
        mask: bool [W * K, N], the clamped neuron.
        value: [W * K, N] in the context's dtype, the value that it is held at; 0 elsewhere.
    """

    context: Float[NDArray[np.floating], "P C N"]
    mask: Bool[NDArray[np.bool_], "P N"]
    value: Float[NDArray[np.floating], "P N"]


def clamp_probes(context: Float[NDArray[np.floating], "W C N"], kind: str, neurons: Sequence[int]) -> ClampProbes:
    """Build probes that clamp each of the neurons in each of the windows.

    Args:
        context: [W, C, N]; onset is at its last entry.
        kind: "clamp", "silence" or "stimulate" (see `CLAMPED_AT`).
        neurons: K neuron indices.

    Returns:
        The probes.

    Raises:
        ZfbenchError: there is no such kind.
    """
    if kind not in CLAMPED_AT:
        raise ZfbenchError(f"There is no intervention '{kind}'; choose from {', '.join(CLAMPED_AT)}.")
    W, _, N = context.shape
    K = len(neurons)
    held = np.eye(N, dtype=bool)[list(neurons)]  # [K, N]
    level = CLAMPED_AT[kind]
    values = context[:, None, -1, :] if level is None else np.full((W, 1, N), level, context.dtype)
    return ClampProbes(
        context=np.repeat(context, K, axis=0),
        mask=np.tile(held, (W, 1)),
        value=np.where(held, values, 0).reshape(W * K, N).astype(context.dtype),
    )


def clamp_effects(
    held: Float[NDArray[np.floating], "P H N"], free: Float[NDArray[np.floating], "W H N"], neurons: Sequence[int]
) -> Float[NDArray[np.float64], "W {len(neurons)} H N"]:
    """Compute the effects from the rollouts of `clamp_probes` and from the free rollouts of the same windows.

    The clamped neuron's own entries are set to 0, because obeying the clamp is no prediction.

    Args:
        held: [W * K, H, N], the rollouts with a clamped neuron.
        free: [W, H, N], the rollouts without.
        neurons: K neuron indices, the clamped ones.

    Returns:
        [W, K, H, N].

    Raises:
        ZfbenchError: a shape is wrong, or a rollout is not finite.
    """
    base = finite(free, "free rollout", ("window", "step", "neuron"))
    W, H, N = base.shape
    K = len(neurons)
    forced = finite(held, "held rollout", ("probe", "step", "neuron"), (W * K, H, N))
    effects = forced.reshape(W, K, H, N) - base[:, None]
    effects[:, np.arange(K), :, list(neurons)] = 0.0
    return effects


@dataclass(frozen=True)
class InterventionScore:
    """Predicted effects compared with the true ones.

    Attributes:
        error: ||model - truth|| / ||truth||; exactly 1 for predicting no effect.
        sign_accuracy: share of the entries above the threshold whose sign is predicted; 0 for predicting no effect.
        rank_correlation: Spearman's correlation of effect sizes, which are root mean squares over the horizon, over all
            (window, clamped neuron, other neuron); None for predicting no effect.
    """

    error: float | None
    sign_accuracy: float | None
    rank_correlation: float | None


def score_intervention(
    model: Float[NDArray[np.floating], "W K H N"],
    truth: Float[NDArray[np.floating], "W K H N"],
    neurons: Sequence[int],
    threshold: float = EFFECT_THRESHOLD,
) -> InterventionScore:
    """Score the predicted effects of one kind of intervention.

    Args:
        model: [W, K, H, N], the model's effects, from `clamp_effects`.
        truth: [W, K, H, N], the true effects, from `clamp_effects`.
        neurons: K neuron indices, the clamped ones.
        threshold: the smallest true |effect| whose sign counts, in units of activity.

    Returns:
        Error, sign accuracy and rank correlation of the effects.

    Raises:
        ZfbenchError: a shape is wrong, or a value is not finite.
    """
    axes = ("window", "held neuron", "step", "neuron")
    true_e = finite(truth, "true effect", axes)
    model_e = finite(model, "model's effect", axes, true_e.shape)
    others = ~np.eye(true_e.shape[3], dtype=bool)[list(neurons)]  # [K, N]
    if len(others) != true_e.shape[1]:
        raise ZfbenchError(f"{len(others)} held neurons were given; give {true_e.shape[1]}.")
    signed = (np.abs(true_e) > threshold) & others[:, None, :]
    return InterventionScore(
        error=normalised_error(model_e, true_e),
        sign_accuracy=float(np.mean(np.sign(model_e[signed]) == np.sign(true_e[signed]))) if signed.any() else None,
        rank_correlation=spearman(_sizes(model_e)[:, others], _sizes(true_e)[:, others]),
    )


def _sizes(effects: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the root mean square over the horizon, [W, K, H, N] -> [W, K, N]."""
    return np.sqrt(np.square(effects).mean(axis=2))
