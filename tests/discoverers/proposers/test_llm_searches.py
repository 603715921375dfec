"""Whole searches with a language model: what its endpoint does wrong is never booked as what the method did."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from llm_cases import GOOD, KEY
from llm_server import completion, send, status
from toy_task import ToyFamily

from zfbench.base import plugins
from zfbench.base.errors import ZfbenchError
from zfbench.cli.prompts import prompt
from zfbench.forecasting.contract import EXAMPLE
from zfbench.protocols.proposer import ProposerUnavailableError
from zfbench.records.reading import load
from zfbench.records.spend import Spend
from zfbench.runs import search as runs
from zfbench.runs.plan import LOG, RESULT, Plan, events
from zfbench.runs.preview import preview_run
from zfbench.runs.replay import check, replay
from zfbench.runs.search import search
from zfbench.search.budget import Budget
from zfbench.search.loop import SILENCE

pytest.importorskip("openai")
NOWHERE = "http://127.0.0.1:9/v1"


@pytest.fixture
def family(monkeypatch):
    toy, load, names = ToyFamily(), plugins.load, plugins.names
    monkeypatch.setattr(plugins, "load", lambda kind, name: toy if kind == "task" else load(kind, name))
    monkeypatch.setattr(plugins, "names", lambda kind: ("toy",) if kind == "task" else names(kind))
    monkeypatch.setattr(
        runs, "open_sandbox", lambda: nullcontext(SimpleNamespace(name="none", confined=True, device="cpu"))
    )
    monkeypatch.setenv("ZFBENCH_LLM_API_KEY", KEY)
    return toy


@pytest.fixture
def plan(server, family):
    """A plan of a search with the language model that the server is."""

    def make(*script, evaluations=4, discoverer="best_of_n", patience=100, **settings):
        server.script[:] = script
        url = f"http://127.0.0.1:{server.server_port}/v1"
        chosen = {"model": "toy-model", "base_url": url, "attempts": 1, **settings}
        budget = Budget(evaluations=evaluations, tokens=10**7)
        return Plan("toy", discoverer, "llm", budget, 3, proposer_settings=chosen, finalists=0, patience=patience)

    return make


def numbered(handler):
    """A new program for each call."""
    send(handler, 200, completion(GOOD.replace(EXAMPLE, f"{EXAMPLE}# {len(handler.server.requests)}\n")))


def kinds(folder):
    return [event.kind for event in events(folder)]


@pytest.mark.parametrize("code", [400, 401, 403, 404])
def test_a_refusal_for_ever_ends_the_run_and_resuming_goes_on_where_it_was(plan, server, tmp_path, code):
    with pytest.raises(ZfbenchError, match=f"answered {code}: no: {code}. Correct the key, model"):
        search(plan(status(code)), tmp_path)
    assert len(server.requests) == 1
    assert kinds(tmp_path) == ["run", "ask", "proposal", "evaluation", "ask", "interrupted"]
    assert not (tmp_path / RESULT).exists()
    interrupted = replay(tmp_path)
    assert (interrupted.reason, interrupted.spend.tokens, interrupted.counts.unanswered) == ("unfinished", 0, 0)
    assert f"answered {code}" in interrupted.summary() + interrupted.last_failure
    outcome, result = search(plan(numbered), tmp_path)
    assert kinds(tmp_path)[-2:] == ["end", "judged"]
    assert (outcome.counts.evaluated, outcome.counts.unanswered, outcome.spend.tokens) == (4, 0, 300)
    assert (result.status, result.unanswered, result.spend.tokens) == ("ok", 0, 300)
    assert check(replay(tmp_path), load(tmp_path / RESULT)) is None


def test_a_server_that_is_down_ends_the_run_soon_at_no_cost_and_another_port_resumes_it(plan, server, tmp_path):
    down = plan(numbered, base_url=NOWHERE)
    with pytest.raises(
        ProposerUnavailableError, match=f"No answer came to {SILENCE} requests in a row. The last failure: The"
    ):
        search(down, tmp_path)
    assert kinds(tmp_path).count("interrupted") == 1
    assert "end" not in kinds(tmp_path)
    assert replay(tmp_path).spend.tokens == 0
    read_back = Plan.read(tmp_path)
    assert read_back.proposer_settings["base_url"] == NOWHERE
    with pytest.raises(ProposerUnavailableError, match=f"{SILENCE} requests in a row"):  # counted anew by each process
        search(read_back, tmp_path)
    here = plan(numbered).proposer_settings["base_url"]
    outcome, result = search(read_back.elsewhere({"base_url": here}), tmp_path)
    assert outcome.counts.evaluated == 4
    assert outcome.counts.unanswered == result.unanswered == 2 * (SILENCE - 1)
    assert outcome.spend.tokens == 300
    assert result.surroundings["base_url"] == here


def test_silence_does_not_stall_a_search_whose_patience_is_short(plan, tmp_path):
    with pytest.raises(ProposerUnavailableError):
        search(plan(numbered, base_url=NOWHERE, patience=2), tmp_path)


def test_a_short_outage_is_counted_and_survived(plan, server, tmp_path):
    outcome, result = search(plan(status(500), status(503), numbered), tmp_path)
    assert (outcome.reason, outcome.counts.evaluated, outcome.counts.unanswered) == ("budget", 4, 2)
    assert result.unanswered == 2
    assert outcome.last_failure.endswith("answered 503: no: 503 (attempts without an answer: 1).")
    assert "2 unanswered (last failure: The endpoint" in outcome.summary()


def test_where_a_model_is_served_makes_no_other_method(plan, server, tmp_path, family):
    results = []
    for folder, url in (("a", "http://localhost:{}/v1/"), ("b", "http://127.0.0.1:{}/v1")):
        server.requests.clear()
        there = url.format(server.server_port)
        results.append(search(plan(numbered, base_url=there, timeout=60.0 + len(results)), tmp_path / folder)[1])
    first, second = results
    assert first.method == second.method
    assert first.comparable() == second.comparable()
    assert first.surroundings != second.surroundings
    assert first.method.proposer_settings == {"model": "toy-model"}


def test_another_model_is_another_search_and_the_difference_is_named(plan, tmp_path):
    search(plan(numbered), tmp_path)
    with pytest.raises(ZfbenchError, match=r"proposer_identity.model = toy-model, not other; resume"):
        search(plan(numbered, model="other"), tmp_path)


@pytest.mark.parametrize("useless", ["I would add a leak.", ""])
def test_a_search_that_evaluated_the_seed_program_alone_found_nothing(plan, family, tmp_path, useless):
    outcome, result = search(plan(useless, patience=3), tmp_path)
    assert (outcome.reason, outcome.counts.evaluated, outcome.counts.unanswered) == ("stalled", 1, 3)
    assert (result.status, result.metrics, result.curves, result.unanswered) == ("nothing_found", {}, {}, 3)
    assert family.judged == []
    assert "evaluated nothing but the seed program" in result.notes[0]
    assert "3 unanswered (last failure: The model's answer could not be used" in result.notes[0]
    assert load(tmp_path / RESULT) == result
    assert search(plan(useless, patience=3), tmp_path)[1] == result  # and it is not judged the second time either
    assert check(replay(tmp_path), result) is None


def test_prompts_and_answers_are_kept_in_the_folder(plan, server, tmp_path):
    search(plan("no code", numbered), tmp_path)
    files = sorted(path.name for path in (tmp_path / "prompts").iterdir())
    assert files == ["00001.txt", "00002.txt", "00003.txt"]
    text = (tmp_path / "prompts" / "00001.txt").read_text()
    for part in ("=== system ===", "=== user ===", "Two units.", "no code", "Your answer could not be used", EXAMPLE):
        assert part in text
    assert KEY not in text
    assert server.requests[0][2]["messages"][1]["content"].strip() in text
    search(plan(numbered, keep_prompts=False), tmp_path / "without")
    assert not (tmp_path / "without" / "prompts").exists()


def test_a_folder_that_takes_no_prompts_is_one_sentence(plan, tmp_path):
    (tmp_path / "prompts").write_text("in the way")
    with pytest.raises(ZfbenchError, match="keep_prompts=false"):
        search(plan(numbered), tmp_path)


def test_a_critique_that_was_paid_before_the_run_stopped_is_paid_once(plan, server, tmp_path):
    with pytest.raises(ProposerUnavailableError):
        search(plan("Too linear.", status(401), discoverer="n1", evaluations=2), tmp_path)
    assert replay(tmp_path).spend.tokens == 100
    server.requests.clear()
    outcome, _ = search(plan(numbered, discoverer="n1", evaluations=2), tmp_path)
    assert outcome.spend.tokens == 200
    assert outcome.evaluated[0].critique == "Too linear."
    assert "Review:\nToo linear." in server.requests[0][2]["messages"][1]["content"]


def test_absurd_counts_of_tokens_leave_the_spend_a_whole_number(plan, tmp_path):
    def boasting(handler):
        content = completion(GOOD.replace(EXAMPLE, f"{EXAMPLE}# {len(handler.server.requests)}\n"))
        send(handler, 200, {**content, "usage": {"prompt_tokens": 5, "total_tokens": 10**12}})

    outcome, result = search(plan(boasting, answer_tokens=100), tmp_path)
    assert isinstance(outcome.spend.tokens, int)
    assert outcome.overrun == Spend()
    assert 0 < result.spend.tokens < 10**6


def test_what_a_run_would_send_next_can_be_seen(plan, tmp_path):
    search(plan(numbered), tmp_path)
    shown = preview_run(tmp_path, critique=True)
    review, proposal = ("\n".join(text for _, text in call.messages) for call in shown.exchanges)
    best = replay(tmp_path).best
    assert best.program.source.strip() in review
    assert best.program.source.strip() in proposal
    assert "4 programs so far, 0 of them failed" in proposal
    assert shown.bound.tokens > shown.expected.tokens > 0
    for option in ({"proposer": "llm"}, {"hint": ["try harder"]}, {"proposer_setting": ["model=m"]}):
        with pytest.raises(ZfbenchError, match="leave out --proposer, --proposer-set and --hint"):
            prompt(tmp_path, evaluations=1, **option)


def test_the_log_of_an_interrupted_run_says_why(plan, tmp_path):
    with pytest.raises(ProposerUnavailableError):
        search(plan(status(404)), tmp_path)
    body = events(tmp_path)[-1].body
    assert body["failure"].endswith(
        "answered 404: no: 404. Correct the key, model, address or setting that was refused, and resume the run."
    )
    assert (body["request"], body["spend"]) == (1, {})
    assert (tmp_path / LOG).exists()
