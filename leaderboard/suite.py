"""A suite: which methods run on which tasks with which seeds, from a TOML file to a folder of results.

A suite that was interrupted goes on where it was: runs whose file is there and current are not measured again.
"""

from __future__ import annotations

import shutil
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from zfbench import scoring
from zfbench.base.errors import DamagedFileError, ZfbenchError
from zfbench.leaderboard.load import add, file_name, load
from zfbench.protocols.task import SearchTask, TaskJudge
from zfbench.records.limits import Limits
from zfbench.records.result import BENCHMARK_VERSION, Machine, MethodRecord, Result, TaskRecord
from zfbench.runs.judge import assess_baseline
from zfbench.runs.plan import Plan
from zfbench.runs.search import search
from zfbench.runs.tasks import load_judge, load_task
from zfbench.search.budget import Budget

EXAMPLES, JACOBIAN = "/example/", "connectivity/mean_jacobian"
IN_DISTRIBUTION = "forecast/id/example/"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Limits(_Strict):
    updates: int = Field(gt=0)
    seconds: float = Field(gt=0)


class Block(_Strict):
    """Every task x method x seed of a block is one run.

    Attributes:
        proposer, budget: only for searches; their methods are discoverers.
        settings, proposer_settings: of the discoverers and of the proposer, only for searches.
        fast_path: of the searches; see `zfbench.runs.plan.Plan`.
    """

    tasks: tuple[str, ...] = Field(min_length=1)
    methods: tuple[str, ...] = Field(min_length=1)
    seeds: tuple[int, ...] = Field(min_length=1)
    proposer: str | None = None
    budget: dict[str, float] | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    proposer_settings: dict[str, Any] = Field(default_factory=dict)
    fast_path: bool = False


class Suite(_Strict):
    """A suite's file.

    Attributes:
        results: folder of the results, relative to the file.
        limits: of every training that is judged.
    """

    results: str
    limits: _Limits
    block: tuple[Block, ...] = Field(min_length=1)


@dataclass(frozen=True, eq=False)
class Job:
    """One run of a suite."""

    task: str
    method: str
    seed: int
    limits: Limits
    proposer: str | None = None
    budget: Budget | None = None
    own_settings: dict[str, Any] = field(default_factory=dict)
    proposer_settings: dict[str, Any] = field(default_factory=dict)
    fast_path: bool = False
    keeps_examples: bool = False

    @property
    def settings(self) -> dict[str, Any]:
        """What its result's method record will hold; the proposer may add what identifies it."""
        if self.budget is None:
            return {}
        chosen = {"proposer": self.proposer_settings} if self.proposer_settings else {}
        way = {"fast_path": True} if self.fast_path else {}
        return {**self.own_settings, "budget": self.budget.to_json(), **chosen, **way}

    def describe(self) -> str:
        """For people."""
        return f"{self.method}{f' + {self.proposer}' if self.proposer else ''} on {self.task}, seed {self.seed}"


State = Literal["current", "stale", "missing"]


@dataclass(frozen=True)
class Report:
    """What a run of the suite did.

    Attributes:
        measured: jobs measured now.
        kept: jobs whose result was there.
        stale: jobs whose result no longer fits and was left as it is.
        failed: jobs whose result has a status other than ok.
        changed: with a comparison: jobs whose result differs from the folder's beyond machine fields, and in what.
    """

    measured: list[Job] = field(default_factory=list)
    kept: list[Job] = field(default_factory=list)
    stale: list[Job] = field(default_factory=list)
    failed: list[Job] = field(default_factory=list)
    changed: dict[Job, list[str]] = field(default_factory=dict)


def read_suite(path: Path) -> tuple[list[Job], Path]:
    """The jobs of a suite's file in their order, and the folder of its results.

    Raises:
        ZfbenchError: the file cannot be read, or a field is wrong; the sentence names it.
    """
    try:
        suite = Suite.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ZfbenchError(f"Cannot read the suite {path} ({error.strerror}); check the path.") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ZfbenchError(f"The suite {path} is not TOML ({error}); correct it there.") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ZfbenchError(f"The suite {path} is wrong at {place} ({first['msg']}); correct it there.") from error
    limits = Limits(updates=suite.limits.updates, seconds=suite.limits.seconds)
    jobs = []
    for block in suite.block:
        budget = None if block.budget is None else Budget.of(block.budget)
        if (budget is None) != (block.proposer is None):
            raise ZfbenchError(f"A block of the suite {path} has only one of proposer and budget; a search needs both.")
        if budget is None and (block.settings or block.proposer_settings or block.fast_path):
            raise ZfbenchError(f"A block of the suite {path} has settings but is no search; give it a budget.")
        jobs += [
            Job(
                task,
                method,
                seed,
                limits,
                block.proposer,
                budget,
                block.settings,
                block.proposer_settings,
                block.fast_path,
                keeps_examples=seed == block.seeds[0],
            )
            for task in block.tasks
            for method in block.methods
            for seed in block.seeds
        ]
    return jobs, (path.parent / suite.results).resolve()


