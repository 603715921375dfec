"""Coverage is simulated; the tolerances are four standard errors of the simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from zfbench.leaderboard import statistics as s

WORLDS = 2_500


def coverage(make_interval, n):
    """How often an interval of the mean of n normal scores holds the true one."""
    rng = np.random.default_rng(1)
    found = (make_interval(rng.normal(2.0, 3.0, n)) for _ in range(WORLDS))
    return np.mean([interval.low <= 2.0 <= interval.high for interval in found])


def tolerance(confidence):
    return 4 * np.sqrt(confidence * (1 - confidence) / WORLDS)


@pytest.mark.parametrize("n", [3, 5, 9, 10, 20])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_the_interval_covers_as_often_as_it_says(n, confidence):
    covered = coverage(lambda x: s.mean_interval(x, confidence), n)
    assert covered == pytest.approx(confidence, abs=tolerance(confidence))


def test_a_percentile_bootstrap_would_fail_the_test_of_coverage():
    """With ten seeds it covers 0.905 where it promises 0.95."""
    draws = np.random.default_rng(2).integers(10, size=(10, 1_000))

    def bootstrap(x):
        low, high = np.quantile(x[draws].mean(axis=0), [0.025, 0.975])
        return s.Interval(x.mean(), low, high, 10)

    assert coverage(bootstrap, 10) < 0.95 - 1.5 * tolerance(0.95)


def test_the_interval_agrees_with_scipy():
    x = np.array([0.3, 0.1, 0.7, 0.4])
    low, high = stats.t.interval(0.9, 3, loc=x.mean(), scale=stats.sem(x))
    found = s.mean_interval(x, 0.9)
    assert (found.low, found.high, found.n) == (pytest.approx(low), pytest.approx(high), 4)


def test_one_seed_knows_nothing_of_its_spread_and_equal_seeds_have_none():
    assert s.mean_interval([0.3]) == s.Interval(0.3, -np.inf, np.inf, 1)
    assert s.mean_interval([0.3] * 4) == s.Interval(0.3, 0.3, 0.3, 4)


def test_quartiles():
    assert s.quartiles([4, 1, 3, 2, 5]) == s.Quartiles(3.0, 2.0, 4.0)


def test_the_one_sample_test_is_scipys_and_certain_where_nothing_varies():
    d = np.array([[0.5, -0.2, 0.9, 0.4], [0.1, 0.1, 0.1, 0.1], [0.0, 0.0, 0.0, 0.0]])
    assert s.one_sample_p(d) == pytest.approx([stats.ttest_1samp(d[0], 0.0).pvalue, 0.0, 1.0])
    assert s.one_sample_p(d[0]) == pytest.approx(s.one_sample_p(d)[0])
    assert s.one_sample_p(d[1]) == 0.0
    assert s.one_sample_p(np.full(3, 0.1) - 0.1 * (1 + 1e-15)) == 1.0  # rounding is no difference


def test_holms_procedure_worked_by_hand():
    """Four p-values have the thresholds 0.0125, 0.0167, 0.025 and 0.05, in order, and the first that fails ends it."""
    assert s.holm([0.01, 0.04, 0.03, 0.005]).tolist() == [True, False, False, True]
    assert s.holm([0.01, 0.02, 0.03, 0.04]).tolist() == [True, False, False, False]
    assert s.holm([0.05]).tolist() == [True]
    assert s.holm([]).tolist() == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_bonferroni_and_no_correction(p):
    found = s.holm(p)
    assert all(found[i] for i, value in enumerate(p) if value <= 0.05 / len(p))
    assert not any(found[i] for i, value in enumerate(p) if value > 0.05)
    assert all(a for a, x in zip(found, p, strict=True) for b, y in zip(found, p, strict=True) if b and x < y)


@pytest.mark.parametrize("n", [3, 5, 10])
def test_the_smallest_effect_that_seeds_can_show_is_found_in_four_of_five_repetitions(n):
    effect = s.detectable(np.linspace(-1, 1, n) / np.linspace(-1, 1, n).std(ddof=1))
    rng = np.random.default_rng(4)
    d = rng.normal(effect, 1.0, (WORLDS, n))
    found = (s.one_sample_p(d) < 0.05) & (d.mean(axis=1) > 0)
    assert found.mean() == pytest.approx(s.POWER, abs=tolerance(s.POWER))
    assert s.detectable([0.2] * n) == 0.0


@pytest.mark.parametrize("effect", [0.4, 1.0, 3.0])
def test_with_the_seeds_needed_and_not_with_fewer_four_of_five_repetitions_find_the_mean(effect):
    many = 200
    d = np.linspace(-1, 1, many)
    needed = s.seeds_needed(s.mean_interval(-(d / d.std(ddof=1) + effect)))

    def found(n):
        sample = np.random.default_rng(5).normal(effect, 1.0, (WORLDS, n))
        return ((s.one_sample_p(sample) < 0.05) & (sample.mean(axis=1) > 0)).mean()

    assert found(needed) >= s.POWER - tolerance(s.POWER)
    assert found(needed - 1) <= s.POWER + tolerance(s.POWER)


def test_seeds_needed_are_two_without_spread_and_refused_where_the_sign_is_open():
    assert s.seeds_needed(s.Interval(0.2, 0.2, 0.2, 5)) == 2
    for interval in (s.Interval(0.2, -0.1, 0.5, 5), s.Interval(0.2, -np.inf, np.inf, 1)):
        with pytest.raises(ValueError, match="does not hold zero"):
            s.seeds_needed(interval)


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
        s.mean_interval,
        s.one_sample_p,
        s.holm,
        s.detectable,
        s.top,
        lambda x: s.performance_profile(x, [0.5]),
    ],
)
def test_no_statistic_averages_over_what_is_missing(statistic):
    with pytest.raises(ValueError, match="missing"):
        statistic([0.1, np.nan, 0.3])
