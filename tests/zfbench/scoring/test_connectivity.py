from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, rankdata
from sklearn.metrics import average_precision_score, roc_auc_score

from zfbench.base.errors import ZfbenchError
from zfbench.scoring.connectivity import (
    EXCITABLE,
    STEP,
    average,
    detect,
    excitable_pairs,
    jacobian_from_responses,
    jacobian_probes,
    off_diagonal,
    score_connectivity,
)

seeds = st.integers(0, 10_000)


@pytest.fixture(autouse=True)
def _no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def wiring(seed, N=8, density=0.25):
    """Signs with an edge of each sign and an absent pair at least, and Jacobians with exactly those edges."""
    rng = np.random.default_rng(seed)
    signs = rng.choice([-1, 0, 1], size=(N, N), p=[density / 2, 1 - density, density / 2]).astype(np.int8)
    signs[0, 1], signs[1, 0], signs[0, 2] = 1, -1, 0
    truth = signs * rng.uniform(0.05, 0.5, size=(4, N, N)) + 0.9 * np.eye(N)
    return rng, signs, truth


def average_precision_by_hand(score, label):
    """Sum over distinct thresholds of precision times the gain in recall."""
    total, recall = 0.0, 0.0
    for threshold in sorted(set(score), reverse=True):
        found = score >= threshold
        gained = label[found].sum() / label.sum()
        total += (gained - recall) * label[found].mean()
        recall = gained
    return total


# The Jacobian


@given(seed=seeds)
def test_jacobian_of_a_linear_system_is_its_matrix(linear, seed):
    system, rng = linear(seed), np.random.default_rng(seed)
    context, drive = system.windows(rng, 3)
    probes = jacobian_probes(context)
    responses = system.predict(probes, np.repeat(drive, 10, axis=0))[:, 0]
    np.testing.assert_allclose(jacobian_from_responses(responses), np.broadcast_to(system.A, (3, 5, 5)), atol=1e-12)


def test_probes_move_one_neuron_of_the_last_entry_and_leave_the_context_alone():
    context = np.random.default_rng(0).random((2, 3, 4)).astype(np.float32)
    before = context.copy()
    probes = jacobian_probes(context, h=0.25)
    np.testing.assert_array_equal(context, before)
    assert probes.shape == (2 * 8, 3, 4)
    assert probes.dtype == np.float32
    moved = probes - np.repeat(context, 8, axis=0)
    np.testing.assert_array_equal(moved[:, :-1], 0)
    np.testing.assert_allclose(moved[:8, -1], np.vstack([0.25 * np.eye(4), -0.25 * np.eye(4)]), atol=1e-7)


def test_jacobians_of_states_do_not_mix(linear):
    """The slope of a square is twice the state, exactly so by a central difference."""
    context = np.random.default_rng(1).random((3, 2, 4))
    J = jacobian_from_responses(jacobian_probes(context)[:, -1] ** 2)
    np.testing.assert_allclose(J, [2 * np.diag(a) for a in context[:, -1]], atol=1e-12)


def larva(seed, N=54):
    """Leaky sigmoid units as steep as the larva's, with gains up to 8 and leaks up to 0.3; their Jacobian."""
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(N, N)) * (rng.random((N, N)) < 0.06)
    gain, bias = rng.choice([2, 2.5, 4, 5, 6.5, 8], N), rng.uniform(0.3, 0.8, N)
    leak = rng.choice([0.05, 0.08, 0.1, 0.2, 0.3], N)

    def step(a):
        w, g, b, k = (p.astype(a.dtype) for p in (W, gain, bias, leak))
        one = a.dtype.type(1)
        return (one - k) * a + k / (one + np.exp(-g * (a @ w.T - b)))

    def jacobian(a):
        s = 1 / (1 + np.exp(-gain * (a @ W.T - bias)))
        return (leak * gain * s * (1 - s))[:, :, None] * W + np.diag(1 - leak)

    return rng.random((8, N)).astype(np.float32), step, jacobian


def jacobian_rmse(seed, h, dtype):
    states, step, jacobian = larva(seed)
    estimate = jacobian_from_responses(step(jacobian_probes(states[:, None].astype(dtype), h)[:, -1]), h)
    return np.sqrt(np.mean((estimate - jacobian(states.astype(np.float64))) ** 2))


