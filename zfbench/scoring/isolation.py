"""Error attribution: the error of each neuron group while all other groups are clamped to the recording.

In a free forecast the error of one group spreads to all groups that it drives. Clamped to their recorded values, the
other groups contribute no error of their own, and what is left is the error of the group's own model. The report to a
search and its hints call it the group's blame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from zfbench.base.errors import ZfbenchError
from zfbench.scoring.arrays import finite

AXES = ("window", "step", "neuron")


@dataclass(frozen=True, eq=False)
class IsolationProbes:
    """Rollouts with one group free, one row for each window and group, ordered by window.

    Attributes:
        context: [B * G, C, N].
        mask: bool [B * G, N], the clamped neurons: all but those of the row's group.
        value: [B * G, H, N], the recorded activity that they are clamped to; zero for the row's group.
    """

    context: Float[NDArray[np.float32], "P C N"]
    mask: Bool[NDArray[np.bool_], "P N"]
    value: Float[NDArray[np.float32], "P H N"]


def isolation_probes(
    context: Float[NDArray[np.float32], "B C N"], target: Float[NDArray[np.float32], "B H N"], groups: Sequence[str]
) -> IsolationProbes:
    """Build probes for G groups, in the order of their first neuron; their drive is `np.repeat(drive, G, axis=0)`.

    Args:
        context: [B, C, N], the activity before the forecast.
        target: [B, H, N], the recorded activity after it.
        groups: the group of each neuron, N entries.

    Returns:
        The probes.
    """
    names = list(dict.fromkeys(groups))
    clamped = np.array([[group != name for group in groups] for name in names])  # [G, N]
    mask = np.tile(clamped, (len(context), 1))  # [B * G, N]
    value = np.where(mask[:, None], np.repeat(target, len(names), axis=0), 0)  # a free group's future is not given
    return IsolationProbes(np.repeat(context, len(names), axis=0), mask, value)


def isolated_errors(
    paths: Float[NDArray[np.floating], "P H N"], target: Float[NDArray[np.floating], "B H N"], groups: Sequence[str]
) -> dict[str, float]:
    """Return the mean absolute error of each group's neurons in the rows in which the group was free.

    Args:
        paths: [B * G, H, N], the rollouts of `isolation_probes`.
        target: [B, H, N], the recorded activity.
        groups: the group of each neuron, N entries.

    Raises:
        ZfbenchError: shapes disagree, or a number is not finite.
    """
    truth = finite(target, "target", AXES)
    names = list(dict.fromkeys(groups))
    B, H, N = truth.shape
    if len(groups) != N:
        raise ZfbenchError(f"{len(groups)} groups were given for {N} neurons; give one for each.")
    rolled = finite(paths, "isolated forecast", AXES, (B * len(names), H, N)).reshape(B, len(names), H, N)
    member = np.asarray(groups)
    return {name: float(np.abs(rolled[:, g] - truth)[:, :, member == name].mean()) for g, name in enumerate(names)}
