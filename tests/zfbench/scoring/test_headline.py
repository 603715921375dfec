"""The headline scores: 1 at the truth, 0 at their controls, and closed forms between."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfbench.base.errors import ZfbenchError
from zfbench.scoring.arrays import bounded, jackknife_error
from zfbench.scoring.blocks import CAP, Energies, energies, score_cross, score_self, together
from zfbench.scoring.headline import (
    Headline,
    balanced_sign_accuracy,
    cross_group,
    generalisation,
    mean,
    responses,
    score_wiring,
)

seeds = st.integers(0, 10_000)
GROUPS = ("p", "p", "q", "q", "r", "r")
N = len(GROUPS)


# Generalisation


def forecasts(seed, B=5, H=4):
    rng = np.random.default_rng(seed)
    target = rng.random((B, H, N))
    return target, np.broadcast_to(rng.random((B, 1, N)), target.shape)


@given(seed=seeds)
def test_generalisation_is_one_at_the_truth_and_zero_at_the_control(seed):
    target, control = forecasts(seed)
    assert generalisation(target, target, control, GROUPS) == Headline(1.0, 0.0)
    assert generalisation(control, target, control, GROUPS) == Headline(0.0, 0.0)


@given(seed=seeds, share=st.floats(0, 1))
def test_a_forecast_part_of_the_way_from_the_control_to_the_target_has_that_share(seed, share):
    target, control = forecasts(seed)
    found = generalisation(control + share * (target - control), target, control, GROUPS)
    assert found.value == pytest.approx(share)
    assert found.standard_error == pytest.approx(0, abs=1e-9)


def test_every_group_has_one_vote_and_none_less_than_minus_one():
    target = np.zeros((3, 2, 5))
    control = np.ones((3, 2, 5))
    prediction = target.copy()
    prediction[..., :3] = 1e6  # a group of three neurons, lost
    prediction[..., 3] = 0.25
    found = generalisation(prediction, target, control, ("a", "a", "a", "b", "c"))
    assert found.value == pytest.approx((-1 + 0.75 + 1) / 3)


def test_a_group_that_the_control_forecasts_perfectly_has_no_vote():
    target, control = forecasts(0)
    target, control = target.copy(), control.copy()
    target[..., :2] = control[..., :2] = 0.5
    prediction = target + 0.5 * (control - target)
    prediction[..., :2] = 9.0
    assert generalisation(prediction, target, control, GROUPS).value == pytest.approx(0.5)
    assert generalisation(target, target, target, GROUPS) is None


def test_the_standard_error_over_windows_is_that_of_a_ratio_of_means():
    """One group, a control whose error is 1 in each window: the score is 1 - mean error, and its error the mean's."""
    rng = np.random.default_rng(3)
    errors = rng.random(40)
    target = np.zeros((40, 3, 2))
    found = generalisation(target + errors[:, None, None], target, target + 1, ("a", "a"))
    assert found.value == pytest.approx(1 - errors.mean())
    assert found.standard_error == pytest.approx(errors.std(ddof=1) / np.sqrt(40))


def test_a_forecast_that_is_not_finite_and_groups_that_do_not_fit_are_refused():
    target, control = forecasts(1)
    broken = target.copy()
    broken[2, 1, 3] = np.inf
    with pytest.raises(ZfbenchError, match="prediction is not finite, first at window 2, step 1, neuron 3"):
        generalisation(broken, target, control, GROUPS)
    with pytest.raises(ZfbenchError, match="2 groups were given for 6 neurons"):
        generalisation(target, target, control, GROUPS[:2])


# Wiring


def circuit(seed):
    """Signs [N, N] with edges of both signs between groups, and Jacobians with the wiring's signs at four states."""
    rng = np.random.default_rng(seed)
    signs = np.where(cross_group(GROUPS), rng.choice([-1, 0, 0, 1], (N, N)), 0).astype(np.int8)
    signs[0, 2], signs[2, 4] = 1, -1
    signs[4, 0] = 0
    J = signs * rng.uniform(0.1, 1, (4, N, N)) + 0.9 * np.eye(N)
    return signs, J


@given(seed=seeds)
def test_wiring_is_one_at_the_truth(seed):
    signs, J = circuit(seed)
    score = score_wiring(J, signs, GROUPS)
    assert score.headline.value == pytest.approx(1)
    assert score.headline.standard_error == pytest.approx(0, abs=1e-12)
    assert score.balanced_sign_accuracy == 1
    assert score.detection.lift == pytest.approx(1)
    assert list(score.by_target.values()) == pytest.approx([1] * len(score.by_target))


