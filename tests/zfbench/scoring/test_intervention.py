from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from zfbench.base.errors import ZfbenchError
from zfbench.scoring.intervention import CLAMPED_AT, clamp_effects, clamp_probes, score_intervention

seeds = st.integers(0, 10_000)
kinds = st.sampled_from(sorted(CLAMPED_AT))
NEURONS = [2, 0, 4]
W, K, H, N = 3, 3, 12, 5


@pytest.fixture(autouse=True)
def _no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def hold(system, seed, kind):
    """Contexts [W, C, N] and the system's effects [W, K, H, N]: build the probes, predict, read."""
    context, drive = system.windows(np.random.default_rng(seed), W, H=H)
    probes = clamp_probes(context, kind, NEURONS)
    held = system.predict(probes.context, np.repeat(drive, K, axis=0), probes.mask, probes.value)
    return context, clamp_effects(held, system.predict(context, drive), NEURONS)


@given(seed=seeds, kind=kinds)
def test_effect_on_a_linear_system_has_its_closed_form(linear, seed, kind):
    """The drive cancels: the others feel sum_s A_uu^(t-1-s) A_ui (v - a_i(s)), summed over past steps s."""
    system = linear(seed)
    context, drive = system.windows(np.random.default_rng(seed), W, H=H)
    free = system.predict(context, drive)
    _, effects = hold(system, seed, kind)
    for w in range(W):
        for k, i in enumerate(NEURONS):
            others = [n for n in range(N) if n != i]
            v = {"clamp": context[w, -1, i], "silence": 0.0, "stimulate": 1.0}[kind]
            A_uu, A_ui = system.A[np.ix_(others, others)], system.A[others, i]
            for t in (0, 1, 2, H - 1):
                expected = sum(
                    (np.linalg.matrix_power(A_uu, t - 1 - s) @ A_ui * (v - free[w, s, i]) for s in range(t)),
                    start=np.zeros(N - 1),
                )
                np.testing.assert_allclose(effects[w, k, t, others], expected, atol=1e-9)


def test_without_drive_a_clamp_settles_at_the_resolvent(linear):
    system = linear(3, radius=0.5)
    context = np.random.default_rng(0).random((1, 2, N))
    probes = clamp_probes(context, "stimulate", [1])
    last = system.predict(probes.context, np.zeros((1, 202, 2)), probes.mask, probes.value)[0, -1]
    others = [0, 2, 3, 4]
    settled = np.linalg.solve(np.eye(4) - system.A[np.ix_(others, others)], system.A[others, 1])
    np.testing.assert_allclose(last[others], settled, atol=1e-9)
    assert last[1] == 1


@pytest.mark.parametrize(("kind", "level"), [("clamp", None), ("silence", 0.0), ("stimulate", 1.0)])
def test_each_kind_holds_one_neuron_per_row_at_its_level(kind, level):
    context = np.random.default_rng(1).random((W, 2, N)).astype(np.float32)
    probes = clamp_probes(context, kind, NEURONS)
    assert probes.value.dtype == np.float32
    assert probes.mask.dtype == bool
    np.testing.assert_array_equal(probes.context, np.repeat(context, K, axis=0))
    for row in range(W * K):
        w, i = row // K, NEURONS[row % K]
        assert np.flatnonzero(probes.mask[row]).tolist() == [i]
        assert probes.value[row, i] == (context[w, -1, i] if level is None else level)
        assert np.count_nonzero(np.delete(probes.value[row], i)) == 0


@given(seed=seeds, kind=kinds)
def test_the_held_neuron_is_no_part_of_the_effect_and_others_feel_it_from_the_second_step(linear, seed, kind):
    _, effects = hold(linear(seed), seed, kind)
    for k, i in enumerate(NEURONS):
        np.testing.assert_array_equal(effects[:, k, :, i], 0)
    np.testing.assert_allclose(effects[:, :, 0], 0, atol=1e-12)
    assert np.abs(effects[:, :, 1]).max() > 0


