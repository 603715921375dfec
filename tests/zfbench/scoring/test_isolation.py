import numpy as np
import pytest

from zfbench.base.errors import ZfbenchError
from zfbench.records.clamp import Clamp, roll
from zfbench.scoring.isolation import isolated_errors, isolation_probes

GROUPS = ("A", "B", "A", "C")
W = np.array([[0.5, 0.3, 0, 0], [0.4, 0.5, 0, 0], [0, 0.6, 0.2, 0.1], [0, 0, 0.7, 0.3]])
B, C, H = 3, 2, 9


def windows(weights):
    """Windows of the true chain, and a step with other weights."""
    rng = np.random.default_rng(0)
    context = rng.random((B, C, 4)).astype(np.float32)
    drive = rng.random((B, C + H, 4)).astype(np.float32)
    target = roll(lambda a, x: a @ W.T + 0.1 * x, context, drive)
    return context, drive, target, lambda a, x: a @ weights.T + 0.1 * x


def errors(weights):
    context, drive, target, step = windows(weights)
    probes = isolation_probes(context, target, GROUPS)
    paths = roll(step, probes.context, np.repeat(drive, 3, axis=0), Clamp(probes.mask, probes.value))
    return isolated_errors(paths, target, GROUPS)


def test_only_the_group_whose_model_is_wrong_is_blamed():
    wrong = W.copy()
    wrong[1, 0] = 0.8  # neuron 1 of group B drives A, which drives C
    context, drive, target, step = windows(wrong)
    free = np.abs(roll(step, context, drive) - target).mean((0, 1))
    assert (free > 0.01).all()  # its error reaches everybody
    blamed = errors(wrong)
    assert blamed["B"] > 0.01
    assert blamed["A"] == pytest.approx(0, abs=1e-6)
    assert blamed["C"] == pytest.approx(0, abs=1e-6)


def test_isolated_error_of_a_group_is_its_rollout_along_the_recorded_others():
    wrong = W + np.diag([0.1, -0.1, 0.2, 0.05])
    context, drive, target, step = windows(wrong)
    activity, expected = context[:, -1], []
    for h in range(H):
        activity = step(activity, drive[:, C + h])
        activity[:, [1, 3]] = target[:, h][:, [1, 3]]
        expected.append(np.abs(activity - target[:, h])[:, [0, 2]])
    assert errors(wrong)["A"] == pytest.approx(np.mean(expected), rel=1e-5)


def test_groups_keep_their_order_and_rows_are_window_major():
    context, _, target, _ = windows(W)
    probes = isolation_probes(context, target, GROUPS)
    assert probes.mask[:3].tolist() == probes.mask[3:6].tolist()
    assert [row.tolist().index(False) for row in probes.mask[:3]] == [0, 1, 3]
    led = np.repeat(target[1:2], 3, axis=0) * probes.mask[3:6, None]
    np.testing.assert_array_equal(probes.value[3:6], led)


def test_the_future_of_a_free_group_is_not_given():
    context, target = np.zeros((2, 3, 3), np.float32), np.ones((2, 4, 3), np.float32)
    probes = isolation_probes(context, target, ("A", "A", "B"))
    free = np.broadcast_to(~probes.mask[:, None], probes.value.shape)
    assert (probes.value[free] == 0).all()
    assert (probes.value[~free] == 1).all()


def test_groups_that_do_not_fit_are_refused():
    with pytest.raises(ZfbenchError, match="give one for each"):
        isolated_errors(np.zeros((3, 2, 4)), np.zeros((1, 2, 4)), ("A", "B", "C"))