@pytest.mark.parametrize("masked", [False, True])
@given(seed=seeds)
def test_wiring_is_zero_for_no_edges_and_for_the_mask_without_laterals_all_excitatory(masked, seed):
    signs, _ = circuit(seed)
    rng = np.random.default_rng(seed)
    allowed = (signs != 0) | (rng.random((N, N)) < 0.3) | ~cross_group(GROUPS)
    allowed[4, 0] = True
    mask = allowed if masked else None
    for control in (np.zeros((1, N, N)), cross_group(GROUPS, mask).astype(float)[None]):
        score = score_wiring(control, signs, GROUPS, mask)
        assert score.headline.value == pytest.approx(0, abs=1e-12)
        assert score.headline.standard_error == pytest.approx(0, abs=1e-12)
        assert score.control_lift == pytest.approx(0, abs=1e-12)


def test_only_pairs_of_different_groups_that_the_mask_leaves_open_are_candidates():
    signs, J = circuit(0)
    allowed = (signs != 0) | ~cross_group(GROUPS)
    allowed[4, 0] = allowed[5, 1] = True
    noisy = J.copy()
    noisy[:, ~(allowed & cross_group(GROUPS))] = 9.0  # strong, and not asked about
    score = score_wiring(noisy, signs, GROUPS, allowed)
    assert score.headline.value == pytest.approx(1)
    assert score.detection.candidates == (allowed & cross_group(GROUPS)).sum()
    assert score_wiring(noisy, signs, GROUPS).headline.value < 0.8


def test_flipped_signs_cost_half_of_the_score_and_wrong_pairs_the_other_half():
    signs, J = circuit(1)
    assert score_wiring(-J, signs, GROUPS).headline.value == pytest.approx((1 - 1) / 2)
    p = (signs != 0).sum() / cross_group(GROUPS).sum()
    flat = np.where(signs != 0, np.sign(signs), 1.0)[None]  # right signs, all strengths equal
    score = score_wiring(flat, signs, GROUPS)
    assert score.detection.average_precision == pytest.approx(p)
    assert score.headline.value == pytest.approx((0 + 1) / 2)


def test_signs_are_balanced_and_a_weight_of_zero_is_a_coin():
    signs = np.zeros((4, 4), np.int8)
    signs[0, 1:], signs[1, 0] = 1, -1
    edges = signs != 0
    assert balanced_sign_accuracy(np.ones((4, 4)), signs, edges) == 0.5
    assert balanced_sign_accuracy(np.zeros((4, 4)), signs, edges) == 0.5
    weight = np.ones((4, 4))
    weight[1, 0], weight[0, 1] = -1, 0
    assert balanced_sign_accuracy(weight, signs, edges) == pytest.approx((2.5 / 3 + 1) / 2)
    assert balanced_sign_accuracy(weight, np.abs(signs), edges) == pytest.approx((2.5 + 0) / 4)


def test_without_an_edge_to_find_there_is_no_wiring_score():
    signs, J = circuit(0)
    assert score_wiring(J, 0 * signs, GROUPS) is None
    assert score_wiring(J, signs, GROUPS, signs != 0) is None


# Responses


def kicked(seed, S=6, A=2, H=5):
    return np.random.default_rng(seed).normal(size=(S, N, A, H, N))


@given(seed=seeds, gain=st.floats(0, 1.9))
def test_the_error_of_every_block_is_that_of_its_gain(seed, gain):
    truth = kicked(seed)
    for score in (score_cross, score_self):
        found = score(energies(gain * truth, truth), GROUPS)
        assert found.error == pytest.approx(abs(gain - 1))
        assert found.upper == pytest.approx(abs(gain - 1))
        assert found.standard_error == pytest.approx(0, abs=1e-9)
        assert found.by_source == pytest.approx(dict.fromkeys("pqr", abs(gain - 1)))
    assert score_cross(energies(truth, truth), GROUPS).blocks == 9


def test_self_and_cross_do_not_see_each_other():
    truth = kicked(0)
    others = ~np.eye(N, dtype=bool)[None, :, None, None, :]
    assert score_cross(energies(np.where(others, truth, 7.0), truth), GROUPS).error == 0
    assert score_self(energies(np.where(others, 7.0, truth), truth), GROUPS).error == 0


