"""Chat with an OpenAI-compatible endpoint: retries with growing waits, and a plain word where retrying is useless.

What an endpoint refuses is of three kinds. What may pass (429, 5xx, lost answers) is tried again. What concerns one
prompt (too long, filtered) ends the proposal. What will not change (key, model, quota, a field that it does not know)
ends the run, see `ProposerUnavailableError`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from zfbench.base.errors import ZfbenchError
from zfbench.discoverers.proposers.llm.account import Account, Message, most_read, used
from zfbench.discoverers.proposers.llm.endpoint import Endpoint, key_of_environment
from zfbench.discoverers.proposers.llm.reply import NoCompletionError, Reply, quote, read_error, read_reply
from zfbench.records.evaluation import Exchange
from zfbench.records.spend import NOTHING, Spend

LONGEST_WAIT = 60.0  # seconds between two attempts
PASSING = (408, 409, 425, 429)  # refusals below 500 that may pass
LIMIT, NEWER_LIMIT = "max_tokens", "max_completion_tokens"  # names of the most tokens of an answer
OF_ONE_PROMPT = ("context_length", "content_filter", "content_policy", "string_above_max_length", "too_large")
FINAL = (
    "insufficient_quota",
    "invalid_api_key",
    "invalid_request",
    "model_not_found",
    "authentication",
    "permission",
    "billing",
)
UNKNOWN = ("unsupported", "not supported", "unrecognized", "unknown", "not permitted")
OPTIONAL = ("temperature", "seed", "top_p")  # fields that an endpoint may not know


@dataclass(frozen=True)
class _Trouble:
    """Why an attempt brought no answer.

    Attributes:
        problem: what the endpoint did, as a predicate.
        wait: seconds that it asked for before the next attempt; None if it did not.
        final: whether it will refuse for ever.
        prompt: whether it refuses this prompt alone.
        advice: what to do about a final refusal.
    """

    problem: str
    wait: float | None = None
    final: bool = False
    prompt: bool = False
    advice: str = ""


class Client:
    """An endpoint with the key that it is asked with; may be used from several threads.

    Raises:
        ZfbenchError: there is no key, the package openai is missing, or proxy or certificates cannot be used.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._key = key_of_environment()
        try:
            import openai

            from zfbench.discoverers.proposers.llm.attempt import LostAnswerError, check_environment, complete
        except ImportError as error:
            raise ZfbenchError("The proposer 'llm' needs the openai package; pip install 'zfbench[llm]'.") from error
        check_environment()
        self._refusal, self._lost, self._complete = openai.APIStatusError, LostAnswerError, complete
        self._limit = LIMIT

    def ask(self, messages: list[Message], seed: int, account: Account) -> Reply:
        """One answer.

        Raises:
            ProposalError: the endpoint gave no answer in so many attempts, or the next attempt might exceed the
                account.
            ProposerUnavailableError: the endpoint refused, and will refuse again.
        """
        worst = self._endpoint.cost(most_read(messages), self._endpoint.answer_tokens)
        told = ""
        for attempt in range(self._endpoint.attempts):
            if unit := account.missing(worst):
                begin = f"{told}; another" if told else "Another"
                message = f"{begin} call to the language model might exceed the {unit} reserved for this proposal."
                raise account.failure(message, answered=not told)
            result = self._attempt(messages, seed, worst, account)
            if isinstance(result, Reply):
                return result
            told = f"The endpoint {self._endpoint.url} {result.problem}"
            if result.final:
                raise account.unavailable(f"{told}. {result.advice}")
            if result.prompt:
                raise account.failure(f"{told}.", answered=False)
            if attempt + 1 < self._endpoint.attempts:
                self._endpoint.sleep(min(2.0**attempt if result.wait is None else result.wait, LONGEST_WAIT))
        raise account.failure(f"{told} (attempts without an answer: {self._endpoint.attempts}).", answered=False)

    def _attempt(self, messages: list[Message], seed: int, worst: Spend, account: Account) -> Reply | _Trouble:
        """A reply, or why there is none; what it used up is charged, and the call is noted down."""
        before = account.spent
        result = self._try(messages, seed, worst, account)
        if isinstance(result, Reply):
            answer, ending = result.text, "cut at the limit of tokens" if result.cut else "whole"
        else:
            answer, ending = "", result.problem
        note = f"{ending}; {account.spent.tokens - before.tokens:,} tokens charged"
        sent = tuple((message["role"], message["content"]) for message in messages)
        account.exchanges.append(Exchange(sent, answer, note))
        return result

    def _try(self, messages: list[Message], seed: int, worst: Spend, account: Account) -> Reply | _Trouble:
        """A reply, or why there is none; what it used up is charged."""
        try:
            reply = read_reply(self._post(messages, seed))
        except self._refusal as error:
            return self._refused(error)
        except NoCompletionError as error:
            free = error.refused and error.usage is None  # an error is no answer; any other body may have been billed
            account.charge(NOTHING if free else used(self._endpoint, error.usage, worst, 0))
            problem = f"answered {error}"
            return self._judged(problem, f"{error.code} {problem}", error.refused and _is_final(error.code))
        except self._lost as error:
            account.charge(worst if error.sent else NOTHING)
            return _Trouble(f"gave no whole answer ({quote(self._hidden(str(error)))})")
        account.charge(used(self._endpoint, reply.usage, worst, reply.size))
        return reply

    def _post(self, messages: list[Message], seed: int) -> bytes:
        """The body of an answer; an endpoint that knows the limit of tokens by its newer name alone is asked again."""
        fields = self._endpoint.fields(seed, self._limit)
        request = {"model": self._endpoint.model, "messages": messages, "extra_body": fields}
        try:
            body = self._complete(self._key, self._endpoint.url, self._endpoint.timeout, request)
            return body.replace(self._key.encode(), b"[key]")
        except self._refusal as error:
            if self._limit in fields and self._limit == LIMIT and self._wants_newer_limit(error):
                self._limit = NEWER_LIMIT
                return self._post(messages, seed)
            raise

    def _refused(self, error: Any) -> _Trouble:
        """What follows from a status that is an error."""
        status, (message, code) = error.status_code, self._said(error)
        problem = f"answered {status}: {message}"
        spent = status == 429 and _mentions(f"{code} {message}", ("insufficient_quota", "billing"))
        if spent or not (status in PASSING or status >= 500):
            return self._judged(problem, f"{status} {code} {message}", True)
        return _Trouble(problem, wait=asked_to_wait(error.response.headers))

    def _judged(self, problem: str, words: str, final: bool) -> _Trouble:
        """A refusal: of this prompt, for ever, or for now."""
        of_prompt = _mentions(words, OF_ONE_PROMPT)
        sent = self._endpoint.fields(0, LIMIT)
        unknown = next((name for name in OPTIONAL if name in sent and re.search(rf"\b{name}\b", words)), None)
        advice = "Correct the key, model, address or setting that was refused, and resume the run."
        if unknown is not None:
            advice = f'If it does not know the field {unknown}, leave that out with extra={{"{unknown}": null}}.'
        return _Trouble(problem, final=final and not of_prompt, prompt=of_prompt, advice=advice)

    def _hidden(self, text: str) -> str:
        """A text without the key: endpoints, and libraries too, quote the header that holds it."""
        return text.replace(self._key, "[key]")

    def _said(self, error: Any) -> tuple[str, str]:
        """Message and code in the body of a refusal; the key is hidden before anything is cut."""
        body = error.response.content.replace(self._key.encode(), b"[key]")
        try:
            content = json.loads(body)
        except (ValueError, RecursionError):
            return quote(body.decode(errors="replace")), ""
        return read_error(content.get("error") or content if isinstance(content, dict) else content)

    def _wants_newer_limit(self, error: Any) -> bool:
        """Whether a refusal is of the field `max_tokens`, and not of its value."""
        words = " ".join(self._said(error)).lower()
        return error.status_code in (400, 422) and LIMIT in words and _mentions(words, (NEWER_LIMIT, *UNKNOWN))


def _mentions(text: str, words: tuple[str, ...]) -> bool:
    text = text.lower()
    return any(word in text for word in words)


def _is_final(code: str) -> bool:
    """Whether an error inside an answer is of those that will not change."""
    statuses = [int(word) for word in code.split() if word.isdecimal() and len(word) == 3]
    return _mentions(code, FINAL) or any(400 <= status < 500 and status not in PASSING for status in statuses)


def asked_to_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds that an endpoint asks to wait, from `Retry-After` as seconds or as a date; None if it does not.

    A date is taken from the answer's own `Date`, so that no clock of this machine matters.
    """
    text = headers.get("retry-after", "")
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text) - parsedate_to_datetime(headers.get("date", ""))).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
    return None if math.isnan(seconds) else max(seconds, 0.0)
