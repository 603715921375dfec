from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import periodogram
from scipy.spatial.distance import euclidean

from zfbench.base.errors import ZfbenchError
from zfbench.scoring.dynamics import (
    decay_times,
    eigenvalue_distance,
    impulse_probes,
    impulse_responses,
    peak_latencies,
    score_impulse,
    spectral_distance,
)

seeds = st.integers(0, 10_000)
SOURCES, GROUPS, AMPLITUDES = [3, 0, 4], ["x", "y", "x"], [0.1, -0.4]
S, K, A, H, N = 2, 3, 2, 40, 5


@pytest.fixture(autouse=True)
def _no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def respond(system, seed):
    """The system's impulse responses [S, K, A, H, N]: build the probes, predict, read."""
    context, drive = system.windows(np.random.default_rng(seed), S, H=H)
    perturbed = system.predict(impulse_probes(context, SOURCES, AMPLITUDES), np.repeat(drive, K * A, axis=0))
    return impulse_responses(perturbed, system.predict(context, drive), K, A)


# Impulse responses


@given(seed=seeds)
def test_impulse_response_of_a_linear_system_is_a_power_of_its_matrix(linear, seed):
    system = linear(seed)
    responses = respond(system, seed)
    for (k, j), (a, size), h in itertools.product(enumerate(SOURCES), enumerate(AMPLITUDES), (0, 1, 7, H - 1)):
        expected = size * np.linalg.matrix_power(system.A, h + 1)[:, j]
        np.testing.assert_allclose(responses[:, k, a, h], [expected] * S, atol=1e-9)


def test_probes_displace_the_last_entry_only_and_keep_the_dtype():
    context = np.random.default_rng(0).random((S, 3, N)).astype(np.float32)
    probes = impulse_probes(context, SOURCES, AMPLITUDES)
    assert probes.dtype == np.float32
    moved = (probes - np.repeat(context, K * A, axis=0)).reshape(S, K, A, 3, N)
    np.testing.assert_array_equal(moved[..., :-1, :], 0)
    np.testing.assert_allclose(moved[1, 0, 1, -1], [0, 0, 0, -0.4, 0], atol=1e-7)
    np.testing.assert_allclose(moved[0, 2, 0, -1], [0, 0, 0, 0, 0.1], atol=1e-7)


@given(seed=seeds)
def test_the_oracle_has_no_error_and_no_response_scores_one(linear, seed):
    truth = respond(linear(seed), seed)
    oracle = score_impulse(truth, truth, SOURCES, GROUPS)
    assert oracle.error == oracle.latency_error == oracle.decay_error == 0
    assert oracle.error_by_group == {"x": 0, "y": 0}
    control = score_impulse(np.zeros_like(truth), truth, SOURCES, GROUPS)
    assert control.error == 1
    assert control.error_by_group == {"x": 1, "y": 1}
    assert control.latency_error_relative == 1
    assert control.decay_error_relative in (1, None)


@given(seed=seeds, gain=st.floats(0.1, 3))
def test_a_response_of_the_wrong_size_has_the_right_timing(linear, seed, gain):
    truth = respond(linear(seed), seed)
    score = score_impulse(gain * truth, truth, SOURCES, GROUPS)
    assert score.error == pytest.approx(abs(gain - 1))
    assert score.error_by_group["y"] == pytest.approx(abs(gain - 1))
    assert score.latency_error == 0
    assert score.decay_error == pytest.approx(0, abs=1e-9)


@given(seed=seeds)
def test_a_permutation_of_neurons_or_states_does_not_matter(linear, seed):
    rng = np.random.default_rng(seed)
    truth, model = respond(linear(seed), seed), respond(linear(seed + 1), seed)
    one = score_impulse(model, truth, SOURCES, GROUPS)
    n, s, k = rng.permutation(N), rng.permutation(S), rng.permutation(K)
    new = {old: i for i, old in enumerate(n)}
    move = lambda r: r[s][:, k][..., n]  # noqa: E731
    other = score_impulse(move(model), move(truth), [new[SOURCES[i]] for i in k], [GROUPS[i] for i in k])
    assert other.error == pytest.approx(one.error)
    assert other.error_by_group == pytest.approx(one.error_by_group)
    assert other.latency_error == one.latency_error
    assert other.decay_error == pytest.approx(one.decay_error)


