"""Boards of simulator tasks: other columns, the same code."""

import json
from dataclasses import replace

import growth
import pytest
from growth import CONSTANT, EXAMPLE, KnownGrowth

from leaderboard.board import boards
from leaderboard.columns import COLUMNS
from leaderboard.load import add, load_folder
from leaderboard.tables import FORMATS, as_text
from zfbench.assess import assess_program
from zfbench.forecaster import Limits
from zfbench.results import MethodRecord
from zfbench.tasks.simulator import SimulatorFamily


@pytest.fixture(scope="module")
def results():
    class Worse(KnownGrowth):
        def log_prob(self, x, theta, context=None):
            return super().log_prob(x, theta, context) - 1

    known = {EXAMPLE: KnownGrowth(), CONSTANT: Worse()}
    family = SimulatorFamily({"growth-tiny": lambda: replace(growth.problem("exact"), exact=known)})
    task, judge = family.load("growth-tiny"), family.seal("growth-tiny").judge()
    methods = {"worse": CONSTANT, "oracle": EXAMPLE}
    return [
        assess_program(source, MethodRecord(name=name, kind="program"), task, judge, seed, Limits())
        for name, source in methods.items()
        for seed in (0, 1)
    ]


def test_results_are_valid_files_and_one_board(results, tmp_path):
    for result in results:
        add(tmp_path, result)
    (board,) = boards(load_folder(tmp_path))
    assert [row.method for row in board.rows] == ["oracle", "worse"]
    assert {column.family for column in board.columns} == {"likelihood", "seconds"}
    assert "circuit" not in board.header.describe()
    assert "held out" not in board.header.describe()


@pytest.mark.parametrize("style", FORMATS)
def test_every_format_shows_them(results, style):
    shown = FORMATS[style](boards(results))
    assert "oracle" in shown
    if style == "json":
        (board,) = json.loads(shown)
        assert "likelihood/log_marginal" in board["rows"][0]["scores"]


def test_the_columns_and_the_legend_are_those_of_likelihoods(results):
    text = as_text(boards(results))
    (board,) = boards(results)
    assert all(column.heading in text for column in board.columns)
    assert not [c.heading for c in COLUMNS if c.family in ("forecast", "connectivity") and c.heading in text]
    assert "Optimism" in text
