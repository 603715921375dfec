"""Tables for a terminal: six scores of a result beside references, and the rows of a board by track."""

import io

import pytest
from rich.console import Console

from zfbench.leaderboard import terminal
from zfbench.leaderboard.board import boards
from zfbench.leaderboard.shipped import RESULTS
from zfbench.leaderboard.terminal import compare, overview, references
from zfbench.records.reading import load

SIX = {
    "forecast/id/skill_last_value": 0.9,
    "forecast/ood/skill_last_value": 0.4,
    "connectivity/wiring/in_mask/lift": 0.3,
    "connectivity/wiring/sign_accuracy": 0.8,
    "dynamics/impulse/error": 0.25,
    "intervention/error": 1.5,
}


def printed(table, width=80):
    screen = io.StringIO()
    Console(file=screen, width=width).print(table)
    return screen.getvalue()


@pytest.fixture(scope="module")
def committed():
    return load(next(RESULTS.glob("zfish-tiny-masked__masked_leaky_sigmoid__seed0.json")))


def test_six_scores_are_shown_from_knowing_nothing_to_the_true_circuit(make):
    lines = printed(compare(make("mine", kind="program", metrics=SIX), [])).splitlines()
    assert [line.split()[-1] for line in lines[:7]] == ["this", "0.90", "0.40", "0.30", "0.60", "0.75", "-0.50"]


def test_the_scale_of_a_track_without_the_drive_is_that_of_forecasts(make):
    shown = {
        track: " ".join(printed(compare(make(metrics=SIX, track=track), [])).split())
        for track in ("autonomous", "driven")
    }
    assert "1: no error, which no forecast reaches without the drive" in shown["autonomous"]
    assert "the true circuit" not in shown["autonomous"]
    assert "0: knows nothing of what is measured; 1: the true circuit." in shown["driven"]


def test_headline_scores_come_first(make):
    parts = {f"headline/{part}": 0.1 for part in ("generalisation", "wiring", "responses", "mean")}
    lines = printed(compare(make(metrics=SIX | parts), [])).splitlines()
    assert [line.split()[0] for line in lines[1:7]] == [
        "generalisation", "wiring", "responses", "mean", "familiar", "held-out",
    ]  # fmt: skip
    assert lines[5].split()[-1] == "0.90"


def test_a_result_without_such_scores_has_no_table(make):
    assert compare(make(metrics={"likelihood/log_marginal": -3.0}), []) is None


def test_the_references_are_the_black_box_of_the_track_and_the_true_circuit(committed):
    beside = references(committed)
    assert [row.runs[0].method.name for row in beside] == ["masked_mlp", "oracle"]
    assert len(beside[0].runs) == 10
    lines = printed(compare(committed, beside)).splitlines()
    assert lines[0].split() == ["score", "this", "masked_mlp", "oracle"]
    assert lines[1].split()[-1] == "1.00"


def test_a_method_is_not_compared_with_itself(committed):
    oracle = load(next(RESULTS.glob("zfish-tiny-masked__oracle__seed0.json")))
    assert [row.runs[0].method.name for row in references(oracle)] == ["masked_mlp"]


@pytest.mark.parametrize("change", ["data", "version", "track", "folder"])
def test_results_on_other_data_of_another_version_or_not_installed_are_no_references(
    committed, change, monkeypatch, tmp_path
):
    other = committed
    if change == "data":
        other = committed.model_copy(update={"task": committed.task.model_copy(update={"data_sha256": "0" * 64})})
    elif change == "version":
        other = committed.model_copy(update={"benchmark_version": 99})
    elif change == "track":
        other = committed.model_copy(update={"task": committed.task.model_copy(update={"track": "none"})})
    else:
        monkeypatch.setattr(terminal, "RESULTS", tmp_path / "nowhere")
    assert references(other) == []


@pytest.mark.parametrize("width", [50, 60, 80])
def test_no_table_is_wider_than_the_terminal(committed, width):
    tables = [compare(committed, references(committed)), *overview(*boards([committed]))]
    assert all(len(line) <= width for table in tables for line in printed(table, width).splitlines())


def test_the_overview_has_a_table_for_each_track_and_a_row_for_each_method(make):
    found = boards([make("a", metrics=SIX, track=track) for track in ("driven", "masked")] + [make("b", metrics=SIX)])
    titles = {str(table.title): table.row_count for board in found for table in overview(board)}
    assert titles == {"track driven": 2, "track masked": 1}


def test_names_are_no_markup(make):
    (table,) = overview(boards([make("[red]a", metrics=SIX)])[0])
    assert "[red]a" in printed(table)
