"""Submitted results keep rules of their own: facts, names, event logs and valid files; other tests leave them alone."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import zfbench
from zfbench.cli.app import app
from zfbench.discoverers.best_of_n import BestOfN
from zfbench.leaderboard.shipped import RESULTS
from zfbench.records.reading import EVENT_LOG, file_name, load, load_folder, result_files
from zfbench.runs.plan import RESULT
from zfbench.runs.validation import validate

SUBMISSIONS = Path(__file__).parents[1] / "leaderboard" / "submissions"
RULES = (SUBMISSIONS / "README.md").read_text(encoding="utf-8")
FACT = re.compile(r"^- (\w+): (\S.*)$", re.MULTILINE)
FACTS = dict(FACT.findall(RULES))  # what the rules ask for, with what each has to say


def faults_of(folder, published):
    """A sentence for each rule that a submission breaks."""
    readme = folder / "README.md"
    told = dict(FACT.findall(readme.read_text(encoding="utf-8"))) if readme.exists() else {}
    found = [f"README.md lacks the fact '- {fact}: ...'" for fact in FACTS if told.get(fact) in (None, FACTS[fact])]
    checked = validate(result_files(folder), published)
    found += checked.faults
    for path, result in checked.valid.items():
        has_log = (path.parent / EVENT_LOG).exists()
        if result.search is not None and not (path.name == RESULT and has_log):
            found.append(f"{path} is of a search and is not in the folder of its run, with its event log")
        if result.search is None and path.name != file_name(result):
            found.append(f"{path} has to be called {file_name(result)}")
    return found


@pytest.fixture(scope="module")
def published():
    return load_folder(RESULTS)


def test_every_submission_keeps_the_rules(published, data_cache):
    folders = [path for path in SUBMISSIONS.iterdir() if path.is_dir()]
    assert {path.name: found for path in folders if (found := faults_of(path, published))} == {}
    assert [path.name for path in SUBMISSIONS.iterdir() if not path.is_dir()] == ["README.md"]


class Halfway:
    """A model of a stranger's: half the activity of the step before."""

    depends_on_seed = False

    def fit(self, train, validation, limits):
        pass

    def forecast(self, context, drive):
        steps = np.arange(1, drive.shape[1] - context.shape[1] + 1)[:, None]
        return (context[:, -1:] * 0.5**steps).astype(np.float32)


class Elsewhere(BestOfN):
    """A search method of a stranger's."""


@pytest.fixture(scope="module")
def made(tmp_path_factory, data_cache):
    """A submission of a model and of a search, made as the page says."""
    folder = tmp_path_factory.mktemp("submissions") / "halfway"
    zfbench.add_result(zfbench.judge(Halfway(), "zfish-tiny/driven"), folder)
    given = {"budget": {"evaluations": 3}, "finalists": 0, "folder": folder / "search-0"}
    zfbench.run("zfish-table/masked", Elsewhere, **given)
    facts = "".join(f"- {fact}: something of {fact}\n" for fact in FACTS)
    (folder / "README.md").write_text(f"# Halfway\n\n{facts}")
    return folder


@pytest.fixture
def submission(made, tmp_path):
    return shutil.copytree(made, tmp_path / made.name)


def test_a_submission_that_was_made_as_the_page_says_keeps_the_rules(submission, published):
    assert len(result_files(submission)) == 2
    assert faults_of(submission, published) == []
    options = ["--with-published", "--task", "zfish-tiny/driven", "--format", "json"]
    done = CliRunner().invoke(app, ["leaderboard", str(submission), *options])
    assert any(row["method"] == "Halfway" for board in json.loads(done.stdout) for row in board["rows"])


def rename(folder):
    next(folder.glob("*Halfway*.json")).rename(folder / "mine.json")


def take_a_search_out_of_its_run(folder):
    result = load(folder / "search-0" / RESULT)
    zfbench.add_result(result, folder)
    shutil.rmtree(folder / "search-0")


def edit(folder):
    path = next(folder.glob("*Halfway*.json"))
    path.write_text(path.read_text().replace('"seed": 0', '"seed": -1'))


def copy_a_published_result(folder):
    shutil.copy(RESULTS / "zfish-tiny-driven__driven_mlp__seed0.json", folder)
    path = folder / "zfish-tiny-driven__driven_mlp__seed0.json"
    path.write_text(path.read_text().replace('"name": "driven_mlp"', '"name": "mine"'))
    path.rename(folder / "zfish-tiny-driven__mine__seed0.json")


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda folder: (folder / "README.md").unlink(), "README.md lacks the fact '- code: ...'"),
        (lambda folder: (folder / "README.md").write_text(RULES), "README.md lacks the fact '- machine: ...'"),
        (rename, "mine.json has to be called zfish-tiny-driven__Halfway__seed0.json"),
        (take_a_search_out_of_its_run, "is not in the folder of its run, with its event log"),
        (lambda folder: (folder / "search-0" / EVENT_LOG).unlink(), "is not in the folder of its run"),
        (edit, "how to fix it"),
        (copy_a_published_result, "another run has the same scores"),
    ],
)
def test_every_rule_can_be_broken(submission, published, spoil, fault):
    spoil(submission)
    assert any(fault in found for found in faults_of(submission, published)), faults_of(submission, published)