def test_float64_jacobian_converges_quadratically():
    errors = [jacobian_rmse(0, h, np.float64) for h in (2.0**-6, 2.0**-7, 2.0**-8)]
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.05)
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.05)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_default_step_is_near_the_best_for_float32(seed):
    errors = {k: jacobian_rmse(seed, 2.0**-k, np.float32) for k in range(5, 15)}
    assert jacobian_rmse(seed, STEP, np.float32) <= 1.5 * min(errors.values())
    assert jacobian_rmse(seed, STEP, np.float32) < EXCITABLE / 100
    assert errors[14] > 10 * min(errors.values())  # rounding
    assert errors[5] > 10 * min(errors.values())  # truncation


def test_responses_that_are_not_whole_states_or_not_finite_are_refused():
    with pytest.raises(ZfbenchError, match="give 2N = 6 per state"):
        jacobian_from_responses(np.zeros((7, 3)))
    bad = np.zeros((6, 3))
    bad[4, 2] = np.nan
    with pytest.raises(ZfbenchError, match="probe 4, neuron 2"):
        jacobian_from_responses(bad)


# Detection


@given(seed=seeds, levels=st.integers(1, 6))
def test_detection_agrees_with_independent_definitions_ties_included(seed, levels):
    rng, signs, _ = wiring(seed)
    ranking, allowed = rng.integers(0, levels, signs.shape) / 8, rng.random(signs.shape) < 0.8
    allowed[:3, :3] = True
    found = detect(ranking, signs != 0, allowed)
    pairs = [(i, j) for i in range(8) for j in range(8) if i != j and allowed[i, j]]
    score = np.array([ranking[p] for p in pairs])
    label = np.array([signs[p] != 0 for p in pairs])
    p = label.mean()
    assert found.edges == label.sum()
    assert found.candidates == len(pairs)
    assert found.prevalence == pytest.approx(p)
    assert found.average_precision == pytest.approx(average_precision_by_hand(score, label))
    assert found.average_precision == pytest.approx(average_precision_score(label, score))
    assert found.lift == pytest.approx((found.average_precision - p) / (1 - p))
    u = mannwhitneyu(score[label], score[~label]).statistic
    assert found.auroc == pytest.approx(u / (label.sum() * (~label).sum()))
    assert found.auroc == pytest.approx(roc_auc_score(label, score))


@given(seed=seeds, levels=st.integers(1, 6))
def test_precision_at_k_is_the_mean_over_random_orders_of_a_tie(seed, levels):
    rng, signs, _ = wiring(seed)
    ranking, edges = rng.integers(0, levels, signs.shape).astype(float), signs != 0
    at_k = detect(ranking, edges).precision_at_k
    score, label = ranking[off_diagonal(8)], edges[off_diagonal(8)]
    k, n = label.sum(), 3000
    shuffled = rng.permuted(np.tile(np.arange(score.size), (n, 1)), axis=1)
    order = np.take_along_axis(shuffled, np.argsort(-score[shuffled], axis=1, kind="stable"), axis=1)
    hits = label[order[:, :k]].mean(axis=1)
    assert at_k == pytest.approx(hits.mean(), abs=5 * hits.std() / np.sqrt(n) + 1e-12)


@given(seed=seeds)
def test_detection_is_bounded_and_depends_on_ranks_only(seed):
    rng, signs, _ = wiring(seed)
    ranking, order = rng.random(signs.shape), rng.permutation(8)
    found = detect(ranking, signs != 0)
    assert 0 <= found.average_precision <= 1
    assert 0 <= found.auroc <= 1
    assert found.lift <= 1
    assert detect(np.exp(3 * ranking) - 7, signs != 0) == found
    moved = detect(ranking[order][:, order], (signs != 0)[order][:, order])
    assert moved.average_precision == pytest.approx(found.average_precision)
    assert moved.auroc == pytest.approx(found.auroc)


def test_a_constant_ranking_is_a_coin():
    _, signs, _ = wiring(0)
    found = detect(np.ones(signs.shape), signs != 0)
    assert found.auroc == 0.5
    assert found.lift == pytest.approx(0)
    assert found.precision_at_k == pytest.approx(found.prevalence)


