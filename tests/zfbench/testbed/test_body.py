"""The body obeys mechanics that can be written down without it, and swims like a larva."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from zfbench.testbed.body import (
    HEIGHT,
    LARVA,
    LENGTH,
    STATE_SIZE,
    WIDTH,
    _place_segments,
    _velocity,
    advance,
    initial_state,
    integrate,
)
from zfbench.testbed.spinal import SEGMENT_AMPLITUDE

IDEAL_FLUID = LARVA._replace(viscous_normal=np.zeros(7), viscous_tangential=np.zeros(7), quadratic_normal=np.zeros(7))


@njit
def _swim(state, targets, path):
    for t in range(len(targets)):
        advance(state, targets[t])
        path[t] = state


def swim(targets, start=None):
    """States [T, STATE_SIZE] after each millisecond of ``targets`` [T, 6]."""
    path = np.empty((len(targets), STATE_SIZE))
    _swim(initial_state() if start is None else start.copy(), targets, path)
    return path


def rotation(angle):
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def chain(state):
    """Centres [7, 2] in the world and orientations [7] of the segments, from the geometry alone."""
    orientation = state[2] + np.concatenate(([0.0], np.cumsum(state[6:12])))
    axis = np.stack((np.cos(orientation), np.sin(orientation)), axis=1)
    rear = state[:2] - 0.46 * 1.30 * axis[0]
    centres = [state[:2]]
    for length, forward in zip(LENGTH[1:], axis[1:], strict=True):
        centres.append(rear - length / 2 * forward)
        rear = rear - length * forward
    return np.array(centres), orientation


def mechanics(state, target, body):
    """Momentum [2] and angular momentum about the world's origin, and kinetic energy.

    Velocities are differences of positions over a nanosecond: independent of the body's own solution.
    """
    later = state.copy()
    instant = 1e-9
    integrate(later, target, body, instant, 1)
    (r0, angle0), (r1, angle1) = chain(state), chain(later)
    velocity, spin = (r1 - r0) / instant, (angle1 - angle0) / instant
    mass = np.pi / 6 * LENGTH * WIDTH * HEIGHT * 1.05
    added = np.pi / 4 * HEIGHT**2 * LENGTH * 2 / 3
    inertia = mass * (LENGTH**2 + WIDTH**2) / 20 + added * LENGTH**2 / 20
    normal = np.stack((-np.sin(angle0), np.cos(angle0)), axis=1)
    momentum = mass[:, None] * velocity + (added * (velocity * normal).sum(1))[:, None] * normal
    angular = (r0[:, 0] * momentum[:, 1] - r0[:, 1] * momentum[:, 0] + inertia * spin).sum()
    energy = 0.5 * ((momentum * velocity).sum() + (inertia * spin**2).sum())
    return momentum.sum(0), angular, energy


def beat(time, amplitude=0.5, frequency=25.0, lag=0.2 * np.pi):
    """Joint angles [T, 6] of a wave that travels from neck to tip at ``time`` [T] s."""
    phase = 2 * np.pi * frequency * time[:, None] - lag * np.arange(6)
    return amplitude * np.sin(phase) * SEGMENT_AMPLITUDE


def bout(direction=0, milliseconds=500):
    """Target angles [T, 6] of one bout; direction +1 turns left, -1 right.

    The swim command decays by 0.9908 per ms from 500 / 400 to 46 / 400, motor neurons are sigma(2, 1.4),
    and the joints follow the difference of right and left (after Liu et al. 2025).
    """
    segment = np.arange(6)
    command, swim_drive, turn_drive, phase = 500.0, 0.0, 0.0, 0.0
    motor, targets = np.zeros((2, 6)), np.empty((milliseconds, 6))
    for t in range(milliseconds):
        for side, sign in enumerate((1, -1)):
            rhythm = (sign * np.sin(phase + 0.2 * np.pi * segment) + 1.01) if command else 0.01
            turn = 2 * turn_drive * max(0, sign * direction)
            drive = swim_drive * rhythm + turn + 0.5 * (segment < 2) * (command > 0)
            motor[side] += 0.3 * (1 / (1 + np.exp(-2 * (drive - 1.4))) - motor[side])
        targets[t] = 1.5 * (motor[1] - motor[0]) * SEGMENT_AMPLITUDE
        swim_drive += 0.035 * (command / 400 - swim_drive)
        turn_drive += 0.05 * (0.8 * 500 / 400 * 0.98**t - turn_drive)
        command = command * 0.9908 if command > 46 else 0.0
        phase -= 2 * np.pi * 0.025
    return targets


def random_targets(milliseconds, seed=0):
    """Smooth irregular bending, [T, 6] rad."""
    noise = np.random.default_rng(seed).normal(size=(milliseconds + 30, 6))
    kernel = np.hanning(30) / np.hanning(30).sum()
    return 2.0 * np.stack([np.convolve(joint, kernel, "valid")[:milliseconds] for joint in noise.T], axis=1)


def head_velocity(state):
    """Velocity of the head in its own axes: forward and leftward in mm / s, and turning in rad / s."""
    segments = np.empty((7, 7))
    _place_segments(state, LARVA, segments)
    return _velocity(segments, (state[3], state[4], state[5]), LARVA)


def moving(forward=0.0, left=0.0, spin=0.0, bend=(0.0,) * 6):
    """A state whose head has the given velocity; the impulse is found by solving the linear relation."""
    state = initial_state()
    state[6:12] = bend
    columns = []
    for k in range(3):
        probe = state.copy()
        probe[3 + k] = 1.0
        columns.append(head_velocity(probe))
    state[3:6] = np.linalg.solve(np.array(columns).T, [forward, left, spin])
    return state


def test_added_mass_is_lighthills_figure_for_this_larva():
    assert LARVA.added_mass.sum() == pytest.approx(0.564, abs=5e-4)


def test_viscous_drag_is_slender_body_theory_worked_by_hand():
    # Head: r = 0.31741 mm, ln(2 L / r) = 3.2270. Last segment: r = 0.094868 mm, ln(2 L / r) = 4.4347.
    assert LARVA.viscous_normal[0] == pytest.approx(16.3363 / 3.7270, rel=1e-4)
    assert LARVA.viscous_normal[6] == pytest.approx(5.65487 / 4.9347, rel=1e-4)
    assert LARVA.viscous_tangential[0] == pytest.approx(1.7 * 8.16814 / 2.7270, rel=1e-4)
    assert LARVA.viscous_tangential[6] == pytest.approx(1.7 * 2.82743 / 3.9347, rel=1e-4)


def test_straight_glide_is_the_exponential_of_viscous_drag_alone():
    path = swim(np.zeros((200, 6)), moving(forward=20.0))
    rate = LARVA.viscous_tangential.sum() / LARVA.mass.sum()
    time = np.arange(1, 201) * 1e-3
    np.testing.assert_allclose(path[:, 0], 20.0 * (1 - np.exp(-rate * time)) / rate, rtol=1e-4)
    assert 0.030 < 1 / rate < 0.038  # s: larvae coast to 1/e in some 34 ms
    np.testing.assert_array_equal(path[:, 1:3], 0.0)


@pytest.mark.parametrize("start", [(20.0, 0.0, 0.0), (0.0, 10.0, 0.0), (0.0, 0.0, 20.0), (10.0, -5.0, 15.0)])
def test_still_water_stops_a_straight_larva_and_its_energy_only_falls(start):
    path = swim(np.zeros((300, 6)), moving(*start))
    energy = np.array([mechanics(state, np.zeros(6), LARVA)[2] for state in path])
    assert np.all(np.diff(energy) < 0)
    assert energy[-1] < 2e-3 * energy[0]


def test_sideways_and_turning_drag_are_their_closed_forms():
    instant = 1e-7
    sliding, turning = moving(left=7.0), moving(spin=3.0)
    linear = LARVA._replace(quadratic_normal=np.zeros(7))
    for state, body in ((sliding, LARVA), (turning, linear)):
        before = state.copy()
        integrate(state, np.zeros(6), body, instant, 1)
        state[3:6] = (state[3:6] - before[3:6]) / instant
    quadratic = 0.5 * np.array([0.8] + [1.6] * 6) * HEIGHT * LENGTH
    sideways = -(LARVA.viscous_normal.sum() + quadratic.sum() * 7.0) * 7.0
    assert sliding[4] == pytest.approx(sideways, rel=1e-4)
    x = chain(initial_state())[0][:, 0]
    # A rod of normal drag c per segment: the integral of c / l * x^2 over each segment.
    assert turning[5] == pytest.approx(-3.0 * (LARVA.viscous_normal * (x**2 + LENGTH**2 / 12)).sum(), rel=1e-4)


def test_impulse_is_the_momentum_of_the_moving_segments():
    targets = random_targets(50)
    for target, state in zip(targets, swim(targets), strict=True):
        momentum, angular, _ = mechanics(state, target, LARVA)
        expected = rotation(state[2]) @ state[3:5]
        np.testing.assert_allclose(momentum, expected, atol=2e-4)
        about_origin = state[5] + state[0] * expected[1] - state[1] * expected[0]
        assert angular == pytest.approx(about_origin, abs=2e-4)


def test_momentum_is_conserved_without_drag_to_second_order():
    def drift(steps):
        state = moving(12.0, 3.0, 5.0)
        momentum, angular = state[3:5].copy(), state[5]
        for target in random_targets(100):
            integrate(state, target, IDEAL_FLUID, 1e-3, steps)
        now = rotation(state[2]) @ state[3:5]
        about_origin = state[5] + state[0] * now[1] - state[1] * now[0]
        return np.abs(np.append(now - momentum, about_origin - angular)).max()

    assert drift(2) < 0.02 * np.hypot(*moving(12.0, 3.0, 5.0)[3:5])
    assert drift(32) < 1e-4
    assert 3.5 < drift(16) / drift(32) < 4.5


def test_a_stiff_bent_larva_keeps_its_energy_without_drag_and_loses_it_with_drag():
    bend = np.array([0.3, -0.2, 0.4, 0.1, -0.3, 0.5])
    start = moving(10.0, 4.0, 8.0, bend)
    _, _, energy = mechanics(start, bend, LARVA)
    ideal, real = start.copy(), start.copy()
    previous = energy
    for _ in range(100):
        integrate(ideal, bend, IDEAL_FLUID, 1e-3, 8)
        advance(real, bend)
        now = mechanics(real, bend, LARVA)[2]
        assert now < previous
        previous = now
    assert mechanics(ideal, bend, IDEAL_FLUID)[2] == pytest.approx(energy, rel=1e-4)


def test_joints_follow_the_critically_damped_step_response():
    target = np.linspace(-0.5, 0.5, 6)
    path = swim(np.tile(target, (30, 1)))
    x = 2 * np.pi * 60 * np.arange(1, 31) * 1e-3
    np.testing.assert_allclose(path[:, 6:12], (1 - (1 + x) * np.exp(-x))[:, None] * target, atol=1e-12)


def test_halving_the_step_quarters_the_error_and_the_default_is_accurate():
    targets = bout(direction=1, milliseconds=150)

    def end(steps):
        state = initial_state()
        for target in targets:
            integrate(state, target, LARVA, 1e-3, steps)
        return state[:3]

    exact = end(64)
    error = [np.linalg.norm(end(steps) - exact) for steps in (2, 4, 8)]
    assert error[0] < 0.02  # mm and rad, over a turn of a millimetre and a radian
    assert 3 < error[0] / error[1] < 5.5
    assert 3 < error[1] / error[2] < 5.5


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_mirrored_bending_mirrors_the_path_exactly(seed):
    targets = random_targets(200, seed)
    path, mirrored = swim(targets), swim(-targets)
    sign = np.array([1, -1, -1, 1, -1, -1] + [-1] * 12)
    np.testing.assert_array_equal(mirrored, sign * path)


@settings(max_examples=20, deadline=None)
@given(st.floats(-50, 50), st.floats(-50, 50), st.floats(-np.pi, np.pi))
def test_the_path_does_not_depend_on_place_or_heading(x, y, heading):
    targets = random_targets(200)
    start = initial_state()
    start[:3] = x, y, heading
    path, moved = swim(targets), swim(targets, start)
    np.testing.assert_array_equal(moved[:, 3:], path[:, 3:])
    np.testing.assert_allclose(moved[:, :2], path[:, :2] @ rotation(heading).T + (x, y), atol=1e-10)
    np.testing.assert_allclose(moved[:, 2], path[:, 2] + heading, atol=1e-12)


def test_a_wave_from_neck_to_tip_swims_forward_and_the_reverse_wave_backward():
    time = np.arange(400) * 1e-3
    assert swim(beat(time))[-1, 0] > 1.0
    assert swim(beat(time, lag=-0.2 * np.pi))[-1, 0] < 0.0


def test_a_forward_bout_covers_what_a_larva_covers():
    path = swim(bout())
    speed = np.hypot(*np.diff(path[:, :2], axis=0).T) * 1e3
    assert 1.0 < np.hypot(*path[-1, :2]) < 2.0  # mm
    assert 10.0 < speed.max() < 20.0  # mm / s
    assert abs(path[-1, 2]) < np.radians(3)


def test_bending_the_tail_to_the_left_turns_the_larva_left():
    left, right = swim(bout(direction=1)), swim(bout(direction=-1))
    assert left[-1, 2] > np.radians(25)
    assert right[-1, 2] < -np.radians(25)
    bent = initial_state()
    bent[6:12] = -0.2
    assert chain(bent)[0][-1, 1] > 0.3  # negative angles put the tip on the left


def test_a_hundred_seconds_of_swimming_stay_finite_and_repeat_bit_for_bit():
    targets = beat(np.arange(100_000) * 1e-3, amplitude=1.0) + 0.1 * random_targets(100_000)
    first = swim(targets)
    assert np.isfinite(first).all()
    assert np.hypot(*np.diff(first[:, :2], axis=0).T).max() < 0.2  # mm per ms
    np.testing.assert_array_equal(first, swim(targets))


def test_a_new_process_gives_the_same_bits():
    program = (
        "import numpy as np; from zfbench.testbed.body import advance, initial_state\n"
        "state = initial_state()\n"
        "for t in range(300): advance(state, 0.5 * np.sin(0.15 * t - 0.6 * np.arange(6)))\n"
        "print(state.tobytes().hex())"
    )
    state = initial_state()
    for t in range(300):
        advance(state, 0.5 * np.sin(0.15 * t - 0.6 * np.arange(6)))
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == state.tobytes().hex()
