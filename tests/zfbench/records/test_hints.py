import pytest

from zfbench.records.evaluation import Evaluation, Scored
from zfbench.records.hints import advice, blame, blame_hint
from zfbench.records.program import Program, Status
from zfbench.records.recordings import TaskSpec


def test_blame_is_written_as_shares_worst_first():
    assert blame_hint({"A": 1.0, "B": 3.0}) == "blame:B=0.75,A=0.25"


def test_blame_is_read_back():
    assert blame(["be brief", blame_hint({"A": 1.0, "B": 3.0})]) == {"A": 0.25, "B": 0.75}


def test_last_blame_counts_and_other_hints_do_not():
    assert blame(["blame:A=1", "blame:B=1", "think of reset"]) == {"B": 1.0}
    assert blame(["think of reset"]) == {}


def test_group_names_may_contain_an_equals_sign():
    assert blame(["blame:a=b=0.5"]) == {"a=b": 0.5}


@pytest.mark.parametrize("hint", ["blame:", "blame:A", "blame:A=much", "blame:A=-1", "blame:=1", "blame:A=nan"])
def test_malformed_blame_is_refused(hint):
    with pytest.raises(ValueError, match="not of the form"):
        blame([hint])


@pytest.mark.parametrize("errors", [{}, {"A": 0.0}, {"A": -1.0, "B": 3.0}, {"A": float("nan")}])
def test_blame_needs_positive_finite_errors(errors):
    with pytest.raises(ValueError, match="blame needs"):
        blame_hint(errors)


SPEC = TaskSpec("toy", "", "", 1.0, 4, 4, ("a", "b", "c"), ("A", "B", "B"), ())


def parent(**metrics):
    return Scored(Program("p"), Evaluation(Status.OK, 1.0, metrics=metrics))


def test_every_request_is_advised_by_the_last_parents_own_errors_as_the_loss_weighs_them():
    parents = (
        parent(**{"blame_share/A": 9.0, "blame_share/B": 0.0}),
        parent(**{"blame_share/A": 0.2, "blame_share/B": 0.6, "blame/A": 7.0, "blame/B": 0.1}),
    )
    assert blame(advice(SPEC.groups, parents)) == {"A": 0.25, "B": 0.75}


def test_no_advice_without_a_measured_parent():
    assert advice(SPEC.groups, ()) == ()
    assert advice(SPEC.groups, (parent(),)) == ()
    assert advice(SPEC.groups, (parent(**{"blame_share/A": 0.0}),)) == ()
    assert advice(SPEC.groups, (Scored(Program("p"), Evaluation(Status.ERROR)),)) == ()
