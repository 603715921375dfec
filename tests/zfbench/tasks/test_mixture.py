import numpy as np
import pytest
from scipy.stats import multivariate_normal

from zfbench.tasks.mixtures.mixture import DIMENSIONS, Mixture, draw_candidate, draw_parameters, read_mixture

AT_REST = np.array([[1.0, 0, 0, 0, 0]])


def drawn(seed=0):
    return draw_candidate(np.random.default_rng(seed))


def test_density_is_that_of_the_scaled_and_shifted_components():
    mixture, rng = drawn(), np.random.default_rng(1)
    theta = draw_parameters(rng, 3)
    x = mixture.simulate(rng, theta)
    for b, (s, *moved) in enumerate(theta):
        shift = np.zeros(DIMENSIONS)
        shift[list(mixture.shifted)] = moved
        density = sum(
            weight / mixture.weights.sum() * multivariate_normal(s * mean + shift, s**2 * factor @ factor.T).pdf(x)
            for weight, mean, factor in zip(mixture.weights, mixture.means, mixture.factors, strict=True)
        )
        assert mixture.log_prob(x, theta)[:, b] == pytest.approx(np.log(density))


def test_draws_have_the_mixtures_mean_and_covariance():
    mixture, rng = drawn(3), np.random.default_rng(0)
    theta = np.repeat([[0.5, 1.0, -1.0, 2.0, 0.0]], 100_000, axis=0)
    x = mixture.simulate(rng, theta)
    weights = mixture.weights / mixture.weights.sum()
    mean = weights @ mixture.means
    second = np.einsum("k,kij->ij", weights, mixture.factors @ mixture.factors.transpose(0, 2, 1))
    second += np.einsum("k,ki,kj->ij", weights, mixture.means, mixture.means) - np.outer(mean, mean)
    shift = np.zeros(DIMENSIONS)
    shift[list(mixture.shifted)] = [1.0, -1.0, 2.0, 0.0]
    assert x.mean(axis=0) == pytest.approx(0.5 * mean + shift, abs=0.05)
    assert np.cov(x.T) == pytest.approx(0.25 * second, abs=0.25)


def test_prior_is_uniform_within_its_bounds():
    theta = draw_parameters(np.random.default_rng(0), 10_000)
    assert theta.min(axis=0) == pytest.approx([0.1, -2, -2, -2, -2], abs=0.01)
    assert theta.max(axis=0) == pytest.approx([2, 2, 2, 2, 2], abs=0.01)
    assert theta.mean(axis=0) == pytest.approx([1.05, 0, 0, 0, 0], abs=0.05)


def test_source_defines_the_very_mixture():
    assert all(read_mixture(drawn(seed).source).source == drawn(seed).source for seed in range(50))
    mixture = drawn(5)
    again = read_mixture(mixture.source)
    x = np.random.default_rng(0).normal(size=(4, DIMENSIONS))
    assert np.array_equal(again.log_prob(x, AT_REST), mixture.log_prob(x, AT_REST))


def test_candidates_have_one_to_ten_components_and_four_shifts():
    many = [drawn(seed) for seed in range(200)]
    assert {len(m.weights) for m in many} == set(range(1, 11))
    assert all(len(set(m.shifted)) == 4 for m in many)


GOOD = Mixture(np.ones(1), np.zeros((1, 10)), np.eye(10)[None], (0, 1, 2, 3)).source


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("weights = [", "not Python"),
        ("import os", "line 1 is not an assignment"),
        ("weights = open('x')", "line 1 assigns something else"),
        ("weights = [1.0]", "does not assign `factors`"),
        (GOOD.replace("weights = [1.000]", "weights = [-1.0]"), "at least 0.001"),
        (GOOD.replace("weights = [1.000]", "weights = [1.0, 1.0]"), "`means` has shape"),
        (GOOD.replace("1.000, 0.000", "0.000, 0.000"), "singular"),
        (GOOD.replace("1.000, 0.000", "1e999, 0.000"), "not finite"),
        (GOOD.replace("[0, 1, 2, 3]", "[0, 1, 2, 2]"), "dimension"),
        (GOOD.replace("[0, 1, 2, 3]", "[0, 1, 2, 10]"), "out of 0 .. 9"),
        (GOOD.replace("[0, 1, 2, 3]", "[0, 1, 2, [3]]"), "`shifted`"),
        (GOOD.replace("weights = [1.000]", "weights = 'many'"), "array of numbers"),
    ],
)
def test_what_defines_no_mixture_is_explained(source, sentence):
    with pytest.raises(ValueError, match=sentence):
        read_mixture(source)