@given(seed=seeds, kind=kinds)
def test_the_oracle_is_at_the_ceiling_and_no_effect_at_the_floor(linear, seed, kind):
    _, truth = hold(linear(seed), seed, kind)
    oracle = score_intervention(truth, truth, NEURONS)
    assert (oracle.error, oracle.sign_accuracy) == (0, 1)
    assert oracle.rank_correlation == pytest.approx(1)
    control = score_intervention(np.zeros_like(truth), truth, NEURONS)
    assert (control.error, control.sign_accuracy, control.rank_correlation) == (1, 0, None)


@given(seed=seeds, gain=st.floats(0.1, 4))
def test_size_matters_to_the_error_only_and_direction_not_to_the_ranks(linear, seed, gain):
    _, truth = hold(linear(seed), seed, "silence")
    larger, opposite = (score_intervention(g * truth, truth, NEURONS) for g in (gain, -gain))
    assert larger.error == pytest.approx(abs(gain - 1))
    assert larger.sign_accuracy == 1
    assert opposite.error == pytest.approx(1 + gain)
    assert opposite.sign_accuracy == 0
    assert larger.rank_correlation == pytest.approx(1)
    assert opposite.rank_correlation == pytest.approx(1)


@given(seed=seeds)
def test_a_permutation_of_windows_and_neurons_does_not_matter(linear, seed):
    rng = np.random.default_rng(seed)
    (_, truth), (_, model) = hold(linear(seed), seed, "clamp"), hold(linear(seed + 1), seed, "clamp")
    one = score_intervention(model, truth, NEURONS)
    w, n, k = rng.permutation(W), rng.permutation(N), rng.permutation(K)
    new = {old: i for i, old in enumerate(n)}
    other = score_intervention(model[w][:, k][..., n], truth[w][:, k][..., n], [new[NEURONS[i]] for i in k])
    assert other.error == pytest.approx(one.error)
    assert other.sign_accuracy == pytest.approx(one.sign_accuracy)
    assert other.rank_correlation == pytest.approx(one.rank_correlation)


def test_signs_count_where_the_true_effect_exceeds_the_threshold():
    truth, model = np.zeros((1, 1, 4, 2)), np.zeros((1, 1, 4, 2))
    truth[0, 0, :, 1] = [0.5, -0.5, 0.5, 0.005]
    model[0, 0, :, 1] = [0.1, -9.0, -0.1, -1.0]
    score = score_intervention(model, truth, [0])
    assert score.sign_accuracy == pytest.approx(2 / 3)
    assert score_intervention(model, truth, [0], threshold=0.001).sign_accuracy == pytest.approx(2 / 4)


def test_ranks_are_scipys_over_root_mean_squares_of_the_other_neurons():
    rng = np.random.default_rng(2)
    truth, model = rng.normal(size=(2, W, K, H, N)) * rng.random((2, W, K, 1, N))
    for e in (truth, model):
        e[:, np.arange(K), :, NEURONS] = 0
    pairs = [(w, k, n) for w in range(W) for k in range(K) for n in range(N) if n != NEURONS[k]]
    size = [[np.sqrt((e[w, k, :, n] ** 2).mean()) for w, k, n in pairs] for e in (model, truth)]
    expected = spearmanr(*size).statistic
    assert score_intervention(model, truth, NEURONS).rank_correlation == pytest.approx(expected)


def test_no_true_effect_leaves_every_score_undefined():
    truth = np.zeros((W, K, H, N))
    score = score_intervention(truth + 0.1, truth, NEURONS)
    assert (score.error, score.sign_accuracy, score.rank_correlation) == (None, None, None)


def test_ill_posed_interventions_are_refused():
    with pytest.raises(ZfbenchError, match="no intervention 'ablate'; choose from clamp, silence, stimulate"):
        clamp_probes(np.zeros((W, 2, N)), "ablate", NEURONS)
    held, free = np.zeros((W * K, H, N)), np.zeros((W, H, N))
    with pytest.raises(ZfbenchError, match=r"held rollout has shape \(9, 12, 5\)"):
        clamp_effects(held, free, NEURONS[:2])
    held[5, 6, 1] = np.inf
    with pytest.raises(ZfbenchError, match="first at probe 5, step 6, neuron 1"):
        clamp_effects(held, free, NEURONS)
    effects = np.zeros((W, K, H, N))
    with pytest.raises(ZfbenchError, match="2 held neurons were given; give 3"):
        score_intervention(effects, effects, NEURONS[:2])
