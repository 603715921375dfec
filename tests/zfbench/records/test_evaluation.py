import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfbench.records.evaluation import Evaluation, Request
from zfbench.records.program import Program, Status, normalise
from zfbench.records.spend import Spend

spends = st.builds(Spend, st.integers(0, 99), st.integers(0, 99), st.floats(0, 9), st.floats(0, 9), st.integers(0, 99))


def test_program_id_is_the_sha256_of_the_normalised_source():
    assert Program("a = 1\n").id == hashlib.sha256(b"a = 1\n").hexdigest()


@pytest.mark.parametrize("source", ["a = 1", "\n\na = 1  \n\n", "a = 1\r\n", "a = 1\t\r"])
def test_layout_at_line_ends_does_not_change_the_id(source):
    assert Program(source).id == Program("a = 1\n").id


def test_indentation_comments_and_ancestry_matter_or_not_to_the_id():
    assert Program(" a = 1").id != Program("a = 1").id
    assert Program("a = 1  # one").id != Program("a = 1").id
    assert Program("a = 1", ("b",), "mutate", "why").id == Program("a = 1").id


@given(st.text())
def test_normalising_twice_changes_nothing(source):
    assert normalise(normalise(source)) == normalise(source)


@given(st.text(st.characters()))
def test_program_survives_json(source):
    program = Program(source, ("p", "q"), "recombine", "why")
    assert Program.from_json(json.loads(json.dumps(program.to_json()))) == program


def test_lone_surrogates_of_a_language_model_are_programs_too():
    program = Program("x = '\ud800'")
    assert Program.from_json(json.loads(json.dumps(program.to_json()))) == program


def test_program_with_a_false_id_is_refused():
    with pytest.raises(ValueError, match="written beside it"):
        Program.from_json({**Program("a = 1").to_json(), "source": "a = 2"})


def test_request_and_evaluation_survive_json():
    request = Request(3, "mutate", ("p",), ("blame:A=1",))
    good = Evaluation(Status.OK, 0.1, -3.5, {"mae": 0.2}, "fine", Spend(1, 2, 3.5, 4.5, 6))
    bad = Evaluation(Status.TIMEOUT, feedback="too slow")
    for record in (request, good, bad):
        assert type(record).from_json(json.loads(json.dumps(record.to_json()))) == record


def test_unknown_operator_is_refused():
    with pytest.raises(ValueError, match="no operator 'guess'"):
        Request(0, "guess")


@pytest.mark.parametrize(
    ("status", "loss"),
    [(Status.OK, None), (Status.OK, float("nan")), (Status.OK, float("inf")), (Status.ERROR, 1.0)],
)
def test_only_working_programs_have_a_loss_and_it_is_finite(status, loss):
    with pytest.raises(ValueError, match="loss"):
        Evaluation(status, loss)


def test_undefined_metrics_are_refused():
    with pytest.raises(ValueError, match="auroc is nan"):
        Evaluation(Status.OK, 1.0, metrics={"auroc": float("nan")})


@given(spends, spends)
def test_spends_add_up_and_what_is_left_is_never_negative(a, b):
    assert (a + b).tokens == a.tokens + b.tokens
    assert (a + b).minus(b).evaluations == a.evaluations
    assert a.minus(a + b) == Spend()


@given(spends)
def test_spend_survives_json(spend):
    assert Spend.from_json(json.loads(json.dumps(spend.to_json()))) == spend


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_spend_must_be_finite_and_not_negative(value):
    with pytest.raises(ValueError, match="device_seconds"):
        Spend(device_seconds=value)
