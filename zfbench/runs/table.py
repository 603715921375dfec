"""`zfbench table build`: evaluate every program of a finite space once, exactly as a search would.

A search in the space then needs no training: the table has what it would have been told. Each outcome is a file in a
folder, written whole or not at all, so that a measurement that is stopped at any moment loses the evaluations in
progress and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
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


def screenings(space: Space, stages: Iterable[int], updates: int = UPDATES) -> list[Training]:
    """Return the screening of every program of some stages, in the order of measurement."""
    return [Training(codes, updates) for number in stages for codes in space.stage(number)]


def evaluate(
    loaded: LoadedTask,
    space: Space,
    trainings: Sequence[Training],
    folder: Path,
    *,
    seconds: float,
    workers: int = 1,
    limit: int | None = None,
    sandbox: Sandbox | None = None,
    progress: Progress = lambda *_: None,
) -> None:
    """Train and score what the folder does not hold yet, as a search does.

    Args:
        loaded: the task.
        space: the programs.
        trainings: what is wanted, in the order of measurement.
        folder: of the table in progress.
        seconds: time limit of one training.
        workers: number of trainings at once.
        limit: stop after so many evaluations; None for no limit.
        sandbox: runs the programs; without one, the best that works here is opened and closed at the end.
        progress: told at the beginning and after each evaluation.

    Raises:
        ZfbenchError: the folder holds evaluations of another task, space or version.
    """
    task = loaded.task
    claim(folder, loaded, space, seconds)
    missing = [training for training in trainings if not present(folder, [training])]
    total, done = len(trainings), len(trainings) - len(missing)
    progress(done, total, "")
    with opened(sandbox) as box:
        evaluators = {
            updates: loaded.family.evaluator(task, Limits(updates=updates, seconds=seconds), box)
            for updates in sorted({training.updates for training in missing})
        }

        def measure(training: Training) -> None:
            nonlocal done
            program = Program(space.source(training.codes))
            seed = training_seed(task.spec.name, training.replicate)
            evaluation = evaluators[training.updates](program, seed)
            content = content_of(training, space, seed) | {"evaluation": evaluation.to_json()}
            write_text(folder / EVALUATIONS / training.file, json.dumps(content) + "\n")
            done += 1
            progress(done, total, told(training, evaluation))

        each(measure, missing[:limit], workers)


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


def present(folder: Path, trainings: Iterable[Training]) -> int:
    """Return how many of some trainings a folder holds."""
    return sum((folder / EVALUATIONS / training.file).exists() for training in trainings)


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


def claim(folder: Path, loaded: LoadedTask, space: Space, seconds: float) -> Mapping[str, Any]:
    """Write what all outcomes of a folder share, or compare it with what is there; return it.

    Args:
        folder: of the table in progress.
        loaded: the task.
        space: the programs.
        seconds: time limit of one training.

    Raises:
        ZfbenchError: the folder holds outcomes of another task, space or version.
    """
    head: dict[str, Any] = {
        "task": loaded.name,
        "data_sha256": loaded.task.data_sha256,
        "benchmark_version": BENCHMARK_VERSION,
        "space": space.name,
        "versions": dict(space.versions),
        "seconds": seconds,
        "libraries": library_versions(),
    }
    path = folder / HEAD
    if not path.exists():
        write_text(path, json.dumps(head, indent=1) + "\n")
        return head
    known = head_of(folder)
    for key, value in head.items():
        if known.get(key) != value:
            raise ZfbenchError(
                f"{folder} holds evaluations with {key} = {known.get(key)}, not {value}; choose another folder."
            )
    return head


def content_of(training: Training, space: Space, seed: int) -> dict[str, Any]:
    """Return the part of an outcome's file that says what was trained.

    Args:
        training: what was asked for.
        space: the programs.
        seed: seed of the training.
    """
    return {
        "codes": training.codes,
        "program": Program(space.source(training.codes)).id,
        "updates": training.updates,
        "replicate": training.replicate,
        "seed": seed,
    }


def told(training: Training, evaluation: Evaluation) -> str:
    """Return an outcome in a few words."""
    loss = str(evaluation.status) if evaluation.loss is None else f"loss {evaluation.loss:.4f}"
    return f"{''.join(map(str, training.codes))}: {loss}"


def _read(path: Path, training: Training, space: Space) -> Outcome:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        outcome = Outcome(training, content["program"], Evaluation.from_json(content["evaluation"]))
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedFileError(f"{path} holds no evaluation ({error}); remove it, and it is measured again.") from error
    if outcome.program != Program(space.source(training.codes)).id:
        raise DamagedFileError(f"{path} is of another program; remove it, and it is measured again.")
    return outcome
