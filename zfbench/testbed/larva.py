"""The larva in its world, in a closed loop with steps of 1 ms: its swimming changes what it sees.

Each millisecond: a retinal frame, if one is due; a bout starts, goes on or ends, depending on the circuit's activity at
t-1; the drive x(t); the circuit a(t) = f*(a(t-1), x(t)); the tail, the body, and the floor beneath it. All random
numbers are drawn beforehand from separate streams, so that the first seconds of a recording do not depend on its
length, and so that the mirror image of a larva can be simulated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import cos, sin
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from zfbench.testbed import bouts
from zfbench.testbed.body import advance as advance_body
from zfbench.testbed.body import initial_state
from zfbench.testbed.circuit import Circuit
from zfbench.testbed.drive import CHANNELS, RESPONSES, DriveRecording, write_drive
from zfbench.testbed.drive import STATE_SIZE as DRIVE_STATE_SIZE
from zfbench.testbed.retina import (
    FRAME_MS,
    TEXTURE_PX_MM,
    TEXTURE_SIZE,
    Eyes,
    add_noise_and_quantise,
    new_eyes,
    process_frame,
)
from zfbench.testbed.spinal import SEGMENTS, target_angles
from zfbench.testbed.stimulus import CONDITIONS, Schedule, draw_schedule, draw_texture
from zfbench.testbed.transition import Tables, step, tables

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

WARM_UP_MS = 500  # not recorded, while eyes and circuit settle; our choice
SHORTEST_BOUT_INTERVAL_MS = 250  # every bout is longer (258 ms), so this bounds the number of bouts


@dataclass(frozen=True, eq=False)
class World:
    """Everything random that a larva meets.

    Attributes:
        texture: float32 [512, 512], the floor, seen from each eye's own side.
        place: float64 [2 eyes, (forward, outward)], mm, the place on the texture at which each eye starts.
        schedule: the stimulus.
        noise: float64 [F, 8], retinal noise of each frame, standard normal.
        bout_randomness: float64 [K, 4], the random numbers of the bouts (`bouts.draw_bout_randomness`).
    """

    texture: NDArray[np.float32]
    place: Floats
    schedule: Schedule
    noise: Floats
    bout_randomness: Floats

    def mirrored(self) -> World:
        """Return the mirror image of this world."""
        return replace(
            self,
            place=self.place[::-1].copy(),
            schedule=self.schedule.mirrored(),
            noise=np.concatenate([self.noise[:, 4:], self.noise[:, :4]], axis=1),
            bout_randomness=bouts.mirror_bout_randomness(self.bout_randomness),
        )


@dataclass(frozen=True, eq=False)
class LarvaRecording:
    """The recording of one larva under one condition: T steps of 1 ms after the warm-up.

    Attributes:
        condition: the stimulus condition.
        seed: seed of all random numbers.
        drive: the short form of the drive; `drive.expand` computes x(t) from it.
        activity: float64 [T, N].
        pose: float64 [T, 3], x and y in mm and heading in rad, counter-clockwise positive.
        tail: float64 [T, 6], joint angles in rad, neck to tip; negative bends to the left.
        direction: float64 [T, 2], rad, direction of the floor's motion under the left and the right eye, in the body's
            frame.
        speed: float64 [T], mm/s, of the floor.
        contrast: float64 [T], of the floor, from 0 to 1.
    """

    condition: str
    seed: int
    drive: DriveRecording
    activity: Floats
    pose: Floats
    tail: Floats
    direction: Floats
    speed: Floats
    contrast: Floats


class Commands(NamedTuple):
    """Indices of the neurons through which the circuit moves the body; left before right."""

    integrator: int
    nmlf: Integers  # [2]
    lhb: Integers  # [2]
    motor: Integers  # [2, 6]


class Traces(NamedTuple):
    """The arrays that the closed loop writes its results into."""

    responses: NDArray[np.uint16]  # [F, 8]
    activity: Floats  # [T, N]
    pose: Floats  # [T, 3]
    tail: Floats  # [T, 6]
    epoch: Integers  # [T]
    bout_step: Integers  # [K]
    bout_direction: NDArray[np.int8]  # [K]
    initial_state: Floats  # [8]
    initial_activity: Floats  # [N]


def draw_world(condition: str, steps: int, seed: int) -> World:
    """Draw a world that lasts `steps` ms; every kind of random number has its own stream.

    Args:
        condition: the stimulus condition.
        steps: length in ms, the warm-up included.
        seed: seed of all random numbers.

    Raises:
        UnknownNameError: there is no such condition.
    """
    frames = -(-steps // FRAME_MS)
    code = CONDITIONS.index(condition) if condition in CONDITIONS else len(CONDITIONS)
    streams = np.random.SeedSequence(seed, spawn_key=(code,)).spawn(4)
    floor_rng, schedule_rng, noise_rng, bout_rng = (np.random.default_rng(s) for s in streams)
    return World(
        schedule=draw_schedule(condition, steps, schedule_rng),
        texture=draw_texture(floor_rng),
        place=floor_rng.uniform(0.0, TEXTURE_SIZE * TEXTURE_PX_MM, size=(2, 2)),
        noise=noise_rng.normal(size=(frames, RESPONSES)),
        bout_randomness=bouts.draw_bout_randomness(steps // SHORTEST_BOUT_INTERVAL_MS + 1, bout_rng),
    )


def simulate(circuit: Circuit, condition: str, steps: int, seed: int) -> LarvaRecording:
    """Simulate a larva under one condition, after a warm-up of 500 ms that is not recorded.

    The result depends on the arguments alone; a shorter recording is the beginning of a longer one.

    Args:
        circuit: the larva's circuit.
        condition: the stimulus condition.
        steps: length of the recording in ms.
        seed: seed of all random numbers.

    Raises:
        UnknownNameError: there is no such condition.
        ValueError: the circuit lacks the neurons that move the larva.
    """
    return run_closed_loop(circuit, draw_world(condition, steps + WARM_UP_MS, seed), condition, steps, seed)


def run_closed_loop(circuit: Circuit, world: World, condition: str, steps: int, seed: int) -> LarvaRecording:
    """Simulate a larva in a given world.

    Args:
        circuit: the larva's circuit.
        world: its world, which covers the warm-up and `steps`.
        condition: the stimulus condition, noted in the recording.
        steps: length of the recording in ms.
        seed: noted in the recording.

    Raises:
        ValueError: the circuit lacks the neurons that move the larva.
    """
    N = len(circuit.neurons)
    traces = Traces(
        responses=np.empty((-(-steps // FRAME_MS), RESPONSES), np.uint16),
        activity=np.empty((steps, N)),
        pose=np.empty((steps, 3)),
        tail=np.empty((steps, SEGMENTS)),
        epoch=np.empty(steps, np.int64),
        bout_step=np.full(len(world.bout_randomness), -1, np.int64),
        bout_direction=np.zeros(len(world.bout_randomness), np.int8),
        initial_state=np.zeros(DRIVE_STATE_SIZE),
        initial_activity=np.zeros(N),
    )
    schedule = world.schedule
    _live(
        tables(circuit),
        _commands(circuit),
        new_eyes(),
        initial_state(),
        world.texture,
        world.place.copy(),
        schedule.onset,
        schedule.floor_velocity(),
        schedule.contrast,
        world.noise,
        world.bout_randomness,
        traces,
    )
    kept = traces.bout_step >= 0
    drive = DriveRecording(
        responses=traces.responses,
        bout_step=traces.bout_step[kept],
        bout_direction=traces.bout_direction[kept],
        bout_phase=world.bout_randomness[kept][:, [bouts.START_SIN, bouts.START_COS]],
        bout_strength=world.bout_randomness[kept][:, bouts.STRENGTH],
        initial_state=traces.initial_state,
        initial_activity=traces.initial_activity,
    )
    return LarvaRecording(
        condition=condition,
        seed=seed,
        drive=drive,
        activity=traces.activity,
        pose=traces.pose,
        tail=traces.tail,
        direction=schedule.direction[traces.epoch],
        speed=schedule.speed[traces.epoch],
        contrast=schedule.contrast[traces.epoch],
    )


def _commands(circuit: Circuit) -> Commands:
    """Find the neurons that move the body, by group; within a group the left side comes first."""

    def members(group: str, count: int) -> Integers:
        found = np.flatnonzero(np.asarray(circuit.groups) == group)
        if len(found) != count:
            raise ValueError(f"circuit '{circuit.name}' has {len(found)} neurons in {group}, expected {count}")
        return found

    return Commands(
        int(members("BG", 1)[0]),
        members("nMLF", 2),
        members("LHB", 2),
        members("MN", 2 * SEGMENTS).reshape(2, SEGMENTS),
    )


# Not cached on disk: numba would not notice a change in the modules that it calls.
@numba.njit(nogil=True)
def _live(
    circuit: Tables,
    commands: Commands,
    eyes: Eyes,
    body: Floats,
    texture: NDArray[np.float32],
    place: Floats,
    onset: Integers,
    floor_velocity: Floats,
    contrast: Floats,
    noise: Floats,
    bout_randomness: Floats,
    traces: Traces,
) -> None:
    """Run the closed loop; `body` and `place` are updated in place, and the results go to `traces`."""
    steps, N = traces.activity.shape
    activity, after, scratch = np.zeros(N), np.zeros(N), np.empty((5, N))
    state, x = np.zeros(DRIVE_STATE_SIZE), np.zeros(CHANNELS)
    counts, responses, angles = np.zeros(4), np.zeros(RESPONSES, np.uint16), np.zeros(SEGMENTS)
    nmlf, lhb = commands.nmlf, commands.lhb
    epoch, bout = 0, 0
    for t in range(WARM_UP_MS + steps):
        recorded = t - WARM_UP_MS
        if recorded == 0:
            traces.initial_state[:] = state
            traces.initial_activity[:] = activity
        while epoch + 1 < onset.size and onset[epoch + 1] <= t:
            epoch += 1
        cosine, sine = cos(body[2]), sin(body[2])

        if t % FRAME_MS == 0:
            frame = t // FRAME_MS
            for eye in range(2):
                side = 1.0 - 2.0 * eye  # the right eye sees the mirrored world
                process_frame(eyes, eye, frame, texture, place[eye], cosine, side * sine, contrast[epoch], counts)
                for d in range(4):
                    responses[4 * eye + d] = add_noise_and_quantise(counts[d], noise[frame, 4 * eye + d])
            if recorded >= 0:
                traces.responses[recorded // FRAME_MS] = responses

        if state[bouts.BOUT] == 0.0 and activity[commands.integrator] >= bouts.BOUT_THRESHOLD:
            a, chance = activity, bout_randomness[bout]
            direction = bouts.choose(a[nmlf[0]], a[nmlf[1]], a[lhb[0]], a[lhb[1]], chance[bouts.CHOICE])
            bouts.start(state, direction, chance[bouts.START_SIN], chance[bouts.START_COS], chance[bouts.STRENGTH])
            traces.bout_step[bout] = recorded
            traces.bout_direction[bout] = direction
            bout += 1
        else:
            bouts.advance(state)
        write_drive(state, responses, x)

        step(circuit, activity, x, after, scratch)
        activity, after = after, activity

        target_angles(activity, commands.motor, angles)
        before_x, before_y = body[0], body[1]
        advance_body(body, angles)
        for eye in range(2):
            side = 1.0 - 2.0 * eye
            forward, outward = 0.001 * floor_velocity[epoch, eye, 0], 0.001 * floor_velocity[epoch, eye, 1]
            place[eye, 0] += (body[0] - before_x) - (cosine * forward - side * sine * outward)
            place[eye, 1] += side * (body[1] - before_y) - (side * sine * forward + cosine * outward)

        if recorded >= 0:
            traces.activity[recorded] = activity
            traces.pose[recorded] = body[:3]
            traces.tail[recorded] = body[6 : 6 + SEGMENTS]
            traces.epoch[recorded] = epoch
