"""The contents of the page of one method."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from markupsafe import Markup

from zfbench.leaderboard.board import ORACLE, Row
from zfbench.leaderboard.columns import TIME
from zfbench.leaderboard.site.about import Commands, parts, seeds
from zfbench.leaderboard.site.matrix import matrix
from zfbench.leaderboard.site.neurons import GROUPS, groups_of
from zfbench.leaderboard.site.programs import finalists, python
from zfbench.leaderboard.site.searches import REFERENCE, family, panels, population, targets_of, unrecorded
from zfbench.leaderboard.site.sections import Entry, Section, Table
from zfbench.leaderboard.site.svg import Line, bars, lines, trace
from zfbench.leaderboard.tables import label, show
from zfbench.records.result import Result

EXAMPLE, JACOBIAN = "forecast/ood/example/", "connectivity/mean_jacobian"
IMPULSE, SHARE = "dynamics/impulse/example/", "population/target_share"
BY_GROUP = {
    "Held-out error, in standard deviations": ("forecast/ood/mae_sd/group/", None),
    "Impulse-response error (1: predicts no effect)": ("dynamics/impulse/error/group/", 1.0),
}
PARTS = {  # parts of the page, and the family of scores without which a task has none of them
    "error over the horizon": "forecast",
    "forecasts of one window": "forecast",
    "the recovered connectivity": "connectivity",
    "impulse responses": "dynamics",
}


@dataclass(frozen=True)
class Setting:
    """The things that the pages of one table share; computed once, since a table may have thousands of rows.

    Attributes:
        section: the section.
        table: the table.
        commands: finds the command of each row.
    """

    section: Section
    table: Table
    commands: Commands

    @cached_property
    def families(self) -> frozenset[str]:
        """The families of scores that some run of the section has."""
        runs = [run for row in self.section.board.rows for run in row.runs]
        names = {name for run in runs for name in (*run.metrics, *run.curves)}
        return frozenset(name.split("/")[0] for name in names)

    @cached_property
    def truth(self) -> Result | None:
        """The oracle's run on the task, or on another one with the drive; None without one."""
        own = self.table.references.get(ORACLE)
        if own is not None and own.track != "autonomous":
            return own.runs[0]
        oracles = (row.runs[0] for row in self.section.board.rows if row.method == ORACLE and row.track != "autonomous")
        return next(oracles, None)

    @cached_property
    def last_value(self) -> Row | None:
        """The row with which errors over the horizon are compared, and of which the error sets the targets."""
        return next((entry.row for entry in self.table.entries if entry.row.method == REFERENCE), None)

    @cached_property
    def tied(self) -> Mapping[str, str]:
        """The ranks in words, by page."""
        number = len(self.table.ranks)
        return {page: f"rank {rank} of {number}" for page, rank in self.table.ranks.items()}


def method_page(entry: Entry, setting: Setting) -> dict[str, Any]:
    """Return what the template of a method's page is given."""
    row, board = entry.row, setting.section.board
    first = row.runs[0]
    drawn = {
        "error over the horizon": {split: _horizon(row, setting, split) for split in ("id", "ood")},
        "forecasts of one window": _traces(first, setting.truth, EXAMPLE),
        "the recovered connectivity": _matrices(row, setting.truth) if JACOBIAN in first.pictures else [],
        "impulse responses": _traces(first, setting.truth, IMPULSE),
    }
    here = {name for name, pictures in drawn.items() if (pictures["id"] if isinstance(pictures, dict) else pictures)}
    search = row.kind == "search"
    recorded = next((run for run in row.runs if run.evaluated), None)
    found = panels(row, targets_of(setting.last_value)) if search else []
    return {
        "root": "../",
        "row": row,
        "name": label(row),
        "budget": entry.budget,
        "rank": setting.tied.get(entry.page, ""),
        "parts": parts(row),
        "command": setting.commands.of(row),
        "header": board.header,
        "seeds": seeds(row.runs),
        "scores": [
            (c, show(row.scores.get(c.score), c.decimals), _by_seed(row, c.score))
            for c in board.columns
            if c.score != TIME and c.score in setting.table.score_names
        ],
        "drawn": {name: pictures if name in here else None for name, pictures in drawn.items()},
        "absent": [name for name, of in PARTS.items() if name not in here and of in setting.families],
        "groups_known": bool(groups_of(first.task)),
        "group_words": GROUPS,
        "panels": found,
        "unrecorded": unrecorded(found),
        "recorded": recorded,
        "family": None if recorded is None else family(recorded),
        "population": None if recorded is None else population(recorded),
        "finalists": finalists(recorded or first) if search else [],
        "program": python(first.program.source) if first.program is not None and not search else "",
        "shares": _shares(row),
        "groups": [
            (title, bars(_groups(row, prefix), reference))
            for title, (prefix, reference) in BY_GROUP.items()
            if _groups(row, prefix)
        ],
        "settings": json.dumps(_settings(first), indent=1, ensure_ascii=False) if _settings(first) else "",
        "runs": row.runs,
    }


