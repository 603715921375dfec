import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfbench.records.grouping import flat, grouped

STEPS = st.sampled_from(["", "forecast", "id", "mae", "group", "AF", "µ", "a b", "."])
NAMES = st.lists(STEPS, max_size=5).map("/".join)  # few steps, so that names are often prefixes of others
SCORES = st.dictionaries(NAMES, st.floats(allow_nan=False, allow_infinity=False))


@given(SCORES)
def test_scores_are_read_back_in_their_order_whatever_their_names(scores):
    read = flat(json.loads(json.dumps(grouped(scores))))
    assert list(read.items()) == list(scores.items())


def test_a_name_that_is_also_the_prefix_of_others_keeps_its_place():
    scores = {
        "forecast/id/mae": 1.0,
        "forecast/id/mae/group/AF": 2.0,
        "forecast/id/mae/group/PT": 3.0,
        "forecast/id": 4.0,
    }
    assert grouped(scores) == [
        ["forecast/id/", {"mae": 1.0}],
        ["forecast/id/mae/group/", {"AF": 2.0, "PT": 3.0}],
        ["forecast/", {"id": 4.0}],
    ]
    assert list(flat(grouped(scores))) == list(scores)


def test_names_with_and_without_a_slash_at_the_front_are_told_apart():
    scores = {"mae": 1.0, "/mae": 2.0, "mae/": 3.0, "": 4.0}
    assert list(flat(grouped(scores)).items()) == list(scores.items())


@pytest.mark.parametrize(
    "group", [None, "ab", [], ["a/"], ["a/", 1.0], [1, {}], [{}, "a/"], ["a/", {}, {}], {"a/": {}, "b/": {}}]
)
def test_what_is_no_group_is_named_by_its_number(group):
    with pytest.raises(ValueError, match="group 2 of the scores is not a prefix"):
        flat([["a/", {"b": 1.0}], group])


def test_a_score_that_stands_in_two_groups_is_refused():
    with pytest.raises(ValueError, match="a score stands in two groups"):
        flat([["a/", {"b/c": 1.0}], ["a/b/", {"c": 1.0}]])
