"""Adapters run other systems' own loops over zfbench's evaluator and budget, here with a model that is a function."""

import sys

import pytest

from zfbench.adapters import gepa
from zfbench.base.errors import ZfbenchError
from zfbench.protocols.task import Evaluator
from zfbench.records.evaluation import Evaluation
from zfbench.records.program import Program, Status
from zfbench.records.result import ProgramRecord
from zfbench.records.spend import NOTHING, Spend
from zfbench.runs import winner
from zfbench.runs.judge import unscored
from zfbench.tasks.zfish.family import ZfishFamily

TASK = "zfish-tiny/driven"


class Hashed(Evaluator):
    """Scores a program by a hash of its source; one that says so fails."""

    def __call__(self, program, seed):
        spend = Spend(updates=1, device_seconds=1.0)
        if "fails" in program.source:
            return Evaluation(Status.ERROR, feedback="it failed in line 7", spend=spend)
        loss = int(program.id[:8], 16) / 2**32
        return Evaluation(Status.OK, loss, feedback=f"the loss of {program.id} is high", spend=spend)


@pytest.fixture
def instant(monkeypatch, data_cache):
    pytest.importorskip("gepa", reason="the adapter needs GEPA: pip install 'zfbench[gepa]'")

    def judged(source, method, loaded, seed, limits, spend=NOTHING, **_):
        program = ProgramRecord(id=Program(source).id, source=source)
        return unscored(method, loaded, seed, limits, "ok", "not judged", program, spend)

    monkeypatch.setattr(ZfishFamily, "evaluator", lambda self, task, limits, sandbox: Hashed())
    monkeypatch.setattr(winner, "judge_program", judged)


class Model:
    """Answers with a comment that counts; the third program fails."""

    def __init__(self):
        self.prompts = []

    def __call__(self, prompt):
        self.prompts.append(str(prompt))
        return f"```\n# {'fails' if len(self.prompts) == 3 else 'version'} {len(self.prompts)}\n```"


def test_gepa_searches_within_the_budget_and_the_best_program_is_judged(instant, tmp_path):
    model = Model()
    result = gepa.search(TASK, model, {"evaluations": 6}, tmp_path / "run", allow_unsafe=True)
    assert (result.method.name, result.method.kind) == ("gepa", "search")
    assert len(result.evaluated) == 6
    assert [entry.status for entry in result.evaluated].count("error") == 1
    losses = [entry.loss for entry in result.evaluated if entry.loss is not None]
    assert int(result.program.id[:8], 16) / 2**32 == pytest.approx(min(losses), rel=1e-5)


def test_the_model_is_told_the_contract_and_the_feedback(instant, tmp_path):
    model = Model()
    gepa.search(TASK, model, {"evaluations": 3}, tmp_path / "run", allow_unsafe=True)
    assert len(model.prompts) == 2
    assert "initial_state" in model.prompts[0]
    assert "is high" in model.prompts[0]
    assert "nMLF" in model.prompts[0]


@pytest.mark.parametrize("unit", ["tokens", "money"])
def test_a_budget_of_what_gepa_spends_unseen_is_refused(unit, tmp_path):
    pytest.importorskip("gepa", reason="the adapter needs GEPA: pip install 'zfbench[gepa]'")
    with pytest.raises(ZfbenchError, match=f"GEPA does not say what its language model uses up; leave {unit} out"):
        gepa.search(TASK, Model(), {"evaluations": 3, unit: 5}, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_without_gepa_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "gepa.optimize_anything", None)
    with pytest.raises(ZfbenchError, match=r"pip install 'zfbench\[gepa\]'"):
        gepa.search(TASK, Model(), {"evaluations": 3}, tmp_path / "run")
