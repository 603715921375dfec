import numpy as np
import pytest

from zfbench.base.errors import ZfbenchError
from zfbench.scoring.probabilistic import crps

RNG = np.random.default_rng(0)


def test_a_forecast_without_spread_scores_its_mean_absolute_error():
    target = RNG.normal(size=(3, 4, 2))
    point = RNG.normal(size=(3, 4, 2))
    assert crps(np.stack([point] * 5), target) == pytest.approx(np.abs(point - target).mean())


def test_gaussian_samples_score_the_closed_form():
    # CRPS of N(0, 1) at y: y (2 Phi(y) - 1) + 2 phi(y) - 1 / sqrt(pi) (Gneiting & Raftery 2007, eq. 20)
    from scipy.stats import norm

    target = np.array([0.0, 0.7, -2.0]).reshape(3, 1, 1)
    samples = np.random.default_rng(1).normal(size=(40_000, 3, 1, 1))
    expected = np.mean([y * (2 * norm.cdf(y) - 1) + 2 * norm.pdf(y) - np.pi**-0.5 for y in target.ravel()])
    assert crps(samples, target) == pytest.approx(expected, abs=0.01)


def test_the_expected_score_does_not_depend_on_the_number_of_samples():
    target = np.zeros((1, 200_00, 1))
    few, many = (crps(np.random.default_rng(2).normal(size=(S, *target.shape)), target) for S in (2, 30))
    assert few == pytest.approx(many, abs=0.02)  # the plain ensemble estimate would be 0.28 too large at S = 2


def test_the_true_distribution_beats_a_wider_and_a_shifted_one():
    y = RNG.normal(size=(1, 20_000, 1))
    draws = RNG.normal(size=(20, 1, 20_000, 1))
    assert crps(draws, y) < min(crps(2 * draws, y), crps(draws + 0.5, y), crps(0.4 * draws, y))


def test_one_sample_a_wrong_shape_and_what_is_not_finite_are_refused(shapes_unchecked):
    target = np.zeros((2, 3, 1))
    with pytest.raises(ZfbenchError, match="at least two"):
        crps(np.zeros((1, 2, 3, 1)), target)
    with pytest.raises(ZfbenchError, match="at least two"):
        crps(np.zeros((4, 2, 2, 1)), target)
    samples = np.zeros((4, 2, 3, 1))
    samples[1, 1, 2, 0] = np.nan
    with pytest.raises(ZfbenchError, match="samples of window 1 is not finite, first at sample 1, step 2"):
        crps(samples, target)


def test_an_independent_implementation_gives_the_same_score():
    scoringrules = pytest.importorskip("scoringrules")
    rng = np.random.default_rng(3)
    samples, target = rng.normal(size=(7, 3, 5, 4)), rng.normal(size=(3, 5, 4))
    expected = scoringrules.crps_ensemble(target, samples, m_axis=0, estimator="fair", backend="numpy").mean()
    assert crps(samples, target) == pytest.approx(expected, rel=1e-12)
