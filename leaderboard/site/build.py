"""Write the web page: an index with boards and plots, a page for each method, and the numbers as CSV and JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zfbench.base.errors import ZfbenchError
from zfbench.base.files import write_text
from zfbench.leaderboard.board import ORACLE, Board, Row, Table
from zfbench.leaderboard.certificates import words
from zfbench.leaderboard.columns import TIME
from zfbench.leaderboard.exports import as_csv, as_json
from zfbench.leaderboard.statistics import performance_profile
from zfbench.leaderboard.tables import MISSING, future_drive, label, legend, rank_of, show
from zfbench.records.result import Result

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

    from zfbench.leaderboard.site.svg import Line

TEMPLATES = Path(__file__).parent / "templates"
EXAMPLE, JACOBIAN = "forecast/ood/example/", "connectivity/mean_jacobian"
IMPULSE, SHARE = "dynamics/impulse/example/", "population/target_share"
BY_GROUP = {
    "Held-out error, in standard deviations": ("forecast/ood/mae_sd/group/", None),
    "Impulse-response error (1: predicts no effect)": ("dynamics/impulse/error/group/", 1.0),
}


def build(found: Sequence[Board], folder: Path) -> list[Path]:
    """Write the site of these boards into a folder.

    Returns:
        The files written, `index.html` first.

    Raises:
        ZfbenchError: Jinja2 or Pygments is not installed, or the folder cannot be written.
    """
    environment = _environment()
    files = {"index.html": environment.get_template("index.html").render(_index(found))}
    for number, board in enumerate(found):
        for row in board.rows:
            files[page_of(row, number)] = environment.get_template("method.html").render(_method(row, board))
    files["results.csv"], files["results.json"] = as_csv(found), as_json(found)
    files["zfbench.bib"] = (TEMPLATES / "zfbench.bib").read_text(encoding="utf-8")
    for name, text in files.items():
        write_text(folder / name, text)
    return [folder / name for name in files]


def page_of(row: Row, board: int) -> str:
    """Return the path of a method's page, relative to the index."""
    return "methods/" + re.sub(r"[^\w.]+", "-", f"{board}-{row.task}-{row.method}").strip("-") + ".html"


def _environment() -> Environment:
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise ZfbenchError("The page needs Jinja2 and Pygments; pip install 'zfbench[site]'.") from error
    return Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True)


def _index(found: Sequence[Board]) -> dict[str, Any]:
    sections = [_section(board, number) for number, board in enumerate(found)]
    rows = [row for board in found for row in board.rows]
    return {
        "root": "",
        "sections": sections,
        "filters": {
            "task": sorted({row.task for row in rows}),
            "track": sorted({row.track for row in rows if row.track}),
            "kind": sorted({row.kind for row in rows}),
            "budget": sorted({_budget(board) for board in found}),
        },
        "budgets": [_budget(board) for board in found],
    }


def _section(board: Board, number: int) -> dict[str, Any]:
    from zfbench.leaderboard.site.searches import panels, unrecorded

    found = panels(board.rows, board)
    return {
        "board": board,
        "certificates": [f"{t.task}: {words(t.task, t.data_sha256)}" for t in board.tables],
        "rows": [_row(row, table, board, page_of(row, number)) for table in board.tables for row in table.rows],
        "legend": legend([board]),
        "tracks": list(dict.fromkeys(row.track for row in board.rows if row.track)),
        "scatter": _shortcut(board, number),
        "profile": _profile(board),
        "panels": found,
        "unrecorded": unrecorded(found),
    }


def _budget(board: Board) -> str:
    header = board.header
    training = "controls alone" if header.updates is None else f"{header.updates:.0f} updates"
    return training + (f", search of {header.search()}" if header.budget else "")


