"""Ranks with ties: their meaning, their error rate, and what they may not depend on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from zfbench.leaderboard.ranking import ALL_SEEDS, Rank, _compared, _table, ranks


def by_seed(values, first=0):
    return {first + i: float(v) for i, v in enumerate(values)}


NOISE = np.array([0.01, -0.02, 0.0, 0.02, -0.01])


def test_clear_differences_give_clear_ranks_and_close_rows_share_theirs():
    found = ranks(
        {
            "best": by_seed(0.9 + NOISE),
            "tied": by_seed(0.5 + NOISE),
            "tied too": by_seed(0.5 - NOISE[::-1]),
            "worst": by_seed(0.1 + NOISE[::-1]),
        }
    )
    assert {name: str(rank) for name, rank in found.items()} == {
        "best": "1",
        "tied": "2-3",
        "tied too": "2-3",
        "worst": "4",
    }


def test_pairing_finds_a_small_difference_that_seeds_share():
    seeds = np.array([0.1, 0.5, 0.3, 0.8, 0.6])
    better = {"a": by_seed(seeds + 0.02 + NOISE / 10), "b": by_seed(seeds)}
    assert ranks(better) == {"a": Rank(1, 1), "b": Rank(2, 2)}
    unpaired = {"a": better["a"], "b": by_seed(seeds, first=10)}  # no common seed: the spread of the seeds hides it
    assert ranks(unpaired) == {"a": Rank(1, 2), "b": Rank(1, 2)}


def test_a_row_without_chance_is_one_number_for_every_seed():
    found = ranks({"fixed": {ALL_SEEDS: 0.3}, "better": by_seed(0.4 + NOISE), "level": by_seed(0.3 + NOISE)})
    assert (found["better"], found["fixed"], found["level"]) == (Rank(1, 1), Rank(2, 3), Rank(2, 3))
    assert ranks({"a": {ALL_SEEDS: 0.3}, "b": {ALL_SEEDS: 0.2}, "c": {ALL_SEEDS: 0.2}}) == {
        "a": Rank(1, 1),
        "b": Rank(2, 3),
        "c": Rank(2, 3),
    }


def test_two_seeds_of_a_method_with_chance_are_no_rank():
    assert ranks({"hasty": by_seed([9.0, 9.1]), "other": by_seed(0.5 + NOISE)}) == {"other": Rank(1, 1)}
    assert ranks({}) == {}


@pytest.mark.parametrize(("rows", "seeds"), [(2, 5), (8, 5), (8, 10)])
def test_rows_that_are_alike_are_put_in_an_order_in_at_most_five_percent_of_boards(rows, seeds):
    rng = np.random.default_rng(11)
    worlds = 300
    wrong = [
        any(
            rank != Rank(1, rows)
            for rank in ranks({str(k): by_seed(rng.normal(size=seeds)) for k in range(rows)}).values()
        )
        for _ in range(worlds)
    ]
    assert np.mean(wrong) < 0.05 + 4 * np.sqrt(0.05 * 0.95 / worlds)


def test_pairs_are_compared_by_scipys_paired_and_welchs_tests():
    rng = np.random.default_rng(3)
    x, y, z = rng.normal(size=(3, 6))
    values = _table([by_seed(x), by_seed(y, first=2), by_seed(z, first=5), {ALL_SEEDS: 0.4}])
    p, difference = _compared(values)
    assert p[0, 1] == pytest.approx(stats.ttest_rel(x[2:], y[:4]).pvalue)
    assert difference[0, 1] == pytest.approx((x[2:] - y[:4]).mean())
    assert p[0, 2] == pytest.approx(stats.ttest_ind(x, z, equal_var=False).pvalue)
    assert p[2, 3] == pytest.approx(stats.ttest_1samp(z, 0.4).pvalue)


def test_rows_without_common_seeds_that_are_constant_differ_or_are_equal_without_doubt():
    values = _table([by_seed(np.full(3, 1.0), first) for first in (0, 3)] + [by_seed(np.full(3, 2.0), first=6)])
    p, difference = _compared(values)
    assert (p[0, 1], difference[0, 1]) == (1.0, 0.0)
    assert (p[0, 2], difference[0, 2]) == (0.0, -1.0)


@given(
    st.lists(st.lists(st.integers(0, 4), min_size=3, max_size=6), min_size=1, max_size=6),
    st.randoms(use_true_random=False),
)
def test_ranks_are_those_of_a_sports_table_and_know_no_order_of_rows(scores, shuffle):
    rows = {str(k): by_seed(np.array(own) / 4) for k, own in enumerate(scores)}
    found = ranks(rows)
    assert all(1 <= rank.best <= rank.worst <= len(rows) for rank in found.values())
    assert min(rank.best for rank in found.values()) == 1
    assert max(rank.worst for rank in found.values()) == len(rows)
    names = list(rows)
    shuffle.shuffle(names)
    assert ranks({name: rows[name] for name in names}) == found
