"""Adapters run other systems' own loops over zfbench's evaluator and budget, here with a model that counts."""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from zfbench.adapters import gepa, openevolve, shinka
from zfbench.adapters.told import combined_score
from zfbench.base.errors import ZfbenchError
from zfbench.protocols.task import Evaluator
from zfbench.records.evaluation import Evaluation
from zfbench.records.program import Program, Status
from zfbench.records.result import ProgramRecord
from zfbench.records.spend import NOTHING, Spend
from zfbench.runs import winner
from zfbench.runs.arena import open_arena
from zfbench.runs.judge import unscored
from zfbench.runs.plan import EXTERNAL, Plan
from zfbench.search.budget import Budget
from zfbench.search.server import Server
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
    def judged(source, method, loaded, seed, limits, spend=NOTHING, **_):
        program = ProgramRecord(id=Program(source).id, source=source)
        return unscored(method, loaded, seed, limits, "ok", "not judged", program, spend)

    monkeypatch.setattr(ZfishFamily, "evaluator", lambda self, task, limits, sandbox: Hashed())
    monkeypatch.setattr(winner, "judge_program", judged)


@pytest.fixture
def with_gepa(instant):
    pytest.importorskip("gepa", reason="the adapter needs GEPA: pip install 'zfbench[gepa]'")


class Model:
    """Answers with a comment that counts; the third program fails."""

    def __init__(self):
        self.prompts = []

    def __call__(self, prompt):
        self.prompts.append(str(prompt))
        return f"```\n# {'fails' if len(self.prompts) == 3 else 'version'} {len(self.prompts)}\n```"


def test_gepa_searches_within_the_budget_and_the_best_program_is_judged(with_gepa, tmp_path):
    model = Model()
    result = gepa.search(TASK, model, {"evaluations": 6}, tmp_path / "run", allow_unsafe=True)
    assert (result.method.name, result.method.kind) == ("gepa", "search")
    assert len(result.evaluated) == 6
    assert [entry.status for entry in result.evaluated].count("error") == 1
    losses = [entry.loss for entry in result.evaluated if entry.loss is not None]
    assert int(result.program.id[:8], 16) / 2**32 == pytest.approx(min(losses), rel=1e-5)


def test_gepa_ends_a_search_that_was_interrupted_while_its_winner_was_judged(with_gepa, tmp_path, monkeypatch):
    def interrupted(*given, **named):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(winner, "judge_program", interrupted)
        with pytest.raises(KeyboardInterrupt):
            gepa.search(TASK, Model(), {"evaluations": 3}, tmp_path / "run", allow_unsafe=True)
    model = Model()
    result = gepa.search(TASK, model, {"evaluations": 3}, tmp_path / "run", allow_unsafe=True)
    assert len(result.evaluated) == 3
    assert model.prompts == []  # nothing more is asked for


def test_the_model_is_told_the_contract_and_the_feedback(with_gepa, tmp_path):
    model = Model()
    gepa.search(TASK, model, {"evaluations": 3}, tmp_path / "run", allow_unsafe=True)
    assert len(model.prompts) == 2
    assert "initial_state" in model.prompts[0]
    assert "is high" in model.prompts[0]
    assert "nMLF" in model.prompts[0]


