import math

import pytest

from zfbench.discoverers.ranks import rank_scores


def test_lowest_loss_ranks_one_and_highest_zero():
    assert rank_scores([3.0, 1.0, 1e9]).tolist() == [0.5, 1.0, 0.0]


def test_ties_share_their_middle_rank():
    assert rank_scores([1.0, 2.0, 2.0, 3.0]).tolist() == [1.0, 0.5, 0.5, 0.0]
    assert rank_scores([2.0, 2.0]).tolist() == [0.5, 0.5]


def test_failures_rank_zero_and_take_no_part():
    assert rank_scores([math.nan, 2.0, math.nan, 1.0, math.nan]).tolist() == [0.0, 0.0, 0.0, 1.0, 0.0]


@pytest.mark.parametrize(("losses", "scores"), [([], []), ([7.0], [0.5]), ([None, 7.0], [0.0, 0.5]), ([None], [0.0])])
def test_rank_alone_is_one_half(losses, scores):
    assert rank_scores(losses).tolist() == scores
