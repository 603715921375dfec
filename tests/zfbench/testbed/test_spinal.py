"""The tail's target angles against the published controller: 1.5 rad x (right - left) x the segment's share."""

import numpy as np
import pytest

from zfbench.testbed.spinal import SEGMENTS, target_angles

# Liu, Loring, Zunino et al. 2025 (the ZBot controller), from the most rostral of the six joints to the tip of the tail.
PUBLISHED = [0.203, 0.364, 0.481, 0.594, 0.696, 1.0]
LEFT, RIGHT = np.arange(6), np.arange(6, 12)


def angles(activity):
    found = np.full(SEGMENTS, np.nan)
    target_angles(np.asarray(activity, float), np.stack([LEFT, RIGHT]), found)
    return found


@pytest.mark.parametrize("segment", range(6))
def test_a_motor_neuron_bends_its_own_joint_to_its_own_side_by_the_published_amount(segment):
    expected = np.zeros(6)
    expected[segment] = 1.5 * PUBLISHED[segment]
    for neurons, sign in ((RIGHT, 1), (LEFT, -1)):
        activity = np.zeros(12)
        activity[neurons[segment]] = 1.0
        np.testing.assert_allclose(angles(activity), sign * expected, rtol=1e-12)


def test_both_sides_together_bend_nothing_and_the_difference_counts():
    np.testing.assert_array_equal(angles(np.full(12, 0.7)), np.zeros(6))
    both = np.concatenate([np.full(6, 0.2), np.full(6, 0.6)])
    np.testing.assert_allclose(angles(both), 1.5 * 0.4 * np.array(PUBLISHED))
