import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from typer.testing import CliRunner

from zfbench.base.errors import ZfbenchError
from zfbench.cli.app import app
from zfbench.leaderboard import finding
from zfbench.leaderboard.board import boards
from zfbench.leaderboard.highlights import LIMIT, ROWS, as_markdown, highlights
from zfbench.leaderboard.publish import (
    BEGIN,
    CERTIFIED,
    END,
    FOUND,
    FULL,
    GAPS,
    LIVE,
    PICTURE,
    SHORT,
    publish,
)
from zfbench.leaderboard.shipped import RESULTS
from zfbench.leaderboard.table_files import files_of
from zfbench.records.reading import load_folder
from zfbench.tasks.zfish_table.family import EVALUATED_ON

ROOT = Path(__file__).parents[2]
ATLASES = [files_of(task).picture for task in EVALUATED_ON]
ANYTIMES = [files_of(task).anytime for task in EVALUATED_ON]
OOD, IMPULSE = "forecast/ood/skill_last_value", "dynamics/impulse/error"


@pytest.fixture
def root(tmp_path):
    for path in (SHORT, FULL, CERTIFIED, FOUND, LIVE, GAPS):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(f"before\n{BEGIN}\nstale\n{END}\nafter\n")
    return tmp_path


def row(make, name, kind, seed=0, **scores):
    return make(name, kind=kind, seed=seed, metrics={key.replace("__", "/"): value for key, value in scores.items()})


def search(make, search_method, name, metrics, seed=0):
    return make(seed=seed, metrics=metrics, **search_method(name))


@pytest.fixture
def found(make, search_method):
    results = [
        make("oracle", kind="control", metrics={OOD: 1.0, IMPULSE: 0.0}),
        make("driven_mlp", kind="program", metrics={OOD: 0.25, IMPULSE: 1.5}),
        make("last_value", metrics={OOD: 0.0}),
    ]
    for name, skill in (("puct", 0.4), ("modelsmc", 0.6), ("best_of_n", 0.5)):
        results += [search(make, search_method, name, {OOD: skill + 0.1 * s, IMPULSE: 0.5}, s) for s in (0, 1)]
    return boards(results)


def test_the_tables_replace_what_is_between_the_marks_and_nothing_else(root, found):
    changed = (SHORT, FULL, CERTIFIED, FOUND, PICTURE, GAPS, LIVE, *ATLASES)
    assert publish(root, found) == [root / path for path in changed]
    for path in (SHORT, FULL, CERTIFIED):
        text = (root / path).read_text()
        assert text.startswith("before\n")
        assert text.endswith("after\n")
        assert ("driven" if path == CERTIFIED else "driven_mlp") in text
        assert "stale" not in text
    assert publish(root, found) == []


@pytest.mark.parametrize("path", [SHORT, FULL, CERTIFIED, PICTURE])
def test_what_is_out_of_date_is_named_and_left_alone(root, found, path):
    publish(root, found)
    changed = (root / path).read_text().replace("zfish-tiny/driven" if path == CERTIFIED else "driven_mlp", "another")
    (root / path).write_text(changed)
    with pytest.raises(ZfbenchError, match=rf"{path.name}; run `zfbench publish`"):
        publish(root, found, check=True)
    assert (root / path).read_text() == changed


def test_a_document_without_marks_is_told_which(root, found):
    (root / SHORT).write_text("nothing")
    with pytest.raises(ZfbenchError, match=r"README.md has no place for the table; put the lines .*zfbench publish"):
        publish(root, found)


def test_of_the_searches_the_best_is_shown_and_the_control_without_selection(found):
    shown = highlights(found)
    names = [row.runs[0].method.name for row in shown.rows["driven"]]
    assert names == ["oracle", "modelsmc", "best_of_n", "driven_mlp"]


def test_a_search_that_is_best_and_wanted_by_name_stands_once(make, search_method):
    results = [search(make, search_method, "best_of_n", {OOD: 0.5})]
    shown = highlights(boards(results))
    assert [row.runs[0].method.name for row in shown.rows["driven"]] == ["best_of_n"]


