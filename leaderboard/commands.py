"""Shell commands that measure the runs that a claim lacks, and write them where the claim is checked."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from zfbench.base import plugins
from zfbench.base.errors import ZfbenchError
from zfbench.base.files import is_folder, is_there
from zfbench.leaderboard.claims import Claim, Side
from zfbench.leaderboard.shipped import RESULTS, SUITES, name_of
from zfbench.leaderboard.verdicts import Missing
from zfbench.protocols.chance import depends_on_seed
from zfbench.runs.plan import Plan
from zfbench.runs.suite import Job, read_suite
from zfbench.search.budget import Budget, written

BUDGET = {"evaluations": 20}  # of a search whose claim names none, as of `zfbench run`
IN_A_CLAIM = "RESULTS"  # stands for the folder of results in a claim's own command


def command(missing: Missing, results: Path = RESULTS, suites: Path = SUITES) -> str:
    """Return the shell command that measures the missing runs, and writes them into the folder that is checked.

    Args:
        missing: runs of one side of a claim.
        results: the results that are checked, a folder or a file; runs are written into the folder, or beside the file.
        suites: folder of suites (`*.toml`); the first that plans the runs measures them, and before the others those
            whose results are the published ones.

    Returns:
        The command of a suite, or else of a search for each seed, or of a registered baseline; empty for any other
        method that is not a search.
    """
    side, place = missing.side, _folder_of(results)
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
            out = "" if place.resolve() == known[path][1] else f" --out {shlex.quote(str(place))}"
            return f"zfbench suite run {name_of(path)} --task {side.task} --method {side.method}{seeds}{out}"
    if side.proposer is None:
        return _judging(side, missing.seeds, place) if side.method in plugins.names("baseline") else ""
    each = " ".join(map(str, missing.seeds))
    search = side.model_copy(update={"budget": side.budget or BUDGET})
    run = shlex.quote(str(place / _name(search)))
    return f"for seed in {each}; do {search_command(search)} --seed $seed --out {run}$seed; done"


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


def _folder_of(results: Path) -> Path:
    return results.parent if is_there(results) and not is_folder(results) else results


def _name(side: Side) -> str:
    """Return the name of the folder of a side's searches without the seed, so that two sides never share a folder."""
    plan = Plan(
        side.task,
        side.method,
        str(side.proposer),
        Budget.of(side.budget or {}),
        seed=0,
        settings=side.settings or {},
        proposer_settings=side.proposer_settings or {},
        **{name: value for name, value in side.options().items() if name != "budget"},
    )
    return plan.name.removesuffix("0")


def _depends_on_seed(baseline: str) -> bool:
    """Return True if a registered baseline depends on its seed, or cannot be imported here."""
    try:
        return depends_on_seed(plugins.load("baseline", baseline))
    except ZfbenchError:
        return True


def _judging(side: Side, seeds: Sequence[int], place: Path) -> str:
    """Return the command that judges a registered baseline, which no command of zfbench does outside a suite."""
    folder, method, task = (json.dumps(str(text), ensure_ascii=False) for text in (place, side.method, side.task))
    needed = list(seeds) if _depends_on_seed(side.method) else list(seeds)[:1]
    code = (
        "from zfbench import add_result, judge; "
        f"[add_result(judge({method}, {task}, seed=seed), {folder}) for seed in {needed}]"
    )
    return shlex.join(["python", "-c", code])


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


def own_command(claim: Claim, results: Path = RESULTS) -> str:
    """Return the command that a claim itself gives, with the folder that is checked; empty if it gives none.

    Args:
        claim: the claim.
        results: the results that are checked, as of `command`.
    """
    return re.sub(rf"(?<![$\w]){IN_A_CLAIM}(?!\w)", lambda _: shlex.quote(str(_folder_of(results))), claim.command)


def _by_hand(missing: Missing, results: Path) -> str:
    """Say how to measure what no suite has and no package registers, such as a program of one's own."""
    side = missing.side
    program = shlex.quote(str(_folder_of(results) / f"{side.method}.py"))
    each = " ".join(map(str, missing.seeds))
    judging = f"for seed in {each}; do zfbench judge {program} --task {side.task} --seed $seed; done"
    return (
        "no shipped suite has these runs, and no baseline of that name is registered; a program is put into "
        f"{program}, and judged by: {judging}"
    )


def describe(missing: Sequence[Missing], claim: Claim, results: Path = RESULTS) -> list[str]:
    """Return lines that list the missing runs, each with the command that measures it.

    Args:
        missing: the runs.
        claim: the claim that misses them; a command of its own goes before all others.
        results: the results that are checked, as of `command`.
    """
    lines = []
    for entry in missing:
        seeds = ", ".join(map(str, entry.seeds))
        lines.append(f"missing: {entry.side.describe()}, seed{'s' * (len(entry.seeds) > 1)} {seeds}")
        lines.append(f"  {own_command(claim, results) or command(entry, results) or _by_hand(entry, results)}")
    return lines
