"""Chat with an OpenAI-compatible endpoint: retries with back-off, and every token accounted for.

Before a call its worst case is compared with what is left; a call that does not fit is not made. An answer is
charged what the endpoint says it used, and its worst case when the endpoint does not say, or when the answer was
lost on the way: it may have been paid for.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from zfbench.errors import ZfbenchError
from zfbench.search.proposer import ProposalError
from zfbench.search.types import Spend

KEYS = ("ZFBENCH_LLM_API_KEY", "OPENAI_API_KEY")  # environment variables, the first that is set counts
OVERHEAD = 64  # tokens of a message beside its text, at most
LONGEST_WAIT = 60.0  # seconds between two attempts

Message = dict[str, str]


def worst_case(messages: list[Message], answer_tokens: int) -> int:
    """The most tokens that a call can use: a token is at least one byte."""
    return sum(len(m["content"].encode(errors="replace")) + OVERHEAD for m in messages) + answer_tokens


@dataclass
class Endpoint:
    """Where a model is and how it is asked.

    Attributes:
        model: its name.
        base_url: of the endpoint; None: the SDK's default.
        temperature: None leaves it to the endpoint.
        answer_tokens: most tokens of an answer.
        timeout: seconds of one attempt.
        attempts: at most so many of each call.
        extra: further fields of every request; None as a value leaves a default field out.
        sleep: waits so many seconds.
    """

    model: str
    base_url: str | None = None
    temperature: float | None = 1.0
    answer_tokens: int = 8_000
    timeout: float = 300.0
    attempts: int = 4
    extra: dict[str, Any] = field(default_factory=dict)
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        if self.base_url is not None and urlsplit(self.base_url).username is not None:
            raise ZfbenchError(f"Leave the key out of base_url and set {KEYS[0]} in the environment.")
        key = next((os.environ[name] for name in KEYS if os.environ.get(name)), None)
        if key is None:
            raise ZfbenchError(f"The proposer 'llm' needs a key in {' or '.join(KEYS)}; any word for a local server.")
        try:
            import openai
        except ImportError as error:
            raise ZfbenchError("The proposer 'llm' needs the openai package; pip install 'zfbench[llm]'.") from error
        self._openai = openai
        self._client = openai.OpenAI(api_key=key, base_url=self.base_url, timeout=self.timeout, max_retries=0)

    def ask(self, messages: list[Message], seed: int, account: Account) -> str:
        """One answer.

        Raises:
            ProposalError: the endpoint refused for good, gave no answer in so many attempts, or the next attempt
                might exceed the account.
        """
        worst = worst_case(messages, self.answer_tokens)
        fields = {"temperature": self.temperature, "max_tokens": self.answer_tokens, "seed": seed, **self.extra}
        body = {name: value for name, value in fields.items() if value is not None}
        problem = "was not asked"
        for attempt in range(self.attempts):
            account.require(worst)
            try:
                completion = self._client.chat.completions.create(
                    model=self.model,
                    messages=messages,  # type: ignore[arg-type]
                    extra_body=body,
                )
            except self._openai.APIStatusError as error:
                problem = f"answered {error.status_code}"
                if error.status_code not in (408, 409, 429) and error.status_code < 500:
                    raise account.failure(f"The endpoint {problem}: {_brief(error)}.") from error
                wait = _asked_to_wait(error.response.headers.get("retry-after"))
            except (self._openai.APIConnectionError, self._openai.APIResponseValidationError, ValueError) as error:
                # Time-outs, cut streams and bodies that are no JSON: the answer may have been written and billed.
                # A refused connection was not, but cannot be told apart from one that broke later.
                account.charge(worst)
                problem, wait = f"gave no whole answer ({_brief(error)})", None
            else:
                return self._content(completion, worst, account)
            if attempt + 1 < self.attempts:
                self.sleep(min(2.0**attempt if wait is None else wait, LONGEST_WAIT))
        raise account.failure(f"The endpoint {problem}, {self.attempts} times.")

    def _content(self, completion: Any, worst: int, account: Account) -> str:
        """The text of an answer, its tokens charged; a body that is JSON but no completion has none."""
        usage = getattr(completion, "usage", None)
        total = getattr(usage, "total_tokens", None)
        account.charge(total if isinstance(total, int) and total > 0 else worst)
        choices = getattr(completion, "choices", None) or []
        content = getattr(getattr(choices[0], "message", None), "content", None) if choices else None
        return content if isinstance(content, str) else ""


@dataclass
class Account:
    """Tokens of one proposal.

    Attributes:
        limit: what the search has reserved for it.
        tokens: used so far.
    """

    limit: int
    tokens: int = 0

    def require(self, tokens: int) -> None:
        """Raise `ProposalError` unless so many tokens are left."""
        if self.tokens + tokens > self.limit:
            raise self.failure("Another call to the language model might exceed the tokens reserved for this proposal.")

    def charge(self, tokens: int) -> None:
        """Book tokens."""
        self.tokens += tokens

    def failure(self, message: str) -> ProposalError:
        """The error that ends the proposal, with what it used up."""
        return ProposalError(message, Spend(tokens=self.tokens))


def _asked_to_wait(header: str | None) -> float | None:
    try:
        return None if header is None else max(float(header), 0.0)
    except ValueError:  # a date: wait as long as by default
        return None


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
