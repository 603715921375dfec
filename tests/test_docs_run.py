"""Python of the documentation that is run here, with its programs scored by a hash instead of by training."""

import re
import textwrap
import threading
import tomllib
from pathlib import Path

import numpy as np
import pytest

import zfbench
import zfbench.testing
from zfbench.base import plugins
from zfbench.leaderboard.analyses import race
from zfbench.leaderboard.board import is_without_chance
from zfbench.protocols.proposer import Context, ProposalError, ProposerUnavailableError
from zfbench.protocols.task import Evaluator
from zfbench.records.evaluation import Evaluation, Request, Scored
from zfbench.records.program import Program, Status
from zfbench.records.reading import load_folder
from zfbench.records.result import ProgramRecord
from zfbench.records.spend import NOTHING, Spend
from zfbench.runs import winner
from zfbench.runs.arena import open_arena
from zfbench.runs.judge import unscored
from zfbench.runs.plan import EXTERNAL, Plan
from zfbench.runs.preview import NOT_EVALUATED, preview
from zfbench.runs.tasks import task_names
from zfbench.sandbox import bubblewrap
from zfbench.search.budget import Budget
from zfbench.search.server import Server
from zfbench.tasks.zfish.family import ZfishFamily
from zfbench.testing import check_forecaster

ROOT = Path(__file__).parents[1]


class Hashed(Evaluator):
    """Scores a program by a hash of its source."""

    def __call__(self, program, seed):
        loss = int(program.id[:8], 16) / 2**32
        return Evaluation(Status.OK, loss, -loss, spend=Spend(updates=1, device_seconds=1.0))


def judged(source, method, loaded, seed, limits, spend=NOTHING, **_):
    program = ProgramRecord(id=Program(source).id, source=source)
    return unscored(method, loaded, seed, limits, "ok", "not judged", program, spend)


