"""Coverage is simulated; the tolerances are four standard errors of the simulation plus the known small-sample bias."""

import numpy as np
import pytest
from scipy import stats

from zfbench.leaderboard import statistics as s

WORLDS = 1_500


def covers(make_interval, truth, worlds=WORLDS):
    return np.mean([interval.low <= truth <= interval.high for interval in map(make_interval, range(worlds))])


@pytest.mark.parametrize("n", [3, 5, 9])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_students_interval_covers_as_often_as_it_says(n, confidence):
    rng = np.random.default_rng(1)
    covered = covers(lambda _: s.t_interval(rng.normal(2.0, 3.0, n), confidence), 2.0)
    assert covered == pytest.approx(confidence, abs=4 * np.sqrt(confidence * (1 - confidence) / WORLDS))


def test_students_interval_agrees_with_scipy():
    x = np.array([0.3, 0.1, 0.7, 0.4])
    low, high = stats.t.interval(0.9, 3, loc=x.mean(), scale=stats.sem(x))
    found = s.t_interval(x, 0.9)
    assert (found.low, found.high, found.n) == (pytest.approx(low), pytest.approx(high), 4)


def test_one_seed_knows_nothing_of_its_spread():
    assert s.t_interval([0.3]) == s.Interval(0.3, -np.inf, np.inf, 1)


def test_the_bootstrap_covers_from_ten_seeds_on():
    """Nominal 95 %; with ten seeds the percentile interval is known to cover about 91 %."""
    rng = np.random.default_rng(2)
    covered = covers(lambda _: s.mean_interval(rng.normal(0, 1, s.FEW), rng), 0.0, 800)
    assert 0.87 <= covered <= 0.96


def test_the_hierarchical_bootstrap_covers_where_conditions_of_a_seed_move_together():
    """Treating the 4 conditions of 15 seeds as 60 independent values cover about 67 % here."""
    rng = np.random.default_rng(3)

    def world(_):
        return rng.normal(0, 1, (15, 1)) + rng.normal(0, 0.5, (15, 4))

    hierarchical = covers(lambda i: s.hierarchical_bootstrap(world(i), rng, draws=500), 0.0, 500)
    flat = covers(lambda i: s.hierarchical_bootstrap(world(i).reshape(60, 1), rng, draws=500), 0.0, 500)
    assert 0.89 <= hierarchical <= 0.985
    assert flat < 0.75


def test_the_hierarchical_bootstrap_draws_every_condition_anew():
    """Without seed effects S x K conditions are S x K independent values."""
    conditions = np.random.default_rng(8).normal(size=16)
    found = s.hierarchical_bootstrap(np.tile(conditions, (20, 1)), np.random.default_rng(9))
    assert found.half_width == pytest.approx(1.96 * conditions.std() / np.sqrt(20 * 16), rel=0.15)


def test_quartiles():
    assert s.quartiles([4, 1, 3, 2, 5]) == s.Quartiles(3.0, 2.0, 4.0)


@pytest.mark.parametrize("n", [5, 8, 30])
def test_the_permutation_test_is_no_more_often_significant_under_the_null_than_it_says(n):
    rng = np.random.default_rng(5)
    worlds = 400
    p = np.array([s.paired_permutation(rng.normal(size=n), rng, draws=500) for _ in range(worlds)])
    for level in (0.05, 0.2):
        assert np.mean(p <= level) <= level + 4 * np.sqrt(level * (1 - level) / worlds)
    assert np.mean(p <= 0.2) > 0.1  # nor is it asleep


def test_the_exact_permutation_test_agrees_with_scipy():
    d = np.array([0.5, -0.2, 0.9, 0.4, 0.1, 0.3])
    reference = stats.permutation_test(
        (d,), np.mean, permutation_type="samples", alternative="greater", n_resamples=1e6
    )
    assert s.paired_permutation(d, np.random.default_rng(0)) == pytest.approx(reference.pvalue)
    assert s.paired_permutation([1.0] * 5, np.random.default_rng(0)) == 1 / 32


def test_a_profile_counts_failed_runs_in():
    assert s.performance_profile([0.2, 0.8, -np.inf, 0.5], [0.0, 0.5, 0.9]).tolist() == [0.75, 0.25, 0.0]


def test_the_incumbent_is_infinite_until_a_program_works_and_never_rises():
    curve = s.incumbent([1, 2, 3, 4], [None, 0.5, 0.7, 0.3], [0, 1, 2, 3.5, 4, 9])
    assert curve.tolist() == [np.inf, np.inf, 0.5, 0.5, 0.3, 0.3]


def test_anytime_bands_and_ecdf_count_what_has_not_begun_as_worst():
    curves = [[np.inf, 0.5, 0.4], [np.inf, np.inf, 0.2], [0.6, 0.6, 0.6]]
    lower, median, upper = s.anytime_band(curves)
    assert median.tolist() == [np.inf, 0.6, 0.4]
    assert (lower <= upper).all()
    assert s.ecdf(curves, [0.5, 0.3]).tolist() == [0.0, pytest.approx(1 / 6), 0.5]


def test_top_programs_are_those_of_lowest_loss():
    assert s.top([5, 1, 4, 2, 3], k=3) == s.Quartiles(2.0, 1.5, 2.5)


@pytest.mark.parametrize(
    "statistic",
    [
        s.quartiles,
        s.t_interval,
        s.top,
        lambda x: s.mean_interval(x, np.random.default_rng(0)),
        lambda x: s.paired_permutation(x, np.random.default_rng(0)),
        lambda x: s.hierarchical_bootstrap(np.reshape(x, (-1, 1)), np.random.default_rng(0)),
        lambda x: s.performance_profile(x, [0.5]),
    ],
)
def test_no_statistic_averages_over_what_is_missing(statistic):
    with pytest.raises(ValueError, match="missing"):
        statistic([0.1, np.nan, 0.3])
