"""The language model here is a local server that answers, and misbehaves, as each test says."""

import gzip
import json
import re
from dataclasses import replace

import pytest
from llm_cases import BROKEN, GOOD, KEY, LATE_SOURCE, PARENT, SPEC, prompt, propose
from llm_server import completion, cut, drip, endless, endless_refusal, hang, no_json, send, status

from zfbench.base.errors import ZfbenchError
from zfbench.discoverers.modelsmc import ModelSMC
from zfbench.discoverers.proposers.replay import ReplayProposer
from zfbench.discoverers.puct import Puct
from zfbench.forecasting.contract import EXAMPLE
from zfbench.protocols.proposer import Context, ProposalError, ProposerUnavailableError
from zfbench.records.evaluation import Evaluation, Scored
from zfbench.records.hints import CRITIQUE
from zfbench.records.program import Program, Status
from zfbench.records.spend import Spend
from zfbench.search.budget import Budget
from zfbench.search.eventlog import EventLog, read_log
from zfbench.search.loop import run_search
from zfbench.search.trajectory import trajectory

pytest.importorskip("openai")
from zfbench.discoverers.proposers.llm.account import Account, most_read
from zfbench.discoverers.proposers.llm.client import Client
from zfbench.discoverers.proposers.llm.endpoint import Endpoint
from zfbench.discoverers.proposers.llm.prompting import NAMES, Prompts
from zfbench.discoverers.proposers.llm.proposer import LlmProposer


def test_answer_is_a_program_with_summary_and_tokens(model, server):
    proposal = propose(model(GOOD))
    assert (proposal.source, proposal.summary, proposal.spend.tokens) == (EXAMPLE, "leak; sigmoid", 100)
    path, headers, body = server.requests[0]
    assert path == "/v1/chat/completions"
    assert headers["authorization"] == f"Bearer {KEY}"
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("toy-model", 1.0, 8_000)


def test_prompt_holds_task_contract_parents_scores_feedback_and_hints(model, server):
    propose(model(GOOD), hints=("blame:B=0.7,A=0.3", "think of rebound", CRITIQUE))
    text = prompt(server)
    for part in ("Two units.", "Define Model.", "A (1), B (1)", "Drive channels: x", "Wiring: unknown"):
        assert part in text
    for part in ("old = {1: 2}", "Validation error 0.25000", "the old one", "A is wrong.", "Status: error."):
        assert part in text
    for part in ("Improve the last program", "Idea: think of rebound", "own: B 70%, A 30%", "ValueError at line 7"):
        assert part in text
    assert "blame:" not in text
    assert text.index("broken = 1") < text.index("old = {1: 2}")


@pytest.mark.parametrize(
    ("operator", "words"), [("rewrite", "another mechanism"), ("recombine", "Join"), ("repair", "failed")]
)
def test_each_operator_has_its_instruction(model, server, operator, words):
    propose(model(GOOD), operator)
    assert words in prompt(server)


def test_name_of_the_task_is_never_sent(model, server):
    propose(model(GOOD), hints=(CRITIQUE,))
    sent = json.dumps([body for _, _, body in server.requests])
    assert "zfish" not in sent
    assert "zebrafish" not in sent


def test_critique_is_asked_for_by_hint_and_shown_to_the_writer(model, server):
    proposal = propose(model("Too linear.", GOOD), hints=(CRITIQUE,))
    assert "under review" in prompt(server, 0)
    assert "broken = 1" not in prompt(server, 0)
    assert "A is wrong.\n\nReview:\nToo linear." in prompt(server, 1)
    assert prompt(server, 1).count("Review:") == 1
    assert proposal.spend.tokens == 200
    assert proposal.critique == "Too linear."


def test_critique_that_is_there_is_not_asked_for_again_and_shown_with_those_of_ancestors(model, server):
    parents = replace(BROKEN, critique="Divides by zero."), replace(PARENT, critique="Too linear.")
    proposal = propose(model(GOOD), hints=(CRITIQUE,), context=Context(SPEC, parents, frozenset()))
    assert (len(server.requests), proposal.spend.tokens, proposal.critique) == (1, 100, "")
    assert "ValueError at line 7\n\nReview:\nDivides by zero." in prompt(server)
    assert "A is wrong.\n\nReview:\nToo linear." in prompt(server)


def test_critique_is_kept_when_no_program_comes_of_the_proposal(model):
    with pytest.raises(ProposalError, match="could not be used") as caught:
        propose(model("Too linear.", ""), hints=(CRITIQUE,))
    assert caught.value.critique == "Too linear."


