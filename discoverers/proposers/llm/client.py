"""Chat with an OpenAI-compatible endpoint: retries with back-off, and every token accounted for.

Before a call its worst case is compared with what is left; a call that does not fit is not made. An answer is
charged what the endpoint says it used, and its worst case when the endpoint does not say, or when the answer was
lost on the way: it may have been paid for. With prices, money is reserved and charged in the same way.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from zfbench.base.errors import ZfbenchError
from zfbench.protocols.proposer import ProposalError
from zfbench.records.spend import NOTHING, Spend

KEYS = ("ZFBENCH_LLM_API_KEY", "OPENAI_API_KEY")  # environment variables, the first that is set counts
OVERHEAD = 64  # tokens of a message beside its text, at most
MILLION = 1_000_000  # tokens that a price is for
LONGEST_WAIT = 60.0  # seconds between two attempts

Message = dict[str, str]


def most_read(messages: list[Message]) -> int:
    """The most tokens that a prompt can have: a token is at least one byte."""
    return sum(len(m["content"].encode(errors="replace")) + OVERHEAD for m in messages)


@dataclass
class Endpoint:
    """Where a model is and how it is asked.

    Attributes:
        model: its name.
        base_url: of the endpoint; None: the SDK's default.
        temperature: None leaves it to the endpoint.
        answer_tokens: most tokens of an answer.
        timeout: seconds of one attempt, from its first byte to its last.
        attempts: at most so many of each call.
        input_price, output_price: of a million tokens read and written; None: unknown, and no money is counted.
        extra: further fields of every request; None as a value leaves a default field out.
        sleep: waits so many seconds.
    """

    model: str
    base_url: str | None = None
    temperature: float | None = 1.0
    answer_tokens: int = 8_000
    timeout: float = 300.0
    attempts: int = 4
    input_price: float | None = None
    output_price: float | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        if self.base_url is not None and urlsplit(self.base_url).username is not None:
            raise ZfbenchError(f"Leave the key out of base_url and set {KEYS[0]} in the environment.")
        self._check_prices()
        key = next((key for name in KEYS if (key := os.environ.get(name, "").strip())), None)
        if key is None:
            raise ZfbenchError(f"The proposer 'llm' needs a key in {' or '.join(KEYS)}; any word for a local server.")
        if not (key.isascii() and key.isprintable()):  # the error of an unfit header would quote it
            raise ZfbenchError("The key of the proposer 'llm' holds characters that no HTTP header can; copy it anew.")
        try:
            import openai
        except ImportError as error:
            raise ZfbenchError("The proposer 'llm' needs the openai package; pip install 'zfbench[llm]'.") from error
        self._openai, self._key = openai, key

    def _check_prices(self) -> None:
        prices = (self.input_price, self.output_price)
        if prices == (None, None):
            return
        for name, price in zip(("input_price", "output_price"), prices, strict=True):
            if isinstance(price, bool) or not isinstance(price, int | float) or not 0 <= price < math.inf:
                raise ZfbenchError(
                    f"The setting {name} is {price}; give both prices, as numbers of at least 0 per million tokens."
                )

    def cost(self, read: int, written: int) -> Spend:
        """What so many tokens of prompts and of answers are charged."""
        money = (read * (self.input_price or 0.0) + written * (self.output_price or 0.0)) / MILLION
        return Spend(tokens=read + written, money=money)

    def ask(self, messages: list[Message], seed: int, account: Account) -> str:
        """One answer.

        Raises:
            ProposalError: the endpoint refused for good, gave no answer in so many attempts, or the next attempt
                might exceed the account.
        """
        from zfbench.discoverers.proposers.llm.attempt import LostAnswerError, complete

        worst = self.cost(most_read(messages), self.answer_tokens)
        fields = {"temperature": self.temperature, "max_tokens": self.answer_tokens, "seed": seed, **self.extra}
        body = {name: value for name, value in fields.items() if value is not None}
        request = {"model": self.model, "messages": messages, "extra_body": body}
        problem = "was not asked"
        for attempt in range(self.attempts):
            account.require(worst)
            try:
                completion = complete(self._key, self.base_url, self.timeout, request)
            except self._openai.APIStatusError as error:
                problem = f"answered {error.status_code}"
                if error.status_code not in (408, 409, 429) and error.status_code < 500:
                    raise account.failure(f"The endpoint {problem}: {self._brief(error)}.") from error
                wait = _asked_to_wait(error.response.headers.get("retry-after"))
            except (LostAnswerError, self._openai.APIResponseValidationError, ValueError) as error:
                # Late, endless and cut answers, and bodies that are no JSON: they may have been written and billed.
                # A refused connection was not, but cannot be told apart from one that broke later.
                account.charge(worst)
                problem, wait = f"gave no whole answer ({self._brief(error)})", None
            else:
                return self._content(completion, worst, account)
            if attempt + 1 < self.attempts:
                self.sleep(min(2.0**attempt if wait is None else wait, LONGEST_WAIT))
        raise account.failure(f"The endpoint {problem}, {self.attempts} times.")

    def _brief(self, error: Exception) -> str:
        """What an error says, without the key: endpoints, and libraries too, quote the header that holds it."""
        return " ".join(str(error).replace(self._key, "[key]").split())[:200] or type(error).__name__

    def _content(self, completion: Any, worst: Spend, account: Account) -> str:
        """The text of an answer, its tokens charged; a body that is JSON but no completion has none."""
        account.charge(self._used(getattr(completion, "usage", None), worst))
        choices = getattr(completion, "choices", None) or []
        content = getattr(getattr(choices[0], "message", None), "content", None) if choices else None
        return content if isinstance(content, str) else ""

    def _used(self, usage: Any, worst: Spend) -> Spend:
        """What the endpoint says a call used; what it leaves open is taken at its worst."""
        total, read = getattr(usage, "total_tokens", None), getattr(usage, "prompt_tokens", None)
        if not isinstance(total, int) or total <= 0:
            return worst
        if not isinstance(read, int) or not 0 <= read <= total:
            return Spend(tokens=total, money=worst.money)
        return self.cost(read, total - read)  # some endpoints count hidden reasoning in the total alone


@dataclass
class Account:
    """Tokens and money of one proposal.

    Attributes:
        limit: what the search has reserved for it.
        spent: used so far.
    """

    limit: Spend
    spent: Spend = NOTHING

    def require(self, worst: Spend) -> None:
        """Raise `ProposalError` unless so much is left of both."""
        then = self.spent + worst
        for unit in ("tokens", "money"):
            if getattr(then, unit) > getattr(self.limit, unit):
                raise self.failure(
                    f"Another call to the language model might exceed the {unit} reserved for this proposal."
                )

    def charge(self, used: Spend) -> None:
        """Book what was used."""
        self.spent += used

    def failure(self, message: str) -> ProposalError:
        """The error that ends the proposal, with what it used up."""
        return ProposalError(message, self.spent)


def _asked_to_wait(header: str | None) -> float | None:
    try:
        return None if header is None else max(float(header), 0.0)
    except ValueError:  # a date: wait as long as by default
        return None
