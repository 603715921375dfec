"""The drive x(t), the circuit's exogenous input, and the short form in which a recording ships it.

The retinal responses and the bouts determine the drive. Everything else in it (adaptation, countdowns, tail-beat phase)
is recomputed by the same compiled step that the closed loop runs, so that a replay is exact to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from zfbench.testbed import bouts
from zfbench.testbed.assembly import DRIVE
from zfbench.testbed.circuit import Circuit
from zfbench.testbed.retina import FRAME_MS, QUANTA_PER_COUNT
from zfbench.testbed.transition import rollout

Floats = NDArray[np.float64]

COUNTS_PER_UNIT = 200.0  # retinal counts in one unit of drive; our choice, so that the drive is of order 1
GAIN_RATE = 0.005  # per ms, of the adaptation to the mean drive; our choice, a time constant of 200 ms
# Sum of an eye's counts, divided by 8, at which the adaptation m is 1: the operating point of the controller's gain
# control.
GAIN_COUNTS = 80.0
FULL_AMPLITUDE = 400.0  # countdown at which the swim amplitude is 1 (ZBot controller); a bout starts at 500
TURN_AMPLITUDE = 0.8  # amplitude of a turn relative to that of swimming (ZBot controller)
CHANNELS = len(DRIVE)
RESPONSES = 8  # 4 directions x 2 eyes

# State behind the drive, float64 [8]: the bout's six numbers, then the adaptation of each eye.
STATE_SIZE = bouts.STATE_SIZE + 2
GAIN = bouts.STATE_SIZE


@dataclass(frozen=True, eq=False)
class DriveRecording:
    """The data from which the drive of one recording is computed; every field is an array of an `.npz` file.

    Attributes:
        responses: uint16 [F, 8], retinal responses in units of 1/64 count, one frame every 5 ms, left eye first.
        bout_step: int64 [K], the step at which each bout starts.
        bout_direction: int8 [K], +1 left, 0 forward, -1 right.
        bout_phase: float64 [K, 2], sine and cosine of the tail-beat phase at which a forward bout starts.
        bout_strength: float64 [K], factor of the turn amplitude.
        initial_state: float64 [8], the state behind the drive before the first step.
        initial_activity: float64 [N], the activity before the first step.
    """

    responses: NDArray[np.uint16]
    bout_step: NDArray[np.int64]
    bout_direction: NDArray[np.int8]
    bout_phase: Floats
    bout_strength: Floats
    initial_state: Floats
    initial_activity: Floats

    @property
    def steps(self) -> int:
        """The largest number of steps (ms) that the recorded frames can drive."""
        return len(self.responses) * FRAME_MS


# Not cached on disk, here and below: numba would not notice a change in the modules that they use.
@numba.njit(nogil=True)
def write_drive(state: Floats, responses: NDArray[np.uint16], x: Floats) -> None:
    """Adapt to this millisecond's retinal responses, in place, and write the drive x.

    The gain m of an eye follows the mean count per half-direction: m <- m + 0.005 (sum of the eye's counts / 8 / 80 -
    m).

    Args:
        state: float64 [8], the bout's six numbers and the adaptation of each eye; the adaptation is updated.
        responses: uint16 [8], in units of 1/64 count.
        x: float64 [16], receives the drive, in the order of `zfbench.testbed.assembly.DRIVE`.
    """
    for eye in range(2):
        total = 0.0
        for d in range(4):
            count = responses[4 * eye + d] / QUANTA_PER_COUNT
            x[4 * eye + d] = count / COUNTS_PER_UNIT
            total += count
        state[GAIN + eye] += GAIN_RATE * (total / 8.0 / GAIN_COUNTS - state[GAIN + eye])
        x[8 + eye] = state[GAIN + eye]
    x[10] = state[bouts.BOUT]
    x[11] = state[bouts.SWIM] / FULL_AMPLITUDE
    x[12] = TURN_AMPLITUDE * state[bouts.TURN_LEFT] / FULL_AMPLITUDE
    x[13] = TURN_AMPLITUDE * state[bouts.TURN_RIGHT] / FULL_AMPLITUDE
    x[14] = state[bouts.PHASE_SIN]
    x[15] = state[bouts.PHASE_COS]


@numba.njit(nogil=True)
def _expand(
    responses: NDArray[np.uint16],
    bout_step: NDArray[np.int64],
    bout_direction: NDArray[np.int8],
    bout_phase: Floats,
    bout_strength: Floats,
    state: Floats,
    x: Floats,
) -> None:
    k = 0
    for t in range(x.shape[0]):
        if k < bout_step.size and bout_step[k] == t:
            bouts.start(state, bout_direction[k], bout_phase[k, 0], bout_phase[k, 1], bout_strength[k])
            k += 1
        else:
            bouts.advance(state)
        write_drive(state, responses[t // FRAME_MS], x[t])


def expand(recording: DriveRecording, steps: int | None = None) -> Floats:
    """Compute the exact drive x(t) of a recording.

    Args:
        recording: the short form of the drive.
        steps: number of steps T; by default as many as the frames can drive.

    Returns:
        float64 [T, 16].

    Raises:
        ValueError: the recording is shorter than `steps`.
    """
    steps = recording.steps if steps is None else steps
    if not 0 <= steps <= recording.steps:
        raise ValueError(f"{steps} steps asked of a recording of {recording.steps}")
    x = np.empty((steps, CHANNELS))
    _expand(
        recording.responses,
        recording.bout_step,
        recording.bout_direction,
        recording.bout_phase,
        recording.bout_strength,
        recording.initial_state.copy(),
        x,
    )
    return x


def activity(circuit: Circuit, recording: DriveRecording, steps: int | None = None) -> Floats:
    """Compute the activity of a recording by rolling f* over its drive.

    Args:
        circuit: the circuit that the larva lived with.
        recording: the short form of the drive.
        steps: number of steps T; by default as many as the frames can drive.

    Returns:
        float64 [T, N]; on one machine equal to the closed loop's to the last bit.

    Raises:
        ValueError: the recording is shorter than `steps`.
    """
    x = expand(recording, steps)
    return rollout(circuit, recording.initial_activity[None], x[None])[0]
