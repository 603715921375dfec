import dataclasses
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zfbench.base.errors import UnknownNameError
from zfbench.testbed import bouts, published
from zfbench.testbed.drive import expand
from zfbench.testbed.larva import draw_world, run_closed_loop, simulate
from zfbench.testbed.transition import rollout

CIRCUIT = published.load("published")
N = len(CIRCUIT.neurons)
MAIN = ("inward", "outward", "left", "right")
STEPS = 40_000


@pytest.fixture(scope="module")
def recordings():
    return {condition: simulate(CIRCUIT, condition, STEPS, 1) for condition in (*MAIN, "forward")}


def digest(recording):
    h = hashlib.sha256()
    for array in (recording.activity, recording.pose, recording.drive.responses, recording.drive.bout_step):
        h.update(np.ascontiguousarray(array).tobytes())
    return h.hexdigest()


def shares(recording):
    """Fractions of bouts to the left, forward and right."""
    d = recording.drive.bout_direction
    return [np.mean(d == which) for which in (bouts.LEFT, bouts.FORWARD, bouts.RIGHT)]


@pytest.mark.parametrize("condition", ["inward", "left", "forward"])
def test_the_mirrored_world_makes_the_mirrored_larva_exactly(condition):
    world = draw_world(condition, 12_500, 5)
    plain = run_closed_loop(CIRCUIT, world, condition, 12_000, 5)
    mirrored = run_closed_loop(CIRCUIT, world.mirrored(), condition, 12_000, 5)
    assert len(plain.drive.bout_step) > 8
    assert np.array_equal(mirrored.drive.bout_direction, -plain.drive.bout_direction)
    assert np.array_equal(mirrored.activity, CIRCUIT.mirror_activity(plain.activity))
    assert np.array_equal(expand(mirrored.drive), CIRCUIT.mirror_drive(expand(plain.drive)))
    assert np.array_equal(mirrored.pose, plain.pose * [1, -1, -1])
    assert np.array_equal(mirrored.tail, -plain.tail)


@pytest.mark.parametrize("condition", [*MAIN, "forward"])
def test_bouts_come_at_a_larvas_rate_and_length(recordings, condition):
    r = recordings[condition]
    assert 0.3 <= len(r.drive.bout_step) / (STEPS / 1000) <= 3
    onsets = r.drive.bout_step[r.drive.bout_step < STEPS - 400]
    bout = expand(r.drive)[:, CIRCUIT.drive.index("bout")]
    for onset in onsets:
        assert 150 <= np.argmin(bout[onset : onset + 401]) <= 400


def test_larvae_turn_with_the_floor(recordings):
    left, right = shares(recordings["left"]), shares(recordings["right"])
    assert left[0] > 2 * left[2]
    assert right[2] > 2 * right[0]
    assert shares(recordings["inward"])[1] > shares(recordings["outward"])[1] + 0.15
    assert recordings["left"].pose[-1, 2] > 1
    assert recordings["right"].pose[-1, 2] < -1


def test_turns_and_glides_have_a_larvas_size(recordings):
    turn, distance, speed = [], [], []
    for r in recordings.values():
        onsets = r.drive.bout_step
        for onset, following, direction in zip(onsets, onsets[1:], r.drive.bout_direction, strict=False):
            start, end = r.pose[onset], r.pose[min(following, onset + 450)]
            path = np.linalg.norm(np.diff(r.pose[onset : onset + 300, :2], axis=0), axis=1)
            if direction:
                turn.append(np.rad2deg(end[2] - start[2]) * direction)
            else:
                distance.append(np.linalg.norm(end[:2] - start[:2]))
                speed.append(1000 * path.max())
    assert 30 <= np.median(turn) <= 60
    assert 1 <= np.median(distance) <= 2
    assert 10 <= np.median(speed) <= 25


def test_no_neuron_is_dead_or_saturated_over_the_four_conditions(recordings):
    """Pooled over conditions: sd at least 0.05 (0.02 from the bout integrator on), mean in 0.02 .. 0.98."""
    pooled = np.concatenate([recordings[c].activity for c in MAIN])
    downstream = np.arange(N) >= CIRCUIT.neurons.index("BG")
    floor = np.where(downstream, 0.02, 0.05)
    weak = [CIRCUIT.neurons[i] for i in np.flatnonzero(pooled.std(0) < floor)]
    stuck = [CIRCUIT.neurons[i] for i in np.flatnonzero((pooled.mean(0) < 0.02) | (pooled.mean(0) > 0.98))]
    assert weak == []
    # the vSPN fire in turns only, so their mean is small although they are not silent
    assert [name for name in stuck if not name.startswith("vSPN")] == []


def test_each_condition_pairs_the_eyes_in_a_way_that_the_others_do_not(recordings):
    pairs = {
        "inward": ("RPT_L2", "LPT_R2"),
        "outward": ("RPT_L0", "LPT_R0"),
        "left": ("RPT_L0", "LPT_R2"),
        "right": ("RPT_L2", "LPT_R0"),
    }

    def together(condition, pair):
        units = [CIRCUIT.neurons.index(name) for name in pair]
        return np.mean((recordings[condition].activity[:, units] > 0.5).all(1))

    seen = {condition: np.mean(expand(recordings[condition].drive), 0) for condition in MAIN}
    for a in MAIN:
        for b in MAIN:
            assert a == b or np.abs(seen[a] - seen[b])[:8].max() > 0.02, (a, b)
            share = together(a, pairs[b])
            assert (share > 0.5) if a == b else (share < 0.1), (a, b)


