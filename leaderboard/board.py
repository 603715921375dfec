"""From results to boards: runs that are comparable, a row for each method, means over seeds with their uncertainty.

Results with different data, benchmark versions, versions of a metric, limits or search budgets are on different boards.
Controls spend nothing, so they are on every board of their data; methods that are not searches are on the boards of
every search budget. The numbers of a row depend on its own runs alone. Rows of one task form a table, in which methods
are ranked, and controls, the oracle and the ceiling are references without a rank.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from zfbench.leaderboard.columns import (
    HEADLINE,
    RANKED_BY,
    TABLE_SHARE,
    TIME,
    Column,
    columns_of,
    main_columns,
    sorting_key,
)
from zfbench.leaderboard.header import Header, sorted_by_header
from zfbench.leaderboard.names import method_name
from zfbench.leaderboard.ranking import ALL_SEEDS, Rank, ranks
from zfbench.leaderboard.statistics import Interval, mean_intervals
from zfbench.records.result import NOTHING_FOUND, Result
from zfbench.scoring.source import CANARY_NOTE, SUSPICIOUS

ORACLE, CEILING = "oracle", "ceiling"  # the true circuit, and its form with all constants learned
WITHOUT_HEADLINES = 1  # last benchmark version whose results have no headline scores
NOTE = "Version 1: these results carry no headline scores, so their rows are sorted by OOD MAE and are not ranked."


@dataclass(frozen=True)
class Row:
    """All runs of one method on one task.

    Attributes:
        runs: one of each seed.
        tells_version: True if another row differs from it in the version of the proposer alone, so that its name says
            the version.
    """

    runs: tuple[Result, ...]
    tells_version: bool = False

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

    @cached_property
    def method(self) -> str:
        """The method's name with its proposer and settings."""
        name, version = method_name(self.runs[0]), self.runs[0].method.proposer_version
        return f"{name}, proposer version {version or 'not recorded'}" if self.tells_version else name

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

    @property
    def is_reference(self) -> bool:
        """True for a control, the oracle and the ceiling, with which methods are compared and which have no rank."""
        return self.kind == "control" or self.method == CEILING

    @property
    def depends_on_seed(self) -> bool:
        """True unless the method has no chance in it, so that its one run stands for all seeds."""
        return not is_without_chance(self.runs)

    def by_seed(self, score: str) -> dict[int, float]:
        """Return a score by seed, or under `ALL_SEEDS` if it depends on none; empty if one of the runs lacks it."""
        if any(run.status != "ok" or score not in run.metrics for run in self.runs):
            return {}
        return {run.seed if self.depends_on_seed else ALL_SEEDS: run.metrics[score] for run in self.runs}

    @cached_property
    def scores(self) -> Mapping[str, Interval]:
        """The mean over seeds of every score that all runs have; if one run lacks a score, its mean is missing."""
        return _Means(self.runs)

    def every_score(self) -> dict[str, Interval]:
        """Return `scores` whole; they are computed at once, and not kept."""
        return means(self.runs, score_names(self.runs))


