"""Interventions: neurons whose activity is clamped to given values while a model rolls out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Clamp:
    """An intervention do(a_i(t) = value) at every forecast step.

    Attributes:
        mask: bool [B, N], the clamped neurons.
        value: float32 [B, N], a constant activity for each, or [B, H, N], an activity for each step; ignored where the
            mask is False.
    """

    mask: Bool[NDArray[np.bool_], "B N"]
    value: Float[NDArray[np.float32], "B N"] | Float[NDArray[np.float32], "B H N"]

    def course(self, H: int) -> Float[NDArray[np.float32], "B {H} N"]:
        """Return the value at each of H steps, [B, H, N]."""
        value = self.value if self.value.ndim == 3 else self.value[:, None]
        return np.broadcast_to(value, (len(value), H, value.shape[2]))


def roll(
    step: Callable[[NDArray, NDArray], NDArray],
    context: Float[NDArray[np.float32], "B C N"],
    drive: Float[NDArray[np.float32], "B T D"],
    clamp: Clamp | None = None,
) -> Float[NDArray[np.float32], "B T-C N"]:
    """Iterate a one-step map on its own output.

    Args:
        step: function `step(activity [B, N], drive [B, D]) -> [B, N]`.
        context: [B, C, N]; a map without memory uses the last entry alone.
        drive: [B, C + H, D].
        clamp: neurons to overwrite after every step.

    Returns:
        The forecast, [B, H, N].
    """
    C = context.shape[1]
    activity = context[:, -1]  # [B, N]
    forecast = np.empty((len(context), drive.shape[1] - C, context.shape[2]), np.float32)
    course = None if clamp is None else clamp.course(forecast.shape[1])
    for h in range(forecast.shape[1]):
        activity = step(activity, drive[:, C + h])
        if clamp is not None and course is not None:
            activity = np.where(clamp.mask, course[:, h], activity)
        forecast[:, h] = activity
    return forecast
