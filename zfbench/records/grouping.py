"""Scores by name, written by the prefixes that their names share.

Names of scores are paths, and a result has hundreds: `forecast/id/mae/group/AF`, `forecast/id/mae/group/PT`, ... In a
file, scores whose names have all but the last step in common and follow each other are one group,

    ["forecast/id/mae/group/", {"AF": 0.019, "PT": 0.024}]

and a name is the prefix with the rest behind it. The groups keep the order of the scores, so a prefix may come more
than once, and a name may also be the prefix of others.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import chain, groupby
from sys import intern
from typing import Any


def grouped(scores: Mapping[str, float]) -> list[list[Any]]:
    """Return the groups of some scores, in the order of the scores: lists of a prefix and its scores by their rest."""
    return [
        [prefix, {name[len(prefix) :]: score for name, score in group}]
        for prefix, group in groupby(scores.items(), key=lambda item: _prefix(item[0]))
    ]


def _prefix(name: str) -> str:
    """The name up to its last slash, which is included."""
    return name[: name.rfind("/") + 1]


def flat(groups: list[Any]) -> dict[str, Any]:
    """Return the scores by their whole names: the inverse of `grouped`.

    Raises:
        ValueError: a group is not a prefix with scores, or a name stands in two of them.
    """
    for number, group in enumerate(groups, 1):
        if type(group) is not list or len(group) != 2 or type(group[0]) is not str or type(group[1]) is not dict:
            raise ValueError(f"group {number} of the scores is not a prefix of names with its scores")
    names = _names(tuple([(prefix, tuple(named)) for prefix, named in groups]))
    return dict(zip(names, chain.from_iterable([named.values() for _, named in groups]), strict=True))


@lru_cache(maxsize=256)  # thousands of results have a few sets of names, which they then share in memory
def _names(groups: tuple[tuple[str, tuple[str, ...]], ...]) -> tuple[str, ...]:
    names = tuple(intern(prefix + rest) for prefix, rests in groups for rest in rests)
    if len(set(names)) < len(names):
        raise ValueError("a score stands in two groups")
    return names
