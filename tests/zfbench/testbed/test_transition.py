import dataclasses
from math import exp

import numpy as np
import pytest

from zfbench.testbed import published
from zfbench.testbed.circuit import Gate
from zfbench.testbed.transition import rollout, transition

CIRCUIT = published.load("published")
N, D = CIRCUIT.size


def states(rng, count):
    """Random activity and plausible drive: bouts on or off, phases on the circle."""
    activity = rng.uniform(0, 1, (count, N))
    drive = rng.uniform(0, 0.6, (count, D))
    bout = rng.integers(0, 2, count)
    phase = rng.uniform(0, 2 * np.pi, count)
    drive[:, CIRCUIT.drive.index("bout")] = bout
    drive[:, CIRCUIT.drive.index("phase_sin")] = bout * np.sin(phase)
    drive[:, CIRCUIT.drive.index("phase_cos")] = bout * np.cos(phase)
    return activity, drive


def jacobian_support(circuit, rng, columns, count=200, step=1e-4):
    """Union over states of the nonzero entries of the one-step Jacobian, and its mean sign, [N, columns]."""
    activity, drive = states(rng, count)
    changes = np.zeros((N, N if columns == "activity" else D))
    seen = np.zeros_like(changes, dtype=bool)
    base = transition(circuit, activity, drive)
    for j in range(changes.shape[1]):
        moved = {"activity": activity.copy(), "drive": drive.copy()}
        moved[columns][:, j] += step
        response = transition(circuit, moved["activity"], moved["drive"]) - base  # [count, N]
        changes[:, j] = response.sum(0)
        seen[:, j] = (np.abs(response) > 0).any(0)
    return seen, np.sign(changes)


def test_jacobian_support_is_the_wiring():
    rng = np.random.default_rng(0)
    seen, sign = jacobian_support(CIRCUIT, rng, "activity")
    off = ~np.eye(N, dtype=bool)
    assert np.array_equal(seen & off, CIRCUIT.wiring != 0)
    assert np.array_equal(np.where(off & seen, sign, 0), CIRCUIT.wiring)
    assert np.array_equal(jacobian_support(CIRCUIT, rng, "drive")[0], CIRCUIT.drive_wiring)


def test_transition_agrees_with_the_equations_written_out():
    activity, drive = states(np.random.default_rng(1), 50)
    after = transition(CIRCUIT, activity, drive)

    def sigma(w, b, u):
        return 1 / (1 + exp(-w * (u - b)))

    for before, x, result in zip(activity, drive, after, strict=True):
        a = dict(zip(CIRCUIT.neurons, before, strict=True))
        d = dict(zip(CIRCUIT.drive, x, strict=True))
        b = d["bout"]
        s = min(a["RPT_L0"], a["LPT_R2"]) + 1.5 * a["RPT_L1"] + 0.5 * a["LPT_R3"]
        m = 80 * d["gain_R"]
        pt = sigma(0.04 - 0.025 * (m - 80) * 0.01, 80 + 0.4 * (m - 80), 200 * (a["AF_R1"] - 0.5 * a["AF_R3"]))
        wave = d["phase_sin"] * np.cos(0.2 * np.pi) + d["phase_cos"] * np.sin(0.2 * np.pi)
        mn = a["SW"] * (-wave + 0.01 + b) + published.VSPN_TO_MN * a["vSPN_R"] + b * a["nMLF_R"]
        expected = {
            "AF_L0": a["AF_L0"] + 0.05 * (1 - 0.8 * b) * (d["retina_L0"] - a["AF_L0"]),
            "LPT_R1": 0.8 * a["LPT_R1"] + 0.2 * pt,
            "S_L": 0.9 * a["S_L"] + 0.1 * sigma(4, 0.6, s),
            "BG": (1 - b) * (a["BG"] + (0.6 * (a["nMLF_L"] + a["nMLF_R"]) + 0.2) / 255),
            "SW": a["SW"] + 0.035 * (d["swim"] - a["SW"]),
            "vSPN_R": a["vSPN_R"] + 0.05 * (d["turn_R"] - a["vSPN_R"]),
            "MN_R1": 0.7 * a["MN_R1"] + 0.3 * sigma(2, 1.4, mn),
        }
        for name, value in expected.items():
            assert result[CIRCUIT.neurons.index(name)] == pytest.approx(value, abs=1e-13), name


