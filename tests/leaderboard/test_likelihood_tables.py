"""Boards of simulator tasks: other columns, the same code."""

import json
import re
from dataclasses import replace

import growth
import pytest
from growth import CONSTANT, EXAMPLE, KnownGrowth

from zfbench.leaderboard.board import boards
from zfbench.leaderboard.columns import COLUMNS
from zfbench.leaderboard.site.build import build
from zfbench.leaderboard.tables import FORMATS, as_text, written
from zfbench.records.limits import Limits
from zfbench.records.reading import add, load_folder
from zfbench.records.result import Evaluated, MethodRecord
from zfbench.records.spend import Spend
from zfbench.runs.judge import judge_program
from zfbench.runs.tasks import LoadedTask
from zfbench.simulators.family import SimulatorFamily


@pytest.fixture(scope="module")
def results():
    class Worse(KnownGrowth):
        def log_prob(self, x, theta, context=None):
            return super().log_prob(x, theta, context) - 1

    known = {EXAMPLE: KnownGrowth(), CONSTANT: Worse()}
    family = SimulatorFamily({"growth-tiny": lambda: replace(growth.problem("exact"), exact=known)})
    task = LoadedTask("growth-tiny", family)
    methods = {"worse": CONSTANT, "oracle": EXAMPLE}
    return [
        judge_program(source, MethodRecord(name=name, kind="program"), task, seed, Limits())
        for name, source in methods.items()
        for seed in (0, 1)
    ]


def test_results_are_valid_files_and_one_board(results, tmp_path):
    for result in results:
        add(tmp_path, result)
    (board,) = boards(load_folder(tmp_path))
    assert [row.method for row in board.rows] == ["oracle", "worse"]
    assert {column.family for column in board.columns} == {"likelihood", "seconds"}
    assert set(board.columns) <= set(COLUMNS)
    assert "circuit" not in board.header.describe()
    assert "held out" not in board.header.describe()


@pytest.mark.parametrize("style", FORMATS)
def test_every_format_shows_them(results, style):
    shown = written(boards(results), style)
    assert "oracle" in shown
    if style == "json":
        (board,) = json.loads(shown)
        assert "likelihood/log_marginal" in board["rows"][0]["scores"]


def test_the_columns_and_the_legend_are_those_of_likelihoods(results):
    text = as_text(boards(results), every=True)
    assert all(column.heading in text for column in boards(results)[0].columns)
    assert "log p held out" in text
    assert "OOD MAE" not in text
    assert "Optimism" in text
    assert COLUMNS[0].heading not in text


def test_a_board_of_mixtures_says_that_it_is_one(results):
    """All of them have a circuit, the target's number, and none is the larva's."""
    circuit = results[0].task.model_copy(update={"name": "mixtures/exact@target:0", "circuit": "target:0"})
    (board,) = boards([results[0].model_copy(update={"task": circuit})])
    assert board.title == "mixtures/exact@target:0"


def test_the_page_shows_their_search(results, search_method, tmp_path):
    """Losses are negative log likelihoods, and there is no last value to set targets by."""
    spends = [Spend(evaluations=k, device_seconds=float(k)) for k in (1, 2, 3)]
    told = (
        Evaluated(program="a" * 12, operator="seed", status="ok", loss=3.0, spend=spends[0]),
        Evaluated(program="b" * 12, operator="mutate", parents=(1,), status="timeout", spend=spends[1]),
        Evaluated(program="c" * 12, operator="mutate", parents=(1,), status="ok", loss=-8.0, spend=spends[2]),
    )
    searched = search_method(proposer="epidemics", budget={"evaluations": 3})
    metrics = {"likelihood/log_marginal": 7.0, "likelihood/optimism": -0.5}
    searches = [
        run.model_copy(update={**searched, "evaluated": told, "metrics": metrics})
        for run in results
        if run.method.name == "worse"
    ]
    for run in (*results, *searches):
        add(tmp_path / "results", run)
    page, *rest = build(boards(load_folder(tmp_path / "results")), tmp_path / "page")
    text = page.read_text(encoding="utf-8")
    assert "Anytime" in text
    assert not re.search(r'="[^"]*\b(nan|inf)\b', text)  # no coordinate is lost
    (own,) = [path for path in rest if "puct" in path.name]
    assert 'class="descent"' in own.read_text(encoding="utf-8")