def test_detection_without_positives_or_negatives_is_undefined_not_zero():
    ranking = np.random.default_rng(0).random((4, 4))
    none = detect(ranking, np.zeros((4, 4), bool))
    assert (none.average_precision, none.lift, none.auroc, none.precision_at_k) == (None,) * 4
    assert none.prevalence == 0
    every = detect(ranking, np.ones((4, 4), bool))
    assert (every.average_precision, every.lift, every.auroc) == (1.0, None, None)
    nothing = detect(ranking, np.ones((4, 4), bool), allowed=np.eye(4, dtype=bool))
    assert (nothing.prevalence, nothing.average_precision, nothing.candidates) == (None, None, 0)


def test_the_diagonal_is_never_a_candidate():
    _, signs, _ = wiring(1)
    ranking = np.random.default_rng(0).random(signs.shape)
    with_self = signs.copy()
    np.fill_diagonal(with_self, 1)
    assert detect(ranking + 9 * np.eye(8), with_self != 0) == detect(ranking, signs != 0)


def test_a_mask_as_a_ranking_has_the_closed_form_of_one_threshold():
    # 2 edges among 4 allowed of 12 pairs: at the mask, precision 1/2 and recall 1, false-positive rate 2/10
    signs, allowed = np.zeros((4, 4), np.int8), np.zeros((4, 4), bool)
    signs[0, 1], signs[2, 3] = 1, -1
    allowed[[0, 2, 1, 3], [1, 3, 0, 2]] = True
    control = detect(allowed.astype(float), signs != 0)
    assert control.average_precision == pytest.approx(1 / 2)
    assert control.auroc == pytest.approx(1 - 0.2 / 2)
    assert control.precision_at_k == pytest.approx(1 / 2)


# The whole score


@given(seed=seeds)
def test_the_oracle_is_at_the_ceiling(seed):
    _, signs, truth = wiring(seed)
    score = score_connectivity(truth, truth, signs, allowed=np.ones((8, 8), bool))
    for reference in (score.wiring, score.jacobian):
        assert reference.sign_accuracy == 1
        assert reference.weight_spearman == pytest.approx(1)
        for found in (reference.detection, reference.detection_in_mask):
            assert found.average_precision == pytest.approx(1)
            assert found.lift == pytest.approx(1)
            assert found.auroc == found.precision_at_k == 1
    assert score.excitable == 1


@given(seed=seeds)
def test_the_zero_jacobian_is_at_the_floor(seed):
    _, signs, truth = wiring(seed)
    score = score_connectivity(np.zeros_like(truth), truth, signs)
    assert score.wiring.detection.lift == pytest.approx(0)
    assert score.wiring.detection.auroc == 0.5
    assert score.wiring.sign_accuracy == 0
    assert score.wiring.weight_spearman is None


@given(seed=seeds, scale=st.floats(1e-3, 1e3))
def test_the_scale_of_the_models_weights_does_not_matter_and_negation_flips_signs_and_ranks(seed, scale):
    rng, signs, truth = wiring(seed)
    model = truth + 0.1 * rng.normal(size=truth.shape)
    one, other, opposite = (score_connectivity(m, truth, signs) for m in (model, scale * model, -model))
    assert other.wiring.sign_accuracy == one.wiring.sign_accuracy
    assert other.wiring.weight_spearman == pytest.approx(one.wiring.weight_spearman)
    assert other.wiring.detection.auroc == pytest.approx(one.wiring.detection.auroc)
    assert opposite.wiring.detection == one.wiring.detection
    assert opposite.wiring.sign_accuracy == pytest.approx(1 - one.wiring.sign_accuracy)
    assert opposite.wiring.weight_spearman == pytest.approx(-one.wiring.weight_spearman)


def test_weight_spearman_is_pearson_of_midranks_of_signed_means_on_edges():
    rng, signs, truth = wiring(3)
    model = np.round(truth + 0.2 * rng.normal(size=truth.shape), 1)
    model[:] = model[0]  # the mean keeps the ties
    edges = (signs != 0) & off_diagonal(8)
    expected = np.corrcoef(rankdata(model[0][edges]), rankdata(truth.mean(axis=0)[edges]))[0, 1]
    assert score_connectivity(model, truth, signs).wiring.weight_spearman == pytest.approx(expected)


