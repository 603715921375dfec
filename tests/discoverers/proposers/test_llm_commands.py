"""What an endpoint does wrong, as whole searches through the command line: exit code, words on screen, what is kept."""

import json

import pytest
from llm_cases import GOOD, KEY
from llm_server import completion, cut, no_json, send, status
from toy_task import ToyFamily
from typer.testing import CliRunner

from zfbench.base import plugins
from zfbench.base.errors import ZfbenchError
from zfbench.cli.app import app
from zfbench.forecasting.contract import EXAMPLE
from zfbench.runs.plan import events

pytest.importorskip("openai")
PROSE = GOOD.partition("```")[0]


@pytest.fixture
def family(monkeypatch):
    toy, load, names = ToyFamily(), plugins.load, plugins.names
    monkeypatch.setattr(plugins, "load", lambda kind, name: toy if kind == "task" else load(kind, name))
    monkeypatch.setattr(plugins, "names", lambda kind: ("toy",) if kind == "task" else names(kind))
    monkeypatch.setenv("ZFBENCH_LLM_API_KEY", KEY)
    return toy


@pytest.fixture
def zfbench(server, family, tmp_path):
    """Runs a command, and returns its exit code and everything that it said; `run` searches with the server."""

    def call(*arguments):
        done = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if done.exception is not None and not isinstance(done.exception, ZfbenchError | SystemExit):
            raise done.exception
        return done.exit_code, " ".join(f"{done.output} {done.exception or ''}".split())

    def run(*script, out="run", url=None, **settings):
        server.script[:] = script
        chosen = {
            "model": "toy",
            "base_url": url or f"http://127.0.0.1:{server.server_port}/v1",
            "attempts": 1,
            **settings,
        }
        given = [f"--proposer-set={name}={json.dumps(value)}" for name, value in chosen.items()]
        options = ["--budget", "evaluations=3", "--budget", "tokens=10000000", "--finalists", "0", "--patience", "3"]
        fixed = ["--sandbox", "process", "--allow-unsafe-programs", "--out", tmp_path / out]
        return call("run", "--task", "toy", "--proposer", "llm", *given, *options, *fixed)

    call.run, call.folder = run, tmp_path / "run"
    return call


def wrapped(text):
    """A new program for each call, in an answer of that form, a text or parts of one; PROGRAM stands for it."""

    def answer(handler):
        source = f"{EXAMPLE}# {len(handler.server.requests)}\n"
        if isinstance(text, str):
            send(handler, 200, completion(text.replace("PROGRAM", source)))
        else:
            parts = [{"type": kind, "text": part.replace("PROGRAM", source)} for kind, part in text]
            send(handler, 200, completion(parts))

    return answer


NEW = wrapped(PROSE + "```python\nPROGRAM```\n")


def body(content):
    return lambda handler: send(handler, 200, content)


def reasoning_only(handler):
    content = completion("")
    content["choices"][0]["message"]["reasoning_content"] = "Let me think."
    send(handler, 200, content)


@pytest.mark.parametrize("code", [400, 401, 403, 404])
def test_a_refusal_for_ever_ends_the_run_with_the_endpoints_sentence_and_it_can_be_resumed(zfbench, server, code):
    exit_code, said = zfbench.run(status(code))
    assert exit_code == 1
    assert f"answered {code}: no: {code}. Correct the key, model" in said
    assert len(server.requests) == 1
    assert not (zfbench.folder / "result.json").exists()
    server.script[:] = [NEW]
    exit_code, said = zfbench("resume", zfbench.folder, "--sandbox", "process", "--allow-unsafe-programs")
    assert exit_code == 0, said
    assert "3 evaluations" in said
    assert zfbench("replay", zfbench.folder)[1].endswith("result.json agrees.")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (status(500), "answered 500: no: 500"),
        (status(429, Retry_After="nan"), "answered 429: no: 429"),
        (body({"error": {"message": "upstream overloaded", "code": 502}}), "upstream overloaded"),
        (body({"choices": None}), "JSON without choices"),
        (no_json, "a web page"),
        (cut, "gave no whole answer"),
        (reasoning_only, "The model gave only reasoning and no answer; raise answer_tokens"),
    ],
    ids=["500", "429", "an error in a success", "no choices", "HTML", "cut off", "reasoning alone"],
)
def test_five_requests_without_an_answer_end_the_run_and_nothing_is_booked_as_the_methods(zfbench, fault, words):
    exit_code, said = zfbench.run(fault)
    assert exit_code == 1
    assert "No answer came to 5 requests in a row" in said
    assert words in said
    assert not (zfbench.folder / "result.json").exists()
    assert events(zfbench.folder)[-1].kind == "interrupted"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:9/v1", "No answer came to 5 requests in a row"),
        ("127.0.0.1:9/v1", "must begin with http:// or https://; write http://127.0.0.1:9/v1"),
        ("http://[/v1", "The address in base_url cannot be read (Invalid IPv6 URL)"),
    ],
)
def test_an_address_where_nothing_is_served_is_named(zfbench, url, words):
    exit_code, said = zfbench.run(NEW, url=url)
    assert exit_code == 1
    assert words in said


