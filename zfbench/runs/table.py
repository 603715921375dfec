"""`zfbench table build`: evaluate every program of a finite space once, exactly as a search would.

A search in the space then needs no training: the table has what it would have been told. Each outcome is a file in a
folder, written whole or not at all, so that a measurement that is stopped at any moment loses the evaluations in
progress and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zfbench.base.errors import DamagedFileError, ZfbenchError
from zfbench.base.files import write_text
from zfbench.base.machine import library_versions
from zfbench.protocols.sandbox import Sandbox
from zfbench.protocols.space import Codes, Space
from zfbench.records.evaluation import Evaluation
from zfbench.records.limits import Limits
from zfbench.records.program import Program
from zfbench.records.result import BENCHMARK_VERSION
from zfbench.runs.parallel import each
from zfbench.runs.search import opened
from zfbench.runs.tasks import LoadedTask
from zfbench.search.replicates import SCREENING, training_seed

HEAD = "table.json"  # what all outcomes of a folder share
EVALUATIONS = "evaluations"  # the folder of the outcomes
UPDATES = 1_000  # of a screening, as searches are usually run
Progress = Callable[[int, int, str], None]  # evaluations done, of how many, and the latest one
Measured = tuple[Evaluation, Mapping[str, Mapping[str, Any]]]  # of one training; and what further folders keep of it


@dataclass(frozen=True)
class Training:
    """One evaluation that a table needs.

    Attributes:
        codes: the program's choices.
        updates: limit of its training.
        replicate: gives the seed of its training (`zfbench.search.replicates`).
    """

    codes: Codes
    updates: int = UPDATES
    replicate: int = SCREENING

    @property
    def file(self) -> str:
        """Name of the file of its outcome."""
        return f"{''.join(map(str, self.codes))}__updates{self.updates}__replicate{self.replicate}.json"


@dataclass(frozen=True)
class Outcome:
    """The measurement of one program.

    Attributes:
        training: what was asked for.
        program: id of the program.
        evaluation: what a search would have been told.
    """

    training: Training
    program: str
    evaluation: Evaluation


def screenings(
    space: Space, stages: Iterable[int], updates: int = UPDATES, choices: Collection[int] = ()
) -> list[Training]:
    """Return the screening of every program of some stages, in the order of measurement.

    Args:
        space: the programs.
        stages: numbers of the stages.
        updates: of a screening.
        choices: the wanted parts of a stage, by their choice of the last slot but one; none for all.
    """
    return [Training(codes, updates) for number in stages for codes in space.stage(number, choices)]


@dataclass(frozen=True)
class Measurement:
    """The measurement of a table: which programs are measured, where their outcomes are kept, and by what means.

    Attributes:
        loaded: the task.
        space: the programs.
        folder: of the table in progress.
        seconds: time limit of one training.
        workers: number of trainings at once.
        sandbox: runs the programs; without one, each part of the work opens the best that works here.
        progress: told at the beginning of each part and after each training.
    """

    loaded: LoadedTask
    space: Space
    folder: Path
    seconds: float
    workers: int = 1
    sandbox: Sandbox | None = None
    progress: Progress = lambda *_: None

    def seed(self, training: Training) -> int:
        """Return the seed of a training."""
        return training_seed(self.loaded.task.spec.name, training.replicate)

    def limits(self, training: Training) -> Limits:
        """Return the limits of a training."""
        return Limits(updates=training.updates, seconds=self.seconds)

    def carry_out(
        self,
        trainings: Sequence[Training],
        prepare: Callable[[Sandbox, list[Training]], Callable[[Training], Measured]],
        limit: int | None,
        folders: tuple[str, ...] = (),
    ) -> int:
        """Carry out the trainings whose outcomes are missing, and write these; return how many that were.

        Args:
            trainings: what is wanted, in the order of measurement.
            prepare: is given the open sandbox and the missing trainings, and returns the function that carries out one.
            limit: stop after so many trainings; None for no limit.
            folders: further folders in which an outcome has a file, written before the evaluation.

        Raises:
            ZfbenchError: the folder holds evaluations of another task, space or version.
        """
        self.claim()
        places = [self.folder / name for name in (*folders, EVALUATIONS)]
        missing = [t for t in trainings if not all((place / t.file).exists() for place in places)]
        total, done = len(trainings), len(trainings) - len(missing)
        self.progress(done, total, "")
        with opened(self.sandbox) as box:
            measured = prepare(box, missing)

            def measure(training: Training) -> None:
                nonlocal done
                evaluation, others = measured(training)
                trained = {
                    "codes": training.codes,
                    "program": Program(self.space.source(training.codes)).id,
                    "updates": training.updates,
                    "replicate": training.replicate,
                    "seed": self.seed(training),
                }
                for name, content in {**others, EVALUATIONS: {"evaluation": evaluation.to_json()}}.items():
                    write_text(self.folder / name / training.file, json.dumps({**trained, **content}) + "\n")
                done += 1
                loss = str(evaluation.status) if evaluation.loss is None else f"loss {evaluation.loss:.4f}"
                self.progress(done, total, f"{''.join(map(str, training.codes))}: {loss}")

            each(measure, missing[:limit], self.workers)
        return len(missing[:limit])

    def claim(self) -> None:
        """Write what all outcomes of the folder share, or compare it with what is there.

        Raises:
            ZfbenchError: the folder holds outcomes of another task, space or version.
        """
        head: dict[str, Any] = {
            "task": self.loaded.name,
            "data_sha256": self.loaded.task.data_sha256,
            "benchmark_version": BENCHMARK_VERSION,
            "space": self.space.name,
            "versions": dict(self.space.versions),
            "seconds": self.seconds,
            "libraries": library_versions(),
        }
        path = self.folder / HEAD
        if not path.exists():
            write_text(path, json.dumps(head, indent=1) + "\n")
            return
        known = head_of(self.folder)
        for key, value in head.items():
            if known.get(key) != value:
                found = f"{self.folder} holds evaluations with {key} = {known.get(key)}"
                raise ZfbenchError(f"{found}, not {value}; choose another folder.")


def evaluate(work: Measurement, trainings: Sequence[Training], limit: int | None = None) -> int:
    """Train and score what the folder does not hold yet, as a search does; return how many programs that were.

    Args:
        work: the measurement.
        trainings: what is wanted, in the order of measurement.
        limit: stop after so many evaluations; None for no limit.

    Raises:
        ZfbenchError: the folder holds evaluations of another task, space or version.
    """

    def prepare(box: Sandbox, missing: list[Training]) -> Callable[[Training], Measured]:
        loaded, limits = work.loaded, {training.updates: work.limits(training) for training in missing}
        evaluators = {n: loaded.family.evaluator(loaded.task, limits[n], box) for n in sorted(limits)}
        return lambda t: (evaluators[t.updates](Program(work.space.source(t.codes)), work.seed(t)), {})

    return work.carry_out(trainings, prepare, limit)


def outcomes(folder: Path, space: Space, trainings: Iterable[Training]) -> dict[Training, Outcome]:
    """Return what a folder holds of some trainings; those that are missing are left out.

    Args:
        folder: of the table in progress.
        space: the programs.
        trainings: what is wanted.

    Raises:
        DamagedFileError: a file holds no evaluation, or one of another program.
    """
    found = {}
    for training in trainings:
        path = folder / EVALUATIONS / training.file
        if path.exists():
            found[training] = _read(path, training, space)
    return found


def complete(space: Space, number: int, screened: Container[Codes]) -> list[Codes]:
    """Return the programs of those parts of a stage that were screened to the last program, in the order of the stage.

    Args:
        space: the programs.
        number: number of the stage.
        screened: the programs that were screened.
    """
    members = space.stage(number)
    open_parts = {codes[-2] for codes in members if codes not in screened}
    return [codes for codes in members if codes[-2] not in open_parts]


def head_of(folder: Path) -> dict[str, Any]:
    """Return what all outcomes of a folder share.

    Raises:
        ZfbenchError: the folder holds no table in progress.
    """
    try:
        head: dict[str, Any] = json.loads((folder / HEAD).read_text(encoding="utf-8"))
        if "task" not in head:
            raise ValueError("it names no task")
    except (OSError, ValueError) as error:
        raise ZfbenchError(f"{folder} holds no table ({error}); `zfbench table build` makes one.") from error
    return head


def task_of(folder: Path) -> str:
    """Return the name of the task that the outcomes of a folder are of; the errors are those of `head_of`."""
    return str(head_of(folder)["task"])


def _read(path: Path, training: Training, space: Space) -> Outcome:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        outcome = Outcome(training, content["program"], Evaluation.from_json(content["evaluation"]))
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedFileError(f"{path} holds no evaluation ({error}); remove it, and it is measured again.") from error
    if outcome.program != Program(space.source(training.codes)).id:
        raise DamagedFileError(f"{path} is of another program; remove it, and it is measured again.")
    return outcome
