import pytest
from typer.testing import CliRunner

from zfbench.base.errors import ZfbenchError
from zfbench.cli.app import app
from zfbench.cli.setup import read_ideas
from zfbench.records.evaluation import Evaluation
from zfbench.records.program import Program, Status
from zfbench.search import population
from zfbench.search.eventlog import EventLog


def test_show_prints_the_tree_of_a_run_and_draws_it(tmp_path):
    with EventLog(tmp_path / "log.jsonl") as log:
        log.append("run", {})
        program, evaluation = Program("x", summary="begins").to_json(), Evaluation(Status.OK, 0.25).to_json()
        log.append("proposal", {"request": 0, "program": program, "failure": None, "spend": {}, "elapsed": 0.0})
        log.append("evaluation", {"request": 0, "evaluation": evaluation, "duplicate": False, "elapsed": 1.0})
    population.write([(Program("x").id, 1.0)], tmp_path / "population.json")
    shown = CliRunner().invoke(app, ["show", str(tmp_path), "--picture", str(tmp_path / "tree.png")])
    assert shown.exit_code == 0, shown.output
    assert "1.0000       1  * 1  0.2500  seed: begins" in shown.output
    assert "* 1  0.2500  seed: begins" in shown.output
    assert (tmp_path / "tree.png").exists()


def test_hints_are_texts_or_the_lines_of_a_file(tmp_path):
    (tmp_path / "ideas.txt").write_text("rebound\n\n fatigue \n")
    assert read_ideas(["gain", f"@{tmp_path / 'ideas.txt'}"]) == ("gain", "rebound", "fatigue")
    with pytest.raises(ZfbenchError, match="check the path"):
        read_ideas(["@nowhere"])