def test_the_same_seed_gives_the_same_life_and_another_a_different_one():
    a, b, other = (simulate(CIRCUIT, "outward", 1_500, seed) for seed in (7, 7, 8))
    assert digest(a) == digest(b)
    assert digest(a) != digest(other)


def test_a_new_process_lives_the_same_life():
    code = (
        "from zfbench.testbed import published, larva; import hashlib, numpy as np;"
        "r = larva.simulate(published.load('published'), 'right', 1000, 11); h = hashlib.sha256();"
        "[h.update(np.ascontiguousarray(a).tobytes()) for a in"
        " (r.activity, r.pose, r.drive.responses, r.drive.bout_step)]; print(h.hexdigest())"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == digest(simulate(CIRCUIT, "right", 1_000, 11))


def test_a_short_life_is_the_beginning_of_a_long_one():
    short, long = simulate(CIRCUIT, "left", 1_003, 2), simulate(CIRCUIT, "left", 4_000, 2)
    assert np.array_equal(short.activity, long.activity[:1_003])
    assert np.array_equal(short.pose, long.pose[:1_003])


def test_conditions_of_one_seed_are_different_lives():
    a, b = (simulate(CIRCUIT, condition, 500, 2) for condition in ("left", "right"))
    assert not np.array_equal(a.contrast, b.contrast)


def test_recorded_stimulus_is_the_one_seen(recordings):
    r = recordings["left"]
    assert r.direction.shape == (STEPS, 2)
    changes = np.flatnonzero(np.diff(r.contrast))
    assert np.diff(changes).min() >= 300
    assert 0.15 < np.mean(r.speed == 0) < 0.4


def test_a_small_difference_in_activity_decays(recordings):
    """f* contracts: 256 ms leave 5 % of a perturbation, 1,024 ms a millionth, except in the integrator."""
    r = recordings["inward"]
    x = expand(r.drive)
    starts = np.arange(1_000, 30_000, 997)
    drive = np.stack([x[s + 1 : s + 1025] for s in starts])
    nudge = np.random.default_rng(0).normal(0, 0.01, (len(starts), N))
    base = rollout(CIRCUIT, r.activity[starts], drive)
    moved = rollout(CIRCUIT, r.activity[starts] + nudge, drive)
    difference = np.abs(moved - base)  # [windows, 1024, N]
    integrator = CIRCUIT.neurons.index("BG")
    others = np.delete(difference, integrator, axis=2)
    assert others[:, 255].mean() < 0.05 * np.abs(nudge).mean()
    assert others[:, -1].mean() < 1e-6 * np.abs(nudge).mean()

    bout = drive[:, :, CIRCUIT.drive.index("bout")] == 1
    assert not difference[bout, integrator].any()  # a bout resets it
    quiet = ~bout[:, :256].any(1)
    assert difference[quiet, 255, integrator].mean() > 0.5 * np.abs(nudge[quiet, integrator]).mean()


def test_a_float32_free_run_stays_close(recordings):
    """An independent dense float32 version of the unit equation, scanned over 20 s of recorded drive."""
    c = jax.tree.map(
        jnp.float32, {f: getattr(CIRCUIT, f) for f in ("alpha", "omega", "bias", "weights", "drive_weights")}
    )
    by_drive = [jnp.float32(getattr(CIRCUIT, f"{f}_drive")) for f in ("omega", "bias", "leak", "reset")]
    sigmoid = np.array([kind == "sigmoid" for kind in CIRCUIT.kinds])
    m = CIRCUIT.modulations
    target, source, channel = (np.array([getattr(t, f) for t in m]) for f in ("target", "source", "channel"))
    coefficient = jnp.float32([t.coefficient for t in m])

    def step(a, x):
        u = c["weights"] @ a + c["drive_weights"] @ x
        u = u.at[target].add(coefficient * a[source] * x[channel])
        for g in CIRCUIT.gates:
            u = u.at[g.target].add(g.gain * jnp.minimum(a[g.p], a[g.q]))
        slope, shift, suppression, reset = (matrix @ x for matrix in by_drive)
        u = u - (c["bias"] + shift)
        goal = jnp.where(sigmoid, 1 / (1 + jnp.exp(-(c["omega"] + slope) * u)), u)
        rate = c["alpha"] * (1 + suppression)
        after = (1 - reset) * ((1 - rate) * a + rate * goal)
        return after, after

    r = recordings["outward"]
    x = jnp.float32(expand(r.drive, 20_000))
    _, activity = jax.jit(lambda a, x: jax.lax.scan(step, a, x))(jnp.float32(r.drive.initial_activity), x)
    np.testing.assert_allclose(activity, r.activity[:20_000], atol=2e-5)


def test_a_circuit_without_motor_neurons_cannot_live():
    groups = tuple("muscle" if group == "MN" else group for group in CIRCUIT.groups)
    with pytest.raises(ValueError, match="0 neurons in MN"):
        simulate(dataclasses.replace(CIRCUIT, groups=groups), "left", 10, 0)


def test_unknown_condition_is_refused():
    with pytest.raises(UnknownNameError, match="outward"):
        simulate(CIRCUIT, "outwards", 10, 0)