def test_group_errors_are_those_of_the_groups_own_sources():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(S, K, A, H, N))
    model = truth.copy()
    model[:, 1] *= 3
    score = score_impulse(model, truth, SOURCES, GROUPS)
    assert score.error_by_group == {"x": 0, "y": pytest.approx(2)}
    expected = 2 * np.sqrt(np.square(truth[:, 1]).sum() / np.square(truth).sum())
    assert score.error == pytest.approx(expected)


def bump(peak, tau, H=H):
    """Rises at `peak` and decays with time constant tau."""
    t = np.arange(H)
    return np.where(t < peak, 0.0, np.exp(-(t - peak) / tau))


def test_latency_error_is_the_median_distance_of_peaks_over_strong_responses_of_other_neurons():
    truth, model = np.zeros((1, 1, 1, H, 4)), np.zeros((1, 1, 1, H, 4))
    truth[0, 0, 0] = np.stack([bump(0, 5), bump(4, 5), -bump(9, 5), 1e-3 * bump(0, 5)], axis=1)
    model[0, 0, 0] = np.stack([bump(30, 5), bump(5, 5), -bump(12, 5), bump(30, 5)], axis=1)
    score = score_impulse(model, truth, [0], ["g"])
    assert score.latency_error == 2.0  # of 1 and 3
    assert score.latency_error_relative == pytest.approx(2.0 / np.median([H - 4, H - 9]))
    quiet = score_impulse(model, truth * 1e-3, [0], ["g"])
    assert quiet.latency_error is quiet.latency_error_relative is quiet.decay_error is None


def test_a_response_that_is_zero_never_peaks():
    assert peak_latencies(np.zeros((6, 1))).tolist() == [6]
    assert peak_latencies(np.array([[0.0, 1.0, -2.0, 2.0]]).T).tolist() == [2]


@given(factor=st.floats(0.4, 0.97), peak=st.integers(0, 10), size=st.floats(1e-3, 1e3))
def test_decay_time_of_a_geometric_response_is_exact(factor, peak, size):
    t = np.arange(60)
    norm = size * np.where(t < peak, 0.0, factor ** np.maximum(t - peak, 0))
    assert decay_times(norm[None]) == pytest.approx(-1 / np.log(factor))


def test_decay_time_is_that_of_the_first_crossing():
    norms = np.array([[1, 0.5, 0.2, 0.9, 0.1]])
    assert decay_times(norms) == pytest.approx(1 + np.log(0.5 * np.e) / np.log(0.5 / 0.2))


def test_decay_time_is_bounded_below_by_a_step_and_above_by_the_horizon():
    norms = np.array([[0, 0, 0, 0], [1, 1e-9, 0, 0], [1, 0, 0, 0], [1, 1, 0.9, 0.8], [0, 0, 1, 0.9], [1, 1, 0, 0]])
    np.testing.assert_array_equal(decay_times(norms), [1, 1, 1, 4, 2, 1])


@pytest.mark.parametrize(("tau", "true_tau"), [(10.0, 5.0), (3.0, 6.0)])
def test_decay_error_is_the_log_ratio_of_time_constants(tau, true_tau):
    truth, model = np.zeros((1, 1, 1, 60, 2)), np.zeros((1, 1, 1, 60, 2))
    truth[0, 0, 0, :, 1], model[0, 0, 0, :, 1] = bump(0, true_tau, 60), 0.3 * bump(0, tau, 60)
    truth[0, 0, 0, :, 0], model[0, 0, 0, :, 0] = bump(0, 30, 60), bump(0, 2, 60)  # the kicked neuron does not count
    score = score_impulse(model, truth, [0], ["g"])
    assert score.decay_error == pytest.approx(np.log(2))
    assert score.decay_error_relative == pytest.approx(np.log(2) / np.log(true_tau))


def test_an_exploding_but_finite_response_has_a_finite_error():
    truth = np.ones((1, 1, 1, 4, 2))
    assert np.isfinite(score_impulse(truth.astype(np.float32) * 1e38, truth, [0], ["g"]).error)


def test_rollouts_that_diverge_or_do_not_fit_are_refused(linear):
    base = np.zeros((S, H, N))
    perturbed = np.zeros((S * K * A, H, N), np.float32)
    with pytest.raises(ZfbenchError, match=r"perturbed rollout has shape \(12, 40, 5\)"):
        impulse_responses(perturbed, base, K, A + 1)
    perturbed[7, 3, 2] = np.nan
    with pytest.raises(ZfbenchError, match="first at probe 7, step 3, neuron 2"):
        impulse_responses(perturbed, base, K, A)
    responses = np.zeros((S, K, A, H, N))
    with pytest.raises(ZfbenchError, match="give 3 of each"):
        score_impulse(responses, responses, SOURCES[:2], GROUPS)


