"""A text, written as what it has in common with a known text and what it has not.

The programs of a search's finals hardly differ from each other. A text is a list of parts: a string is a piece of the
text itself, and `[start, end]` stands for the characters `known[start:end]` of the known text, so that

    known = "rate = 0.5 * slope"    difference = [[0, 7], "0.25", [10, 18]]    text = "rate = 0.25 * slope"

Characters are counted as in Python, from 0 and by code points, so line ends need no rule of their own. What is written
as a place is longer than in this example, since a short piece takes less room than its place.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

SHORTEST = 20  # characters of a copy; the numbers of a shorter one take as much room as the text
CANDIDATES = 16  # places at which a copy may begin; they bound the time for texts that repeat themselves
LONGEST = 2**20  # characters of the known text and the restored one together, lest a small file fill the memory


def difference(text: str, known: str) -> list[str | list[int]]:
    """Return the parts of a text, from left to right each the longest copy that begins there."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for start in range(len(known) - SHORTEST + 1):
        beginnings = places[known[start : start + SHORTEST]]
        if len(beginnings) < CANDIDATES:
            beginnings.append(start)
    parts: list[str | list[int]] = []
    at = own = 0  # the place that is looked at, and the first since the last copy
    while at < len(text):
        start = length = 0
        for place in places.get(text[at : at + SHORTEST], ()):
            common = _common(text, at, known, place)
            if common > length:
                start, length = place, common
        if length == 0:
            at += 1
            continue
        if own < at:
            parts.append(text[own:at])
        parts.append([start, start + length])
        at = own = at + length
    return parts if own == at else [*parts, text[own:]]


def _common(text: str, at: int, known: str, start: int) -> int:
    """The number of characters that the text has in common from one place on with the known text from another."""
    length, longest = SHORTEST, min(len(text) - at, len(known) - start)
    while length < longest and text[at + length] == known[start + length]:
        length += 1
    return length


def restored(parts: list[Any], known: str) -> str:
    """Return the text whose parts are given: the inverse of `difference`.

    Raises:
        ValueError: a part is neither text nor a place in the known text, or the text is too long.
    """
    pieces: list[str] = []
    length = len(known)
    for number, part in enumerate(parts, 1):
        if isinstance(part, str):
            piece = part
        elif _is_place(part) and 0 <= part[0] < part[1] <= len(known):
            piece = known[part[0] : part[1]]
        else:
            raise ValueError(f"part {number} of a difference is neither text nor a place in the text before it")
        length += len(piece)
        if length > LONGEST:
            raise ValueError(f"a text that is written as a difference is longer than {LONGEST:,} characters allow")
        pieces.append(piece)
    return "".join(pieces)


def _is_place(part: Any) -> bool:
    """True for a list of two integers; to Python, true and false are integers too, and are none here."""
    return isinstance(part, list) and len(part) == 2 and type(part[0]) is int and type(part[1]) is int