@pytest.fixture
def instant(monkeypatch, tmp_path, data_cache):
    """Searches that train nothing, in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ZfishFamily, "evaluator", lambda self, task, limits, sandbox: Hashed())
    monkeypatch.setattr(winner, "judge_program", judged)


def text_of(document):
    return (ROOT / document).read_text(encoding="utf-8")


def blocks(document):
    """The Python blocks of a document; a block may be indented, as in a list."""
    found = re.findall(r"^( *)```python\n(.*?)^\1```", text_of(document), re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(code) for _, code in found]


def block(document, word):
    """The first Python block of a document that has a word."""
    return next(code for code in blocks(document) if word in code)


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


def test_the_discoverer_of_the_tutorial_runs_and_asks_for_rewrites(instant):
    names = {}
    exec(block("docs/tutorials/your-discoverer.md", "class Stubborn"), names)
    result, losses = names["result"], names["losses"]
    assert result.method.settings == {"patience": 2}
    assert {entry.operator for entry in result.evaluated} == {"seed", "mutate", "rewrite"}
    assert losses == pytest.approx([entry.loss for entry in result.evaluated], rel=1e-5)


def test_the_proposer_of_the_tutorial_runs(instant):
    names = {}
    exec(block("docs/tutorials/your-proposer.md", "class Rates"), names)
    seen = []
    zfbench.run(
        "zfish-tiny/driven",
        "best_of_n",
        names["Rates"],
        budget={"evaluations": 4},
        finalists=0,
        folder="here",
        on_program=lambda program, evaluation, request: seen.append((request.operator, program, evaluation.loss)),
    )
    assert names["result"].method.proposer == "Rates"
    assert [operator for operator, _, _ in seen] == ["seed", "mutate", "mutate", "mutate"]
    assert all("nn.initializers.constant(0." in program.source for _, program, _ in seen[1:])
    assert [loss for _, _, loss in seen] == [int(program.id[:8], 16) / 2**32 for _, program, _ in seen]


needs_bubblewrap = pytest.mark.skipif(bubblewrap.obstacle() is not None, reason=str(bubblewrap.obstacle()))
MODEL_OF_ONES_OWN = "docs/tutorials/your-proposer.md", "class Asks"


@needs_bubblewrap
def test_a_proposer_with_a_model_of_ones_own_runs_and_keeps_what_it_says(instant, tmp_path):
    names = {}
    exec(block(*MODEL_OF_ONES_OWN), names)
    result = names["result"]
    assert (result.method.name, result.method.proposer, len(result.evaluated)) == ("best_of_n", "Asks", 4)
    assert result.method.proposer_identity["model"] == "my-model"
    assert result.method.proposer_version == 1
    assert result.surroundings == {"url": "http://localhost:8000"}
    kept = [path.read_text() for path in sorted((tmp_path / "asked" / "prompts").glob("*.txt"))]
    assert len(kept) == 3
    assert all("=== answer" in text and names["INSTRUCTION"] in text for text in kept)
    assert result.spend.tokens > 3 * 1_000
    zfbench.testing.check_proposer(names["Asks"])


@needs_bubblewrap
def test_an_outage_of_a_model_of_ones_own_stops_the_run_and_it_goes_on_afterwards(instant, monkeypatch):
    names = {}
    exec(block(*MODEL_OF_ONES_OWN), names)
    client, calls = names["Client"], []

    def fails(error):
        def ask(self, prompt, seed):
            calls.append(seed)
            raise error

        return ask

    given = {"budget": {"evaluations": 3, "tokens": 10**6}, "finalists": 0, "folder": "outage"}
    with monkeypatch.context() as down:
        down.setattr(client, "ask", fails(TimeoutError("after 60 s")))
        with pytest.raises(ProposerUnavailableError, match=r"5 requests in a row.*No answer came \(after 60 s\)"):
            zfbench.run("zfish-tiny/driven", "best_of_n", names["Asks"], **given)
        assert len(calls) == 5
        down.setattr(client, "ask", fails(PermissionError("no such key")))
        with pytest.raises(ProposerUnavailableError, match=r"The model refuses to answer \(no such key\)"):
            zfbench.resume("outage", proposer=names["Asks"])
        assert len(calls) == 6
        down.setattr(client, "ask", lambda self, prompt, seed: ("no program", 9))
        task = zfbench.load_task("zfish-tiny/driven")
        context = Context(task.spec, (Scored(Program(task.seed_program), Evaluation(Status.OK, 1.0)),), frozenset())
        request = Request(1, "mutate", (context.parents[0].program.id,))
        with pytest.raises(ProposalError, match="The answer is no program") as refused:
            names["Asks"](task.spec).propose(request, context, np.random.default_rng(0))
        assert (refused.value.answered, refused.value.spend.tokens) == (True, 9)
    assert len(zfbench.resume("outage", proposer=names["Asks"]).evaluated) == 3


@needs_bubblewrap
def test_the_prompt_of_a_model_of_ones_own_can_be_looked_at_and_withholds_numbers(instant, monkeypatch):
    names = {}
    exec(block(*MODEL_OF_ONES_OWN), names)
    load = plugins.load
    monkeypatch.setattr(plugins, "load", lambda kind, name: names["Asks"] if name == "asks" else load(kind, name))
    shown = preview("zfish-tiny/driven", "asks", ideas=("rebound",))
    (text,) = (exchange.text() for exchange in shown.exchanges)
    assert "\n\nrebound\n\n" in text
    assert NOT_EVALUATED in text
    assert 0 < shown.expected.tokens < shown.bound.tokens
    task = zfbench.load_task("zfish-tiny/driven")
    parent = Scored(Program(task.seed_program), Evaluation(Status.OK, 0.5, feedback="MAE 0.5"), "It lacks a leak.")
    context = Context(task.spec, (parent,), frozenset())
    for hints, there, absent in (
        (("blame:MN=0.4",), ("MAE 0.5", "blame:MN=0.4"), "It lacks a leak."),
        (("blame:MN=0.4", "no_numbers", "critique"), ("It lacks a leak.",), "0.4"),
    ):
        prompt = names["Asks"].prompt(Request(1, "mutate", (parent.program.id,), hints), context).split("PROGRAM")[-2]
        assert not [word for word in there if word not in prompt]
        assert absent not in prompt


@needs_bubblewrap
def test_the_language_model_of_the_tutorial_answers_a_search(instant, monkeypatch, tmp_path):
    pytest.importorskip("openai")
    monkeypatch.setenv("ZFBENCH_LLM_API_KEY", "none")
    names = {}
    exec(block("docs/tutorials/your-language-model.md", "class Model"), names)
    result = names["result"]
    assert names["Model"].calls == 3
    assert len(result.evaluated) == 4
    assert result.spend.tokens >= 600
    assert len(list((tmp_path / "my-model" / "prompts").glob("*.txt"))) == 3


def test_the_baselines_of_the_tutorial_are_judged(tmp_path, monkeypatch, data_cache):
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(block("docs/tutorials/your-baseline.md", "class Damped"), names)
    result = names["result"]
    assert is_without_chance([result])
    check_forecaster(names["Damped"])
    assert (result.method.name, result.method.kind, result.method.future_drive) == ("Damped", "baseline", True)
    assert load_folder(tmp_path / "my-results") == [result]
    assert -1 < result.metrics["forecast/id/skill_last_value"] < 1
    assert not [name for name in result.metrics if name.startswith("dynamics/")]  # it has no rollout


@pytest.mark.torch
def test_the_baseline_in_pytorch_is_judged_with_its_mechanism_and_its_seeds_differ(tmp_path, monkeypatch, data_cache):
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(block("docs/tutorials/your-baseline.md", "import torch"), names)
    check_forecaster(names["Residual"])
    runs = load_folder(tmp_path / "my-results")
    assert [(run.method.name, run.seed, run.spend.updates) for run in runs] == [("residual", s, 50) for s in range(3)]
    assert not is_without_chance(runs[:1])
    assert len({run.metrics["forecast/id/mae"] for run in runs}) == 3
    assert [name for name in runs[0].metrics if name.startswith("dynamics/")]


@pytest.fixture
def ring(tmp_path, monkeypatch):
    """The task of the tutorial as an installed package; its files are those that the tutorial names."""
    document = "docs/tutorials/your-task.md"
    (toml,) = re.findall(r"^```toml\n(.*?)^```", text_of(document), re.DOTALL | re.MULTILINE)
    project = tomllib.loads(toml)["project"]
    groups = project["entry-points"]
    entries = [f"[{group}]\n" + "\n".join(f"{k} = {v}" for k, v in own.items()) for group, own in groups.items()]
    info = tmp_path / f"my_ring-{project['version']}.dist-info"
    for folder in (tmp_path / "my_ring", info):
        folder.mkdir()
    (tmp_path / "my_ring" / "__init__.py").touch()
    (tmp_path / "my_ring" / "ring.py").write_text(block(document, "def ring"))
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    (info / "entry_points.txt").write_text("\n".join(entries))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    return document


def test_the_task_of_the_tutorial_is_listed_judged_and_searched(ring, capsys):
    assert "ring" in task_names()
    names = {}
    exec(block(ring, "import Truth"), names)
    assert capsys.readouterr().out.splitlines() == [
        f"{score} {names['truth'].metrics[score]:.1f} {names['control'].metrics[score]:.3f}".replace("0.000", "0.0")
        for score in ("forecast/ood/mae", "headline/generalisation")
    ]
    for score in ("generalisation", "wiring", "responses"):
        assert names["truth"].metrics[f"headline/{score}"] == pytest.approx(1, abs=0.01)
    assert names["control"].metrics["forecast/ood/mae"] > 0.1
    exec(block(ring, "zfbench.run"), names)
    result = names["result"]
    assert (result.task.name, result.task.track, result.method.name) == ("ring", "driven", "puct")
    assert names["control"].metrics["forecast/id/mae"] > result.metrics["forecast/id/mae"] > 0


def test_the_claim_of_the_tutorial_is_checked(tmp_path):
    from zfbench.leaderboard.claims import read_claims
    from zfbench.leaderboard.shipped import RESULTS
    from zfbench.leaderboard.verdicts import check

    (toml,) = re.findall(r"^```toml\n(.*?)^```", text_of("docs/tutorials/check-a-claim.md"), re.DOTALL | re.MULTILINE)
    (tmp_path / "mine.toml").write_text(toml)
    (claim,) = read_claims(tmp_path)
    assert check(claim, load_folder(RESULTS)).verdict == "supported"


@needs_bubblewrap
def test_a_system_that_owns_its_loop_searches_in_python_as_on_the_page(instant):
    names, asked = {}, []
    exec(block("docs/running-a-search.md", "open_arena"), names)

    def write(source, evaluation):
        asked.append(evaluation)
        return f"{source.rstrip()}\n# {len(asked)}\n"

    result = names["search"](write)
    assert (result.method.name, result.method.proposer, len(result.evaluated)) == ("my_system", "external", 20)
    assert len(asked) == 19
    assert [one.loss for one in asked] == sorted((one.loss for one in asked), reverse=True)
    assert int(result.program.id[:8], 16) / 2**32 == pytest.approx(min(e.loss for e in result.evaluated), rel=1e-4)


@needs_bubblewrap
def test_a_client_of_the_server_works_as_on_the_page_and_is_told_the_fields_of_its_table(instant, tmp_path):
    plan = Plan("zfish-tiny/masked", "my_system", EXTERNAL, Budget(evaluations=2), seed=0)
    with (
        open_arena(plan, tmp_path / "run") as session,
        Server(session.arena, session.task, session.judge) as server,
    ):
        thread = threading.Thread(target=server.serve)
        thread.start()
        names = {}
        exec(block("docs/running-a-search.md", "urllib.request"), names)
        names |= {"URL": server.url, "TOKEN": server.token}
        call = names["call"]
        told = call("/task")
        evaluation = call("/evaluate", {"source": told["seed_program"]})
        call("/evaluate", {"source": "another"})
        with pytest.raises(RuntimeError, match="no room for another evaluation"):
            call("/evaluate", {"source": "one more"})
        finished = call("/finish", method="POST")
        thread.join()
    page = text_of("docs/running-a-search.md")
    _, _, table = page.partition("| field of an evaluation | is |\n|---|---|\n")
    fields = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", table.split("\n\n")[0], re.MULTILINE))
    assert fields.keys() == evaluation.keys()
    assert re.findall(r"`(\w+)`", fields["status"]) == [str(status) for status in Status]
    assert (finished["evaluated"], finished["result"]["method"]["name"]) == (2, "my_system")


def test_the_race_of_the_page_on_tables_runs_as_a_test_of_a_package(monkeypatch, data_cache):
    whole, asked = race.race, []

    def short(task, methods, seeds, budgets, workers):
        asked.append((task, len(seeds), workers))
        return whole(task, methods, range(12), budgets)

    monkeypatch.setattr(race, "race", short)
    names = {}
    exec(block("docs/table.md", "def test_the_change"), names)
    names["test_the_change_is_an_improvement"]()
    assert asked == [("zfish-table/masked", 200, 2)]


def test_results_are_looked_at_as_in_the_tutorial(tmp_path, monkeypatch, capsys, make, search_method):
    monkeypatch.chdir(tmp_path)
    make("mine", metrics={"forecast/ood/skill_last_value": 0.25}).write("my-results/mine.json")
    for c, evaluations, skill in ((0.5, 8, 0.375), (2.0, 8, 0.5), (2.0, 9, 0.625)):
        given = search_method(settings={"c": c}, budget={"evaluations": evaluations})
        result = make(**given, metrics={"forecast/ood/skill_last_value": skill})
        result.write(f"my-results/{c}-{evaluations}.json")
    code = block("docs/tutorials/submit-a-result.md", "load_results")
    exec(code, {})
    shown = capsys.readouterr().out
    assert not [skill for skill in ("0.250", "0.375", "0.500", "0.625") if skill not in shown]


def test_every_block_of_a_tutorial_is_run_here():
    count = {path.stem: len(blocks(path)) for path in (ROOT / "docs" / "tutorials").glob("*.md")}
    assert count == {
        "check-a-claim": 0,
        "submit-a-result": 1,
        "your-baseline": 2,
        "your-discoverer": 1,
        "your-language-model": 1,
        "your-proposer": 2,
        "your-task": 3,
    }


def test_a_class_with_the_name_of_a_registered_method_is_refused(instant):
    from zfbench.base.errors import ZfbenchError

    class puct:  # noqa: N801
        pass

    with pytest.raises(ZfbenchError, match="There is a registered discoverer 'puct'; give your class another name"):
        zfbench.run("zfish-tiny/driven", puct)


def test_what_cannot_forecast_is_refused_in_a_sentence():
    from zfbench.base.errors import ZfbenchError

    with pytest.raises(ZfbenchError, match=r"class int cannot be judged: it needs the methods fit\(train"):
        zfbench.judge(3, "zfish-tiny/driven")
    with pytest.raises(ZfbenchError, match="registered method 'linear' keeps its name"):
        zfbench.judge("linear", "zfish-tiny/driven", name="mine")
