import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfbench.records.columns import packed, records

ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "parents": st.lists(st.integers(1, 9), max_size=2),
            "status": st.sampled_from(["ok", "error"]),
            "loss": st.none() | st.sampled_from([0.5, 1.0]),
            "updates": st.sampled_from([0, 1, 1000]) | st.integers(),
            "same": st.just("same"),
        }
    )
)


@given(ROWS)
def test_rows_are_read_back_from_the_columns_of_a_file(rows):
    columns = {name: [row[name] for row in rows] for name in rows[0]} if rows else {}
    read = records(json.loads(json.dumps(packed(columns))))
    assert read == rows
    assert all(
        type(value) is type(row[name]) for row, known in zip(rows, read, strict=True) for name, value in known.items()
    )


def test_what_repeats_itself_is_written_once():
    columns = {
        "parents": [[]] * 40,
        "status": ["ok"] * 40,
        "updates": list(range(1000, 41_000, 1000)),
        "loss": [0.5] * 40,
    }
    assert packed(columns) == columns | {"status": {"runs": [["ok", 40]]}, "updates": {"steps": [[1000, 40]]}}


def test_a_column_is_as_it_was_where_nothing_is_gained():
    columns = {"parents": [[], [1]], "program": ["ab", "cd"], "tokens": [3, 17]}
    assert packed(columns) == columns


@pytest.mark.parametrize(
    "column",
    [
        "ab",
        None,
        {},
        {"runs": "ab"},
        {"runs": None},
        {"runs": [["ok", 1]]},
        {"runs": [["ok", 10**12]]},
        {"runs": [["ok", 3], ["ok", -1]]},
        {"runs": [["ok", 1.0], ["ok", True]]},
        {"runs": [["ok", "2"]]},
        {"runs": [["ok"], ["ok"]]},
        {"runs": ["ok", "ok"]},
        {"runs": [["ok", 2]], "steps": [[1, 2]]},
        {"steps": [["1", 2]]},
        {"steps": [[True, 2]]},
        {"steps": [[0.5, 2]]},
        {"turns": [["ok", 2]]},
    ],
)
def test_what_is_no_column_is_named(column):
    with pytest.raises(ValueError, match="its column status is not a list, and not runs or steps"):
        records({"parents": [[], [1]], "status": column})


def test_lists_of_different_lengths_are_refused_and_runs_need_a_list_beside_them():
    with pytest.raises(ValueError, match="different lengths"):
        records({"parents": [[]], "loss": [0.5, 0.5]})
    with pytest.raises(ValueError, match="its column status"):
        records({"status": {"runs": [["ok", 1]]}})
