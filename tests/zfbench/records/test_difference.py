import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfbench.records.difference import LONGEST, difference, restored

PIECES = st.sampled_from(
    [
        "rate = nn.sigmoid(x)",
        "    return state, activity + rate * own",
        "\n",
        "\r\n",
        "\r",
        "\x0b",
        "\u2028",
        "µ",
        "🐟",
        "",
        " ",
    ]
)
TEXTS = st.one_of(st.lists(PIECES, max_size=12).map("".join), st.text(max_size=60))


@given(TEXTS, TEXTS)
def test_a_text_is_restored_character_by_character(text, known):
    assert restored(json.loads(json.dumps(difference(text, known))), known) == text


@given(TEXTS, st.data())
def test_a_text_with_a_piece_cut_out_is_restored(known, data):
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(known))] * 2)))
    text = known[:start] + known[end:]
    assert restored(difference(text, known), known) == text


def test_what_the_known_text_holds_is_written_as_a_place_and_the_rest_as_it_is():
    known = "    rate = nn.sigmoid(self.rate)\n    return rate\n"
    assert difference(known, known) == [[0, len(known)]]
    assert difference(known.replace("self.rate", "x"), known) == [[0, 22], "x)\n    return rate\n"]
    assert difference("x = 1\n", known) == ["x = 1\n"]
    assert difference("", known) == []


def test_a_line_that_repeats_itself_a_thousand_times_is_a_few_parts():
    known = "activity = activity + rate * (target - activity)\n" * 1000
    assert difference(known, known) == [[0, len(known)]]
    text = known + "end"
    assert restored(difference(text, known), known) == text


@pytest.mark.parametrize(
    "part",
    [None, 1, [], [0], [0, 5, 6], [3, 3], [4, 2], [-1, 4], [0, 99], [0.0, 4], [False, 4], [0, True], ["0", "4"], {}],
)
def test_what_is_no_part_is_named_by_its_number(part):
    with pytest.raises(ValueError, match="part 2 of a difference is neither text nor a place"):
        restored(["a", part], "a known text")


def test_a_small_difference_cannot_become_a_text_that_fills_the_memory():
    known = "x" * 1000
    with pytest.raises(ValueError, match="longer than"):
        restored([[0, 1000]] * (LONGEST // 1000), known)
