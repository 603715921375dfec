"""Bouts: the larva glides, tips into a bout to the left, forward or right, and beats its tail until it fades.

The bout integrator (BG, a neuron of the circuit) tips like a bamboo fountain when it reaches 1. Constants of
the robot controller of Liu, Loring, Zunino et al. 2025, per millisecond. Only the turn fades more slowly, by
0.98 per step: the controller's 0.935 would leave the vSPN nearly silent.
"""

from __future__ import annotations

from math import cos, pi, sin

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEFT, FORWARD, RIGHT = 1, 0, -1  # directions of a bout; mirroring negates them

TIPPING_POINT = 1.0  # of the bout integrator
TURN_BIAS, FORWARD_BIAS = 0.066, 0.2  # odds of each direction without any command
FULL_COUNTDOWN = 500.0
LAST_COUNTDOWN = 46.0  # the bout ends below
SWIM_DECAY = 0.9908
TURN_DECAY = 0.98
TAIL_BEAT_HZ = 25.0
VIGOUR = (0.75, 1.25)  # range of a bout's turn amplitude, uniform

# state of a bout, float64 [6] or the beginning of a longer state; the phase is kept as a point on the circle
STATE_SIZE = 6
BOUT, SWIM, TURN_LEFT, TURN_RIGHT, PHASE_SIN, PHASE_COS = range(STATE_SIZE)

# chance of one bout, float64 [4]
CHOICE, START_SIN, START_COS, STRENGTH = range(4)

_ADVANCE_SIN, _ADVANCE_COS = sin(-2 * pi * TAIL_BEAT_HZ / 1000), cos(-2 * pi * TAIL_BEAT_HZ / 1000)


def draw_chances(bouts: int, rng: np.random.Generator) -> Floats:
    """What chance holds for each bout to come: [bouts, (choice, sin, cos, strength)].

    The choice is uniform on [0, 1), sin and cos give the phase at which a forward bout starts, and the
    strength scales a turn.
    """
    uniform = rng.random((bouts, 3))
    phase = 2 * pi * uniform[:, 1]
    low, high = VIGOUR
    return np.stack([uniform[:, 0], np.sin(phase), np.cos(phase), low + (high - low) * uniform[:, 2]], axis=1)


def mirror_chances(chances: Floats) -> Floats:
    """The chances of the mirrored larva: the opposite choice, the tail beat in antiphase."""
    mirrored = chances.copy()
    mirrored[:, CHOICE] = 1.0 - chances[:, CHOICE]
    mirrored[:, [START_SIN, START_COS]] *= -1.0
    return mirrored


@numba.njit(cache=True, nogil=True)
def choose(nmlf_left: float, nmlf_right: float, lhb_left: float, lhb_right: float, choice: float) -> int:
    """Direction of a bout, drawn in proportion to the commands; `choice` is uniform on [0, 1]."""
    left, right = lhb_left + TURN_BIAS, lhb_right + TURN_BIAS
    total = nmlf_left + nmlf_right + FORWARD_BIAS + (left + right)
    if choice * total < left:
        return LEFT
    if (1.0 - choice) * total < right:
        return RIGHT
    return FORWARD


@numba.njit(cache=True, nogil=True)
def start(state: Floats, direction: int, phase_sin: float, phase_cos: float, strength: float) -> None:
    """Begin a bout, in place; a turn begins at phase pi (left) or 0 (right), so that its side beats first."""
    state[BOUT] = 1.0
    state[SWIM] = FULL_COUNTDOWN
    state[TURN_LEFT] = FULL_COUNTDOWN * strength if direction == LEFT else 0.0
    state[TURN_RIGHT] = FULL_COUNTDOWN * strength if direction == RIGHT else 0.0
    state[PHASE_SIN] = phase_sin if direction == FORWARD else 0.0
    state[PHASE_COS] = phase_cos if direction == FORWARD else -1.0 * direction


@numba.njit(cache=True, nogil=True)
def advance(state: Floats) -> None:
    """Carry a bout on by 1 ms, in place: countdowns fade, the phase falls, and the bout may end."""
    if state[BOUT] == 0.0:
        return
    state[SWIM] *= SWIM_DECAY
    if state[SWIM] < LAST_COUNTDOWN:
        state[:STATE_SIZE] = 0.0
        return
    state[TURN_LEFT] *= TURN_DECAY
    state[TURN_RIGHT] *= TURN_DECAY
    sine, cosine = state[PHASE_SIN], state[PHASE_COS]
    state[PHASE_SIN] = sine * _ADVANCE_COS + cosine * _ADVANCE_SIN
    state[PHASE_COS] = cosine * _ADVANCE_COS - sine * _ADVANCE_SIN