def test_a_search_of_few_seeds_is_not_shown(make, search_method):
    programs = [make("driven_mlp", kind="program", metrics={OOD: 0.1}, seed=seed) for seed in range(4)]
    few = [search(make, search_method, "puct", {OOD: 0.9})]
    names = [row.runs[0].method.name for row in highlights(boards([*programs, *few])).rows["driven"]]
    assert names == ["driven_mlp"]
    assert highlights(boards([*programs[:2], *few])).rows["driven"][0].runs[0].method.name == "puct"


def test_an_error_is_shown_as_what_is_missing_to_one(found):
    lines = as_markdown(highlights(found)).splitlines()
    (black_box,) = [line for line in lines if "driven_mlp" in line]
    assert black_box == "| driven | `driven_mlp` | program | - | 0.25 | - | -0.50 |"
    (best,) = [line for line in lines if "modelsmc" in line]
    assert "**0.65 ± " in best
    assert best.endswith("| **0.50 ± 0.00** |")
    assert "**" not in next(line for line in lines if "oracle" in line)


def test_headline_scores_take_the_place_of_the_older_ones(make):
    parts = {f"headline/{part}": 0.25 for part in ("generalisation", "wiring", "responses", "mean")}
    shown = highlights(boards([make("driven_mlp", kind="program", metrics={OOD: 0.9, **parts})]))
    lines = as_markdown(shown).splitlines()
    assert lines[0] == "| track | method | kind | generalisation | wiring | responses | mean |"
    assert lines[2] == "| driven | `driven_mlp` | program | **0.25** | **0.25** | **0.25** | **0.25** |"


def test_no_table_has_more_than_ten_rows_and_seven_columns():
    assert LIMIT * len(ROWS) <= 10
    table = as_markdown(highlights(boards(load_folder(RESULTS)))).splitlines()
    assert len([line for line in table if line.startswith("|")]) <= 12
    assert table[0].count("|") == 8


def test_the_picture_is_one_mark_for_each_score_and_tells_what_is_off_its_axis(found):
    picture = ET.fromstring(finding.draw(highlights(found)))
    space = "{http://www.w3.org/2000/svg}"
    marks = [path for path in picture.iter(f"{space}path") if path.get("fill") in finding.COLOURS]
    assert len(marks) == 3 * 2 + 3  # three methods with two scores each, and the legend; not the oracle
    words = [text.text for text in picture.iter(f"{space}text")]
    assert "← -0.50" in words
    assert "oracle" not in words


def test_names_in_the_picture_are_no_markup(make):
    shown = highlights(boards([make("driven_mlp", kind="program", metrics={OOD: 0.9})]))
    object.__setattr__(shown, "scores", (type(shown.main)("<b>&", shown.main.names),))
    assert "<b>&" in [element.text for element in ET.fromstring(finding.draw(shown)).iter()]


def test_what_the_repository_shows_fits_its_results():
    if not (ROOT / SHORT).exists():
        pytest.skip("installed without the README")
    assert publish(ROOT, boards(load_folder(RESULTS)), check=True) == []


def test_live_searches_of_each_track_have_a_picture_of_their_own():
    for task, path in zip(EVALUATED_ON.values(), ANYTIMES, strict=True):
        assert f"Lowest loss so far on {task}," in (ROOT / path).read_text(encoding="utf-8")


def test_a_folder_without_the_documents_is_refused_before_the_results_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr("zfbench.records.reading.load_folder", lambda _: pytest.fail("the results were read"))
    done = CliRunner().invoke(app, ["publish", str(tmp_path)])
    assert "Cannot read" in str(done.exception)


def test_the_command_writes_and_checks(root):
    for path in (SHORT, FULL, CERTIFIED, FOUND, PICTURE, LIVE, GAPS, *ANYTIMES, *ATLASES):
        assert (ROOT / path).exists()
        (root / path).parent.mkdir(exist_ok=True, parents=True)
        shutil.copy(ROOT / path, root / path)
    done = CliRunner().invoke(app, ["publish", str(root), "--check"])
    assert (done.exit_code, done.stdout) == (0, "Everything is up to date.\n")
    (root / PICTURE).unlink()
    assert "finding.svg" in CliRunner().invoke(app, ["publish", str(root)]).stdout
