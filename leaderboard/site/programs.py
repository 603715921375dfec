"""The programs of a search's finals: their losses, their code, and how each differs from the one it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import DiffLexer, PythonLexer

from zfbench.leaderboard.site.searches import made
from zfbench.leaderboard.tables import MISSING
from zfbench.records.result import Result

SHORT = 12  # characters of a program's id


@dataclass(frozen=True)
class Finalist:
    """A program of the finals.

    Attributes:
        id: the first characters of its id.
        number: its place in the order of evaluation; empty if that is not recorded.
        how: how it was made.
        screened, full: its losses.
        status: `ok`, or what went wrong at full length.
        judged: True if it was judged.
        code: its source; empty if the result does not hold it.
        change: the difference to the program that it was made from; empty if the result does not hold it.
    """

    id: str
    number: str
    how: str
    screened: str
    full: str
    status: str
    judged: bool
    code: Markup
    change: Markup


def finalists(run: Result) -> list[Finalist]:
    """Return the finalists of a search in their order; of one without finals, the judged program."""
    entries = run.finals or (() if run.program is None else ({"program": run.program.id},))
    return [_finalist(run, entry) for entry in entries]


def _finalist(run: Result, entry: Mapping[str, Any]) -> Finalist:
    name = str(entry.get("program", ""))
    places = {evaluated.program: number for number, evaluated in enumerate(run.evaluated, 1)}
    number = places.get(name[:SHORT])
    evaluated = None if number is None else run.evaluated[number - 1]
    judged = run.program is not None and run.program.id == name
    source = str(entry.get("source") or (run.program.source if judged and run.program else ""))
    screened = entry.get("screened_loss", None if evaluated is None else evaluated.loss)
    return Finalist(
        id=name[:SHORT],
        number="" if number is None else str(number),
        how="" if evaluated is None else made(evaluated),
        screened=_loss(screened),
        full=_loss(entry.get("full_loss")),
        status=str(entry.get("status", "")),
        judged=judged,
        code=python(source),
        change=_difference(str(entry.get("change") or "")),
    )


@lru_cache(maxsize=64)  # a reference program is on the pages of several tracks
def python(source: str) -> Markup:
    """Return a program in colour; nothing for an empty one."""
    return Markup(highlight(source, *_tools()[:2])) if source else Markup("")


def _difference(text: str) -> Markup:
    _, formatter, lexer = _tools()
    return Markup(highlight(text, lexer, formatter)) if text else Markup("")


@cache
def _tools() -> tuple[PythonLexer, HtmlFormatter, DiffLexer]:
    return PythonLexer(), HtmlFormatter(cssclass="source"), DiffLexer()


def _loss(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else MISSING
