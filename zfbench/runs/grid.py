"""Measurement of the runs of a suite: those that are missing, several at a time, with each result written at once.

An interrupted suite is continued: runs that have a current result are not measured again, and a search that had begun
is resumed. A refreshed suite begins every search anew.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, Literal

from zfbench import scoring
from zfbench.base.errors import DamagedFileError, ZfbenchError
from zfbench.protocols.sandbox import Sandbox
from zfbench.protocols.task import SearchTask
from zfbench.records.reading import add, load
from zfbench.records.result import BENCHMARK_VERSION, MethodRecord, Result
from zfbench.runs.begun import BegunSearches
from zfbench.runs.judge import judge_baseline
from zfbench.runs.methods import make_proposer
from zfbench.runs.parallel import each
from zfbench.runs.search import search
from zfbench.runs.suite import Job
from zfbench.runs.tasks import LoadedTask, find_task

State = Literal["current", "stale", "missing"]


@dataclass(frozen=True)
class Report:
    """The jobs of a suite by what was done with them.

    Attributes:
        measured: jobs that were measured now.
        kept: jobs whose result was already there.
        stale: jobs whose result is out of date and was left as it is.
        failed: jobs whose result has a status other than ok.
        changed: after a comparison, jobs whose result differs from the folder's, with the names of the fields; fields
            of the machine are not compared.
        folders: folders of searches that were kept.
    """

    measured: list[Job] = field(default_factory=list)
    kept: list[Job] = field(default_factory=list)
    stale: list[Job] = field(default_factory=list)
    failed: list[Job] = field(default_factory=list)
    changed: dict[Job, list[str]] = field(default_factory=dict)
    folders: list[Path] = field(default_factory=list)


class Grid:
    """A runner of jobs that writes results into a folder; every method may be called from several threads.

    Args:
        folder: folder of the results.
        sandbox: runs programs, and its device is where they and networks compute; without one, each run opens its own.
        allow_unsafe: run programs of proposers that are not trusted also in a sandbox that does not confine them.
        shared: folder of evaluations that searches share; None measures every program of each search.
        runs: folder in which the folder of each search is kept; None keeps those that hold prompts alone, as
            `zfbench.runs.begun.BegunSearches` says.
    """

    def __init__(
        self,
        folder: Path,
        sandbox: Sandbox | None = None,
        allow_unsafe: bool = False,
        shared: Path | None = None,
        runs: Path | None = None,
    ) -> None:
        self.folder = folder
        self._begun = BegunSearches(folder, runs)
        self._sandbox, self._allow_unsafe, self._shared = sandbox, allow_unsafe, shared
        self._lock = Lock()
        self._find = lru_cache(find_task)

    def run(
        self, jobs: Sequence[Job], workers: int, watch: Callable[[Job, str], None], refresh: bool = False
    ) -> Report:
        """Measure the jobs without a result, or with `refresh` all jobs, and write each result as soon as it is there.

        Args:
            jobs: the jobs, in the order in which they begin.
            workers: number of jobs at a time.
            watch: told the name of each stage of a job, and "done" when the job has ended.
            refresh: measure and replace the results that the folder already has, and begin searches anew.

        Returns:
            The jobs by what was done with them.
        """
        self._begun.check()
        report = Report()

        def one(job: Job) -> None:
            state = self.state(job)
            if state != "missing" and not refresh:
                (report.kept if state == "current" else report.stale).append(job)
                left = self._begun.end_interrupted(job.stem)
                report.folders.extend([] if left is None else [left])
                watch(job, "done")
                return
            unfinished = self._begun.discard(job.stem) if refresh else None
            result = self.measure(job, lambda stage: watch(job, stage), self._begun.folder(job.stem))
            path = self.path(job)
            if path.exists():
                result.write(path)
            else:
                add(self.folder, result, path.name)
            report.folders.extend(kept for kept in (unfinished, self._begun.end(job.stem)) if kept is not None)
            report.measured.append(job)
            if result.status != "ok":
                report.failed.append(job)
            watch(job, "done")

        each(one, jobs, workers)
        return report

    def verify(
        self,
        jobs: Sequence[Job],
        workers: int,
        watch: Callable[[Job, str], None],
        tell: Callable[[Job, list[str]], None] | None = None,
    ) -> Report:
        """Measure jobs again, and compare them with the results of the folder, which are not changed.

        Args:
            jobs: the jobs, in the order in which they begin.
            workers: number of jobs at a time.
            watch: told the name of each stage of a job, and "done" when the job has ended.
            tell: told of a job whose result differs, with the names of the fields, as soon as it is compared.

        Returns:
            The jobs that were measured, and the differences that were found.

        Raises:
            ZfbenchError: a job has no result to compare with.
        """
        for job in jobs:
            if not self.path(job).exists():
                raise ZfbenchError(f"There is no result of {job.describe()} to compare with; run the suite first.")
        report = Report()

        def one(job: Job) -> None:
            with tempfile.TemporaryDirectory() as afresh:
                again = self.measure(job, lambda stage: watch(job, stage), Path(afresh))
            report.measured.append(job)
            if found := differences(load(self.path(job)).comparable(), again.comparable()):
                report.changed[job] = found
                if tell is not None:
                    tell(job, found)
            watch(job, "done")

        each(one, jobs, workers)
        return report

    def path(self, job: Job) -> Path:
        """Return the path of the job's result."""
        return self.folder / f"{job.stem}.json"

    def state(self, job: Job) -> State:
        """Return `missing` without a result, `stale` if another result is expected now, and else `current`."""
        path = self.path(job)
        if not path.exists():
            return "missing"
        try:
            known = load(path)
        except DamagedFileError:
            return "stale"
        return "current" if is_current(known, self._load(job.task).task, job) else "stale"

    def measure(self, job: Job, stage: Callable[[str], None], begun: Path) -> Result:
        """Measure the result of a job; a search is continued in the folder `begun`.

        Args:
            job: the job.
            stage: told the name of each stage as it begins.
            begun: folder of the run, if the job is a search.

        Returns:
            The result.

        Raises:
            ZfbenchError: no program of a search worked.
        """
        stage("data")
        loaded = self._load(job.task)
        if job.plan is None:
            result = judge_baseline(job.method, loaded, job.seed, job.limits, stage, self._sandbox)
        else:
            _, found = search(
                job.plan,
                begun,
                progress=stage,
                sandbox=self._sandbox,
                allow_unsafe=self._allow_unsafe,
                shared=self._shared,
            )
            if found is None:
                raise ZfbenchError(
                    f"No program of {job.describe()} worked; the event log in {begun} says how each failed."
                )
            result = found
        return result if job.keeps_pictures else result.with_pictures({})

    def _load(self, name: str) -> LoadedTask:
        with self._lock:  # build the data once
            loaded = self._find(name)
            _ = loaded.task, loaded.judge
            return loaded


