"""A suite: which methods run on which tasks with which seeds, as a TOML file says it.

results = "results"                      # folder of the results, relative to this file

[limits]                                 # of every training that is judged
updates = 2000
seconds = 300

[[block]]                                # every task x method x seed of a block is one run
tasks = ["zfish-tiny/masked"]
methods = ["masked_mlp"]                 # registered baselines, controls and reference programs
seeds = [0, 1, 2]

[[block]]                                # a search: its methods are discoverers
tasks = ["zfish-tiny/masked"]
methods = ["puct", "best_of_n"]
proposer = "grammar"
budget = { evaluations = 40, updates = 400 }
settings = { c = 1.0 }                   # of the discoverers
proposer_settings = {}                   # of the proposer
finalists = 3                            # and patience, ideas: the options of `zfbench run`
seeds = [0, 1, 2]
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from zfbench.base.errors import ZfbenchError
from zfbench.base.seeds import LIMIT
from zfbench.base.toml import read_toml
from zfbench.records.limits import Limits
from zfbench.records.reading import run_name
from zfbench.records.result import MethodRecord, Strict
from zfbench.runs.methods import check_plain_settings
from zfbench.runs.plan import Plan
from zfbench.search.budget import Budget
from zfbench.search.loop import PATIENCE

SEARCH_ONLY = ("settings", "proposer_settings", "finalists", "patience", "ideas")


class TrainingLimits(Strict):
    """Limits of every training that is judged."""

    updates: int = Field(gt=0)
    seconds: float = Field(gt=0)


class Block(Strict):
    """A block of a suite: every combination of its tasks, methods and seeds is one run.

    Attributes:
        tasks, methods, seeds: names of the tasks, names of the methods, and seeds; all combinations are run.
        limits: limits of its trainings, if they differ from the suite's.
        proposer, budget: proposer and budget of searches, whose methods are discoverers; no other run has them.
        settings, proposer_settings: settings of the discoverers and of the proposer.
        finalists, patience, ideas: options of searches, as in `zfbench.runs.plan.Plan`.
    """

    tasks: tuple[str, ...] = Field(min_length=1)
    methods: tuple[str, ...] = Field(min_length=1)
    seeds: tuple[Annotated[int, Field(ge=0, lt=LIMIT)], ...] = Field(min_length=1)
    limits: TrainingLimits | None = None
    proposer: str | None = None
    budget: dict[str, float] | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    proposer_settings: dict[str, Any] = Field(default_factory=dict)
    finalists: int | None = Field(default=None, ge=0)
    patience: int = Field(default=PATIENCE, ge=1)
    ideas: tuple[str, ...] = ()


class Suite(Strict):
    """The content of a suite's file.

    Attributes:
        results: folder of the results, relative to the file.
        limits: limits of every training that is judged.
        block: blocks of the suite.
    """

    results: str
    limits: TrainingLimits
    block: tuple[Block, ...] = Field(min_length=1)


@dataclass(frozen=True, eq=False)
class Job:
    """One run of a suite: a search with its plan, or a baseline, control or reference program with its name.

    Attributes:
        task: name of the task.
        method: registered name of the method.
        seed: seed of the run.
        limits: limits of the training that is judged.
        plan: plan of a search; None for any other method.
        keeps_pictures: True if its arrays for pictures are kept.
    """

    task: str
    method: str
    seed: int
    limits: Limits
    plan: Plan | None = None
    keeps_pictures: bool = False

    @property
    def record(self) -> MethodRecord:
        """The record of the method, as far as it is known before the run."""
        return MethodRecord(name=self.method, kind="baseline") if self.plan is None else self.plan.record

    @property
    def stem(self) -> str:
        """The name of the file of its result, without the ending."""
        return run_name(self.task, self.record, None, self.seed) if self.plan is None else self.plan.name

    def describe(self) -> str:
        """Return a description for people."""
        proposer = "" if self.plan is None else f" + {self.plan.proposer}"
        return f"{self.method}{proposer} on {self.task}, seed {self.seed}"


def read_suite(path: Path) -> tuple[list[Job], Path]:
    """Read the jobs of a suite's file, seed by seed within each block, and the folder of its results.

    Raises:
        ZfbenchError: the file cannot be read, or a field is wrong; the sentence names it.
    """
    suite = read_toml(path, "suite", Suite)
    jobs = [job for block in suite.block for job in _jobs(block, suite.limits, path)]
    stems: dict[str, Job] = {}
    for job in jobs:
        if job.stem in stems:
            raise ZfbenchError(
                f"The suite {path} has the run {job.describe()} twice; remove it from one of its blocks."
            )
        stems[job.stem] = job
    return jobs, (path.parent / suite.results).resolve()


def _jobs(block: Block, shared: TrainingLimits, path: Path) -> list[Job]:
    """The jobs of a block, seed by seed, so that an unfinished suite compares all methods on fewer seeds."""
    if (block.budget is None) != (block.proposer is None):
        raise ZfbenchError(f"A block of the suite {path} has only one of proposer and budget; a search needs both.")
    if block.budget is None and (given := block.model_fields_set.intersection(SEARCH_ONLY)):
        raise ZfbenchError(
            f"A block of the suite {path} has {', '.join(sorted(given))} but is not a search; give it a proposer and a "
            "budget, or remove these fields."
        )
    chosen = block.limits or shared
    limits = Limits(updates=chosen.updates, seconds=chosen.seconds)
    return [
        Job(task, method, seed, limits, _plan(block, task, method, seed, limits), seed == block.seeds[0])
        for seed in block.seeds
        for task in block.tasks
        for method in block.methods
    ]


def _plan(block: Block, task: str, method: str, seed: int, limits: Limits) -> Plan | None:
    """The plan of one search of a block; None if the block is no search."""
    if block.budget is None or block.proposer is None:
        return None
    plan = Plan(
        task=task,
        discoverer=method,
        proposer=block.proposer,
        budget=Budget.of(block.budget),
        seed=seed,
        limits=limits,
        settings=block.settings,
        proposer_settings=block.proposer_settings,
        ideas=block.ideas,
        finalists=block.finalists,
        patience=block.patience,
    )
    check_plain_settings(plan)
    return plan