class Runner:
    """Measures jobs; every method may be called from several threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = Lock()
        self._task = lru_cache(load_task)
        self._judge = lru_cache(load_judge)

    def run(
        self, jobs: Sequence[Job], workers: int, watch: Callable[[Job, str], None], refresh: bool = False
    ) -> Report:
        """Measure what is missing, and with `refresh` everything; write each result as soon as it is there.

        Args:
            jobs: in the order they begin.
            workers: jobs at a time.
            watch: told a job's stage; "done" when it has ended.
            refresh: measure again, and replace, what the folder already has.
        """
        report = Report()

        def one(job: Job) -> None:
            path = self.path(job)
            state = self.state(job)
            if state != "missing" and not refresh:
                (report.kept if state == "current" else report.stale).append(job)
                watch(job, "done")
                return
            begun = self.folder / f".{path.stem}"  # of a search: kept until its result is, so that it can be resumed
            result = self.measure(job, lambda stage: watch(job, stage), begun)
            if path.exists():
                result.write(path)
            else:
                add(self.folder, result, path.name)
            shutil.rmtree(begun, ignore_errors=True)
            report.measured.append(job)
            if result.status != "ok":
                report.failed.append(job)
            watch(job, "done")

        _each(one, jobs, workers)
        return report

    def verify(self, jobs: Sequence[Job], workers: int, watch: Callable[[Job, str], None]) -> Report:
        """Measure jobs again and compare with the folder's results, which stay as they are.

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
            if fields := differences(load(self.path(job)).comparable(), again.comparable()):
                report.changed[job] = fields
            watch(job, "done")

        _each(one, jobs, workers)
        return report

    def path(self, job: Job) -> Path:
        """Where the job's result lies."""
        return self.folder / file_name(self._stub(job))

    def state(self, job: Job) -> State:
        """Whether the folder has the job's result, and whether measuring again would give the same."""
        path = self.path(job)
        if not path.exists():
            return "missing"
        try:
            known = load(path)
        except DamagedFileError:
            return "stale"
        return "current" if is_current(known, self._load(job.task)[0], job) else "stale"

    def measure(self, job: Job, stage: Callable[[str], None], begun: Path) -> Result:
        """The job's result, without the curves that would bloat the folder; a search goes on in the folder `begun`."""
        stage("data")
        task, judge = self._load(job.task)
        if job.budget is None or job.proposer is None:
            result = assess_baseline(job.method, task, judge, job.seed, job.limits, stage)
        else:
            result = self._search(job, job.proposer, job.budget, stage, begun)
        return slim(result, job.keeps_examples)

    def _search(self, job: Job, proposer: str, budget: Budget, stage: Callable[[str], None], begun: Path) -> Result:
        plan = Plan(
            job.task,
            job.method,
            proposer,
            budget,
            job.seed,
            job.limits,
            job.own_settings,
            job.proposer_settings,
            fast_path=job.fast_path,
        )
        _, result = search(plan, begun, progress=stage)
        if result is None:
            raise ZfbenchError(f"No program of {job.describe()} worked; raise its budget in the suite.")
        return result

    def _load(self, name: str) -> tuple[SearchTask, TaskJudge]:
        with self._lock:  # build the data once
            return self._task(name), self._judge(name)

    def _stub(self, job: Job) -> Result:
        """A result without scores, which has the job's file name."""
        return Result(
            task=TaskRecord(name=job.task, track="", tier="", circuit="", holdout="", data_sha256=""),
            method=MethodRecord(name=job.method, kind="baseline", proposer=job.proposer, settings=job.settings),
            seed=job.seed,
            metrics={},
            metric_versions={},
            libraries={},
            machine=Machine(system="", processor="", cores=1, device=""),
        )


def is_current(known: Result, task: SearchTask, job: Job) -> bool:
    """Whether a result was measured on today's data, with today's scores and the job's limits and budget."""
    return (
        known.task.data_sha256 == task.data_sha256
        and known.benchmark_version == BENCHMARK_VERSION
        and all(scoring.VERSIONS.get(family) == version for family, version in known.metric_versions.items())
        and known.limits == asdict(job.limits)
        and _settings_of(known.method.settings) == _settings_of(job.settings)
        and known.seed == job.seed
    )


def differences(one: dict[str, Any], other: dict[str, Any], prefix: str = "") -> list[str]:
    """The names of the fields in which two nested records differ, such as `metrics.forecast/id/mae`."""
    found = []
    for name in sorted(one.keys() | other.keys()):
        left, right = one.get(name), other.get(name)
        if isinstance(left, dict) and isinstance(right, dict):
            found += differences(left, right, f"{prefix}{name}.")
        elif left != right or (name in one) != (name in other):
            found.append(prefix + name)
    return found


def _settings_of(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings without what a proposer says of itself, which is known only once it ran."""
    return {name: value for name, value in settings.items() if name != "proposer"}


def slim(result: Result, keeps_examples: bool) -> Result:
    """The result without example windows of the training conditions; without all pictures if it is not the first seed.

    What a table or a claim needs is kept for every seed; traces and Jacobians are for the pages, which show one.
    """
    curves = {
        name: values
        for name, values in result.curves.items()
        if keeps_examples or (EXAMPLES not in name and name != JACOBIAN)
        if not name.startswith(IN_DISTRIBUTION)
    }
    return result.model_copy(update={"curves": curves})


def _each(work: Callable[[Job], None], jobs: Iterable[Job], workers: int) -> None:
    """Do all jobs, several at a time; the first error ends it once the jobs under way are done."""
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(work, job) for job in jobs]
        try:
            for future in futures:
                future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
