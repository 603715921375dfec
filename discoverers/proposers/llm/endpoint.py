"""Where a language model is served, how it is asked, and what its tokens cost: settings alone, checked at the start."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from zfbench.base.errors import ZfbenchError
from zfbench.records.spend import Spend

KEYS = ("ZFBENCH_LLM_API_KEY", "OPENAI_API_KEY")  # environment variables, the first that is set counts
URL_VARIABLE = "OPENAI_BASE_URL"
DEFAULT_URL = "https://api.openai.com/v1"
MILLION = 1_000_000  # tokens that a price is for
PATH_OF_CALLS = "/chat/completions"  # appended to the endpoint's address by the client; often copied along with it
RESERVED = ("messages", "model", "stream", "n")  # fields of a request that `extra` may not set


@dataclass
class Endpoint:
    """Where a model is and how it is asked.

    Attributes:
        model: its name.
        base_url: of the endpoint; None: the environment variable OPENAI_BASE_URL, else OpenAI's.
        temperature: None leaves it to the endpoint.
        answer_tokens: most tokens of an answer, hidden reasoning included.
        timeout: seconds of one attempt, from its first byte to its last.
        attempts: at most so many of each call.
        input_price, output_price: of a million tokens read and written; None: unknown, and no money is counted.
        extra: further fields of every request; None as a value leaves a default field out.
        sleep: waits so many seconds.
        url: the address in use.
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
    url: str = field(init=False)

    def __post_init__(self) -> None:
        if not isinstance(self.model, str) or not self.model.strip():
            raise ZfbenchError("The proposer 'llm' needs a model; name one as the setting `model`.")
        if self.base_url is not None:
            self.url = checked_url(self.base_url, "base_url")
        else:
            self.url = checked_url(os.environ.get(URL_VARIABLE) or DEFAULT_URL, URL_VARIABLE)
        self._check_counts()
        self._check_prices()
        if not isinstance(self.extra, dict) or any(name in self.extra for name in RESERVED):
            raise ZfbenchError(
                f"The setting extra must be an object of further fields, without {', '.join(RESERVED)}; "
                f"it is {self.extra!r:.80}."
            )

    def cost(self, read: int, written: int) -> Spend:
        """What so many tokens of prompts and of answers are charged."""
        money = (read * (self.input_price or 0.0) + written * (self.output_price or 0.0)) / MILLION
        return Spend(tokens=read + written, money=money)

    def fields(self, seed: int, limit: str) -> dict[str, Any]:
        """Fields of a request beside model and messages.

        Args:
            seed: of the answer.
            limit: the name of the field for the most tokens of an answer.
        """
        fields = {"temperature": self.temperature, limit: self.answer_tokens, "seed": seed, **self.extra}
        return {name: value for name, value in fields.items() if value is not None}

    def _check_counts(self) -> None:
        for name in ("answer_tokens", "attempts"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ZfbenchError(f"The setting {name} is {value!r:.80}; make it a whole number of at least 1.")
        if not _is_number(self.timeout) or not 0 < self.timeout < math.inf:
            raise ZfbenchError(f"The setting timeout is {self.timeout!r:.80}; make it a number of seconds above 0.")
        if self.temperature is not None and not (_is_number(self.temperature) and 0 <= self.temperature < math.inf):
            raise ZfbenchError(
                f"The setting temperature is {self.temperature!r:.80}; make it a number of at least 0, or null."
            )

    def _check_prices(self) -> None:
        prices = (self.input_price, self.output_price)
        if prices == (None, None):
            return
        for name, price in zip(("input_price", "output_price"), prices, strict=True):
            if price is None or not _is_number(price) or not 0 <= price < math.inf:
                raise ZfbenchError(
                    f"The setting {name} is {price}; give both prices, as numbers of at least 0 per million tokens."
                )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def checked_url(text: str, source: str) -> str:
    """An endpoint's address without blanks, a slash at its end, or the path of single calls.

    Args:
        text: as it was given.
        source: the setting or the environment variable that it comes from, for messages.

    Raises:
        ZfbenchError: it is no address of an endpoint, or holds a key, which would be written down.
    """
    url = str(text).strip().rstrip("/").removesuffix(PATH_OF_CALLS).rstrip("/")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ZfbenchError(f"The address in {source} cannot be read ({error}); write it as {DEFAULT_URL}.") from error
    if "@" in url.rpartition("//")[2].partition("/")[0]:
        raise ZfbenchError(
            f"The address in {source} holds a user name or a key; leave it out, and set {KEYS[0]} in the environment."
        )
    if parts.scheme not in ("http", "https") or not host:
        bare = url.rpartition("//")[2]
        raise ZfbenchError(
            f"The address {url!r} in {source} must begin with http:// or https://; write http://{bare} for a server "
            f"of your own, or https://{bare}."
        )
    if parts.query or parts.fragment:
        raise ZfbenchError(
            f"The address in {source} has a part after '?' or '#'; leave it out (a key belongs in {KEYS[0]})."
        )
    if any(character.isspace() for character in url):
        raise ZfbenchError(f"The address {url!r} in {source} holds a blank; write it as {DEFAULT_URL}.")
    return url


def key_of_environment() -> str:
    """The key that the endpoint is asked with.

    Raises:
        ZfbenchError: there is none, or no HTTP header can hold it.
    """
    key = next((key for name in KEYS if (key := os.environ.get(name, "").strip())), None)
    if key is None:
        raise ZfbenchError(
            f"The proposer 'llm' needs a key: set the environment variable {' or '.join(KEYS)}, for a local server to "
            "any word."
        )
    if not (key.isascii() and key.isprintable()):  # the error of an unfit header would quote it
        raise ZfbenchError("The key of the proposer 'llm' holds characters that no HTTP header can; copy it anew.")
    return key