def is_current(known: Result, task: SearchTask, job: Job) -> bool:
    """Return True if a result is of the present data, scores and proposer, and of the job's limits and settings.

    The versions of families of metrics that zfbench does not have, such as those of a plug-in's task, are not compared.

    Args:
        known: the result.
        task: the job's, with the data as they are now.
        job: the run that the result is of.
    """
    wanted = job.record
    return (
        known.task.data_sha256 == task.data_sha256
        and known.benchmark_version == BENCHMARK_VERSION
        and not scoring.outdated(known.metric_versions)
        and known.limits == asdict(job.limits)
        and known.method.settings == wanted.settings
        and known.method.proposer_settings == _without(wanted.proposer_settings, known.surroundings)
        and known.search == (None if job.plan is None else job.plan.options)
        and known.seed == job.seed
        and _is_of_this_version(known.method, task, job)
    )


def _without(settings: Mapping[str, Any], surroundings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that define a method: a result records those of its proposer's surroundings apart."""
    return {name: value for name, value in settings.items() if name not in surroundings}


def _is_of_this_version(method: MethodRecord, task: SearchTask, job: Job) -> bool:
    """Return False if the proposer's draws are of another version by now; files from before the field say none."""
    if job.plan is None or method.proposer_version is None:
        return True
    return method.proposer_version == make_proposer(job.plan, task.spec).version


def differences(one: dict[str, Any], other: dict[str, Any], prefix: str = "") -> list[str]:
    """Return the names of the fields in which two nested records differ, such as `metrics.forecast/id/mae`.

    Args:
        one: a record.
        other: the record to compare with.
        prefix: text before each name.
    """
    found = []
    for name in sorted(one.keys() | other.keys()):
        left, right = one.get(name), other.get(name)
        if isinstance(left, dict) and isinstance(right, dict):
            found += differences(left, right, f"{prefix}{name}.")
        elif left != right or (name in one) != (name in other):
            found.append(prefix + name)
    return found
