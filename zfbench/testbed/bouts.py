"""Bouts of swimming: the larva glides, starts a bout to the left, forward or right, and beats its tail until it fades.

A bout starts when the bout integrator (BG, a neuron of the circuit) reaches 1. Its direction is drawn in proportion to
the descending commands of nMLF and LHB. During the bout, countdowns set the swim and turn amplitudes, and the tail
beats. The mechanism and the constants are those of the robot controller of ZBot (Liu, Loring, Zunino et al. 2025,
doi:10.1126/scirobotics.adv4408), which are per update step and are taken per millisecond here; deviations are marked.
"""

from __future__ import annotations

from math import cos, pi, sin

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEFT, FORWARD, RIGHT = 1, 0, -1  # directions of a bout; mirroring negates them

BOUT_THRESHOLD = 1.0  # activity of the bout integrator at which a bout starts: the controller's threshold 255, scaled
# Added to the commands (activities, 0 to 1) of left and right, and of forward, so that a larva without any command
# still swims, mostly forward; the controller's constants.
TURN_BIAS, FORWARD_BIAS = 0.066, 0.2
# Countdowns (no unit) of the swim and of the turn, set at the start of a bout; the controller's constants. The swim
# countdown falls by 0.9908 per ms from 500 to 46, so that a bout lasts ln(46 / 500) / ln(0.9908) = 258 ms.
FULL_COUNTDOWN = 500.0
LAST_COUNTDOWN = 46.0  # the bout ends below it
SWIM_DECAY = 0.9908  # factor per ms
# Factor per ms of the turn countdown. Our choice: with the controller's 0.935 the vSPN, which follow it with a leak of
# 0.05 per ms, would hardly be active at all.
TURN_DECAY = 0.98
TAIL_BEAT_HZ = 25.0  # larvae beat at 20-30 Hz
TURN_STRENGTH = (0.75, 1.25)  # factor of a turn's amplitude, uniform; our choice, so that not all turns are equal

# State of a bout, float64 [6], or the first six entries of a longer state: 1 during a bout and 0 outside, the
# countdowns of the swim and of a turn to each side, and the tail-beat phase as a point on the circle.
STATE_SIZE = 6
BOUT, SWIM, TURN_LEFT, TURN_RIGHT, PHASE_SIN, PHASE_COS = range(STATE_SIZE)

# Random numbers of one bout, float64 [4]; see `draw_bout_randomness`.
CHOICE, START_SIN, START_COS, STRENGTH = range(4)

# Rotation of the phase in 1 ms; the phase falls, so that the wave runs from the head to the tip.
_ADVANCE_SIN, _ADVANCE_COS = sin(-2 * pi * TAIL_BEAT_HZ / 1000), cos(-2 * pi * TAIL_BEAT_HZ / 1000)


def draw_bout_randomness(bouts: int, rng: np.random.Generator) -> Floats:
    """Draw the random numbers of each future bout: float64 [bouts, 4], columns (choice, sin, cos, strength).

    The choice is uniform on [0, 1) and selects the direction; sin and cos give the tail-beat phase at which a forward
    bout starts, uniform on the circle; the strength, uniform in the range `TURN_STRENGTH`, scales the amplitude of a
    turn.
    """
    uniform = rng.random((bouts, 3))
    phase = 2 * pi * uniform[:, 1]
    low, high = TURN_STRENGTH
    return np.stack([uniform[:, 0], np.sin(phase), np.cos(phase), low + (high - low) * uniform[:, 2]], axis=1)


def mirror_bout_randomness(bout_randomness: Floats) -> Floats:
    """Return the random numbers of the mirrored larva's bouts: the opposite choice, and a tail beat in antiphase."""
    mirrored = bout_randomness.copy()
    mirrored[:, CHOICE] = 1.0 - bout_randomness[:, CHOICE]
    mirrored[:, [START_SIN, START_COS]] *= -1.0
    return mirrored


@numba.njit(cache=True, nogil=True)
def choose(nmlf_left: float, nmlf_right: float, lhb_left: float, lhb_right: float, choice: float) -> int:
    """Return the direction of a bout, `LEFT`, `FORWARD` or `RIGHT`, drawn in proportion to the commands.

    The probabilities are (LHB_L + 0.066) / Z, (nMLF_L + nMLF_R + 0.2) / Z and (LHB_R + 0.066) / Z, where Z is the sum
    of the three numerators (Liu, Loring, Zunino et al. 2025, the ZBot controller).

    Args:
        nmlf_left: activity of the left nMLF.
        nmlf_right: activity of the right nMLF.
        lhb_left: activity of the left LHB.
        lhb_right: activity of the right LHB.
        choice: random number, uniform on [0, 1].
    """
    left, right = lhb_left + TURN_BIAS, lhb_right + TURN_BIAS
    total = nmlf_left + nmlf_right + FORWARD_BIAS + (left + right)
    if choice * total < left:
        return LEFT
    if (1.0 - choice) * total < right:
        return RIGHT
    return FORWARD


@numba.njit(cache=True, nogil=True)
def start(state: Floats, direction: int, phase_sin: float, phase_cos: float, strength: float) -> None:
    """Begin a bout, in place; a turn begins at phase pi (left) or 0 (right), so that its own side beats first.

    Args:
        state: float64 [6] or longer, in the layout described at `STATE_SIZE`.
        direction: `LEFT`, `FORWARD` or `RIGHT`.
        phase_sin: sine of the phase at which a forward bout starts.
        phase_cos: cosine of that phase.
        strength: factor of the turn amplitude.
    """
    state[BOUT] = 1.0
    state[SWIM] = FULL_COUNTDOWN
    state[TURN_LEFT] = FULL_COUNTDOWN * strength if direction == LEFT else 0.0
    state[TURN_RIGHT] = FULL_COUNTDOWN * strength if direction == RIGHT else 0.0
    state[PHASE_SIN] = phase_sin if direction == FORWARD else 0.0
    state[PHASE_COS] = phase_cos if direction == FORWARD else -1.0 * direction


@numba.njit(cache=True, nogil=True)
def advance(state: Floats) -> None:
    """Advance a bout by 1 ms, in place: the countdowns decay, the phase decreases, and the bout ends below 46.

    Outside a bout the state does not change.
    """
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
