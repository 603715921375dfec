"""A race and a landscape as Markdown: every method and pair is there, and the page is one function of two files."""

import json
from pathlib import Path

import pytest
from toy_table import NAME, family
from typer.testing import CliRunner

from zfbench.base.errors import DamagedFileError, ZfbenchError
from zfbench.cli.app import app
from zfbench.leaderboard.analyses.landscape import describe
from zfbench.leaderboard.analyses.race import race
from zfbench.leaderboard.analyses.table_report import landscape_text, page, race_heading, race_text, read
from zfbench.leaderboard.statistics import Interval, seeds_needed
from zfbench.leaderboard.table_files import files_of
from zfbench.runs.tasks import LoadedTask

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    return LoadedTask(NAME, family(tmp_path_factory.mktemp("tables")))


@pytest.fixture(scope="module")
def raced(loaded):
    return race(loaded, ["random_walk", "puct"], range(20), (10, 30)).to_json()


@pytest.fixture(scope="module")
def described(loaded):
    return describe(loaded)


def test_the_best_method_of_each_budget_comes_first(raced):
    text = race_text(raced)
    assert text.count("### ") == 2
    assert text.index("`puct`") < text.index("`random_walk`")
    assert "1 of 1 pairs differ significantly." in text
    (gap,) = (pair["regret"] for pair in raced["pairs"] if pair["significant"])
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in text.splitlines()]
    ((better, worse, difference, _, _, _, needed),) = (row for row in rows if len(row) == 7 and row[5] == "yes")
    assert (better, worse) == ("`puct`", "`random_walk`")
    assert float(difference) == pytest.approx(abs(gap["mean"]), abs=1e-4)
    assert needed == str(seeds_needed(Interval(gap["mean"], gap["low"], gap["high"], 20)))
    assert "2 methods with 20 seeds each (0 to 19) on `zfish-table/masked`, 54 programs" in race_heading(raced)


def test_pairs_that_do_not_differ_are_shown_with_their_interval(loaded):
    found = race(loaded, ["random_walk", "uniform_draws"], range(2), (2,)).to_json()
    text = race_text(found)
    assert "0 of 1 pairs differ significantly." in text
    gap = found["pairs"][0]["regret"]
    low, high = (gap["low"], gap["high"]) if gap["mean"] > 0 else (-gap["high"], -gap["low"])
    assert low < 0 < high
    (row,) = (line for line in text.splitlines() if "`uniform_draws`" in line and "`random_walk`" in line)
    assert f"| {low:.4f} to {high:.4f} |" in " ".join(row.split())
    assert [cell.strip() for cell in row.strip("| ").split("|")][-2:] == ["no", "-"]


def test_a_landscape_shows_steps_choices_noise_and_the_judge(described):
    text = landscape_text(described)
    for part in (
        "start to optimum",
        "linear (true)",
        "sd between programs",
        "headline/responses",
        "Of the 54 programs of the table, 27 were trained in full.",
        "Of the 27 programs with true, ",
    ):
        assert part in text
    bare = landscape_text(described | {"noise": None, "atlas": None})
    assert "headline" not in bare
    assert "sd between" not in bare


def test_the_page_is_of_one_table(raced, described):
    text = page(raced, described)
    assert "zfbench table race zfish-table/masked --seeds 20 --budget 10 --budget 30 \\\n      --out" in text
    assert landscape_text(described) in text
    made = described["made"]
    assert f"54 programs of a finite space, each trained with {made['updates']:,} updates on `{made['task']}`" in text
    assert f"\n    {made['command']}\n" in text
    assert "table-masked.md" in text
    assert "gate of the group S.\n" in text
    alone = {**described, "landscape": {**described["landscape"], "choices": described["landscape"]["choices"][:-1]}}
    assert "gate of the group S; and its last slot has one choice, all." in page(raced, alone)
    assert "images/atlas-masked.svg" in text
    with pytest.raises(ZfbenchError, match="no race and landscape, in this order, of the same table"):
        page(raced | {"table_sha256": "0"}, described)
    with pytest.raises(ZfbenchError, match="in this order"):
        page(described, raced)


def test_the_numbers_survive_their_file(raced, described, tmp_path):
    for name, content in (("race", raced), ("landscape", described)):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    assert page(read(tmp_path / "race.json"), read(tmp_path / "landscape.json")) == page(raced, described)
    (tmp_path / "race.json").write_text("{")
    with pytest.raises(DamagedFileError, match="holds no race and no landscape"):
        read(tmp_path / "race.json")
    with pytest.raises(ZfbenchError):
        read(tmp_path / "missing.json")


def test_the_command_prints_the_page_and_says_what_it_lacks(tmp_path):
    files = files_of("zfish-table/masked")
    race, landscape = ROOT / files.race, ROOT / files.landscape
    report = ("table", "report", str(race))
    printed = CliRunner().invoke(app, [*report, str(landscape)])
    assert printed.stdout == page(read(race), read(landscape))
    written = CliRunner().invoke(app, [*report, str(landscape), "--to", str(tmp_path / "table.md")])
    assert (written.exit_code, (tmp_path / "table.md").read_text()) == (0, printed.stdout)
    assert "needs the landscape of the same table" in str(CliRunner().invoke(app, report).exception)
    assert "--check needs --to" in str(CliRunner().invoke(app, [*report, str(landscape), "--check"]).exception)
