"""One attempt at an answer: whole within its time and its size, or not at all.

Time-outs of an HTTP client are for each read, so a server that sends a byte now and then holds it for ever. Here one
deadline covers the attempt from looking the host up to the last byte of the body: an event loop in a thread of its own
can drop it at any point, and works wherever it is called from.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import anyio
import openai
from anyio.from_thread import start_blocking_portal

BODY_LIMIT = 4 * 2**20  # bytes of an answer, of a refusal too
_OF_THE_WIRE = ("content-encoding", "content-length", "transfer-encoding")  # headers that a decoded body belies


class LostAnswerError(Exception):
    """An answer that did not come whole; it may have been written, and billed."""


class _Client(openai.DefaultAsyncHttpxClient):
    """Reads bodies up to a limit, after decompression."""

    async def send(self, request: Any, **options: Any) -> Any:
        """The response with its whole body.

        Raises:
            LostAnswerError: the body is too long.
        """
        body = bytearray()
        async with aclosing(await super().send(request, **{**options, "stream": True})) as response:
            async for part in response.aiter_bytes():
                body += part
                if len(body) > BODY_LIMIT:
                    raise LostAnswerError(f"its body exceeds {BODY_LIMIT:,} bytes")
        headers = [(name, text) for name, text in response.headers.multi_items() if name not in _OF_THE_WIRE]
        return type(response)(response.status_code, headers=headers, content=bytes(body), request=response.request)


def complete(key: str, base_url: str | None, seconds: float, fields: dict[str, Any]) -> Any:
    """The completion that an endpoint answers a request with.

    Args:
        key: of the endpoint.
        base_url: of the endpoint; None: the SDK's default.
        seconds: for all of it.
        fields: of the request.

    Raises:
        LostAnswerError: the answer was late, too long, cut, or could not be asked for.
        openai.APIStatusError: the endpoint refused.
        openai.APIResponseValidationError, ValueError: the body is no completion.
    """
    with start_blocking_portal() as portal:
        return portal.call(_complete, key, base_url, seconds, fields)


async def _complete(key: str, base_url: str | None, seconds: float, fields: dict[str, Any]) -> Any:
    http = _Client(timeout=None)
    async with openai.AsyncOpenAI(api_key=key, base_url=base_url, max_retries=0, timeout=None, http_client=http) as ask:
        try:
            with anyio.fail_after(seconds):
                return await ask.chat.completions.create(**fields)
        except TimeoutError as error:
            raise LostAnswerError(f"it was not whole after {seconds:g} s") from error
        except openai.APIConnectionError as error:
            raise LostAnswerError(str(error.__cause__ or error)) from error