def _row(row: Row, table: Table, board: Board, link: str) -> dict[str, Any]:
    rank = table.ranks.get(row.method)
    cells = [{"text": rank_of(row, table), "value": "" if rank is None else rank.best}]
    for column in board.columns:
        score = row.scores.get(column.score)
        cells.append({"text": show(score, column.decimals), "value": "" if score is None else repr(score.estimate)})
    return {"row": row, "name": label(row), "link": link, "drive": future_drive(row), "cells": cells}


def _shortcut(board: Board, number: int) -> Markup:
    from zfbench.leaderboard.site.svg import Point, scatter

    points = [
        Point(row.method, f"track-{row.track}", row.kind, id_.estimate, ood.estimate, page_of(row, number))
        for row in board.rows
        if (id_ := row.scores.get("forecast/id/mae")) and (ood := row.scores.get("forecast/ood/mae"))
    ]
    return scatter(points, "MAE, training conditions", "MAE, held-out condition")


def _profile(board: Board) -> Markup:
    from zfbench.leaderboard.site.svg import Line, lines

    thresholds = np.linspace(0, 1, 101)
    curves: list[Line] = []
    for row in (r for r in board.rows if r.kind != "control" and not r.failures):
        prefix = "forecast/ood/mae_sd/group/"
        errors = [v for run in row.runs for name, v in run.metrics.items() if name.startswith(prefix)]
        if not errors:
            continue
        share = performance_profile(-np.array(errors), -thresholds).tolist()
        if all(share != known.y for known in curves):  # a method that ignores the drive is equal in every track
            style = f"line-{len(curves) % 16}"
            curves.append(Line(f"{row.method} ({row.track})", style, thresholds.tolist(), share))
    return lines(
        curves, "held-out error, in standard deviations", "share of seeds x groups below", height=400, y_range=(0, 1)
    )


def _method(row: Row, board: Board) -> dict[str, Any]:
    from zfbench.leaderboard.site.searches import method_context
    from zfbench.leaderboard.site.svg import bars, matrix

    first = row.runs[0]
    oracles = [r.runs[0] for r in board.rows if r.method == ORACLE and r.track != "autonomous"]
    truth = next((r for r in oracles if r.task.track == row.track), oracles[0] if oracles else None)
    return {
        "root": "../",
        "row": row,
        "name": label(row),
        "header": board.header,
        "families": _families(board),
        "scores": [
            (c, show(row.scores.get(c.score), c.decimals), _by_seed(row, c.score))
            for c in board.columns
            if c.score != TIME
        ],
        "searches": method_context(row, board),
        "shares": _shares(row),
        "horizon": {split: _horizon(row, board, split) for split in ("id", "ood")},
        "traces": _traces(first, truth, EXAMPLE),
        "impulses": _traces(first, truth, IMPULSE),
        "recovered": JACOBIAN in first.pictures,
        "matrices": [
            (title, matrix(np.asarray(r.pictures[JACOBIAN], np.float64)))
            for title, r in (("true circuit", truth), (row.method, first))
            if r is not None and JACOBIAN in r.pictures
        ],
        "groups": [
            (title, bars(_groups(row, prefix), reference))
            for title, (prefix, reference) in BY_GROUP.items()
            if _groups(row, prefix)
        ],
        "program": None if first.program is None else _highlight(first.program.source),
        "style": _highlight_styles(),
        "settings": json.dumps(_settings(first), indent=1, ensure_ascii=False) if _settings(first) else "",
        "finals": [_final(entry) for entry in first.finals],
        "runs": row.runs,
    }


def _families(board: Board) -> set[str]:
    """The families of scores that some run of a board has; the pages of its methods have no headings for others."""
    runs = [run for row in board.rows for run in row.runs]
    return {name.split("/")[0] for run in runs for name in (*run.metrics, *run.curves)}


def _settings(run: Result) -> dict[str, Any]:
    """Return the settings and options of a search, for people."""
    method = run.method
    named = {"discoverer": method.settings, "proposer": method.proposer_settings | method.proposer_identity}
    options = {} if run.search is None else run.search.model_dump(mode="json")
    return {name: chosen for name, chosen in named.items() if chosen} | options