@pytest.mark.parametrize("unit", ["tokens", "money"])
@pytest.mark.parametrize(
    ("name", "adapter", "model"), [("GEPA", gepa, Model()), ("OpenEvolve", openevolve, "config.yaml")]
)
def test_a_budget_of_what_a_system_spends_unseen_is_refused(name, adapter, model, unit, tmp_path):
    pytest.importorskip(name.lower(), reason=f"the adapter needs {name}: pip install 'zfbench[{name.lower()}]'")
    with pytest.raises(ZfbenchError, match=f"{name} does not say what its language model uses up; leave {unit} out"):
        adapter.search(TASK, model, {"evaluations": 3, unit: 5}, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_gepa_is_given_the_seed_and_scores_that_rise_as_the_loss_falls(instant, tmp_path, monkeypatch):
    sources = ["# version 1\n", "# fails\n", "# version 2\n"]
    scores, seeds = [], []

    def optimize_anything(seed_program, evaluator, config, **_):
        scores.extend(evaluator(source)[0] for source in sources)
        seeds.append(config.engine.seed)

    configs = dict.fromkeys(("EngineConfig", "GEPAConfig", "ReflectionConfig"), SimpleNamespace)
    monkeypatch.setitem(sys.modules, "gepa", SimpleNamespace())
    fake = SimpleNamespace(optimize_anything=optimize_anything, **configs)
    monkeypatch.setitem(sys.modules, "gepa.optimize_anything", fake)
    result = gepa.search(TASK, Model(), {"evaluations": 3}, tmp_path / "run", seed=5, allow_unsafe=True)
    one, two = (int(Program(source).id[:8], 16) / 2**32 for source in (sources[0], sources[2]))
    assert scores == pytest.approx([-one, -1_000, -two])
    assert (result.seed, seeds) == (5, [5])


def test_without_gepa_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "gepa.optimize_anything", None)
    with pytest.raises(ZfbenchError, match=r"pip install 'zfbench\[gepa\]'"):
        gepa.search(TASK, Model(), {"evaluations": 3}, tmp_path / "run")


