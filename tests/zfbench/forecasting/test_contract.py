import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfbench.forecasting.contract import CONTRACT, EXAMPLE, LEARNING_RATES, LOSSES, TrainingChoice
from zfbench.records.program import CandidateError, Status
from zfbench.records.source import SOURCE_LIMIT, check_source

MODEL = """
class Model:
    def initial_state(self, batch): ...
    def __call__(self, state, activity, drive): ...
"""


def test_example_satisfies_the_static_checks_and_stands_in_the_contract():
    check_source(EXAMPLE)
    assert CONTRACT.endswith(EXAMPLE)
    assert all(f"'{name}'" in CONTRACT for name in LOSSES)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def f(:\n", "line 1"),
        ("x = 1", "class `Model`"),
        (MODEL.replace("initial_state", "initial"), "`initial_state`"),
        (MODEL.replace("__call__", "forward"), "`__call__`"),
        (MODEL + "#" * SOURCE_LIMIT, "bytes"),
        ("(" * 5_000, "parse"),
        ("-" * 50_000 + "1", "parse"),
        ("x = '\0'", "parse"),
    ],
)
def test_faulty_source_is_invalid_and_the_sentence_says_why(source, said):
    with pytest.raises(CandidateError, match=said) as caught:
        check_source(source)
    assert caught.value.status is Status.INVALID


def test_size_limit_counts_bytes_and_includes_its_bound():
    check_source(MODEL + "#" * (SOURCE_LIMIT - len(MODEL)))
    with pytest.raises(CandidateError, match="bytes"):
        check_source(MODEL + "#é" + "#" * (SOURCE_LIMIT - len(MODEL) - 2))


@given(
    loss=st.sampled_from([None, *LOSSES]),
    rate=st.sampled_from([None, *LEARNING_RATES]),
    recurrent=st.booleans(),
    updates=st.integers(1, 10_000),
)
def test_a_choice_that_is_made_is_kept(loss, rate, recurrent, updates):
    declared = {k: v for k, v in {"loss": loss, "learning_rate": rate}.items() if v is not None}
    chosen = TrainingChoice.parse(declared).resolve(recurrent, updates)
    assert loss in (None, chosen[0])
    assert rate in (None, chosen[1])


@pytest.mark.parametrize(
    ("declared", "recurrent", "updates", "expected"),
    [
        (None, False, 2_000, ("curriculum", 0.03)),
        (None, False, 2_001, ("curriculum", 0.01)),
        (None, True, 100, ("rollout", 0.01)),
        ({"loss": "one_step"}, True, 100, ("one_step", 0.03)),
        ({"learning_rate": 0.03}, False, 9_000, ("curriculum", 0.03)),
    ],
)
def test_defaults_follow_hidden_state_and_length(declared, recurrent, updates, expected):
    assert TrainingChoice.parse(declared).resolve(recurrent, updates) == expected


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"loss": "rolout"}, "did you mean 'rollout'"),
        ({"loss": ["rollout"]}, "did you mean 'rollout'"),
        ({"learning_rte": 0.01}, "did you mean 'learning_rate'"),
        ({"learning_rate": 0.02}, "the nearest is 0.03"),
        ({"learning_rate": 1e-9}, "the nearest is 0.003"),
        ({"learning_rate": float("nan")}, "the nearest is 0.01"),
        ({"learning_rate": True}, "learning rate"),
        ("rollout", "must be a dict"),
        ({3: 4}, "no setting 3"),
    ],
)
def test_unknown_choices_are_invalid_with_the_nearest_name(declared, said):
    with pytest.raises(CandidateError, match=said) as caught:
        TrainingChoice.parse(declared)
    assert caught.value.status is Status.INVALID