def reviewer(server, broken=()):
    """Criticises what is under review by its number, and writes numbered programs; some answers are useless."""

    def answer(handler):
        text, written = prompt(server), len(written_prompts(server))
        subject = re.search(r"# (\d+)\n```", text)
        if "under review" in text:
            send(handler, 200, completion(f"Critique of {subject[1] if subject else 'the seed'}."))
        else:
            useless = written in broken
            send(handler, 200, completion("" if useless else GOOD.replace(EXAMPLE, f"{EXAMPLE}# {written}\n")))

    return answer


def written_prompts(server):
    return [text for k in range(len(server.requests)) if "under review" not in (text := prompt(server, k))]


def critiques(server):
    return [text for k in range(len(server.requests)) if "under review" in (text := prompt(server, k))]


def particles(path, proposer, generations=2):
    """Two particles, both written anew in every generation; nothing is resampled."""
    with EventLog(path) as log:
        return run_search(
            ModelSMC(1, Program("seed"), particles=2, generations=generations, alpha=0.0, threshold=0.0),
            proposer,
            lambda program, seed: Evaluation(Status.OK, 1.0, 0.0, feedback="It errs."),
            spec=SPEC,
            seed_program=Program("seed"),
            budget=Budget(evaluations=20),
            log=log,
            seed=1,
            clock=lambda: 0.0,
        )


def test_program_is_criticised_once_whoever_builds_on_it(model, server, tmp_path):
    outcome = particles(tmp_path / "log", model(reviewer(server)))
    assert outcome.counts.evaluated == 5  # the seed program, two children, a child of each
    assert len(critiques(server)) == len(set(critiques(server))) == 3
    assert outcome.spend.tokens == 100 * len(server.requests) == 700
    first, second, *grandchildren = written_prompts(server)
    assert first.count("Critique of the seed.") == second.count("Critique of the seed.") == 1
    for number, text in enumerate(grandchildren, start=1):
        assert text.index("Critique of the seed.") < text.index(f"Critique of {number}.")
    kept = [scored.critique for scored in outcome.evaluated]
    assert kept == ["Critique of the seed.", "Critique of 1.", "Critique of 2.", "", ""]


@pytest.mark.parametrize("broken", [(), (1, 2)], ids=["written", "without an answer"])
def test_critique_is_not_paid_again_after_a_resume(model, server, tmp_path, broken):
    proposer = model(reviewer(server, broken))
    whole = particles(tmp_path / "whole", proposer)
    lines = (tmp_path / "whole").read_bytes().splitlines(keepends=True)
    paid = next(k for k, line in enumerate(lines, start=1) if b'"critique":"Critique of the seed' in line)
    (tmp_path / "cut").write_bytes(b"".join(lines[:paid]))
    before = len(critiques(server))
    asked = len(server.requests)
    outcome = particles(tmp_path / "cut", proposer)
    assert len(critiques(server)) == 2 * before - 1
    assert all("Critique of the seed." in text for text in written_prompts(server)[-2:])
    assert outcome.counts == whole.counts
    assert outcome.spend.tokens == whole.spend.tokens
    assert len(server.requests) < 2 * asked


def test_replay_gives_the_critiques_too(model, server, tmp_path):
    recorded = particles(tmp_path / "log", model(reviewer(server, broken=(1, 2))))
    assert (recorded.counts.unanswered, recorded.evaluated[0].critique) == (1, "Critique of the seed.")
    server.requests.clear()
    assert particles(tmp_path / "again", ReplayProposer(SPEC, str(tmp_path / "log"))) == recorded
    assert server.requests == []


@pytest.mark.parametrize(
    ("malformed", "complaint"),
    [
        ("", "it was empty"),
        ("I would add a leak.", "no code block with a program"),
        ("```python\nimport jax", "must define a class `Model`"),
        ("```python\nx = 1\n```", "must define a class `Model`"),
        ("```python\ndef (\n```", "does not parse"),
        (GOOD.replace(EXAMPLE, EXAMPLE + "# x\n" * 10**5), "longer than"),
    ],
)
def test_malformed_answer_is_repaired_once(model, server, malformed, complaint):
    proposal = propose(model(malformed, GOOD))
    assert proposal.source == EXAMPLE
    floor = len(malformed.encode()) // 16  # of an answer that is longer than the endpoint's count can be
    assert proposal.spend.tokens == 100 + (70 + floor if floor > 100 else 100)
    messages = server.requests[1][2]["messages"]
    assert [m["role"] for m in messages] == ["system", "user", "assistant", "user"]
    assert complaint in messages[-1]["content"]


