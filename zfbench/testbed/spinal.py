"""The spinal cord's outlet: motor neurons bend the six joints of the tail."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

SEGMENTS = 6
BEND_GAIN = 1.5  # rad per unit of right minus left activity
# Tails bend more towards the tip (Liu, Loring, Zunino et al. 2025).
SEGMENT_AMPLITUDE = np.array([0.203, 0.364, 0.481, 0.594, 0.696, 1.0])


@numba.njit(cache=True, nogil=True)
def target_angles(activity: NDArray[np.float64], motor_neurons: NDArray[np.int64], angles: NDArray[np.float64]) -> None:
    """Joint angles the muscles pull towards, rad, into `angles` [6]; negative bends to the left.

    `motor_neurons` [2, 6] are the indices of the left and the right ones.
    """
    for segment in range(SEGMENTS):
        left, right = activity[motor_neurons[0, segment]], activity[motor_neurons[1, segment]]
        angles[segment] = BEND_GAIN * SEGMENT_AMPLITUDE[segment] * (right - left)
