"""The text of a result's file: its fields as JSON, with what repeats itself written once.

In a file, scores are grouped by prefix (`zfbench.records.grouping`), columns of evaluated programs are packed
(`zfbench.records.columns`), and the texts of the finals are written as differences (`zfbench.records.difference`) from
all that stands above them: the judged program's source, and behind it the texts of the finals before, in order. What is
read back is the same to the last digit and character.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from zfbench.records.columns import packed
from zfbench.records.difference import LONGEST, difference, restored
from zfbench.records.grouping import grouped

TEXTS = ("source", "change")  # of a finalist, in the order in which later texts may refer to them
BY_LINES = ("metrics", "curves", "evaluated", "finals")  # fields with a line for each entry


def file_text(content: dict[str, Any]) -> str:
    """Return the text of the file of a result.

    Args:
        content: the result's fields as JSON, with all scores by their whole names and the texts of finals whole.
    """
    program = content["program"]
    written = content | {
        "metrics": grouped(content["metrics"]),
        "evaluated": packed(content["evaluated"]),
        "finals": shortened("" if program is None else program["source"], content["finals"]),
    }
    form = {name: _lines if name in BY_LINES else _json for name in written}
    return "{\n" + ",\n".join(f" {_json(name)}: {form[name](value)}" for name, value in written.items()) + "\n}\n"


def _lines(value: list[Any] | dict[str, Any]) -> str:
    """A list or an object with a line for each entry."""
    if not value:
        return _json(value)
    if isinstance(value, list):
        return "[\n" + ",\n".join(f"  {_json(entry)}" for entry in value) + "\n ]"
    return "{\n" + ",\n".join(f"  {_json(name)}: {_json(entry)}" for name, entry in value.items()) + "\n }"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def shortened(source: str, finals: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the finals with their texts as differences, where these are shorter.

    Args:
        source: source of the judged program; empty if there is none.
        finals: the finalists, each with its texts whole.
    """
    known, written = source, []
    for final in finals:
        texts = {}
        for name in TEXTS:
            text = final.get(name)
            if isinstance(text, str):
                if len(known) + len(text) <= LONGEST:
                    texts[name] = min(text, difference(text, known), key=lambda form: len(_json(form)))
                known += text
        written.append(final | texts)
    return written


def whole(source: str, finals: Iterable[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Return the finals with their texts whole: the inverse of `shortened`, which changes no text that is whole.

    Raises:
        ValueError: a difference is damaged; the sentence says which.
    """
    known, read = source, []
    for number, final in enumerate(finals):
        texts = {}
        for name in TEXTS:
            text = final.get(name)
            if isinstance(text, list):
                try:
                    text = texts[name] = restored(text, known)
                except ValueError as error:
                    raise ValueError(f"{name} of number {number}: {error}") from error
            if isinstance(text, str):
                known += text
        read.append(final | texts)
    return tuple(read)
