"""From results to boards: runs that are comparable, a row for each method, means over seeds with their uncertainty.

Results with different data, benchmark versions, versions of a metric, limits or search budgets are on different boards.
Controls spend nothing, so they are on every board of their data; methods that are not searches are on the boards of
every search budget. The numbers of a row depend on its own runs alone.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from zfbench.leaderboard.columns import TIME, Column, columns_of, rank
from zfbench.leaderboard.statistics import Interval, mean_interval
from zfbench.records.reading import disputed
from zfbench.records.result import NOTHING_FOUND, Result, to_json
from zfbench.search.budget import Budget
from zfbench.search.finals import default_finalists
from zfbench.search.loop import PATIENCE

ORACLE = "oracle"
LONGEST = 30  # largest number of characters of a setting in a method's name


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


@dataclass(frozen=True)
class Row:
    """All runs of one method on one task."""

    runs: tuple[Result, ...]

    @property
    def task(self) -> str:
        """The task's full name."""
        return self.runs[0].task.name

    @property
    def track(self) -> str:
        """The task's track."""
        return self.runs[0].task.track

    @property
    def kind(self) -> str:
        """The kind of method: control, baseline, program or search."""
        return self.runs[0].method.kind

    @property
    def method(self) -> str:
        """The method's name with its proposer and settings."""
        return method_name(self.runs[0])

    @property
    def future_drive(self) -> bool | None:
        """True if the method is given the drive of the horizon; None if the task has no drive."""
        return self.runs[0].method.future_drive

    @property
    def failures(self) -> tuple[str, ...]:
        """The status of every run that failed."""
        return tuple(run.status for run in self.runs if run.status != "ok")

    @property
    def seeds(self) -> str:
        """The number of seeds, and the number of those that worked if some failed."""
        worked = len(self.runs) - len(self.failures)
        return str(len(self.runs)) if not self.failures else f"{worked}/{len(self.runs)}"

    @cached_property
    def scores(self) -> dict[str, Interval]:
        """The mean over seeds of every score that all runs have; if one run lacks a score, its mean is missing."""
        values = [_scores_of(run) for run in self.runs]
        common = [name for name in values[0] if all(name in v for v in values)]
        # Each score has its own generator, so that no other row or score can change the draws.
        return {name: mean_interval([v[name] for v in values], np.random.default_rng(0)) for name in common}


@dataclass(frozen=True)
class Board:
    """Rows that are comparable."""

    header: Header
    rows: tuple[Row, ...]

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns of its tables."""
        return columns_of(run for row in self.rows for run in row.runs)

    @property
    def about_drive(self) -> bool:
        """True if some task of the board has a drive, which methods may be given."""
        return any(row.future_drive is not None for row in self.rows)

    @property
    def title(self) -> str:
        """A heading for people."""
        header = self.header
        if header.tier and header.circuit and header.holdout:  # of the larva
            return f"{header.tier.capitalize()} tier, circuit {header.circuit}"
        return ", ".join(dict.fromkeys(row.task for row in self.rows))


def boards(results: Sequence[Result]) -> list[Board]:
    """Sort results onto boards; the rows are sorted by track, the oracle first, then the best first.

    A search that evaluated nothing but the seed program has no scores of its own, and so no row.
    """
    results = [r for r in results if r.status != NOTHING_FOUND]
    disputes = {data: disputed(own) for data, own in _by_data(results).items()}
    headers = [_header(r, disputes[_data(r)]) for r in results]
    made = []
    for header in sorted(set(headers), key=repr):
        if any(_belongs_on(header, other) for other in headers if other != header):
            continue  # its rows are also on a board with more rows
        own = [r for r, of_result in zip(results, headers, strict=True) if _belongs_on(of_result, header)]
        groups: dict[tuple[str, str], list[Result]] = {}
        for result in own:
            groups.setdefault((result.task.name, method_name(result)), []).append(result)
        rows = [Row(tuple(sorted(runs, key=lambda r: r.seed))) for runs in groups.values()]
        made.append(Board(header, tuple(sorted(rows, key=_order))))
    return made


def select(results: Iterable[Result], task: str | None = None, track: str | None = None) -> list[Result]:
    """Choose the results of a task or track, and the controls on the same data.

    Args:
        results: the results.
        task: name of the task; None for all.
        track: name of the track; None for all.

    Returns:
        The chosen results, then controls on the same data that the choice left out.
    """
    everything = list(results)
    chosen = [r for r in everything if task in (None, r.task.name) and track in (None, r.task.track)]
    data = {r.task.data_sha256 for r in chosen}
    present = {(r.task.data_sha256, method_name(r)) for r in chosen}
    controls = [
        r
        for r in everything
        if r.method.kind == "control"
        and r.task.data_sha256 in data
        and (r.task.data_sha256, method_name(r)) not in present
    ]
    return chosen + controls


def method_name(result: Result) -> str:
    """Return the method with its proposer, and with its settings if it has any.

    If several of discoverer, proposer and search have a setting of the same name, its owner is given too. Further
    things that identify a proposer, such as hashes of its prompts, are given as one hash.
    """
    method = result.method
    name = method.name if method.proposer is None else f"{method.name} + {method.proposer}"
    owners = {"discoverer": method.settings, "proposer": method.proposer_settings, "search": _options(result)}
    given = {(key, owner): value for owner, settings in owners.items() for key, value in settings.items()}
    count = Counter(key for key, _ in given)
    parts = [_setting(f"{owner} {key}" if count[key] > 1 else key, given[key, owner]) for key, owner in sorted(given)]
    if method.proposer_identity:
        parts.append(f"proposer {_hash(to_json(method.proposer_identity))}")
    return f"{name} ({', '.join(parts)})" if parts else name


def _options(result: Result) -> dict[str, Any]:
    """Return the options of a search that differ from the default."""
    options = result.search
    if options is None:
        return {}
    found: dict[str, Any] = {}
    if options.finalists != default_finalists(Budget.of(options.budget)):
        found["finalists"] = options.finalists
    if options.patience != PATIENCE:
        found["patience"] = options.patience
    if options.ideas:
        found["ideas"] = list(options.ideas)
    return found


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
    if result.method.kind == "control":
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


def _scores_of(result: Result) -> dict[str, float]:
    if result.status != "ok":
        return {}
    time = {TIME: float(sum(result.timings.values()))} if result.timings else {}
    return {**result.metrics, **time}


def _order(row: Row) -> tuple[str, bool, tuple[int, float], str]:
    best = rank({name: score.estimate for name, score in row.scores.items()})
    return (row.track, row.method != ORACLE, best, row.method)


def _setting(name: str, value: object) -> str:
    """Return a setting for people; a long one is replaced by a hash."""
    text = value if isinstance(value, str) else to_json(value)
    return f"{name} {_hash(text)}" if len(text) > LONGEST else f"{name}={text}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:6]