def test_answer_malformed_twice_is_no_proposal_but_was_paid_for(model, server):
    with pytest.raises(ProposalError, match="also when asked again: it was empty") as caught:
        propose(model(""))
    assert len(server.requests) == 2
    assert caught.value.spend.tokens == 200


def test_parent_that_comes_back_unchanged_is_malformed(model):
    context = Context(SPEC, (Scored(Program(EXAMPLE), PARENT.evaluation),), frozenset())
    with pytest.raises(ProposalError, match="unchanged"):
        propose(model(GOOD), context=context)


@pytest.mark.parametrize("trouble", [status(429), status(500), status(503), status(408)])
def test_refusals_are_free_and_tried_again_with_growing_waits(model, trouble):
    proposer = model(trouble, trouble, GOOD)
    assert propose(proposer).spend.tokens == 100
    assert proposer.waits == [1.0, 2.0]


def test_endpoint_may_say_how_long_to_wait(model):
    proposer = model(status(429, retry_after="7"), status(429, retry_after="1e9"), GOOD)
    propose(proposer)
    assert proposer.waits == [7.0, 60.0]


@pytest.mark.parametrize(("trouble", "timeout"), [(hang, 0.3), (cut, 5.0), (no_json, 5.0)])
def test_answer_that_was_lost_is_charged_at_its_worst_and_tried_again(model, server, trouble, timeout):
    proposer = model(trouble, GOOD, timeout=timeout, answer_tokens=5_000)
    spent = propose(proposer).spend.tokens
    lost = most_read(server.requests[0][2]["messages"]) + 5_000
    assert spent == 100 + lost


drips = [drip(b"x: ", b"\r\nconnection: close\r\n\r\n"), drip(b"connection: close\r\n\r\n", b"")]


@pytest.mark.parametrize("trouble", drips, ids=["headers", "body"])
def test_timeout_is_for_the_whole_attempt_however_often_a_byte_comes(model, trouble):
    assert propose(model(trouble, timeout=20.0)).source == LATE_SOURCE  # such an answer is whole in the end
    assert propose(model(trouble, GOOD, timeout=0.5)).source == EXAMPLE


def test_answer_of_ten_megabytes_is_not_read_and_charged_at_its_worst(model, server):
    proposer = model(endless, GOOD, timeout=60.0)
    proposal = propose(proposer)
    assert proposal.source == EXAMPLE
    assert proposal.spend.tokens == 100 + most_read(server.requests[0][2]["messages"]) + 8_000
    with pytest.raises(ProposalError, match=r"gave no whole answer \(its body exceeds 4,194,304 bytes\)"):
        propose(model(endless, timeout=60.0, attempts=1))


def test_refusal_of_ten_megabytes_is_not_read_either(model):
    with pytest.raises(ProposalError, match="exceeds"):
        propose(model(endless_refusal, timeout=60.0, attempts=1))


