import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import invgamma, laplace

from zfbench.base.errors import ZfbenchError
from zfbench.scoring.laplace import RELATIVE_SCALE, SHAPE, laplace_log_likelihood, standardised_mse


def test_likelihood_is_the_laplace_density_averaged_over_the_prior_of_its_scale():
    residual = np.array([0.3, -0.1, 0.25])
    sd = 2.0

    def density(scale):
        return np.prod(laplace.pdf(residual, scale=scale)) * invgamma.pdf(scale, SHAPE, scale=RELATIVE_SCALE * sd)

    value = laplace_log_likelihood(residual.reshape(1, 3, 1), np.zeros((1, 3, 1)), np.array([sd]))
    assert value == pytest.approx(np.log(quad(density, 0, np.inf)[0]), abs=1e-6)


def test_neurons_add_up():
    rng = np.random.default_rng(0)
    prediction, target, sd = rng.random((2, 5, 3)), rng.random((2, 5, 3)), np.array([0.1, 0.2, 0.3])
    single = [laplace_log_likelihood(prediction[..., [i]], target[..., [i]], sd[[i]]) for i in range(3)]
    assert laplace_log_likelihood(prediction, target, sd) == pytest.approx(sum(single))


def test_smaller_residuals_are_more_probable_and_perfect_ones_finite():
    target, sd = np.random.default_rng(0).random((4, 50, 2)), np.full(2, 0.3)
    values = [laplace_log_likelihood(target + error, target, sd) for error in (0.1, 0.01, 0.0)]
    assert values == sorted(values)
    assert np.isfinite(values).all()


def test_many_residuals_come_to_the_likelihood_at_the_best_scale():
    rng = np.random.default_rng(0)
    residual = rng.laplace(0, 0.05, (10, 2_000, 1))
    scale = np.abs(residual).mean()
    best = laplace.logpdf(residual, scale=scale).sum()
    assert laplace_log_likelihood(residual, 0 * residual, np.array([0.3])) == pytest.approx(best, rel=1e-3)


def test_flat_neurons_are_scored_too():
    assert np.isfinite(laplace_log_likelihood(np.zeros((1, 4, 1)), np.zeros((1, 4, 1)), np.zeros(1)))


def test_mean_squared_error_is_in_units_of_each_neurons_variance():
    target = np.zeros((2, 3, 3))
    prediction = np.broadcast_to([0.2, 0.4, 9.0], target.shape)
    assert standardised_mse(prediction, target, np.array([0.1, 0.4, 0.0])) == pytest.approx((4 + 1) / 2)
    assert standardised_mse(prediction, target, np.zeros(3)) is None


def test_forecast_that_is_not_finite_is_refused():
    with pytest.raises(ZfbenchError, match="not finite"):
        laplace_log_likelihood(np.full((1, 2, 1), np.nan), np.zeros((1, 2, 1)), np.ones(1))