# Eigenvalues


@given(seed=seeds)
def test_eigenvalue_distance_is_the_least_over_all_pairings(seed):
    rng = np.random.default_rng(seed)
    model, truth = rng.normal(size=(2, 3, 4, 4))
    expected = [
        min(np.abs(a[list(p)] - b).mean() for p in itertools.permutations(range(4)))
        for a, b in zip(np.linalg.eigvals(model), np.linalg.eigvals(truth), strict=True)
    ]
    assert eigenvalue_distance(model, truth) == pytest.approx(np.mean(expected))
    assert eigenvalue_distance(truth, model) == pytest.approx(np.mean(expected))


@given(seed=seeds)
def test_eigenvalue_distance_ignores_a_change_of_coordinates(seed):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(3, 5, 5))
    Q = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    assert eigenvalue_distance(Q @ truth @ Q.T, truth) == pytest.approx(0, abs=1e-6)


def test_eigenvalue_distance_in_closed_form():
    truth = np.array([np.diag([0.9, 0.5, 0.1])])
    assert eigenvalue_distance(np.zeros((1, 3, 3)), truth) == pytest.approx(0.5)
    assert eigenvalue_distance(np.array([np.diag([0.0, 0.9, 0.8])]), truth) == pytest.approx(0.4 / 3)
    rotation = np.array([[[0.0, -1.0], [1.0, 0.0]]])  # eigenvalues +-i
    assert eigenvalue_distance(np.zeros((1, 2, 2)), rotation) == pytest.approx(1)


# Power spectra


@given(seed=seeds)
def test_spectral_distance_agrees_with_scipys_periodogram(seed):
    rng = np.random.default_rng(seed)
    model, truth = rng.normal(size=(2, 3, 33, 4)).cumsum(axis=2)

    def spectrum(a):
        power = periodogram(a, axis=1, detrend="constant", return_onesided=False)[1].mean(axis=0)
        half = power[1 : a.shape[1] // 2 + 1]  # odd length: the two sides are equal
        return half / half.sum(axis=0)

    p, q = spectrum(model), spectrum(truth)
    expected = np.mean([euclidean(np.sqrt(p[:, n]), np.sqrt(q[:, n])) / np.sqrt(2) for n in range(4)])
    assert spectral_distance(model, truth) == pytest.approx(expected)
    assert 0 <= spectral_distance(model, truth) <= 1


@given(seed=seeds, offset=st.floats(-10, 10), scale=st.floats(0.1, 10))
def test_spectral_distance_ignores_offset_scale_shift_in_time_and_order_of_neurons(seed, offset, scale):
    rng = np.random.default_rng(seed)
    model, truth = rng.normal(size=(2, 3, 32, 4)).cumsum(axis=2)
    distance = spectral_distance(model, truth)
    assert spectral_distance(offset + scale * model, truth) == pytest.approx(distance)
    assert spectral_distance(np.roll(model, 7, axis=1), truth) == pytest.approx(distance)
    n = rng.permutation(4)
    assert spectral_distance(model[..., n], truth[..., n]) == pytest.approx(distance)
    assert spectral_distance(truth + offset, truth) == pytest.approx(0, abs=1e-9)


def test_spectra_without_common_frequencies_are_at_distance_one():
    t = np.arange(32) * 2 * np.pi / 32
    slow, fast = np.sin(2 * t)[None, :, None], np.sin(9 * t)[None, :, None]
    assert spectral_distance(slow, fast) == pytest.approx(1)
    mixed = spectral_distance(slow + fast, slow)  # half the power in common
    assert mixed == pytest.approx(np.sqrt(1 - np.sqrt(0.5)))


def test_a_constant_model_is_at_distance_one_and_silent_neurons_are_left_out():
    t = np.arange(32) * 2 * np.pi / 32
    truth = np.stack([np.sin(2 * t), np.full(32, 0.3), np.cos(5 * t)], axis=1)[None]
    assert spectral_distance(np.full_like(truth, 0.7), truth) == 1
    model = truth.copy()
    model[..., 1] = np.sin(3 * t)
    model[..., 2] = 0.1
    assert spectral_distance(model, truth) == pytest.approx(0.5)
    assert spectral_distance(truth, truth) == 0
    assert spectral_distance(1e-5 * truth, truth) == 1  # too small to have a shape
    assert spectral_distance(truth, np.full_like(truth, 0.3)) is None