def test_a_block_is_scored_by_its_own_pairs_and_a_diverging_one_is_capped():
    truth = kicked(1)
    model = truth.copy()
    model[:, :2, :, :, 4:] = 1e12  # p onto r
    model[:, 2:4, :, :, :2] *= 0.75  # q onto p
    found = score_cross(energies(model, truth), GROUPS)
    assert found.error == 0
    assert found.by_source == {"p": 0.0, "q": 0.0, "r": 0.0}
    assert found.upper == pytest.approx(np.quantile([0] * 7 + [0.25, CAP], 0.9))


def test_quiet_blocks_do_not_count():
    truth = kicked(2)
    truth[:, :2] *= 1e-6
    found = score_cross(energies(np.zeros_like(truth), truth), GROUPS)
    assert found.blocks == 6
    assert set(found.by_source) == {"q", "r"}
    nothing = score_cross(energies(truth, 1e-9 * truth), GROUPS)
    assert (nothing.error, nothing.blocks, nothing.standard_error) == (None, 0, None)


def test_states_of_several_parts_are_pooled():
    truth = kicked(3)
    model = truth + 0.1 * kicked(4)
    whole = energies(model, truth)
    parts = together([energies(model[:2], truth[:2]), energies(model[2:], truth[2:])])
    for name in ("error", "truth", "peak"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name))


def test_the_standard_error_of_a_block_over_states_is_the_jackknifes():
    """Two neurons, one block, equal true energy in each state: the squared error is a mean over states."""
    error = np.zeros((5, 2, 2))
    error[:, 0, 1] = [0.1, 0.2, 0.3, 0.4, 0.5]
    truth = np.zeros((5, 2, 2))
    truth[:, 0, 1] = 1.0
    found = score_cross(Energies(error, truth, np.array([[0.0, 1.0], [0.0, 0.0]])), ("a", "b"))
    assert found.error == pytest.approx(np.sqrt(0.3))
    expected = np.sqrt([(1.5 - e) / 4 for e in error[:, 0, 1]])
    np.testing.assert_allclose(found.left_out, expected)
    assert found.standard_error == pytest.approx(np.sqrt(4 / 5 * ((expected - expected.mean()) ** 2).sum()))


def test_responses_are_one_at_the_truth_and_zero_without_any_or_with_worse_than_none():
    truth = kicked(5)

    def headline(first, second):
        parts = [score_cross(energies(gain * truth, truth), GROUPS) for gain in (first, second)]
        return responses(*parts).value

    assert headline(1.0, 1.0) == 1
    assert headline(0.0, 0.0) == 0
    assert headline(5.0, 3.0) == 0
    assert headline(1.0, 5.0) == 0.5
    assert headline(0.75, 0.5) == pytest.approx((0.75 + 0.5) / 2)
    quiet = score_cross(energies(truth, 1e-9 * truth), GROUPS)
    assert responses(quiet, quiet) is None
    assert responses(quiet, score_cross(energies(0.5 * truth, truth), GROUPS)).value == pytest.approx(0.5)


# What they share


def test_the_mean_of_headlines_has_the_error_of_a_mean_of_independent_scores():
    found = mean([Headline(0.5, 0.3), Headline(-1.0, 0.0), Headline(0.2, 0.4)])
    assert found.value == pytest.approx(-0.1)
    assert found.standard_error == pytest.approx(0.5 / 3)


@given(values=st.lists(st.floats(-5, 5), min_size=2, max_size=20))
def test_the_jackknife_of_a_mean_is_its_usual_standard_error(values):
    x = np.array(values)
    left_out = (x.sum() - x) / (len(x) - 1)
    assert jackknife_error(left_out) == pytest.approx(x.std(ddof=1) / np.sqrt(len(x)), abs=1e-9)


def test_rollouts_are_clipped_neuron_by_neuron_and_the_share_is_told():
    path = np.array([[[0.5, -3.0], [1e23, 0.0]]], np.float32)
    clipped, share = bounded(path, np.array([0.0, -1.0], np.float32), np.array([2.0, 1.0], np.float32))
    np.testing.assert_array_equal(clipped, np.array([[[0.5, -1.0], [2.0, 0.0]]], np.float32))
    assert share == 0.5
