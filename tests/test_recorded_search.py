"""The recorded search is small, whole, and says what its event log says."""

import re
import tarfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from zfbench.cli.app import app
from zfbench.discoverers.proposers.grammar.proposer import GrammarProposer
from zfbench.forecasting.contract import CONTRACT
from zfbench.records.reading import load
from zfbench.records.result import BENCHMARK_VERSION
from zfbench.search.eventlog import read_log
from zfbench.search.tree import draw_text, family

EXAMPLE = Path(__file__).parents[1] / "examples" / "recorded_search"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    with tarfile.open(EXAMPLE / "run.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder / "run"


def test_it_is_small_and_every_file_is_named():
    assert sum(path.stat().st_size for path in EXAMPLE.iterdir()) < 200_000
    named = set(re.findall(r"^\| `([\w.]+)`", (EXAMPLE / "README.md").read_text(), re.MULTILINE))
    assert {path.name for path in EXAMPLE.iterdir()} == named | {"README.md", "export.py"}


def test_the_tree_is_that_of_the_event_log(run):
    members = family(read_log(run / "log.jsonl").events)
    assert len(members) >= 15
    assert (EXAMPLE / "tree.txt").read_text() == draw_text(members) + "\n"


def test_the_programs_are_the_seed_and_the_best_as_screened(run):
    found = [member.scored for member in family(read_log(run / "log.jsonl").events)]
    best = sorted(found, key=lambda scored: scored.evaluation.loss)[:3]
    text = (EXAMPLE / "programs.txt").read_text()
    assert [float(loss) for loss in re.findall(r"validation loss ([\d.]+)", text)] == pytest.approx(
        [scored.evaluation.loss for scored in (found[0], *best)], abs=1e-4
    )
    assert all(scored.program.source in text for scored in (found[0], *best))


def test_the_result_is_that_of_the_run_and_of_the_method_that_is_told(run):
    result = load(EXAMPLE / "result.json")
    assert result == load(run / "result.json")
    assert (result.method.name, result.method.proposer, result.seed, result.status) == ("puct", "grammar", 0, "ok")
    assert result.program.source == (run / "best.py").read_text()


def test_it_is_shown_by_the_command(run):
    done = CliRunner().invoke(app, ["show", str(run)])
    assert done.exit_code == 0
    assert (EXAMPLE / "tree.txt").read_text().strip() in done.stdout


def test_it_is_replayed_by_this_version_and_the_page_says_of_which_it_is(run):
    done = CliRunner().invoke(app, ["replay", str(run)])
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "result.json agrees.")
    result, page = load(EXAMPLE / "result.json"), " ".join((EXAMPLE / "README.md").read_text().split())
    assert f"its result is of benchmark version {result.benchmark_version}, so it stands on no board" in page
    assert result.benchmark_version < BENCHMARK_VERSION
    version = read_log(run / "log.jsonl").events[0].body["proposer_version"]
    assert f"its programs are of version {version} of the proposer" in page
    assert version < GrammarProposer.version


def test_the_prompt_tells_the_task_and_the_contract():
    text = (EXAMPLE / "prompt.txt").read_text()
    assert CONTRACT in text  # run export.py when the contract has changed
    assert "nMLF" in text
