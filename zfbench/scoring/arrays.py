"""Functions that all scores share: checks of a model's answer, a relative error, a rank correlation, the jackknife."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike, NDArray
from scipy.stats import spearmanr

from zfbench.base.errors import ZfbenchError


def finite(
    values: ArrayLike, what: str, axes: Sequence[str], shape: tuple[int, ...] | None = None
) -> NDArray[np.float64]:
    """Check that values have the right shape and are finite, and return them in float64.

    Float64 lets float32 predictions be summed without loss of precision.

    Args:
        values: an array with one axis for each entry of `axes`.
        what: the noun for the sentence of an error, such as "prediction".
        axes: the things that the axes count, such as ("window", "step", "neuron").
        shape: the expected shape; None accepts any shape with the right number of axes.

    Returns:
        The values, float64, in the same shape.

    Raises:
        ZfbenchError: the shape is wrong, or a value is not finite (the sentence names the first such entry).
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != len(axes) or (shape is not None and array.shape != shape):
        expected = " x ".join(axes) if shape is None else f"{shape} ({' x '.join(axes)})"
        raise ZfbenchError(f"The {what} has shape {array.shape}; make it {expected}.")
    bad = ~np.isfinite(array)
    if bad.any():
        first = np.unravel_index(int(np.argmax(bad)), array.shape)
        where = ", ".join(f"{axis} {index}" for axis, index in zip(axes, first, strict=True))
        raise ZfbenchError(f"The {what} is not finite, first at {where}; keep the model's activity bounded there.")
    return array


def normalised_error(
    model: Float[NDArray[np.float64], "*shape"], truth: Float[NDArray[np.float64], "*shape"]
) -> float | None:
    """Return ||model - truth|| / ||truth|| over all entries; None where the truth is zero.

    0 is perfect and predicting zero everywhere scores exactly 1, so a value above 1 is worse than predicting nothing.
    """
    scale = np.linalg.norm(truth.ravel())
    return None if scale == 0 else float(np.linalg.norm((model - truth).ravel()) / scale)


def spearman(a: Float[NDArray[np.float64], "*shape"], b: Float[NDArray[np.float64], "*shape"]) -> float | None:
    """Return Spearman's rank correlation over all entries, ties at mean rank; None if one side is constant."""
    if a.size < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(spearmanr(a.ravel(), b.ravel()).statistic)


def bounded(
    rollout: Float[NDArray[np.floating], "B H N"],
    low: Float[NDArray[np.floating], " N"],
    high: Float[NDArray[np.floating], " N"],
) -> tuple[Float[NDArray[np.floating], "B H N"], float]:
    """Clip a rollout to bounds, and return it with the share of its entries that lay outside.

    Activities are rates, so a rollout that leaves the recorded range by more than a full scale has diverged, and how
    far it went means nothing: without bounds a single diverging probe would decide a mean over all of them.

    Args:
        rollout: [B, H, N], the activity of rollouts.
        low: [N], the lower bound of each neuron.
        high: [N], the upper bound of each neuron.
    """
    outside = (rollout < low) | (rollout > high)
    return np.clip(rollout, low, high).astype(rollout.dtype), float(outside.mean()) if outside.size else 0.0


def jackknife_error(left_out: Float[NDArray[np.float64], " S"]) -> float:
    """Return the standard error of a score over S units, from its values with one unit left out at a time: [S].

    The jackknife (Efron & Stein 1981, doi:10.1214/aos/1176345462): sqrt((S - 1) / S sum_s (x_s - mean x)^2).
    For a mean it is the usual standard error. Units are taken as independent.
    """
    S = len(left_out)
    return float(np.sqrt((S - 1) / S * np.square(left_out - left_out.mean()).sum())) if S > 1 else 0.0
