"""Sentences on a method for its page: its description, its papers, and the command that measures it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from zfbench.base import describe, plugins
from zfbench.leaderboard.board import Row
from zfbench.leaderboard.claims import Side
from zfbench.leaderboard.commands import search_command
from zfbench.leaderboard.shipped import SUITES, name_of
from zfbench.records.result import Result
from zfbench.runs.suite import Job, read_suite

_PAPER = re.compile(r"doi:(?P<doi>10\.\d{4,9}/[^\s,;)]*[^\s,;).])|arXiv[ :\n](?P<arxiv>\d{4}\.\d{4,5})")


@dataclass(frozen=True)
class Part:
    """A part of a method: a baseline, or a discoverer or proposer of a search.

    Attributes:
        role: what it is in the method, such as `discoverer`.
        name: its registered name.
        sentences: what it is; empty if it is not registered here.
        papers: the papers that its module names, each with its address.
    """

    role: str
    name: str
    sentences: tuple[str, ...]
    papers: tuple[tuple[str, str], ...]


def parts(row: Row) -> list[Part]:
    """Return the parts of a row's method."""
    method = row.runs[0].method
    if method.kind != "search":
        return [_part("baseline", method.kind, method.name)]
    named = [("discoverer", method.name), *([] if method.proposer is None else [("proposer", method.proposer)])]
    return [_part(kind, kind, name) for kind, name in named]


@cache
def _registered(kind: str) -> frozenset[str]:
    return frozenset(plugins.names(kind))


@cache
def _part(kind: str, role: str, name: str) -> Part:
    if name not in _registered(kind):  # to find that out for each of many names would take most of the time
        return Part(role, name, (), ())
    module = describe.module_docstring(kind, name)
    sentences = (describe.first_sentence(module), describe.descriptions(kind).get(name, ""))
    return Part(role, name, tuple(dict.fromkeys(f"{s}." for s in sentences if s)), papers(module))


def papers(text: str) -> tuple[tuple[str, str], ...]:
    """Return the papers that a text names by DOI or number of arXiv, in order, each with its address."""
    found = {}
    for match in _PAPER.finditer(text):
        if match["doi"]:
            found[f"doi:{match['doi']}"] = f"https://doi.org/{match['doi']}"
        else:
            found[f"arXiv:{match['arxiv']}"] = f"https://arxiv.org/abs/{match['arxiv']}"
    return tuple(found.items())


class Commands:
    """Finds the command that measures a method; the shipped suites are read once.

    Args:
        suites: folder of suites (`*.toml`).
    """

    def __init__(self, suites: Path = SUITES) -> None:
        self._planned: dict[tuple[str, str], list[tuple[str, Job]]] = {}
        for path in sorted(suites.glob("*.toml"), key=lambda path: (path.stem != "tiny", path.stem)):
            for job in read_suite(path)[0]:
                self._planned.setdefault((job.task, job.method), []).append((name_of(path), job))

    def of(self, row: Row) -> str:
        """Return the command that measures a row again, of its first seed where seeds have commands of their own."""
        first = row.runs[0]
        for suite, job in self._planned.get((row.task, first.method.name), ()):
            if _plans(job, first):
                words = ["zfbench", "suite", "run", suite, "--task", row.task, "--method", first.method.name]
                return shlex.join([*words, "--out", "my-results"])
        if first.search is None:
            return _judged(row) if row.kind == "program" else ""
        return f"{search_command(_side(first))} --seed {first.seed}"


def _plans(job: Job, run: Result) -> bool:
    """True if a job of a suite is a run of the same method with the same limits and options."""
    if run.method.kind != "control" and job.limits.updates != run.limits.get("updates"):
        return False
    if run.search is None or job.plan is None:
        return run.search is None and job.plan is None
    return job.plan.options == run.search and _side(run).matches(job.task, job.record, job.plan.options)


def _side(run: Result) -> Side:
    method, options = run.method, {} if run.search is None else dict(run.search)
    return Side(
        method=method.name,
        task=run.task.name,
        proposer=method.proposer,
        settings=method.settings,
        proposer_settings=method.proposer_settings,
        **options,
    )


def _judged(row: Row) -> str:
    """The command that judges a program that is not registered, of which the page shows the code."""
    first = row.runs[0]
    return shlex.join(["zfbench", "judge", f"{first.method.name}.py", "--task", row.task, "--seed", str(first.seed)])


def seeds(runs: Sequence[Result]) -> str:
    """Return the seeds of runs as a list, such as "0, 1, 2"."""
    return ", ".join(str(run.seed) for run in runs)