class _Means(Mapping[str, Interval]):
    """The mean over runs of each score that all of them have, computed when it is first asked for."""

    def __init__(self, runs: Sequence[Result]) -> None:
        self._runs = runs
        self._names = dict.fromkeys(score_names(runs))
        self._known: dict[str, Interval] = {}

    def __getitem__(self, name: str) -> Interval:
        if name not in self._known:
            if name not in self._names:
                raise KeyError(name)
            self._known |= means(self._runs, [name])
        return self._known[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@dataclass(frozen=True)
class Table:
    """The rows of a board on one task: methods, best first, and then the references."""

    rows: tuple[Row, ...]

    @property
    def task(self) -> str:
        """The task's full name."""
        return self.rows[0].task

    @property
    def data_sha256(self) -> str:
        """Hash of the task's data."""
        return self.rows[0].runs[0].task.data_sha256

    @cached_property
    def ranks(self) -> dict[str, Rank]:
        """The ranks of the methods by the mean of their headline scores; no entry for those that are not ranked."""
        scores = {row.method: row.by_seed(HEADLINE) for row in self.rows if not row.is_reference}
        return ranks({method: own for method, own in scores.items() if own})

    def main_columns(self, columns: Sequence[Column]) -> tuple[Column, ...]:
        """Return those of the board's columns that the table shows unless all are asked for."""
        return main_columns(columns, {name for row in self.rows for name in row.scores}, self.rows[0].track)

    @property
    def remarks(self) -> tuple[str, ...]:
        """A sentence for each row whose program seems to have been written from the published numbers."""
        return tuple(sentence for row in self.rows if (sentence := written_from_tables(row)))

    @property
    def seeds(self) -> str:
        """The numbers of seeds of the rows that depend on them, in words."""
        counts = [len(row.runs) for row in self.rows if row.depends_on_seed]
        if not counts:
            return "no row depends on a seed"
        few, many = min(counts), max(counts)
        return f"{few} to {many} seeds" if few < many else f"{few} seed{'s' * (few > 1)}"


@dataclass(frozen=True)
class Board:
    """Rows that are comparable."""

    header: Header
    rows: tuple[Row, ...]

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns of its tables."""
        return columns_of(run for row in self.rows for run in row.runs)

    @cached_property
    def tables(self) -> tuple[Table, ...]:
        """A table for each task."""
        groups: dict[str, list[Row]] = {}
        for row in self.rows:
            groups.setdefault(row.task, []).append(row)
        return tuple(Table(tuple(rows)) for rows in groups.values())

    @property
    def note(self) -> str:
        """A sentence that a reader has to know about all rows; empty if there is nothing."""
        return NOTE if self.header.benchmark_version <= WITHOUT_HEADLINES and self.about_drive else ""

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
    """Sort results onto boards; the rows are sorted by task, methods before references, the best first.

    Tasks of which some row has headline scores come before the others. A search that evaluated nothing but the seed
    program has no scores of its own, and so no row.
    """
    made = []
    for header, own in sorted_by_header([r for r in results if r.status != NOTHING_FOUND]):
        groups: dict[tuple[str, str], dict[int | None, list[Result]]] = {}
        for result in own:
            versions = groups.setdefault((result.task.name, method_name(result)), {})
            versions.setdefault(result.method.proposer_version, []).append(result)
        rows = [
            Row(tuple(sorted(runs, key=lambda r: r.seed)), tells_version=len(versions) > 1)
            for versions in groups.values()
            for runs in versions.values()
        ]
        ranked = {row.task for row in rows if HEADLINE in row.scores}
        rows.sort(key=lambda row: (row.task not in ranked, row.task, *_order(row)))
        made.append(Board(header, tuple(rows)))
    return made


def select(results: Iterable[Result], task: str | None = None, track: str | None = None) -> list[Result]:
    """Return the results of a task or track alone, its controls among them.

    Args:
        results: the results.
        task: name of the task; None for all.
        track: name of the track; None for all.
    """
    return [r for r in results if task in (None, r.task.name) and track in (None, r.task.track)]


def score_names(runs: Sequence[Result]) -> list[str]:
    """Return the names of the scores that all runs have."""
    own = [_score_names(run) for run in runs]
    return [name for name in own[0] if all(name in names for names in own[1:])]


def means(runs: Sequence[Result], names: Sequence[str]) -> dict[str, Interval]:
    """Return the mean over runs of each of these scores, which all of them have."""
    values = np.array([[_score(run, name) for run in runs] for name in names])
    return dict(zip(names, mean_intervals(values), strict=True)) if names else {}


def _score_names(result: Result) -> Collection[str]:
    if result.status != "ok":
        return ()
    return dict.fromkeys((*result.metrics, TIME)) if result.timings else result.metrics.keys()


def _score(result: Result, name: str) -> float:
    return float(sum(result.timings.values())) if name == TIME else result.metrics[name]


def written_from_tables(row: Row) -> str:
    """Return what a reader has to know if a program holds the published numbers or their canary; empty if none does."""
    share = max((run.metrics.get(TABLE_SHARE, 0.0) for run in row.runs), default=0.0)
    told = [f"{share:.0%} of the published circuit's numbers"] if share >= SUSPICIOUS else []
    told += ["the canary of the published tables"] if any(CANARY_NOTE in run.notes for run in row.runs) else []
    return f"{row.method}: its text holds {' and '.join(told)}, so it may have been written from them." if told else ""


def _order(row: Row) -> tuple[int, tuple[int, float], str]:
    """Methods first, then the oracle, the ceiling and the controls; among them the best first."""
    standing = 0 if not row.is_reference else {ORACLE: 1, CEILING: 2}.get(row.method, 3)
    main = {name: row.scores[name].estimate for name in RANKED_BY if name in row.scores}
    return standing, sorting_key(main), row.method


def is_without_chance(runs: Sequence[Result]) -> bool:
    """Return True for a single run that is equal for every seed: of a control or baseline without optimiser steps."""
    if len(runs) != 1:
        return False
    (run,) = runs
    return run.method.kind in ("control", "baseline") and run.spend.updates == 0
