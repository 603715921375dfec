"""The commands for tables refuse what no finite space has, before anything is measured."""

import json

import pytest
from typer.testing import CliRunner

from zfbench.cli.app import app
from zfbench.runs.table import HEAD

BUILD = ("table", "build", "zfish-tiny/masked")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--stage", "5"), "The space has the stages 1 to 4, not 5."),
        (("--choice", "4"), "The slot 'MN synapses' has the choices 0 to 3, not 4."),
        (("--part", "training"), "There is no part training; known: screening, replicates, judging."),
    ],
)
def test_what_is_to_be_measured_is_checked_first(options, sentence, tmp_path, data_cache):
    done = CliRunner().invoke(app, [*BUILD, *options, "--out", str(tmp_path / "out")])
    assert str(done.exception) == sentence
    assert not (tmp_path / "out").exists()


def test_what_is_to_be_packed_is_checked_first(tmp_path, data_cache):
    (tmp_path / HEAD).write_text(json.dumps({"task": "zfish-tiny/masked"}))
    done = CliRunner().invoke(app, ["table", "pack", str(tmp_path), "--choice", "4", "--to", str(tmp_path / "to")])
    assert str(done.exception) == "The slot 'MN synapses' has the choices 0 to 3, not 4."
    assert not (tmp_path / "to").exists()