def test_an_edge_whose_sign_depends_on_the_state_is_detected_by_strength():
    signs = np.zeros((3, 3), np.int8)
    signs[0, 1] = 1
    model = np.zeros((2, 3, 3))
    model[:, 0, 1] = 0.5, -0.5
    model[:, 2, 0] = 0.1
    weight, strength = average(model)
    assert weight[0, 1] == 0
    assert strength[0, 1] == 0.5
    score = score_connectivity(model, np.broadcast_to(signs * 0.3, (2, 3, 3)), signs)
    assert score.wiring.detection.average_precision == 1
    assert score.wiring.sign_accuracy == 0


def test_edges_that_the_states_do_not_excite_count_against_the_wiring_but_not_the_jacobian():
    _, signs, truth = wiring(4)
    silent = truth.copy()
    silent[:, 0, 1] = EXCITABLE / 2
    silent[:, 1, 0] = [0, 0, 0, -8 * EXCITABLE]  # excited at one state of four
    visible = excitable_pairs(silent)
    assert not visible[0, 1]
    assert visible[1, 0]
    assert not visible.diagonal().any()
    n = ((signs != 0) & off_diagonal(8)).sum()
    model = np.where(visible, silent, 0)
    score = score_connectivity(model, silent, signs)
    assert score.excitable == pytest.approx((n - 1) / n)
    assert (score.wiring.edges, score.jacobian.edges) == (n, n - 1)
    assert score.jacobian.detection.average_precision == pytest.approx(1)
    assert score.jacobian.sign_accuracy == 1
    assert score.wiring.sign_accuracy == pytest.approx((n - 1) / n)
    assert score.wiring.detection.average_precision < 1


def test_the_masked_track_is_scored_inside_the_mask_only():
    _, signs, truth = wiring(5)
    allowed = signs != 0
    allowed[0, 1] = False
    model = truth.copy()
    model[:, 0, 1] *= -1  # outside the mask: must not count
    score = score_connectivity(model, truth, signs, allowed=allowed, masked=True)
    for reference in (score.wiring, score.jacobian):
        assert reference.detection is None
        assert reference.detection_in_mask.candidates == (allowed & off_diagonal(8)).sum()
        assert reference.sign_accuracy == 1
        assert reference.weight_spearman == pytest.approx(1)
        assert reference.edges == (allowed & off_diagonal(8)).sum()
    assert score_connectivity(model, truth, signs, allowed=allowed).wiring.sign_accuracy < 1


def test_detection_in_the_mask_forgives_false_edges_outside_it():
    _, signs, truth = wiring(7)
    allowed = np.ones((8, 8), bool)
    allowed[0, 2] = False
    model = truth.copy()
    model[:, 0, 2] = 9.0
    reference = score_connectivity(model, truth, signs, allowed=allowed).wiring
    assert reference.detection_in_mask.average_precision == pytest.approx(1)
    assert reference.detection.average_precision < 1
    assert score_connectivity(model, truth, signs).wiring.detection_in_mask is None


def test_a_circuit_without_edges_scores_none():
    truth = np.zeros((2, 4, 4))
    score = score_connectivity(truth, truth, np.zeros((4, 4), np.int8))
    assert score.excitable is None
    assert score.wiring.sign_accuracy is score.wiring.weight_spearman is None


def test_ill_posed_scores_are_refused(shapes_unchecked):
    _, signs, truth = wiring(6)
    with pytest.raises(ZfbenchError, match="without a mask"):
        score_connectivity(truth, truth, signs, masked=True)
    with pytest.raises(ZfbenchError, match="8 x 8"):
        score_connectivity(truth, truth, signs[:4, :4])
    with pytest.raises(ZfbenchError, match="model's Jacobian has shape"):
        score_connectivity(truth[:2], truth, signs)
    model = truth.copy()
    model[1, 2, 3] = np.inf
    with pytest.raises(ZfbenchError, match="state 1, target 2, source 3"):
        score_connectivity(model, truth, signs)