def test_compressed_answers_are_measured_unpacked(model):
    def packed(text):
        def answer(handler):
            body = gzip.compress(json.dumps(completion(text)).encode())
            handler.send_response(200)
            for name, value in (("content-type", "application/json"), ("content-encoding", "gzip")):
                handler.send_header(name, value)
            handler.send_header("content-length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

        return answer

    assert propose(model(packed(GOOD))).source == EXAMPLE
    with pytest.raises(ProposalError, match="exceeds"):
        propose(model(packed(" " * 10 * 2**20), timeout=60.0, attempts=1))


def quoting(code, fill=""):
    """An endpoint that quotes the header that holds the key."""

    def answer(handler):
        said = f"{fill}{handler.headers['authorization']} is not known"
        send(handler, code, {"error": {"message": said, "code": said}})

    return answer


@pytest.mark.parametrize("fill", ["", "x" * 140])  # the second cuts the quotation in the middle of the key
def test_key_that_an_endpoint_quotes_reaches_neither_error_nor_event_log(model, tmp_path, fill):
    with pytest.raises(ProposerUnavailableError, match="answered 401") as caught:
        propose(model(quoting(401, fill)))
    assert "secret-key" not in str(caught.value) + repr(caught.value.exchanges)
    proposer = model(quoting(401, fill))
    with EventLog(tmp_path / "log") as log, pytest.raises(ProposerUnavailableError):
        run_search(
            Puct(1, Program("seed")),
            proposer,
            lambda program, seed: Evaluation(Status.OK, 0.5),
            spec=SPEC,
            seed_program=Program("seed"),
            budget=Budget(evaluations=2),
            log=log,
            seed=1,
            patience=2,
        )
    written = (tmp_path / "log").read_text()
    assert "answered 401" in written
    assert "secret-key" not in written


@pytest.mark.parametrize("key", [f"{KEY}\n", f" {KEY} "])
def test_blanks_around_a_key_are_left_out(model, server, monkeypatch, key):
    monkeypatch.setenv("ZFBENCH_LLM_API_KEY", key)
    propose(model(GOOD))
    assert server.requests[0][1]["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("key", ["secret-key\rbroken", "secret-kéy"])
def test_key_that_no_header_can_hold_is_refused_and_not_quoted(model, monkeypatch, key):
    monkeypatch.setenv("ZFBENCH_LLM_API_KEY", key)
    with pytest.raises(ZfbenchError, match="no HTTP header can") as caught:
        model(GOOD)
    assert "secret" not in str(caught.value)


def test_endpoint_that_stays_broken_ends_the_proposal_with_its_words(model, server):
    with pytest.raises(ProposalError, match=r"answered 500: no: 500 \(attempts without an answer: 3\)") as caught:
        propose(model(status(500), attempts=3))
    assert len(server.requests) == 3
    assert not caught.value.answered
    assert caught.value.spend == Spend()


@pytest.mark.parametrize("trouble", [hang, cut, ""])
def test_spend_never_exceeds_the_bound(model, trouble):
    proposer = model(trouble, timeout=0.1, attempts=50)
    with pytest.raises(ProposalError) as caught:
        propose(proposer, hints=(CRITIQUE,))
    assert 0 < caught.value.spend.tokens <= proposer.bound.tokens


def test_answer_without_usage_is_charged_at_its_worst(model, server):
    proposal = propose(model(lambda handler: send(handler, 200, completion(GOOD, usage=False))))
    assert proposal.spend.tokens == most_read(server.requests[0][2]["messages"]) + 8_000


def test_call_that_might_not_fit_the_account_is_not_made(server, model):
    model(GOOD)
    client = Client(Endpoint("m", f"http://127.0.0.1:{server.server_port}/v1", answer_tokens=50))
    messages = [{"role": "user", "content": "12345"}]
    with pytest.raises(ProposalError, match="might exceed"):
        client.ask(messages, 0, Account(Spend(tokens=most_read(messages) + 49)))
    assert server.requests == []
    assert client.ask(messages, 0, Account(Spend(tokens=most_read(messages) + 50))).text == GOOD


PRICES = {"input_price": 2.0, "output_price": 10.0}  # per million tokens


def test_money_is_what_the_tokens_cost_at_the_given_prices(model, server):
    proposer = model(GOOD, **PRICES)
    assert propose(proposer).spend == Spend(tokens=100, money=(70 * 2 + 30 * 10) / 1e6)
    assert (proposer.identity["input_price"], proposer.identity["output_price"]) == (2.0, 10.0)
    assert propose(model(GOOD)).spend.money == 0  # nothing is made up without prices


@pytest.mark.parametrize(
    ("usage", "charged"),
    [
        ({"prompt_tokens": 70, "completion_tokens": 30, "total_tokens": 150}, (150, 70 * 2 + 80 * 10)),
        ({"total_tokens": 100}, (100, None)),
        ({"prompt_tokens": 200, "total_tokens": 100}, (100, None)),
        ({"prompt_tokens": 70}, (None, None)),
    ],
)
def test_what_the_endpoint_does_not_say_is_charged_at_its_worst(model, server, usage, charged):
    answer = {**completion(GOOD, usage=False), "usage": usage}
    spend = propose(model(lambda handler: send(handler, 200, answer), answer_tokens=500, **PRICES)).spend
    read = most_read(server.requests[0][2]["messages"])
    tokens, cost = charged
    assert spend.tokens == (read + 500 if tokens is None else tokens)
    assert spend.money == pytest.approx((read * 2 + 500 * 10 if cost is None else cost) / 1e6)


@pytest.mark.parametrize("trouble", [hang, cut, ""])
def test_money_never_exceeds_its_bound_when_answers_are_lost(model, trouble):
    proposer = model(trouble, timeout=0.1, attempts=50, **PRICES)
    with pytest.raises(ProposalError) as caught:
        propose(proposer, hints=(CRITIQUE,))
    assert 0 < caught.value.spend.money <= proposer.bound.money


@pytest.mark.parametrize("prices", [{"input_price": 1}, {"input_price": -1, "output_price": 1}, {"output_price": "1"}])
def test_prices_that_are_none_are_refused(model, prices):
    with pytest.raises(ZfbenchError, match="give both prices"):
        model(GOOD, **prices)


def searched(path, proposer, money):
    with EventLog(path) as log:
        return run_search(
            Puct(1, Program("seed")),
            proposer,
            lambda program, seed: Evaluation(Status.OK, (seed % 1_000) / 1_000),
            spec=SPEC,
            seed_program=Program("seed"),
            budget=Budget(money=money),
            log=log,
            seed=1,
            clock=lambda: 0.0,
        )


def test_a_search_stops_before_the_call_that_might_exceed_its_money(model, server, tmp_path):
    def numbered(handler):
        text = GOOD.replace(EXAMPLE, f"{EXAMPLE}# {len(server.requests)}\n")
        send(handler, 200, completion(text))

    proposer = model(numbered, **PRICES)
    step, bound = (70 * 2 + 30 * 10) / 1e6, proposer.bound.money
    outcome = searched(tmp_path / "log", proposer, bound + 2.5 * step)
    assert outcome.reason == "budget"
    assert len(server.requests) == 3  # a fourth could have cost `bound`, and less is left
    assert outcome.spend.money == pytest.approx(3 * step)
    assert outcome.overrun.money == 0
    assert trajectory(read_log(tmp_path / "log").events)[-1].spend.money == pytest.approx(3 * step)
    replayed = searched(tmp_path / "again", ReplayProposer(SPEC, str(tmp_path / "log")), 2.5 * step)
    assert replayed.spend.money == pytest.approx(2 * step)


def test_a_limit_of_money_needs_prices(model, tmp_path):
    with pytest.raises(ZfbenchError, match="have no price"):
        searched(tmp_path / "log", model(GOOD), 1.0)


def test_longest_repair_fits_the_bound(model):
    proposer = model("x" * 100_000, GOOD, answer_tokens=200)
    assert propose(proposer).source == EXAMPLE  # the account would have refused a repair that might not fit


def test_older_parents_are_left_out_of_a_prompt_that_is_too_long(model, server):
    long = replace(BROKEN, program=Program("broken = 1\n" + "# x\n" * 5_000))
    propose(model(GOOD, prompt_bytes=10_000), context=Context(SPEC, (long, PARENT), frozenset()))
    assert "old = {1: 2}" in prompt(server)
    assert "broken = 1" not in prompt(server)
    with pytest.raises(ProposalError, match="raise prompt_bytes"):
        propose(model(GOOD, prompt_bytes=100))


def test_extra_fields_replace_and_remove_the_usual_ones(model, server):
    propose(model(GOOD, extra={"max_tokens": None, "max_completion_tokens": 900, "top_p": 0.9}, temperature=None))
    body = server.requests[0][2]
    assert (body["max_completion_tokens"], body["top_p"]) == (900, 0.9)
    assert not {"max_tokens", "temperature"} & body.keys()


def test_identity_names_model_and_prompts_and_no_secret(model, tmp_path):
    identity = model(GOOD).identity
    assert identity["model"] == "toy-model"
    assert identity["prompts_sha256"] == Prompts.load().sha256
    assert KEY not in json.dumps(identity)
    for name in NAMES:
        (tmp_path / f"{name}.txt").write_text(Prompts.load().texts[name] + ("!" if name == "repair" else ""))
    assert model(GOOD, prompts=str(tmp_path)).identity["prompts_sha256"] != identity["prompts_sha256"]


def test_key_comes_from_the_environment_alone(monkeypatch):
    for name in ("ZFBENCH_LLM_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ZfbenchError, match="needs a key: set the environment variable ZFBENCH_LLM_API_KEY"):
        LlmProposer(SPEC, "m")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(ZfbenchError, match="in base_url holds a user name or a key"):
        LlmProposer(SPEC, "m", "http://user:pass@localhost/v1")
    with pytest.raises(ZfbenchError, match="needs a model"):
        LlmProposer(SPEC)


def test_replay_repeats_a_search_with_a_language_model_without_the_model(model, server, tmp_path):
    seed = Program("seed")

    def numbered(handler):
        text = GOOD.replace(EXAMPLE, f"{EXAMPLE}# {len(server.requests)}\n")
        send(handler, 200, completion(text if len(server.requests) % 3 else ""))

    def search(path, proposer):
        with EventLog(path) as log:
            return run_search(
                Puct(1, seed),
                proposer,
                lambda program, seed: Evaluation(Status.OK, (seed % 1_000) / 1_000),
                spec=SPEC,
                seed_program=seed,
                budget=Budget(evaluations=8, tokens=10**7),
                log=log,
                seed=1,
                clock=lambda: 0.0,
            )

    recorded = search(tmp_path / "log", model(numbered))
    assert recorded.counts.evaluated == 8
    assert recorded.spend.tokens == 100 * len(server.requests)
    server.requests.clear()
    assert search(tmp_path / "again", ReplayProposer(SPEC, str(tmp_path / "log"))) == recorded
    assert server.requests == []
