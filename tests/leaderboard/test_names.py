"""The names of methods in tables: what tells one from another is said, and nothing else."""

import re

import pytest

from zfbench.leaderboard.board import boards


@pytest.mark.parametrize(
    ("record", "shown"),
    [
        ({}, ""),
        ({"settings": {"c": 2.0, "b": "x"}}, " (b=x, c=2.0)"),
        ({"proposer_settings": {"c": 2.0}}, " (c=2.0)"),
        ({"settings": {"c": 1}, "proposer_settings": {"c": 2}}, " (discoverer c=1, proposer c=2)"),
        ({"options": {"finalists": 0}}, " (finalists=0)"),
        ({"options": {"patience": 7}}, " (patience=7)"),
        ({"options": {"ideas": ("x",)}}, ' (ideas=["x"])'),
        ({"settings": {"finalists": 3}, "options": {"finalists": 0}}, " (discoverer finalists=3, search finalists=0)"),
        ({"settings": {"patience": 3}}, " (patience=3)"),
    ],
)
def test_a_methods_name_says_how_it_differs(make, search_method, record, shown):
    (board,) = boards([make(**search_method(**record))])
    assert board.rows[0].method == "puct + grammar" + shown


def test_methods_that_differ_in_settings_options_or_what_the_proposer_is_are_different_rows(make, search_method):
    records = (
        {},
        {"settings": {"c": 1.0}},
        {"proposer_settings": {"c": 2.0}},
        {"settings": {"c": 2.0}, "proposer_settings": {"c": 1.0}},
        {"settings": {"c": 1.0}, "proposer_settings": {"c": 1.0}},
        {"options": {"patience": 3}},
        {"proposer_identity": {"model": "a"}},
        {"proposer_identity": {"model": "b"}},
    )
    (board,) = boards([make(**search_method(**record)) for record in records])
    assert all(len(row.runs) == 1 for row in board.rows)
    assert len(board.rows) == len(records)


def test_versions_of_a_proposer_are_rows_whose_names_say_so_where_both_are_there(make, search_method):
    old, new = (make(**search_method(proposer_version=version)) for version in (None, 2))
    (alone,) = boards([new])
    assert [row.method for row in alone.rows] == ["puct + grammar"]
    (both,) = boards([old, new])
    names = {row.runs[0].method.proposer_version: row.method for row in both.rows}
    assert names == {
        None: "puct + grammar, proposer version not recorded",
        2: "puct + grammar, proposer version 2",
    }


def test_long_settings_and_what_a_proposer_says_of_itself_are_told_by_a_hash(make, search_method):
    for record in ({"proposer_settings": {"prompts": "a" * 64}}, {"proposer_identity": {"prompts": "a" * 64}}):
        (board,) = boards([make(**search_method(proposer="llm", **record))])
        assert re.fullmatch(r"puct \+ llm \((prompts|proposer) [0-9a-f]{6}\)", board.rows[0].method)
