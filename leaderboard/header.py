"""The header of a board: what its rows have in common, and which results may stand on one board."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from zfbench.records.reading import disputed
from zfbench.records.result import Result, to_json


@dataclass(frozen=True)
class Header:
    """The properties that all rows of a board share.

    Attributes:
        updates, seconds: limits of one training; None on a board of controls alone.
        budget: budget of the searches, as JSON; empty without searches.
        metric_versions: versions of the families of metrics of which results on the same data have several versions,
            as JSON; empty if they have one of each.
    """

    benchmark_version: int
    tier: str
    circuit: str
    holdout: str
    data_sha256: str
    updates: float | None = None
    seconds: float | None = None
    budget: str = ""
    metric_versions: str = ""

    def describe(self) -> str:
        """Return one line for people."""
        parts = [f"benchmark version {self.benchmark_version}"]
        parts += [words for words, known in self._of_the_task() if known]
        parts.append(f"data {self.data_sha256[:12]}")
        if self.updates is not None:
            parts.append(f"limit of a training: {self.updates:.0f} updates, {self.seconds or 0:.0f} s")
        if self.budget:
            parts.append(f"search budget: {self.search()}")
        if self.metric_versions:
            versions = json.loads(self.metric_versions).items()
            parts.append(f"metrics: {', '.join(f'{family} version {version}' for family, version in versions)}")
        return " · ".join(parts)

    def _of_the_task(self) -> list[tuple[str, str]]:
        """Return the parts of the task's name in words, each with its value, which is empty if the family has none."""
        return [
            (f"{self.tier} tier", self.tier),
            (f"circuit {self.circuit}", self.circuit),
            (f"{self.holdout} held out", self.holdout),
        ]

    def search(self) -> str:
        """Return the search budget in words, such as "8 evaluations, 400 updates"."""
        return ", ".join(f"{v:g} {k.replace('_', ' ')}" for k, v in json.loads(self.budget or "{}").items() if v)

    def to_json(self) -> dict[str, Any]:
        """Return the fields."""
        return dict(vars(self))


def sorted_by_header(results: Sequence[Result]) -> list[tuple[Header, list[Result]]]:
    """Return the results that are comparable, by what they have in common.

    A result that fits several headers, as a control does, stands under each of them. Headers of which all results also
    stand under another one are left out.
    """
    disputes = {data: disputed(own) for data, own in _by_data(results).items()}
    headers = [_header(r, disputes[_data(r)]) for r in results]
    distinct = sorted(set(headers), key=repr)
    boards = {own: [h for h in distinct if _belongs_on(own, h)] for own in distinct}  # on its own, and perhaps others
    rows: dict[Header, list[Result]] = {own: [] for own in distinct if len(boards[own]) == 1}
    for result, own in zip(results, headers, strict=True):
        for board in boards[own]:
            if board in rows:
                rows[board].append(result)
    return list(rows.items())


def _by_data(results: Iterable[Result]) -> dict[tuple[str, int], list[Result]]:
    """The results on the same data with the same benchmark version."""
    found: dict[tuple[str, int], list[Result]] = {}
    for result in results:
        found.setdefault(_data(result), []).append(result)
    return found


def _data(result: Result) -> tuple[str, int]:
    return result.task.data_sha256, result.benchmark_version


def _header(result: Result, families: Collection[str]) -> Header:
    """The header of the board of a result, of whose data these families of metrics have several versions."""
    task = result.task
    versions = {family: version for family, version in result.metric_versions.items() if family in families}
    base = Header(
        result.benchmark_version,
        task.tier,
        task.circuit,
        task.holdout,
        task.data_sha256,
        metric_versions=to_json(versions) if versions else "",
    )
    if result.method.kind == "control" and not result.spend.updates:  # the ceiling is trained, and so has limits
        return base
    limits, budget = result.limits, None if result.search is None else result.search.budget
    return Header(
        **(
            base.to_json()
            | {
                "updates": limits.get("updates") or 0.0,
                "seconds": limits.get("seconds") or 0.0,
                "budget": "" if budget is None else to_json(budget),
            }
        )
    )


def _belongs_on(own: Header, board: Header) -> bool:
    """Return True if a result with header `own` belongs on that board, because both agree in all it depends on."""
    versions, wanted = (json.loads(header.metric_versions or "{}") for header in (own, board))
    return versions.items() <= wanted.items() and all(
        mine == theirs
        or (name in ("updates", "seconds") and mine is None)
        or (name == "budget" and mine == "")
        or name == "metric_versions"
        for (name, mine), theirs in zip(own.to_json().items(), board.to_json().values(), strict=True)
    )
