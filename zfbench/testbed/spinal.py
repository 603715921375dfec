"""The output of the spinal cord: motor neurons bend the six joints of the tail.

Gain and amplitudes are those of simZFish and ZBot (Liu, Loring, Zunino et al. 2025, doi:10.1126/scirobotics.adv4408).
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

SEGMENTS = 6
BEND_GAIN = 1.5  # rad per unit of right minus left activity, before the segment's amplitude
# Relative amplitude of each joint, neck to tip: tails bend more towards the tip.
SEGMENT_AMPLITUDE = np.array([0.203, 0.364, 0.481, 0.594, 0.696, 1.0])


@numba.njit(cache=True, nogil=True)
def target_angles(activity: NDArray[np.float64], motor_neurons: NDArray[np.int64], angles: NDArray[np.float64]) -> None:
    """Compute the joint angles that the muscles pull towards: 1.5 (right - left) times the segment's amplitude.

    Args:
        activity: float64 [N], activity of all neurons.
        motor_neurons: int64 [2, 6], indices of the left and the right motor neurons, neck to tip.
        angles: float64 [6], rad, receives the angles; negative bends to the left.
    """
    for segment in range(SEGMENTS):
        left, right = activity[motor_neurons[0, segment]], activity[motor_neurons[1, segment]]
        angles[segment] = BEND_GAIN * SEGMENT_AMPLITUDE[segment] * (right - left)