def _final(entry: dict[str, Any]) -> dict[str, str]:
    """Return a finalist, with a dash for a missing loss."""
    numbers = {"screened": entry.get("screened_loss"), "full": entry.get("full_loss")}
    shown = {name: f"{value:.4g}" if isinstance(value, int | float) else MISSING for name, value in numbers.items()}
    return {"program": str(entry.get("program", ""))[:12], "status": str(entry.get("status", "")), **shown}


def _by_seed(row: Row, score: str) -> list[str]:
    return [f"{run.metrics[score]:.4g}" if score in run.metrics else "-" for run in row.runs]


def _horizon(row: Row, board: Board, split: str) -> Markup:
    """Error at every step ahead: the method's mean and range over seeds, with the last value for comparison."""
    from zfbench.leaderboard.site.svg import lines

    name = f"forecast/{split}/mae"
    shown = [(row, "model")]
    shown += [(r, "reference") for r in board.rows if r.method == "last_value" and r.task == row.task and r is not row]
    return lines([_error_curve(r, name, style) for r, style in shown if all(name in x.curves for x in r.runs)],
                 "ms ahead", "MAE", height=260)  # fmt: skip


def _error_curve(row: Row, name: str, style: str) -> Line:
    from zfbench.leaderboard.site.svg import Line

    curves = np.array([run.curves[name] for run in row.runs])  # [S, H]
    steps = row.runs[0].curves["forecast/steps"]
    low, high = curves.min(axis=0).tolist(), curves.max(axis=0).tolist()
    return Line(row.method, style, steps, curves.mean(axis=0).tolist(), low, high)


def _shares(row: Row) -> Markup:
    """The target's share of the population after every generation, a line for each seed."""
    from zfbench.leaderboard.site.svg import Line, lines

    curves = {run.seed: run.curves[SHARE] for run in row.runs if SHARE in run.curves}
    shown = [
        Line(f"seed {seed}", f"line-{number % 16}", list(range(len(curve))), curve)
        for number, (seed, curve) in enumerate(curves.items())
    ]
    return lines(shown, "generation", "target's share", height=300, y_range=(0, 1))


def _traces(result: Result, truth: Result | None, prefix: str) -> list[Markup]:
    """Small panels of the curves below a prefix, each over the true one; a response has a range of its own."""
    from zfbench.leaderboard.site.svg import trace

    own = {name.removeprefix(prefix): x.tolist() for name, x in result.pictures.items() if name.startswith(prefix)}
    true = {} if truth is None else {n: x.tolist() for n in own if (x := truth.pictures.get(prefix + n)) is not None}
    if prefix == EXAMPLE:
        return [trace(name, true.get(name), curve) for name, curve in own.items()]
    panels = []
    for name, curve in own.items():
        # The range follows the true response; larger values of an unstable model are drawn along the edge.
        top = 1.3 * max(abs(value) for value in true.get(name, curve)) or 1.0
        panels.append(trace(f"{name} (±{top:.2g})", true.get(name), curve, (-top, top)))
    return panels


def _groups(row: Row, prefix: str) -> list[tuple[str, float]]:
    return [
        (name.removeprefix(prefix), score.estimate) for name, score in row.scores.items() if name.startswith(prefix)
    ]


def _highlight(source: str) -> Markup:
    from markupsafe import Markup
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    return Markup(highlight(source, PythonLexer(), HtmlFormatter(cssclass="source")))


def _highlight_styles() -> Markup:
    """Colours of the program in both themes."""
    from markupsafe import Markup
    from pygments.formatters import HtmlFormatter

    light = HtmlFormatter(style="default").get_style_defs(":root .source")
    dark = HtmlFormatter(style="github-dark").get_style_defs(":root[data-theme=dark] .source")
    return Markup(f"{light}\n{dark}\n:root .source {{background: none}}")
