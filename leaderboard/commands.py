"""Shell commands that measure the runs that a claim lacks."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path

from zfbench.leaderboard.claims import Side
from zfbench.leaderboard.shipped import RESULTS, SUITES, name_of
from zfbench.leaderboard.verdicts import Missing
from zfbench.runs.plan import Plan
from zfbench.runs.suite import Job, read_suite
from zfbench.search.budget import Budget, written


def command(missing: Missing, suites: Path = SUITES) -> str:
    """Return the shell command that measures the missing runs.

    Args:
        missing: runs of one side of a claim.
        suites: folder of suites (`*.toml`); the first that plans the runs measures them, and before the others those
            whose results are the published ones.

    Returns:
        The command of a suite, or else of a search for each seed; empty for a method that is not a search.
    """
    side = missing.side
    known = {path: read_suite(path) for path in sorted(suites.glob("*.toml"))}
    seeds_of = {path: {job.seed for job in jobs if _is_of(side, job)} for path, (jobs, _) in known.items()}
    without_chance = side.proposer is None and len(set().union(*seeds_of.values())) == 1  # one seed says all
    for path in sorted(known, key=lambda path: known[path][1] != RESULTS):
        planned = seeds_of[path]
        one_says_all = without_chance and bool(planned) and (missing.untried or planned.issubset(missing.seeds))
        if planned.issuperset(missing.seeds) or one_says_all:
            seeds = (
                ""
                if one_says_all or planned.issubset(missing.seeds)
                else "".join(f" --seed {seed}" for seed in missing.seeds)
            )
            return f"zfbench suite run {name_of(path)} --task {side.task} --method {side.method}{seeds}"
    if side.proposer is None:
        return ""
    each = " ".join(map(str, missing.seeds))
    return f"for seed in {each}; do {search_command(side)} --seed $seed{_folder(side)}; done"


def search_command(side: Side) -> str:
    """Return the command of the search that a suite would run; the user adds a seed, and a budget if none is named."""
    words = ["zfbench", "run", "--task", side.task, "--discoverer", side.method, "--proposer", str(side.proposer)]
    for unit, limit in (side.budget or {}).items():
        words += ["--budget", f"{unit}={written(limit)}"]
    for name, value in (side.settings or {}).items():
        words += ["--set", _assigned(name, value)]
    for name, value in (side.proposer_settings or {}).items():
        words += ["--proposer-set", _assigned(name, value)]
    for name in ("finalists", "patience"):
        if (limit := getattr(side, name)) is not None:
            words += [f"--{name}", str(limit)]
    for idea in side.ideas or ():
        words += ["--hint", idea]
    return shlex.join(words)


def _is_of(side: Side, job: Job) -> bool:
    return side.matches(job.task, job.record, None if job.plan is None else job.plan.options)


def _folder(side: Side) -> str:
    """Return the option for a folder of the side's own, so that searches of two sides are never in one folder.

    It is empty if the claim names no budget; the user then chooses a budget that is equal for both sides, and a folder.
    """
    if side.budget is None:
        return ""
    plan = Plan(
        side.task,
        side.method,
        str(side.proposer),
        Budget.of(side.budget),
        seed=0,
        settings=side.settings or {},
        proposer_settings=side.proposer_settings or {},
        **{name: value for name, value in side.options().items() if name != "budget"},
    )
    return f" --out runs/{plan.name.removesuffix('seed0')}seed$seed"


def _assigned(name: str, value: object) -> str:
    """Return a setting as `--set` reads it; a text that would be read as another JSON value is quoted."""
    bare = isinstance(value, str) and not _is_json(value)
    return f"{name}={value if bare else json.dumps(value)}"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except json.JSONDecodeError:
        return False
    return True


def describe(missing: Sequence[Missing], own: str = "") -> list[str]:
    """Return lines that list the missing runs, each with the command that measures it.

    If the claim has a command of its own, `own`, that one is given.
    """
    lines = []
    for entry in missing:
        seeds = ", ".join(map(str, entry.seeds))
        lines.append(f"missing: {entry.side.describe()}, seed{'s' * (len(entry.seeds) > 1)} {seeds}")
        how = own or command(entry) or "no shipped suite has these runs; add a block for them to a suite, and run it"
        lines.append(f"  {how}")
    return lines
