"""What an endpoint may answer, refuse and be: each fault gets its own sentence and its fair price."""

import json

import numpy as np
import pytest
from llm_cases import GOOD, KEY, PARENT, SPEC, propose
from llm_server import completion, cut, hang, send, status

from zfbench.base.errors import ZfbenchError
from zfbench.forecasting.contract import EXAMPLE
from zfbench.protocols.proposer import Context, ProposalError, ProposerUnavailableError
from zfbench.records.evaluation import Scored
from zfbench.records.hints import CRITIQUE
from zfbench.records.program import Program
from zfbench.records.spend import Spend

pytest.importorskip("openai")
from zfbench.discoverers.proposers.llm.account import Account, most_read, used
from zfbench.discoverers.proposers.llm.client import Client, asked_to_wait
from zfbench.discoverers.proposers.llm.endpoint import DEFAULT_URL, Endpoint, checked_url
from zfbench.discoverers.proposers.llm.proposer import LlmProposer


def body(content, code=200, **headers):
    """Answers with that JSON."""
    return lambda handler: send(handler, code, content, **headers)


def raw(text, kind="text/html"):
    """Answers with that text, as a success."""

    def answer(handler):
        content = text.encode()
        handler.send_response(200)
        handler.send_header("content-type", kind)
        handler.send_header("content-length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def error(message="no", **fields):
    return {"error": {"message": message, **fields}}


def message(content, finish="stop", **fields):
    """A completion whose message has this content, and further fields."""
    whole = completion("")
    whole["choices"][0] |= {"finish_reason": finish, "message": {"role": "assistant", "content": content, **fields}}
    return body(whole)


FINAL = [
    (body(error("bad request"), 400), "answered 400: bad request"),
    (body(error("Incorrect API key provided"), 401), "answered 401: Incorrect API key provided"),
    (body(error("Insufficient credits"), 402), "answered 402: Insufficient credits"),
    (body(error("not yours"), 403), "answered 403: not yours"),
    (
        body(error("The model `o9` does not exist", code="model_not_found"), 404),
        "answered 404: The model `o9` does not",
    ),
    (body({"detail": "Not Found"}, 404), "answered 404: Not Found"),
    (body(error("You exceeded your quota", code="insufficient_quota"), 429), "answered 429: You exceeded your quota"),
    (body(error("wrong key", code=401)), "answered an error: wrong key"),
    (body(error("no quota", type="insufficient_quota")), "answered an error: no quota"),
]


@pytest.mark.parametrize(("refusal", "words"), FINAL)
def test_refusals_that_will_not_change_end_the_run_at_once_and_cost_nothing(model, server, refusal, words):
    proposer = model(refusal)
    with pytest.raises(ProposerUnavailableError, match=words) as caught:
        propose(proposer)
    assert len(server.requests) == 1
    assert proposer.waits == []
    assert caught.value.spend == Spend()
    assert f"http://127.0.0.1:{server.server_port}/v1 answered" in str(caught.value)


def test_what_was_paid_before_such_a_refusal_is_not_forgotten(model):
    with pytest.raises(ProposerUnavailableError) as caught:
        propose(model("Too linear.", status(401)), hints=(CRITIQUE,))
    assert (caught.value.spend.tokens, caught.value.critique) == (100, "Too linear.")
    assert [exchange.answer for exchange in caught.value.exchanges] == ["Too linear.", ""]


@pytest.mark.parametrize(
    "refusal",
    [
        body(error("This model's maximum context length is 4096", code="context_length_exceeded"), 400),
        body(error("filtered", code="content_filter"), 400),
        body(error("filtered", code="content_filter")),
    ],
)
def test_a_refusal_of_one_prompt_ends_one_proposal_alone(model, server, refusal):
    with pytest.raises(ProposalError) as caught:
        propose(model(refusal))
    assert len(server.requests) == 1
    assert not caught.value.answered


NO_COMPLETIONS = [
    (body(error("upstream overloaded", code=502)), "an error: upstream overloaded", 0),
    (body(error("busy") | {"usage": {"total_tokens": 7}}), "an error: busy", 7),
    (body({}), "JSON without choices", None),
    (body({"choices": None}), "JSON without choices", None),
    (body({"choices": []}), "JSON without choices", None),
    (body({"choices": [{"message": None}]}), "JSON without choices", None),
    (body([1]), "JSON that is no completion", None),
    (raw("<html>gateway down</html>"), "a web page: <html>gateway down", None),
    (raw('data: {"choices": [{"delta": {"content": "x"}}]}\n\n', "text/event-stream"), "a stream of events", None),
    (raw(""), "an empty body", None),
    (raw("Service busy"), "a body that is not JSON: Service busy", None),
]


@pytest.mark.parametrize(("answer", "words", "price"), NO_COMPLETIONS)
def test_a_success_without_an_answer_is_a_failure_of_the_endpoint_and_tried_again(model, server, answer, words, price):
    proposer = model(answer, GOOD, answer_tokens=900)
    proposal = propose(proposer)
    assert proposal.source == EXAMPLE
    assert proposer.waits == [1.0]
    messages = server.requests[0][2]["messages"]
    assert messages == server.requests[1][2]["messages"]  # the same again, no plea for a repair
    assert proposal.spend.tokens == 100 + (most_read(messages) + 900 if price is None else price)
    with pytest.raises(ProposalError, match=words) as caught:
        propose(model(answer, attempts=1))
    assert not caught.value.answered


PARTS = [{"type": "thinking", "thinking": "```python\nx = 1\n```"}, {"type": "text", "text": GOOD[:40]}, GOOD[40:]]


@pytest.mark.parametrize(
    "answer",
    [
        message(PARTS),
        message(GOOD, reasoning_content="```python\nx = 1\n```"),
        message(GOOD, reasoning=None, tool_calls=None, annotations=[]),
        message(f"<think>\n```python\nx = 1\n```\n</think>\n{GOOD}"),
        message(GOOD.replace("\n", "\r\n")),
        message("\ufeff" + GOOD),
        message(GOOD + "\ud83d"),
        body({**completion(GOOD), "error": None}),
    ],
)
def test_answers_in_every_form_are_read(model, server, answer):
    proposal = propose(model(answer))
    assert proposal.source == EXAMPLE
    assert proposal.summary == "leak; sigmoid"
    assert len(server.requests) == 1
    proposal.source.encode()


@pytest.mark.parametrize(
    "answer",
    [
        message("", reasoning_content="hmm"),
        message(None, reasoning="hmm"),
        message([{"type": "thinking", "thinking": "hmm"}]),
        message("<think>hmm</think>"),
        message("<think>hmm"),
        message("", finish="length"),
    ],
)
def test_reasoning_without_an_answer_is_said_and_not_asked_for_twice(model, server, answer):
    with pytest.raises(ProposalError, match=r"only reasoning and no answer.*raise answer_tokens") as caught:
        propose(model(answer, GOOD))
    assert len(server.requests) == 1
    assert not caught.value.answered
    assert caught.value.spend.tokens == 100


def test_a_model_that_refuses_is_quoted(model):
    with pytest.raises(ProposalError, match="refuses to answer: I cannot help"):
        propose(model(message(None, refusal="I cannot help.")))


def test_an_answer_that_was_cut_is_sent_back_as_such_and_the_user_is_told(model, server):
    proposer = model(message(GOOD[:300], finish="length"), answer_tokens=700)
    with pytest.raises(ProposalError, match=r"cut at answer_tokens=700.*Raise answer_tokens") as caught:
        propose(proposer)
    assert "cut at answer_tokens=700" in server.requests[1][2]["messages"][-1]["content"]
    assert "cut at the limit of tokens" in caught.value.exchanges[0].note


REFUSED_FIELD = (
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
)


def test_an_endpoint_that_knows_the_limit_by_its_newer_name_is_asked_by_that(model, server):
    def choosy(handler):
        if "max_tokens" in server.requests[-1][2]:
            send(handler, 400, error(REFUSED_FIELD, param="max_tokens", code="unsupported_parameter"))
        else:
            send(handler, 200, completion(GOOD))

    proposer = model(choosy, answer_tokens=777)
    assert propose(proposer).spend.tokens == 100
    propose(proposer)
    fields = [[name for name in sent if name.startswith("max")] for _, _, sent in server.requests]
    assert fields == [["max_tokens"], ["max_completion_tokens"], ["max_completion_tokens"]]  # learned once
    assert server.requests[-1][2]["max_completion_tokens"] == 777
    assert proposer.waits == []


def test_an_endpoint_that_knows_neither_name_is_quoted_after_two_calls(model, server):
    with pytest.raises(ProposerUnavailableError, match="answered 400: Unsupported parameter"):
        propose(model(body(error(REFUSED_FIELD), 400)))
    assert len(server.requests) == 2


def test_a_field_that_an_endpoint_does_not_know_is_named_with_what_to_do(model):
    with pytest.raises(ProposerUnavailableError, match=r'leave that out with extra=\{"seed": null\}'):
        propose(model(body(error("Extra inputs are not permitted: seed"), 422)))


@pytest.mark.parametrize(
    ("header", "waited"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("1e9", 60.0),
        ("inf", 60.0),
        ("nan", 1.0),
        ("soon", 1.0),
        ("", 1.0),
        ("Wed, 21 Oct 2015 07:28:09 GMT", 0.0),
        ("Wed, 99 Oct 2015", 1.0),
    ],
)
def test_any_wait_that_an_endpoint_asks_for_is_survived(model, header, waited):
    proposer = model(body(error("slow down"), 429, retry_after=header), GOOD)
    assert propose(proposer).spend.tokens == 100
    assert proposer.waits == [waited]


def test_a_date_to_wait_for_is_counted_from_the_date_of_the_answer():
    until = {"retry-after": "Wed, 21 Oct 2015 07:28:09 GMT"}
    assert asked_to_wait({**until, "date": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 9.0
    assert asked_to_wait(until) is None
    assert asked_to_wait({}) is None


def test_a_refused_connection_costs_nothing_and_is_no_answer(monkeypatch):
    monkeypatch.setenv("ZFBENCH_LLM_API_KEY", KEY)
    proposer = LlmProposer(SPEC, "m", "http://127.0.0.1:9/v1", attempts=3, sleep=lambda _: None)
    with pytest.raises(ProposalError, match=r"http://127\.0\.0\.1:9/v1 gave no whole answer.*an answer: 3") as caught:
        propose(proposer)
    assert caught.value.spend == Spend()
    assert not caught.value.answered


@pytest.mark.parametrize("trouble", [cut, hang])
def test_an_answer_that_was_lost_after_asking_is_charged_but_is_no_answer(model, server, trouble):
    with pytest.raises(ProposalError) as caught:
        propose(model(trouble, timeout=1.0, attempts=1))
    assert caught.value.spend.tokens == most_read(server.requests[0][2]["messages"]) + 8_000
    assert not caught.value.answered


def test_a_prompt_with_odd_characters_is_sent_all_the_same(model, server):
    odd = Scored(Program("x = '\ud83d\udc00'", summary="a \udfff b"), PARENT.evaluation)
    assert propose(model(GOOD), hints=("an idea \ud800",), context=Context(SPEC, (odd,), frozenset())).source == EXAMPLE
    assert "an idea \ufffd" in server.requests[0][2]["messages"][1]["content"]


# token counts

WORST = Spend(tokens=10_000, money=1.0)
PRICED = Endpoint("m", input_price=1.0, output_price=10.0)


@pytest.mark.parametrize(
    ("usage", "size", "tokens"),
    [
        ({"prompt_tokens": 70, "completion_tokens": 30, "total_tokens": 100}, 400, 100),
        ({"prompt_tokens": 70, "completion_tokens": 30}, 400, 100),
        ({"prompt_tokens": 70.0, "completion_tokens": 30.0, "total_tokens": 100.0}, 400, 100),
        ({"prompt_tokens": 0, "completion_tokens": 1, "total_tokens": 1}, 32_000, 2_000),  # a floor from the answer
        ({"total_tokens": 1}, 32_000, 2_000),
        ({"total_tokens": 10**12}, 400, 10_000),
        ({"prompt_tokens": 1, "completion_tokens": 10**12}, 400, 10_000),
        ({"total_tokens": 1e300}, 400, 10_000),
        ({"total_tokens": float("nan")}, 400, 10_000),
        ({"total_tokens": -5}, 400, 10_000),
        ({"total_tokens": True}, 400, 10_000),
        ({"total_tokens": "100"}, 400, 10_000),
        ({"total_tokens": 12_000}, 400, 12_000),  # hidden reasoning may exceed the limit
        (None, 400, 10_000),
        ("many", 400, 10_000),
    ],
)
def test_counts_of_tokens_are_believed_where_they_can_be(usage, size, tokens):
    charged = used(PRICED, usage, WORST, size)
    assert charged.tokens == tokens
    assert isinstance(charged.tokens, int)
    assert charged.money > 0


def test_the_floor_is_paid_as_output():
    usage = {"prompt_tokens": 50, "completion_tokens": 1, "total_tokens": 51}
    assert used(PRICED, usage, WORST, 16_000).money == pytest.approx((50 * 1 + 1_000 * 10) / 1e6)


# where it is

URLS = [
    ("http://localhost:8000/v1", "http://localhost:8000/v1"),
    (" http://localhost:8000/v1/ ", "http://localhost:8000/v1"),
    ("https://x.org/v1///", "https://x.org/v1"),
    ("http://localhost:8000/v1/chat/completions", "http://localhost:8000/v1"),
    ("http://localhost:8000", "http://localhost:8000"),
]


@pytest.mark.parametrize(("given", "used_url"), URLS)
def test_addresses_are_understood_with_and_without_slashes(given, used_url):
    assert checked_url(given, "base_url") == used_url


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("127.0.0.1:8000/v1", "write http://127.0.0.1:8000/v1"),
        ("localhost:8000/v1", "must begin with http:// or https://"),
        ("//localhost/v1", "must begin with"),
        ("ftp://localhost/v1", "must begin with"),
        ("http://", "must begin with"),
        ("", "must begin with"),
        ("http://[::1/v1", "cannot be read"),
        ("http://host:port/v1", "cannot be read"),
        ("http://localhost/v1?key=secret", "part after"),
        ("http://local host/v1", "holds a blank"),
        ("http://user:secret@localhost/v1", "base_url holds a user name or a key"),
        ("user:secret@localhost/v1", "base_url holds a user name or a key"),
    ],
)
def test_addresses_that_cannot_be_meant_are_refused_in_one_sentence(given, words):
    with pytest.raises(ZfbenchError, match=words) as caught:
        checked_url(given, "base_url")
    assert "secret" not in str(caught.value)


def test_the_effective_address_is_known_and_no_part_of_the_method(model, server, monkeypatch):
    here = f"http://127.0.0.1:{server.server_port}/v1"
    first, second = model(GOOD), model(GOOD, base_url="http://127.0.0.1:9/v1", timeout=1.0, attempts=2)
    assert first.identity == second.identity
    assert "base_url" not in first.identity
    assert first.surroundings["base_url"] == here
    monkeypatch.setenv("OPENAI_BASE_URL", f"{here}/")
    by_environment = model(GOOD, base_url=None)
    assert by_environment.surroundings["base_url"] == here
    assert propose(by_environment).source == EXAMPLE
    monkeypatch.delenv("OPENAI_BASE_URL")
    assert Endpoint("m").url == DEFAULT_URL
    monkeypatch.setenv("OPENAI_BASE_URL", "localhost:1")
    with pytest.raises(ZfbenchError, match="in OPENAI_BASE_URL must begin"):
        Endpoint("m")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"answer_tokens": 0}, "answer_tokens is 0"),
        ({"answer_tokens": "many"}, "answer_tokens is 'many'"),
        ({"attempts": 0}, "attempts is 0"),
        ({"attempts": True}, "attempts is True"),
        ({"timeout": float("nan")}, "timeout is nan"),
        ({"timeout": 0}, "timeout is 0"),
        ({"temperature": -1}, "temperature is -1"),
        ({"extra": {"messages": []}}, "extra must be an object"),
        ({"extra": "x"}, "extra must be an object"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, words):
    with pytest.raises(ZfbenchError, match=words):
        Endpoint("m", **settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "nonsense://127.0.0.1:1080"),
        ("https_proxy", "http://[::1"),
        ("SSL_CERT_FILE", "/nowhere/certificates.pem"),
        ("SSL_CERT_DIR", "/nowhere"),
    ],
)
def test_what_the_environment_names_and_nobody_can_use_is_named_at_the_start(model, monkeypatch, name, value):
    for other in ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(other, raising=False)
        monkeypatch.delenv(other.lower(), raising=False)
    monkeypatch.setenv(name, value)
    with pytest.raises(ZfbenchError, match=name):
        model(GOOD)


