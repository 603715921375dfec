"""Whether a model keeps hidden state."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zfbench.protocols.models import Simulator, Stateful


def may_keep_state(model: Simulator) -> bool:
    """Return whether a model says that it keeps hidden state, or does not say."""
    return model.hidden_state if isinstance(model, Stateful) else True


def keeps_state(model: Simulator, context: NDArray[np.float32], drive: NDArray[np.float32]) -> bool:
    """Return whether a model says that it keeps hidden state; if it does not say, whether its first step shows any."""
    return model.hidden_state if isinstance(model, Stateful) else remembers(model, context, drive)


def remembers(model: Simulator, context: NDArray[np.float32], drive: NDArray[np.float32]) -> bool:
    """Return whether the first step changes when all but the last entry of each context is that of another state."""
    C = context.shape[1]
    other = np.concatenate([np.roll(context, 1, axis=0)[:, :-1], context[:, -1:]], axis=1)
    first = drive[:, : C + 1]
    return not np.array_equal(model.rollout(context, first), model.rollout(other, first))
