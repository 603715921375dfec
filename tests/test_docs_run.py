"""Python of the documentation that is run here, with its programs scored by a hash instead of by training."""

import re
from pathlib import Path

import pytest

import zfbench
from zfbench.protocols.task import Evaluator
from zfbench.records.evaluation import Evaluation
from zfbench.records.program import Program, Status
from zfbench.records.result import ProgramRecord
from zfbench.records.spend import Spend
from zfbench.runs import winner
from zfbench.runs.judge import unscored
from zfbench.tasks.zfish.family import ZfishFamily

ROOT = Path(__file__).parents[1]


class Hashed(Evaluator):
    """Scores a program by a hash of its source."""

    def __call__(self, program, seed):
        loss = int(program.id[:8], 16) / 2**32
        return Evaluation(Status.OK, loss, -loss, spend=Spend(updates=1, device_seconds=1.0))


def judged(source, method, loaded, seed, limits, **_):
    return unscored(
        method, loaded, seed, limits, "ok", "not judged", ProgramRecord(id=Program(source).id, source=source)
    )


@pytest.fixture
def instant(monkeypatch, tmp_path, data_cache):
    """Searches that train nothing, in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ZfishFamily, "evaluator", lambda self, task, limits, sandbox: Hashed())
    monkeypatch.setattr(winner, "judge_program", judged)


def block(document, word):
    """The first Python block of a document that has a word."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return next(code for code in re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE) if word in code)


def test_the_discoverer_of_the_readme_runs(instant):
    names = {}
    exec(block("README.md", "class Annealing"), names)
    result = names["result"]
    assert (result.method.name, result.method.proposer) == ("Annealing", "grammar")
    assert len(result.evaluated) == 17  # 20 evaluations, of which 3 are the finals
    parents = [entry.parents for entry in result.evaluated]
    assert parents[0] == ()
    assert len({parent for made in parents for parent in made}) > 1  # it has moved


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 110


def test_the_proposer_of_the_guide_runs(instant):
    names = {}
    exec(block("docs/plugging-in.md", "class Rates"), names)
    seen = []
    zfbench.run(
        "zfish-tiny/driven",
        "random_search",
        names["Rates"],
        budget={"evaluations": 4},
        finalists=0,
        folder="here",
        on_program=lambda program, evaluation, request: seen.append((request.operator, program, evaluation.loss)),
    )
    assert [operator for operator, _, _ in seen] == ["seed", "mutate", "mutate", "mutate"]
    assert all("nn.initializers.constant(0." in program.source for _, program, _ in seen[1:])
    assert [loss for _, _, loss in seen] == [int(program.id[:8], 16) / 2**32 for _, program, _ in seen]


def test_a_class_with_the_name_of_a_registered_method_is_refused(instant):
    from zfbench.base.errors import ZfbenchError

    class puct:  # noqa: N801
        pass

    with pytest.raises(ZfbenchError, match="There is a registered discoverer 'puct'; give your class another name"):
        zfbench.run("zfish-tiny/driven", puct)


def test_the_baseline_of_the_guide_is_judged(tmp_path, monkeypatch, data_cache):
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(block("docs/plugging-in.md", "class Damped"), names)
    result = names["result"]
    assert (result.method.name, result.method.kind, result.method.future_drive) == ("Damped", "baseline", True)
    assert (tmp_path / "my-results" / "damped.json").is_file()
    assert -1 < result.metrics["forecast/id/skill_last_value"] < 1
    assert not [name for name in result.metrics if name.startswith("dynamics/")]  # it has no rollout


def test_what_cannot_forecast_is_refused_in_a_sentence():
    from zfbench.base.errors import ZfbenchError

    with pytest.raises(ZfbenchError, match=r"class int cannot be judged: it needs the methods fit\(train"):
        zfbench.judge(3, "zfish-tiny/driven")
    with pytest.raises(ZfbenchError, match="registered method 'linear' keeps its name"):
        zfbench.judge("linear", "zfish-tiny/driven", name="mine")
