import json

import pytest
from typer.testing import CliRunner

from zfbench.base.errors import ZfbenchError
from zfbench.cli import app as cli
from zfbench.records.reading import add

cli._add_commands()


def call(*arguments):
    return CliRunner().invoke(cli.app, [str(a) for a in arguments])


@pytest.fixture
def folder(tmp_path, make):
    for i in range(3):
        add(tmp_path / "r", make(seed=i, metrics={"forecast/ood/mae": 0.2 + i / 100}))
    add(tmp_path / "r", make("oracle", kind="control", metrics={"forecast/ood/mae": 0.0}))
    return tmp_path / "r"


def test_validate_counts_what_is_right_and_names_every_fault(folder):
    done = call("validate", folder)
    assert (done.exit_code, done.stdout) == (0, "4 valid results, 0 faults\n")
    (folder / "torn.json").write_text("{")
    (folder / "wrong.json").write_text(json.dumps(json.loads(next(folder.glob("*oracle*")).read_text()) | {"seed": -1}))
    done = call("validate", folder)
    assert done.exit_code == 1
    assert "4 valid results, 2 faults" in done.output
    for name in ("torn.json", "wrong.json"):
        assert sum(name in line and "how to fix it" in line for line in done.output.splitlines()) == 1


@pytest.mark.parametrize("style", ["text", "markdown", "latex", "csv", "json", "html"])
def test_every_format_shows_method_and_oracle(folder, style):
    done = call("leaderboard", folder, "--format", style)
    assert done.exit_code == 0
    assert "mean" in done.stdout
    assert "oracle" in done.stdout


def test_unknown_names_are_one_sentence(folder):
    for arguments, sentence in (
        (("--format", "markdow"), "did you mean 'markdown'"),
        (("--track", "nowhere"), "No result in"),
    ):
        done = call("leaderboard", folder, *arguments)
        assert isinstance(done.exception, ZfbenchError)
        assert sentence in str(done.exception)


def test_a_suite_is_filtered_by_task_method_and_seed(tmp_path, data_cache):
    path = tmp_path / "s.toml"
    path.write_text(
        """results = "out"
limits = {updates = 1, seconds = 60}
[[block]]
tasks = ["zfish-tiny/masked", "zfish-tiny/driven"]
methods = ["mask_only", "mean"]
seeds = [0, 1]
"""
    )
    done = call("suite", "run", path, "--task", "zfish-tiny/masked", "--method", "mask_only", "--seed", 1)
    assert done.stdout.startswith("1 measured")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["zfish-tiny-masked__mask_only__seed1.json"]
    for option, name in (("--task", "zfish-tiny/drivn"), ("--method", "mea")):
        assert "did you mean" in str(call("suite", "run", path, option, name).exception)


def test_groups_of_commands_plug_in():
    done = call("suite", "--help")
    assert done.exit_code == 0
    assert "verify" in done.stdout
