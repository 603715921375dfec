"""Who is to blame: the error of each neuron group while every other group is made to follow the recording.

In a free forecast the error of one group spreads to all that it drives. Held to the recorded course, the others
bring in no error of their own, and what is left is the group's own model.
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
    """Rollouts with one group free, one row for each window and group, window-major.

    Attributes:
        context: [B * G, C, N].
        mask: bool [B * G, N], the neurons that are made to follow the recording: all but the row's group.
        value: [B * G, H, N], the recording; zero for the row's group.
    """

    context: Float[NDArray[np.float32], "P C N"]
    mask: Bool[NDArray[np.bool_], "P N"]
    value: Float[NDArray[np.float32], "P H N"]


def isolation_probes(
    context: Float[NDArray[np.float32], "B C N"], target: Float[NDArray[np.float32], "B H N"], groups: Sequence[str]
) -> IsolationProbes:
    """Probes for G groups, in order of their first neuron; their drive is `np.repeat(drive, G, axis=0)`.

    Args:
        context: [B, C, N].
        target: [B, H, N], what followed.
        groups: the group of each neuron, N entries.
    """
    names = list(dict.fromkeys(groups))
    led = np.array([[group != name for group in groups] for name in names])  # [G, N]
    mask = np.tile(led, (len(context), 1))  # [B * G, N]
    value = np.where(mask[:, None], np.repeat(target, len(names), axis=0), 0)  # a free group's future is not given
    return IsolationProbes(np.repeat(context, len(names), axis=0), mask, value)


def isolated_errors(
    paths: Float[NDArray[np.floating], "P H N"], target: Float[NDArray[np.floating], "B H N"], groups: Sequence[str]
) -> dict[str, float]:
    """Mean absolute error of each group's neurons in the rows where the group was free.

    Args:
        paths: [B * G, H, N], the rollouts of `isolation_probes`.
        target: [B, H, N].
        groups: the group of each neuron, N entries.

    Raises:
        ZfbenchError: shapes disagree or a number is not finite.
    """
    truth = finite(target, "target", AXES)
    names = list(dict.fromkeys(groups))
    B, H, N = truth.shape
    if len(groups) != N:
        raise ZfbenchError(f"{len(groups)} groups were given for {N} neurons; give one for each.")
    rolled = finite(paths, "isolated forecast", AXES, (B * len(names), H, N)).reshape(B, len(names), H, N)
    member = np.asarray(groups)
    return {name: float(np.abs(rolled[:, g] - truth)[:, :, member == name].mean()) for g, name in enumerate(names)}
