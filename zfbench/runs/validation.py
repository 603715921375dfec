"""The faults of result files: of each by itself, against its task, and against other results on the same data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median

from zfbench.base.errors import DamagedFileError, UnknownNameError, ZfbenchError
from zfbench.forecasting.sealed import SealedTest
from zfbench.protocols.task import Sealed
from zfbench.records.consistency import CONTROLS, REPEATED, close, contradictions, implied_error
from zfbench.records.identities import broken
from zfbench.records.reading import Known, load, refuse_duplicates, refuse_namesake, run_of, setup_of
from zfbench.records.recordings import TaskSpec
from zfbench.records.result import Result, to_json
from zfbench.runs.data_checks import Decided, against_data, decided
from zfbench.runs.tasks import load_judge

FIX = "correct the field if it was edited, or judge the method again"
PUBLISHED = Path("the published results")  # in the place of the file of one of them
PARTS = ("track", "tier", "circuit", "holdout")  # fields of a result's task that the task's name decides


@dataclass(frozen=True)
class Validation:
    """The outcome of a validation.

    Attributes:
        valid: the results without a fault, by their files.
        faults: a sentence for each fault, with file, field and how to fix it.
        unchecked: a sentence for each task that cannot be loaded here, so that its results were not compared with it.
    """

    valid: Mapping[Path, Result]
    faults: tuple[str, ...]
    unchecked: tuple[str, ...]


def validate(paths: Iterable[Path], references: Sequence[Result] = ()) -> Validation:
    """Check result files.

    Args:
        paths: the files.
        references: further results, on whose data the files' results have to agree.

    Returns:
        The valid results and all faults.
    """
    read: dict[Path, Result] = {}
    faults: dict[Path, list[str]] = {}
    for path in paths:
        try:
            read[path] = load(path)
        except DamagedFileError as error:
            faults.setdefault(path, []).append(str(error))
    known, unchecked = _known_errors([*read.values(), *references]), {}
    copies = _copies([*references, *read.values()])
    for path, result in read.items():
        found = [*contradictions(result), *broken(result), *_copied(result, copies)]
        decides = None
        try:
            found += _against_task(result)
            decides = _decided(result.task.name)
        except UnknownNameError as error:
            found.append(("task.name", str(error)))
        except ZfbenchError as error:
            unchecked[result.task.name] = f"Not compared with the task {result.task.name}: {error}"
        found += _against_others(result, known) if decides is None else against_data(result, decides)
        faults.setdefault(path, []).extend(f"{path}: {field}: {what} (how to fix it: {FIX})." for field, what in found)
    for path, sentence in _namesakes(read, references):
        faults[path].append(sentence)
    sentences = list(dict.fromkeys(sentence for own in faults.values() for sentence in own))
    try:
        refuse_duplicates(read, list(read.values()))
    except ZfbenchError as error:
        sentences.append(str(error))
    valid = {path: result for path, result in read.items() if not faults[path]}
    return Validation(valid, tuple(sentences), tuple(unchecked.values()))


def _namesakes(read: Mapping[Path, Result], references: Sequence[Result]) -> Iterator[tuple[Path, str]]:
    """Say which files are of a method whose name another one has, in these files or among the published results."""
    named: Known = {}
    for reference in references:
        refuse_namesake(named, PUBLISHED, reference)
    for path, result in read.items():
        try:
            refuse_namesake(named, path, result)
        except ZfbenchError as error:
            first, _ = named[setup_of(result)]
            yield from ((file, str(error)) for file in (first, path) if file != PUBLISHED)


@cache
def _sealed(task: str) -> Sealed:
    return load_judge(task).sealed


@cache
def _decided(task: str) -> Decided | None:
    """What the data of a task decide; None for one that is not judged by forecasts."""
    sealed = _sealed(task)
    return decided(sealed) if isinstance(sealed, SealedTest) else None


def _against_task(result: Result) -> Iterator[tuple[str, str]]:
    """Compare a result with the task that its name stands for."""
    sealed = _sealed(result.task.name)
    if sealed.spec.name != result.task.name:
        yield "task.name", f"the task's full name is {sealed.spec.name}"
    truth = {"track": sealed.track, "tier": sealed.tier, "circuit": sealed.circuit, "holdout": sealed.holdout}
    for part in PARTS:
        stated = getattr(result.task, part)
        if stated != truth[part]:
            yield f"task.{part}", f"it is '{truth[part]}' in {result.task.name} and not '{stated}'"
    if result.task.data_sha256 != sealed.data_sha256:
        yield "task.data_sha256", f"the data of {result.task.name} are {sealed.data_sha256[:12]}..."
    if isinstance(sealed.spec, TaskSpec):
        yield from _against_groups(result, sealed.spec)


def _against_groups(result: Result, spec: TaskSpec) -> Iterator[tuple[str, str]]:
    """Compare the error over all neurons with the mean of those of its groups, weighted by their sizes."""
    sizes = Counter(spec.groups)
    for split in ("id", "ood"):
        total = result.metrics.get(f"forecast/{split}/mae")
        groups = {name: result.metrics.get(f"forecast/{split}/mae/group/{name}") for name in sizes}
        known = {name: error for name, error in groups.items() if error is not None}
        if total is None or len(known) < len(sizes):
            continue
        mean = sum(sizes[name] * error for name, error in known.items()) / len(spec.groups)
        if not close(total, mean):
            yield (
                f"metrics.forecast/{split}/mae",
                f"{total} is not the mean over neurons of its groups' errors, {mean:.6g}",
            )


def _known_errors(results: Iterable[Result]) -> dict[tuple[str, ...], float]:
    """The errors of the controls by data, version, split and skill: the medians of what the results imply."""
    implied: dict[tuple[str, ...], list[float]] = {}
    for result in results:
        for key in _skills(result):
            error = implied_error(result, key[-2], key[-1])
            if error is not None:
                implied.setdefault(key, []).append(error)
    return {key: median(values) for key, values in implied.items()}


def _copies(results: Iterable[Result]) -> frozenset[tuple[str, ...]]:
    """The runs that state what another run states: the scores with their seconds, or with another training's seed."""
    runs: dict[tuple[str, str], set[tuple[str, ...]]] = {}
    for result in results:
        for measured, run in _measured(result):
            runs.setdefault(measured, set()).add(run)
    return frozenset(run for found in runs.values() if len(found) > 1 for run in found)


