"""Interventions: what holding one neuron does to all the others, do(a_i = v) of Pearl (2009, ch. 3).

There is one mechanism, a hold at a value from onset on, and three uses of it. The effect is the difference of
the rollouts with and without the hold, from the same context under the same drive. The held neuron is
overwritten after every step, so others feel it from the second step on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from zfbench.base.errors import ZfbenchError
from zfbench.scoring.arrays import finite, normalised_error, spearman

HELD_AT: dict[str, float | None] = {"clamp": None, "silence": 0.0, "stimulate": 1.0}
"""Each kind of intervention and the activity that it holds a neuron at; None: the neuron's own, at onset."""

EFFECT_THRESHOLD = 1e-2
"""An effect has a sign worth predicting if its true size exceeds this, in units of activity."""


@dataclass(frozen=True, eq=False)
class HoldProbes:
    """A batch of W * K rollouts, window-major, with one held neuron each.

    Attributes:
        context: [W * K, C, N].
        mask: bool [W * K, N], the held neuron.
        value: [W * K, N] in the context's dtype, what it is held at; 0 elsewhere.
    """

    context: Float[NDArray[np.floating], "P C N"]
    mask: Bool[NDArray[np.bool_], "P N"]
    value: Float[NDArray[np.floating], "P N"]


def hold_probes(context: Float[NDArray[np.floating], "W C N"], kind: str, neurons: Sequence[int]) -> HoldProbes:
    """Hold each of the neurons in each of the windows.

    Args:
        context: [W, C, N]; onset is at its last entry.
        kind: "clamp", "silence" or "stimulate" (see `HELD_AT`).
        neurons: K neuron indices.

    Raises:
        ZfbenchError: there is no such kind.
    """
    if kind not in HELD_AT:
        raise ZfbenchError(f"There is no intervention '{kind}'; choose from {', '.join(HELD_AT)}.")
    W, _, N = context.shape
    K = len(neurons)
    held = np.eye(N, dtype=bool)[list(neurons)]  # [K, N]
    level = HELD_AT[kind]
    values = context[:, None, -1, :] if level is None else np.full((W, 1, N), level, context.dtype)
    return HoldProbes(
        context=np.repeat(context, K, axis=0),
        mask=np.tile(held, (W, 1)),
        value=np.where(held, values, 0).reshape(W * K, N).astype(context.dtype),
    )


def hold_effects(
    held: Float[NDArray[np.floating], "P H N"], free: Float[NDArray[np.floating], "W H N"], neurons: Sequence[int]
) -> Float[NDArray[np.float64], "W {len(neurons)} H N"]:
    """The effects [W, K, H, N] from rollouts of `hold_probes` [W * K, H, N] and free ones [W, H, N].

    The held neuron's own entry is set to 0: that it obeys is no prediction.

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
    """Predicted effects beside the true ones.

    Attributes:
        error: ||model - truth|| / ||truth||; exactly 1 for predicting no effect.
        sign_accuracy: the share of the signed entries whose sign is predicted; 0 for predicting no effect.
        rank_correlation: Spearman's correlation of effect sizes, the root mean square over the horizon of
            each (window, held neuron, other neuron); None for predicting no effect.
        signed: the number of entries whose true size exceeds the threshold.
    """

    error: float | None
    sign_accuracy: float | None
    rank_correlation: float | None
    signed: int


def score_intervention(
    model: Float[NDArray[np.floating], "W K H N"],
    truth: Float[NDArray[np.floating], "W K H N"],
    neurons: Sequence[int],
    threshold: float = EFFECT_THRESHOLD,
) -> InterventionScore:
    """Score predicted effects of one kind of intervention.

    Args:
        model: [W, K, H, N], from `hold_effects`.
        truth: [W, K, H, N], from `hold_effects`.
        neurons: K neuron indices, the held ones.
        threshold: the smallest true |effect| whose sign counts.

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
        signed=int(signed.sum()),
    )


def _sizes(effects: NDArray[np.float64]) -> NDArray[np.float64]:
    """Root mean square over the horizon, [W, K, H, N] -> [W, K, N]."""
    return np.sqrt(np.square(effects).mean(axis=2))
