"""One attempt at an answer: whole within its time and its size, or not at all.

Time-outs of an HTTP client are for each read, so a server that sends a byte now and then holds it for ever. Here one
deadline covers the attempt from looking the host up to the last byte of the body: an event loop in a thread of its own
can drop it at any point, and works wherever it is called from.
"""

from __future__ import annotations

import os
from contextlib import aclosing
from typing import Any

import anyio
import openai
from anyio.from_thread import start_blocking_portal

from zfbench.base.errors import ZfbenchError

BODY_LIMIT = 4 * 2**20  # bytes of an answer, of a refusal too
_OF_THE_WIRE = ("content-encoding", "content-length", "transfer-encoding")  # headers that a decoded body belies
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
PROXIES = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY")


class LostAnswerError(Exception):
    """An answer that did not come whole.

    Attributes:
        sent: whether the request had left; if so, an answer may have been written, and billed.
    """

    def __init__(self, message: str, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


class _Client(openai.DefaultAsyncHttpxClient):
    """Reads bodies up to a limit, after decompression, and notes when a request leaves."""

    sent = False

    async def send(self, request: Any, **options: Any) -> Any:
        """The response with its whole body.

        Raises:
            LostAnswerError: the body is too long.
        """
        request.extensions = {**request.extensions, "trace": self._trace}
        body = bytearray()
        async with aclosing(await super().send(request, **{**options, "stream": True})) as response:
            async for part in response.aiter_bytes():
                body += part
                if len(body) > BODY_LIMIT:
                    raise LostAnswerError(f"its body exceeds {BODY_LIMIT:,} bytes")
        headers = [(name, text) for name, text in response.headers.multi_items() if name not in _OF_THE_WIRE]
        return type(response)(response.status_code, headers=headers, content=bytes(body), request=response.request)

    async def _trace(self, event: str, info: dict[str, Any]) -> None:  # noqa: ARG002
        """Told by the transport what it does; headers of a request are the first that leaves."""
        self.sent = self.sent or event.endswith("send_request_headers.started")


def complete(key: str, base_url: str, seconds: float, fields: dict[str, Any]) -> bytes:
    """The body that an endpoint answers a request with.

    Args:
        key: of the endpoint.
        base_url: of the endpoint.
        seconds: for all of it.
        fields: of the request.

    Raises:
        LostAnswerError: the answer was late, too long, cut, or could not be asked for.
        openai.APIStatusError: the endpoint refused.
    """
    with start_blocking_portal() as portal:
        return portal.call(_complete, key, base_url, seconds, fields)


async def _complete(key: str, base_url: str, seconds: float, fields: dict[str, Any]) -> bytes:
    http = _Client(timeout=None)
    async with openai.AsyncOpenAI(api_key=key, base_url=base_url, max_retries=0, timeout=None, http_client=http) as ask:
        try:
            with anyio.fail_after(seconds):
                response = await ask.chat.completions.with_raw_response.create(**fields)
                return response.http_response.content
        except TimeoutError as error:
            raise LostAnswerError(f"it was not whole after {seconds:g} s", http.sent) from error
        except openai.APIConnectionError as error:
            told = " ".join(filter(None, (str(error.__cause__ or "") or type(error.__cause__).__name__, _by_proxy())))
            raise LostAnswerError(told, http.sent) from error
        except (openai.APIResponseValidationError, ValueError) as error:
            raise LostAnswerError(str(error), http.sent) from error


def check_environment() -> None:
    """Make a client once, so that proxies and certificates of the environment that cannot be used are named now.

    Raises:
        ZfbenchError: they cannot.
    """
    for name in CERTIFICATES:
        path = os.environ.get(name)
        if path and not os.path.exists(path):  # noqa: PTH110 (as the library takes it)
            raise ZfbenchError(
                f"The environment variable {name} names {path}, which is not there; correct or unset it."
            )
    try:
        _Client(timeout=None)
    except Exception as error:  # whatever the library says to what the environment holds; it is quoted
        names = [name for name in (*PROXIES, *map(str.lower, PROXIES), *CERTIFICATES) if os.environ.get(name)]
        raise ZfbenchError(
            f"The proxy or the certificates that the environment names ({', '.join(names) or 'none'}) cannot be used: "
            f"{' '.join(str(error).split())[:200]} Correct or unset {'it' if len(names) == 1 else 'them'}."
        ) from error


def _by_proxy() -> str:
    """Which variables name a proxy, since that may be what does not answer."""
    names = [name for name in (*PROXIES, *map(str.lower, PROXIES)) if os.environ.get(name)]
    return f"(asked through the proxy of {' or '.join(names)})" if names else ""