def _measured(result: Result) -> Iterator[tuple[tuple[str, str], tuple[str, ...]]]:
    """What different runs cannot have in common, with what then has to be the same."""
    scores = to_json(dict(sorted(result.metrics.items())))
    if result.metrics and result.spend.device_seconds:
        yield (scores, f"{result.spend.device_seconds!r} s"), run_of(result)
    training = {} if result.program is None else result.program.training
    learned = training.get("parameters") and training.get("best_update")
    forecasts = "forecast/id/mae" in result.metrics  # those of a fit that diverged have no other scores than the worst
    trained = result.method.kind == "baseline" and result.spend.updates and forecasts
    if learned or trained:  # so that a seed changes what was learned
        yield (scores, "trained"), ("seed", str(result.seed), scores)


def _copied(result: Result, copies: frozenset[tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    if any(run in copies for _, run in _measured(result)):
        yield "metrics", "another run has the same scores with the same seconds, or with another seed"


def _skills(result: Result) -> list[tuple[str, ...]]:
    data = (result.task.data_sha256, str(result.benchmark_version), result.task.holdout)
    return [(*data, split, skill) for split in ("id", "ood") for skill in CONTROLS]


def _against_others(result: Result, known: Mapping[tuple[str, ...], float]) -> Iterator[tuple[str, str]]:
    """Compare the controls' errors that a result's skills imply with those that results on the same data imply."""
    for key in _skills(result):
        split, skill = key[-2:]
        error = implied_error(result, split, skill)
        if error is not None and not close(error, known[key], 10 * REPEATED):
            yield (
                f"metrics.forecast/{split}/{skill}",
                f"with its MAE it implies an error of the {CONTROLS[skill]} of {error:.6g}, and other results on the "
                f"same data of {known[key]:.6g}",
            )