class Chat(BaseHTTPRequestHandler):
    """Answers as an OpenAI-compatible server with what its server's model says; 500 if that is nothing."""

    def do_POST(self):
        messages = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["messages"]
        text = self.server.model("\n".join(message["content"] for message in messages))
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        content = json.dumps({"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]})
        self.send_response(200 if text else 500)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def chat(instant, monkeypatch):
    """The configuration of OpenEvolve with a model on a local server, as a function of the model."""
    pytest.importorskip("openevolve", reason="the adapter needs OpenEvolve: pip install 'zfbench[openevolve]'")
    from openevolve.config import Config, LLMConfig, LLMModelConfig

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Chat)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def config(model):
        server.model = model
        address = f"http://127.0.0.1:{server.server_port}/v1"
        llm = LLMConfig(models=[LLMModelConfig(name="m", api_base=address, api_key="none")], retries=0)
        return Config(llm=llm, max_iterations=20, diff_based_evolution=False, log_level="ERROR")

    yield config
    server.shutdown()
    server.server_close()


def test_openevolve_searches_within_the_budget_and_the_best_program_is_judged(chat, tmp_path):
    model = Model()
    result = openevolve.search(TASK, chat(model), {"evaluations": 6}, tmp_path / "run", seed=5, allow_unsafe=True)
    assert (result.method.name, result.method.kind, result.seed) == ("openevolve", "search", 5)
    assert len(result.evaluated) == 6
    assert [entry.status for entry in result.evaluated].count("error") == 1
    losses = [entry.loss for entry in result.evaluated if entry.loss is not None]
    assert int(result.program.id[:8], 16) / 2**32 == pytest.approx(min(losses), rel=1e-5)
    assert len(model.prompts) < 20  # it ends with the budget, before its iterations
    assert "initial_state" in model.prompts[0]
    assert any("is high" in prompt for prompt in model.prompts)


def test_a_language_model_that_never_answers_openevolve_is_an_error(chat, tmp_path):
    with pytest.raises(ZfbenchError, match="OpenEvolve's language model wrote no program"):
        openevolve.search(TASK, chat(lambda prompt: ""), {"evaluations": 3}, tmp_path / "run", allow_unsafe=True)


def test_a_configuration_of_openevolve_that_is_not_there_or_has_no_model_is_refused(tmp_path):
    pytest.importorskip("openevolve", reason="the adapter needs OpenEvolve: pip install 'zfbench[openevolve]'")
    config = tmp_path / "config.yaml"
    with pytest.raises(ZfbenchError, match=r"no configuration of OpenEvolve at .*config\.yaml"):
        openevolve.search(TASK, config, {"evaluations": 3}, tmp_path / "run")
    config.write_text("max_iterations: 5\n", encoding="utf-8")
    with pytest.raises(ZfbenchError, match="names no language model"):
        openevolve.search(TASK, config, {"evaluations": 3}, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_without_openevolve_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "openevolve", None)
    with pytest.raises(ZfbenchError, match=r"pip install 'zfbench\[openevolve\]'"):
        openevolve.search(TASK, "config.yaml", {"evaluations": 3}, tmp_path / "run")


@pytest.fixture
def shinka_server(instant, tmp_path):
    """A server for two evaluations, as `zfbench serve` opens it."""
    plan = Plan(TASK, "shinkaevolve", EXTERNAL, Budget(evaluations=2), 0)
    with (
        open_arena(plan, tmp_path / "run", allow_unsafe=True) as session,
        Server(session.arena, session.task, session.judge) as server,
    ):
        thread = threading.Thread(target=server.serve)
        thread.start()
        yield server
        server.stop()
        thread.join()


def told_by_the_script(source, folder, server=None):
    """What the evaluation script writes of a program, and how it ended."""
    folder.mkdir()
    (folder / "main.py").write_text(source)
    address = {} if server is None else {"ZFBENCH_URL": server.url, "ZFBENCH_TOKEN": server.token}
    command = [sys.executable, shinka.__file__, "--program_path", str(folder / "main.py")]
    done = subprocess.run(
        [*command, "--results_dir", str(folder / "results")],
        env=os.environ | address,
        capture_output=True,
        text=True,
        check=False,
    )
    written = {path.stem: json.loads(path.read_text()) for path in (folder / "results").glob("*.json")}
    return written, done


def test_the_script_of_shinkaevolve_writes_the_score_the_feedback_and_what_failed(shinka_server, tmp_path):
    works, _ = told_by_the_script("# version 1\n", tmp_path / "1", shinka_server)
    loss = int(Program("# version 1\n").id[:8], 16) / 2**32
    assert works["correct"] == {"correct": True, "error": None}
    assert works["metrics"]["combined_score"] == combined_score(works["metrics"]["public"]["loss"])
    assert works["metrics"]["public"]["loss"] == pytest.approx(loss)
    assert "is high" in works["metrics"]["text_feedback"]
    fails, _ = told_by_the_script("# fails\n", tmp_path / "2", shinka_server)
    assert fails["correct"] == {"correct": False, "error": "error: it failed in line 7"}
    assert fails["metrics"]["combined_score"] == 0
    spent, done = told_by_the_script("# version 3\n", tmp_path / "3", shinka_server)
    assert done.returncode == 0
    assert (spent["correct"]["correct"], spent["metrics"]["combined_score"]) == (False, 0)
    assert "budget" in spent["correct"]["error"]


def test_the_script_of_shinkaevolve_says_when_there_is_no_server(tmp_path, monkeypatch):
    for name in ("ZFBENCH_URL", "ZFBENCH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    written, done = told_by_the_script("# version 1\n", tmp_path / "1")
    assert written == {}
    assert done.stderr == "ZFBENCH_URL is not set; `zfbench serve` prints what it has to be.\n"
    monkeypatch.setenv("ZFBENCH_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("ZFBENCH_TOKEN", "none")
    written, done = told_by_the_script("# version 1\n", tmp_path / "2")
    assert (written, done.returncode) == ({}, 1)
    assert "No server answers at http://127.0.0.1:9" in done.stderr


def test_shinkaevolve_itself_runs_the_script(shinka_server, tmp_path, monkeypatch):
    scheduler = pytest.importorskip("shinka.launch.scheduler", reason="ShinkaEvolve is not installed")
    monkeypatch.setenv("ZFBENCH_URL", shinka_server.url)
    monkeypatch.setenv("ZFBENCH_TOKEN", shinka_server.token)
    (tmp_path / "main.py").write_text("# version 1\n")
    jobs = scheduler.JobScheduler("local", scheduler.LocalJobConfig(eval_program_path=shinka.__file__))
    results, _ = jobs.run(str(tmp_path / "main.py"), str(tmp_path / "results"))
    assert results["correct"]["correct"]
    assert 0 < results["metrics"]["combined_score"] < 1


def test_a_score_rises_from_0_to_1_as_the_loss_falls():
    scores = [combined_score(loss) for loss in (None, 1e9, 1.0, 0.0, -1e9)]
    assert scores == sorted(scores)
    assert (scores[0], scores[3]) == (0.0, 0.5)
    assert scores[-1] < 1