def test_a_proxy_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setenv("ZFBENCH_LLM_API_KEY", KEY)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    client = Client(Endpoint("m", "http://example.invalid/v1", attempts=1))
    with pytest.raises(ProposalError, match="through the proxy of HTTP_PROXY") as caught:
        client.ask([{"role": "user", "content": "x"}], 0, Account(Spend(tokens=10**6)))
    assert caught.value.spend == Spend()


# what every call is asked with


def test_every_call_of_a_proposal_has_a_seed_of_its_own_from_the_generator(model, server):
    """A critique, an answer without a program, and its repair; `propose` gives the generator of seed 0."""
    propose(model("Too linear.", "no program", GOOD), hints=(CRITIQUE,))
    expected = np.random.default_rng(0).integers(2**31, size=3).tolist()
    assert [body["seed"] for _, _, body in server.requests] == expected
    assert len(set(expected)) == 3


# what is kept


def test_prompts_and_answers_are_kept_unless_told_otherwise(model):
    exchanges = propose(model("no code", GOOD)).exchanges
    assert [exchange.answer for exchange in exchanges] == ["no code", GOOD]
    assert [role for role, _ in exchanges[1].messages] == ["system", "user", "assistant", "user"]
    assert "whole; 100 tokens charged" in exchanges[0].text()
    assert GOOD.strip() in exchanges[1].text()
    assert propose(model(GOOD, keep_prompts=False)).exchanges == ()


def test_keys_in_answers_are_not_kept(model):
    exchanges = propose(model(f"the key is {KEY}", GOOD)).exchanges
    assert KEY not in json.dumps([exchange.text() for exchange in exchanges])