def _settings(run: Result) -> dict[str, Any]:
    """Return the settings and options of a search, for people."""
    method = run.method
    named = {"discoverer": method.settings, "proposer": method.proposer_told}
    options = {} if run.search is None else run.search.model_dump(mode="json")
    return {name: chosen for name, chosen in named.items() if chosen} | options


def _by_seed(row: Row, score: str) -> list[str]:
    return [f"{run.metrics[score]:.4g}" if score in run.metrics else "-" for run in row.runs]


def _horizon(row: Row, setting: Setting, split: str) -> Markup:
    """Error at every step ahead: the method's mean and range over seeds, with the last value for comparison."""
    name, last = f"forecast/{split}/mae", setting.last_value
    if not all(name in run.curves for run in row.runs):
        return Markup("")
    shown = [_error_curve(row, name, "model")]
    if last is not None and last is not row and all(name in run.curves for run in last.runs):
        shown.append(_error_curve(last, name, "reference"))
    return lines(shown, "ms ahead", "MAE", height=260)


def _error_curve(row: Row, name: str, style: str) -> Line:
    curves = np.array([run.curves[name] for run in row.runs])  # [S, H]
    steps = row.runs[0].curves["forecast/steps"]
    low, high = curves.min(axis=0).tolist(), curves.max(axis=0).tolist()
    return Line(row.method, style, steps, curves.mean(axis=0).tolist(), low, high)


def _shares(row: Row) -> Markup:
    """The target's share of the population after every generation, a line for each seed."""
    curves = {run.seed: run.curves[SHARE] for run in row.runs if SHARE in run.curves}
    shown = [
        Line(f"seed {seed}", f"line-{number % 16}", list(range(len(curve))), curve)
        for number, (seed, curve) in enumerate(curves.items())
    ]
    return lines(shown, "generation", "target's share", height=300, y_range=(0, 1))


def _matrices(row: Row, truth: Result | None) -> list[tuple[str, Markup]]:
    """The true circuit and the recovered one, each with its title."""
    shown = [("the true circuit", truth)] if row.method != ORACLE else []
    shown.append((row.method, row.runs[0]))
    return [
        (title, matrix(run.pictures[JACOBIAN], groups_of(run.task), f"Mean one-step Jacobian of {title}"))
        for title, run in shown
        if run is not None and JACOBIAN in run.pictures
    ]


def _traces(result: Result, truth: Result | None, prefix: str) -> list[Markup]:
    """Small panels of the curves below a prefix, each over the true one; a response has a range of its own."""
    own = {name.removeprefix(prefix): x.tolist() for name, x in result.pictures.items() if name.startswith(prefix)}
    true = {} if truth is None else {n: x.tolist() for n in own if (x := truth.pictures.get(prefix + n)) is not None}
    if prefix == EXAMPLE:
        return [trace(name, true.get(name), curve) for name, curve in own.items()]
    panels = []
    for name, curve in own.items():
        # The range follows the true response; larger values of an unstable model leave the panel.
        top = 1.3 * max(abs(value) for value in true.get(name, curve)) or 1.0
        panels.append(trace(f"{name} (±{top:.2g})", true.get(name), curve, (-top, top)))
    return panels


def _groups(row: Row, prefix: str) -> list[tuple[str, float]]:
    return [(name.removeprefix(prefix), row.scores[name].estimate) for name in row.scores if name.startswith(prefix)]