def cut_at_the_limit(handler):
    content = completion(PROSE + "```python\nimport jax\n")
    content["choices"][0]["finish_reason"] = "length"
    send(handler, 200, content)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("I would add a leak.", "The model's answer could not be used"),
        (cut_at_the_limit, "answer_tokens"),
        ("", "The model's answer could not be used"),
    ],
    ids=["prose", "cut at the limit", "empty"],
)
def test_a_search_without_a_program_of_its_own_found_nothing_and_says_why(zfbench, family, answer, words):
    exit_code, said = zfbench.run(answer)
    assert exit_code == 1
    assert "evaluated nothing but the seed program" in said
    assert "3 unanswered" in said
    assert words in said
    assert family.judged == []
    assert json.loads((zfbench.folder / "result.json").read_text())["status"] == "nothing_found"
    assert "best_of_n" not in zfbench("leaderboard", zfbench.folder)[1]  # no row for a search without scores


@pytest.mark.parametrize(
    "form",
    [
        PROSE + "```python\nPROGRAM```\n",
        (PROSE + "```python\nPROGRAM```\n").replace("\n", "\r\n"),
        "\ufeff" + PROSE + "```python3 title=model.py\nPROGRAM```\n",
        PROSE + "~~~~\nPROGRAM~~~~\n",
        "PROGRAM",
        "<think>\n```python\nx = 1\n```\n</think>\n" + PROSE + "```python\nPROGRAM```\n",
        "A lone surrogate \udc80 and [/red] markup \x1b[31m.\n\n```python\nPROGRAM```\n",
        "```bash\nls\n```\n\n```python\nPROGRAM```\n\n```text\nnotes\n```\n",
        (("thinking", "hm"), ("text", PROSE), ("text", "```python\nPROGRAM```\n")),
    ],
    ids=["plain", "CRLF", "mark", "tildes", "no fence", "think", "surrogate", "several blocks", "parts"],
)
def test_an_answer_of_any_usual_form_is_a_program_and_can_be_shown(zfbench, form):
    exit_code, said = zfbench.run(wrapped(form))
    assert exit_code == 0, said
    assert "3 evaluations" in said
    assert "0 unanswered" in said or "unanswered" not in said
    exit_code, said = zfbench("show", zfbench.folder)
    assert exit_code == 0
    assert "\x1b[31m" not in said
    said.encode()


def test_a_model_that_refuses_max_tokens_is_asked_again_in_its_own_words(zfbench, server):
    def reasoning_model(handler):
        if "max_tokens" in handler.server.requests[-1][2]:
            refusal = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
            send(handler, 400, {"error": {"message": refusal, "code": "unsupported_parameter"}})
        else:
            NEW(handler)

    exit_code, said = zfbench.run(reasoning_model)
    assert exit_code == 0, said
    assert sum("max_tokens" in request[2] for request in server.requests) == 1


def test_a_short_outage_is_counted_on_screen_and_in_the_result(zfbench):
    exit_code, said = zfbench.run(status(500), status(503), NEW)
    assert exit_code == 0
    assert "2 unanswered (last failure: The endpoint" in said
    assert json.loads((zfbench.folder / "result.json").read_text())["unanswered"] == 2


def test_a_result_that_was_edited_is_noticed_and_judged_again(zfbench):
    zfbench.run(NEW)
    path = zfbench.folder / "result.json"
    whole = path.read_text()
    path.write_text(whole.replace('["forecast/ood/", {"mae": 0.5}]', '["forecast/ood/", {"mae": 0.0}]'))
    exit_code, said = zfbench("replay", zfbench.folder)
    assert exit_code == 1
    assert "was changed after it was written: its hash is not the one in the event log" in said
    resumed = zfbench("resume", zfbench.folder, "--sandbox", "process", "--allow-unsafe-programs")
    assert resumed[0] == 0
    assert json.loads(path.read_text())["metrics"] == json.loads(whole)["metrics"]
    assert zfbench("replay", zfbench.folder)[1].endswith("result.json agrees.")


def test_a_result_that_stands_is_not_judged_again(zfbench, family):
    zfbench.run(NEW)
    before = (zfbench.folder / "result.json").read_bytes()
    zfbench("resume", zfbench.folder, "--sandbox", "process", "--allow-unsafe-programs")
    assert len(family.judged) == 1
    assert (zfbench.folder / "result.json").read_bytes() == before


def test_ctrl_c_says_where_the_search_is_kept(zfbench):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zfbench.runs.search.judge_winner", interrupt)
        exit_code, said = zfbench.run(NEW)
    assert exit_code == 130
    assert f"Stopped. The search is kept in {zfbench.folder}; `zfbench resume {zfbench.folder}` continues it." in said
    assert zfbench("resume", zfbench.folder, "--sandbox", "process", "--allow-unsafe-programs")[0] == 0
