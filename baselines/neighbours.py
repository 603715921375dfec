"""The training states most like a state, and what followed them: the core of forecasts by analogy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from zfbench.base.errors import ZfbenchError

NEIGHBOURS = 16  # analogous states of a forecast


class TrainingStates:
    """All states of training recordings, to be compared with others.

    Args:
        activity: [T, N] of each recording.
    """

    def __init__(self, activity: Sequence[NDArray[np.float32]]) -> None:
        self._activity = tuple(activity)

    def followers(
        self, states: NDArray[np.float32], series: Sequence[NDArray[np.float32]], steps: int
    ) -> NDArray[np.float32]:
        """Return what followed the states that are nearest to each state, by Euclidean distance.

        Args:
            states: [B, N].
            series: of each recording, what is wanted at each of its steps, [T, K].
            steps: how long, H; states with fewer steps after them are left out.

        Returns:
            [B, NEIGHBOURS, H, K], the nearest first.

        Raises:
            ZfbenchError: too few states have as many steps after them.
        """
        known = [a[: max(len(a) - steps, 0)].astype(np.float64) for a in self._activity]
        places = [(recording, t) for recording, a in enumerate(known) for t in range(len(a))]
        if len(places) < NEIGHBOURS:
            raise ZfbenchError(
                f"Only {len(places)} training states are followed by {steps} steps, and forecasts by analogy need "
                f"{NEIGHBOURS}; record longer, or forecast less far."
            )
        everything = np.concatenate(known)  # [S, N]
        found = []
        for state in states.astype(np.float64):  # one at a time, so that none depends on those beside it
            distance = cdist(state[None], everything, "sqeuclidean")[0]  # [S]
            nearest = [places[k] for k in np.argsort(distance, kind="stable")[:NEIGHBOURS]]
            found.append([series[recording][t + 1 : t + 1 + steps] for recording, t in nearest])
        return np.array(found, np.float32)
