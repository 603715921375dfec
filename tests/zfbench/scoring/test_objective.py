import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfbench.base.errors import ZfbenchError
from zfbench.scoring.objective import FLOOR, balanced_error

ERRORS = st.dictionaries(st.text(min_size=1, max_size=3), st.floats(1e-6, 1.0), min_size=1, max_size=8)


@given(ERRORS)
def test_the_last_value_has_one_and_the_truth_the_floor(references):
    assert balanced_error(references, references) == pytest.approx(1.0)
    none = dict.fromkeys(references, 0.0)
    assert balanced_error(none, references) == pytest.approx(FLOOR / (1 + FLOOR))


@given(ERRORS, st.floats(1e-3, 1e3))
def test_the_scale_of_a_group_does_not_count(references, factor):
    errors = {group: error * 0.3 for group, error in references.items()}
    scaled = {group: error * factor for group, error in references.items()}
    assert balanced_error({g: e * factor for g, e in errors.items()}, scaled) == pytest.approx(
        balanced_error(errors, references)
    )


def test_a_group_halved_counts_alike_wherever_it_stands_but_for_the_floor():
    references = {"A": 1.0, "B": 0.001}
    one, other = balanced_error({"A": 0.5, "B": 0.001}, references), balanced_error({"A": 1.0, "B": 0.0005}, references)
    assert one == pytest.approx(other) == pytest.approx(math.sqrt(0.51 / 1.01))


def test_finishing_one_group_is_worth_less_than_a_bare_logarithm_would_give():
    references = {"A": 1.0, "B": 1.0}
    perfect, nearly = (
        balanced_error({"A": 0.0, "B": 1.0}, references),
        balanced_error({"A": 1e-6, "B": 1.0}, references),
    )
    assert perfect == pytest.approx(nearly, rel=1e-3)


def test_groups_without_a_scale_are_left_out():
    assert balanced_error({"A": 0.5, "B": 9.0, "C": None}, {"A": 1.0, "B": 0.0, "C": None}) == pytest.approx(
        0.51 / 1.01
    )
    with pytest.raises(ZfbenchError, match="No group's activity changes"):
        balanced_error({"A": 0.5}, {"A": 0.0})
