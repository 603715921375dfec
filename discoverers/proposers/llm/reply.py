"""What an endpoint's body says: a text, why it ended, what it used; or an error, whatever the HTTP status was."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

SHOWN = 200  # characters of an endpoint's words that are quoted


class NoCompletionError(Exception):
    """A body without an answer in it; the message quotes it.

    Attributes:
        code: what the endpoint calls the error; empty if it says nothing.
        refused: whether the body says that there was an error; if not, an answer may have been written, and billed.
        usage: what the body says of tokens.
    """

    def __init__(self, message: str, code: str = "", refused: bool = False, usage: Any = None) -> None:
        super().__init__(message)
        self.code, self.refused, self.usage = code, refused, usage


@dataclass(frozen=True)
class Reply:
    """An answer.

    Attributes:
        text: what the model says, without its reasoning where that comes in fields of its own.
        cut: whether it was ended at the limit of tokens.
        reasoned: whether there was reasoning beside the text.
        refusal: the model's words where it refuses to answer.
        size: bytes of everything that was written, reasoning included.
        usage: what the endpoint says of tokens; None if it says nothing.
    """

    text: str
    cut: bool = False
    reasoned: bool = False
    refusal: str = ""
    size: int = 0
    usage: dict[str, Any] | None = None


def clean(text: str) -> str:
    """A text without what UTF-8 cannot hold (lone surrogates), with Unix line ends, and without a byte order mark."""
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # pairs become one character
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\ufeff", "")


def read_reply(body: bytes) -> Reply:
    """The answer that a body holds.

    Raises:
        NoCompletionError: it holds none.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NoCompletionError(f"{_kind(body)}: {quote(body.decode(errors='replace'))}") from error
    if not isinstance(content, dict):
        raise NoCompletionError(f"JSON that is no completion: {quote(json.dumps(content))}")
    usage = content.get("usage") if isinstance(content.get("usage"), dict) else None
    choices = content.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else None
    fault = content.get("error") or (choice or {}).get("error")
    if fault:
        words, code = read_error(fault)
        raise NoCompletionError(f"an error: {words}", code, True, usage)
    message = None if choice is None else choice.get("message")
    if choice is None or not isinstance(message, dict):
        raise NoCompletionError(f"JSON without choices: {quote(json.dumps(content))}", usage=usage)
    parts = _parts(message.get("content"))
    beside = [message.get(name) for name in ("reasoning_content", "reasoning", "reasoning_details", "thinking")]
    reasoning = [text for kind, text in parts if kind != "text"] + [_words(value) for value in beside if value]
    text = clean("".join(text for kind, text in parts if kind == "text"))
    refusal = message.get("refusal")
    return Reply(
        text,
        cut=choice.get("finish_reason") in ("length", "max_tokens"),
        reasoned=any(reasoning),
        refusal=clean(refusal) if isinstance(refusal, str) else "",
        size=sum(len(part.encode(errors="replace")) for part in (text, *reasoning)),
        usage=usage,
    )


def read_error(error: Any) -> tuple[str, str]:
    """Message and code of what an endpoint calls an error."""
    if not isinstance(error, dict):
        return quote(str(error)), ""
    message = error.get("message") or error.get("detail") or error.get("error") or json.dumps(error)
    codes = (error.get("code"), error.get("type"), error.get("status"))
    return quote(str(message)), " ".join(str(code) for code in codes if code not in (None, ""))


def quote(text: str) -> str:
    """The beginning of foreign text, in one line."""
    return " ".join(clean(text).split())[:SHOWN].rstrip(". ") or "nothing"


def _kind(body: bytes) -> str:
    """What a body is that is not JSON."""
    start = body.lstrip()[:200].lower()
    if not start:
        return "an empty body"
    if start.startswith((b"<", b"\xef\xbb\xbf<")):
        return "a web page"
    if re.match(rb"(data|event|id|retry)?:", start):
        return "a stream of events, though none was asked for"
    return "a body that is not JSON"


def _parts(content: Any) -> list[tuple[str, str]]:
    """Kind (`text` or `reasoning`) and words of each part of a message's content."""
    if isinstance(content, str):
        return [("text", content)]
    parts = []
    for part in content if isinstance(content, list) else []:
        if isinstance(part, str):
            parts.append(("text", part))
        elif isinstance(part, dict):
            spoken = part.get("type", "text") in ("text", "output_text")
            parts.append(("text" if spoken else "reasoning", _words(part)))
    return parts


def _words(value: Any) -> str:
    """The words in a value of unknown shape: a text, or lists and objects of them."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(map(_words, value))
    if isinstance(value, dict):
        return next((_words(value[name]) for name in ("text", "thinking", "summary", "content") if value.get(name)), "")
    return ""