def test_product_gates_and_recurrence_are_data():
    i, p, q = (CIRCUIT.neurons.index(name) for name in ("ioB_L", "RPT_L2", "LPT_R0"))
    k = CIRCUIT.neurons.index("oMl_L")
    weights = CIRCUIT.weights.copy()
    weights[i, k] = -0.7
    other = dataclasses.replace(CIRCUIT, gates=(Gate(i, p, q, 1.3, "product"),), weights=weights)
    activity, drive = states(np.random.default_rng(2), 20)
    u = activity @ weights[i] + 1.3 * activity[:, p] * activity[:, q]
    target = 1 / (1 + np.exp(-2.5 * (u - 0.8)))
    np.testing.assert_allclose(
        transition(other, activity, drive)[:, i], 0.9 * activity[:, i] + 0.1 * target, atol=1e-14
    )
    assert np.array_equal(
        jacobian_support(other, np.random.default_rng(3), "activity")[0] & ~np.eye(N, dtype=bool),
        other.wiring != 0,
    )


def test_mirrored_larva_steps_to_the_mirror_image_exactly():
    rng = np.random.default_rng(4)
    activity, drive = states(rng, 30)
    drive = np.repeat(drive[:, None], 400, axis=1)
    plain = rollout(CIRCUIT, activity, drive)
    mirrored = rollout(CIRCUIT, CIRCUIT.mirror_activity(activity), CIRCUIT.mirror_drive(drive))
    assert np.array_equal(mirrored, CIRCUIT.mirror_activity(plain))


def test_rollout_is_repeated_transition_with_clamped_neurons_held():
    rng = np.random.default_rng(5)
    activity, _ = states(rng, 3)
    drive = np.stack([states(rng, 3)[1] for _ in range(7)], axis=1)  # [3, 7, D]
    held = rng.uniform(size=(3, N)) < 0.2
    value = rng.uniform(size=(3, N))
    for mask in (held, np.zeros_like(held)):
        result = rollout(CIRCUIT, activity, drive, mask, value)
        state = activity
        for t in range(7):
            state = np.where(mask, value, transition(CIRCUIT, state, drive[:, t]))
            assert np.array_equal(result[:, t], state)
    assert np.array_equal(result, rollout(CIRCUIT, activity, drive))


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="N = 54"):
        transition(CIRCUIT, np.zeros(53), np.zeros(D))
    with pytest.raises(ValueError, match="both a mask and values"):
        rollout(CIRCUIT, np.zeros((1, N)), np.zeros((1, 2, D)), clamp_mask=np.zeros((1, N), bool))


def test_scalar_and_batched_transition_agree():
    activity, drive = states(np.random.default_rng(6), 4)
    batched = transition(CIRCUIT, activity.reshape(2, 2, N), drive.reshape(2, 2, D))
    assert np.array_equal(batched[1, 0], transition(CIRCUIT, activity[2], drive[2]))


def test_clamped_neurons_follow_a_course():
    rng = np.random.default_rng(0)
    activity, drive, course = rng.random((2, N)), rng.random((2, 3, D)), rng.random((2, 3, N))
    held = np.zeros((2, N), bool)
    held[1, 4] = True
    path = rollout(CIRCUIT, activity, drive, held, course)
    np.testing.assert_array_equal(path[1, :, 4], course[1, :, 4])
    before = activity
    for t in range(3):
        after = transition(CIRCUIT, before, drive[:, t])
        np.testing.assert_array_equal(path[:, t], np.where(held, course[:, t], after))
        before = path[:, t]
