"""`zfbench identify`: train the truth and its rivals under a search's budgets, and see what the loss ranks first.

Every training is an evaluation as a search makes it, with the training seeds that searches and finals use and those of
further replicates. Each outcome is a file in a folder, so that an interrupted measurement is continued.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from zfbench.base import plugins
from zfbench.base.errors import DamagedFileError, ZfbenchError
from zfbench.base.files import write_text
from zfbench.base.machine import library_versions
from zfbench.protocols.contenders import Contender, Contenders, Contest
from zfbench.protocols.sandbox import Sandbox
from zfbench.protocols.task import Evaluator
from zfbench.records.evaluation import Evaluation
from zfbench.records.limits import Limits
from zfbench.records.program import Program
from zfbench.records.result import BENCHMARK_VERSION
from zfbench.runs.certificate import Certificate, Losses, certify
from zfbench.runs.parallel import batches, each
from zfbench.runs.search import opened
from zfbench.runs.tasks import LoadedTask, family_name, find_task
from zfbench.search.replicates import training_seed

HEAD = "identify.json"  # what all outcomes of a folder share
SCREENING, FULL = 1_000, 2_000  # updates, as searches are usually run
Progress = Callable[[int, int, str], None]  # trainings done, of how many, and the latest one


@dataclass(frozen=True)
class Measurement:
    """A plan of what is to be measured.

    Attributes:
        task: full name of the task.
        budgets: numbers of updates; the usual ones are those of screening and of finals.
        replicates: number of trainings of each program under each budget.
        seconds: time limit of one training.
        first: number of the first replicate. Other numbers are other training seeds, so that what was decided with some
            of them can be tested with others.
    """

    task: str
    budgets: tuple[int, ...] = (SCREENING, FULL)
    replicates: int = 10
    seconds: float = 600.0
    first: int = 0

    def __post_init__(self) -> None:
        if not self.budgets or len(set(self.budgets)) != len(self.budgets) or self.replicates < 1:
            raise ZfbenchError("Give different numbers of updates for screening and full training, and a replicate.")

    def limits(self, updates: int) -> Limits:
        """Limits of one training."""
        return Limits(updates=updates, seconds=self.seconds)


@dataclass(frozen=True, eq=False)
class _Training:
    contender: Contender
    updates: int
    replicate: int

    @property
    def file(self) -> str:
        """Name of the file of its outcome."""
        return f"{Program(self.contender.source).id[:16]}__updates{self.updates}__replicate{self.replicate}.json"


def contest_of(loaded: LoadedTask, kinds: Collection[str] = ()) -> Contest:
    """Return the programs to compare on a task.

    Args:
        loaded: the task.
        kinds: keep contenders of these kinds, and the truth; all if it is empty.

    Raises:
        ZfbenchError: the family of the task names no truth, or the task has none that a program could say.
    """
    family = family_name(loaded.name)
    known = plugins.names("contenders")
    if family not in known:
        raise ZfbenchError(
            f"The task '{loaded.name}' cannot be identified yet, because its family names no true program; families "
            f"that do: {', '.join(known) or 'none'}."
        )
    make: Contenders = plugins.load("contenders", family)
    contest = make(loaded.task)
    kept = tuple(c for c in contest.contenders if not kinds or c.kind == "truth" or c.kind in kinds)
    return replace(contest, contenders=kept)


def identify(
    measurement: Measurement,
    contest: Contest,
    folder: Path,
    workers: int = 1,
    sandbox: Sandbox | None = None,
    progress: Progress = lambda *_: None,
    batch: int = 1,
) -> tuple[Certificate, ...]:
    """Train what is missing, and return a certificate for the task's own objective and for each further one.

    Args:
        measurement: what is to be measured.
        contest: the programs to compare.
        folder: of the outcomes.
        workers: number of trainings at once.
        sandbox: runs the programs; without one, the best that works here is opened and closed at the end.
        progress: told after each training.
        batch: number of replicates of one program that are trained at once, which changes losses by rounding.

    Raises:
        ZfbenchError: the folder holds outcomes of another task or version.
    """
    loaded = find_task(measurement.task)
    _claim(folder, measurement, loaded, batch)
    trainings = [
        _Training(contender, updates, replicate)
        for contender in contest.contenders
        for updates in measurement.budgets
        for replicate in range(measurement.first, measurement.first + measurement.replicates)
    ]
    by_file = {training.file: training for training in trainings}  # equal programs are trained once
    missing = [training for file, training in by_file.items() if not (folder / file).exists()]
    total, done = len(by_file), len(by_file) - len(missing)
    progress(done, total, "")
    with opened(sandbox) as box:
        evaluators: Mapping[int, Evaluator] = {
            updates: loaded.family.evaluator(loaded.task, measurement.limits(updates), box)
            for updates in measurement.budgets
        }

        def measure(alike: Sequence[_Training]) -> None:
            nonlocal done
            program, evaluator = Program(alike[0].contender.source), evaluators[alike[0].updates]
            seeds = [training_seed(measurement.task, training.replicate) for training in alike]
            found = evaluator.several(program, seeds) if batch > 1 else [evaluator(program, seeds[0])]
            for training, evaluation in zip(alike, found, strict=True):
                write_text(folder / training.file, json.dumps(evaluation.to_json(), indent=1) + "\n")
                done += 1
                progress(done, total, training.contender.name)

        each(measure, batches(missing, lambda training: (training.contender.source, training.updates), batch), workers)
    outcomes = {training: _read(folder / training.file) for training in trainings}
    signals: dict[str, str | None] = {contest.objective: None, **contest.others}
    return tuple(
        certify(measurement.task, name, _losses(outcomes, metric), contest.scale) for name, metric in signals.items()
    )


def _losses(outcomes: Mapping[_Training, Evaluation], metric: str | None) -> Mapping[int, Losses]:
    """Losses by number of updates and contender, in order of replicates; of the loss itself if there is no metric."""
    found: dict[int, dict[Contender, list[float | None]]] = {}
    for training, evaluation in outcomes.items():
        losses: Sequence[float | None] = found.setdefault(training.updates, {}).setdefault(training.contender, [])
        assert isinstance(losses, list)
        losses.append(evaluation.loss if metric is None else evaluation.metrics.get(metric))
    return found


def _claim(folder: Path, measurement: Measurement, loaded: LoadedTask, batch: int) -> None:
    """Write what all outcomes of a folder share, or compare it with what is there.

    Raises:
        ZfbenchError: the folder holds outcomes of another task or version.
    """
    head: dict[str, Any] = {
        "task": measurement.task,
        "data_sha256": loaded.task.data_sha256,
        "benchmark_version": BENCHMARK_VERSION,
        "seconds": measurement.seconds,
        "libraries": library_versions(),
        "batch": batch,
    }
    path = folder / HEAD
    if not path.exists():
        write_text(path, json.dumps(head, indent=1) + "\n")
        return
    known = {"batch": 1, **_head(folder)}
    for key, value in head.items():
        if known.get(key) != value:
            raise ZfbenchError(
                f"{folder} holds outcomes with {key} = {known.get(key)}, not {value}; choose another folder."
            )


def _head(folder: Path) -> dict[str, Any]:
    """What the outcomes in a folder rest on."""
    path = folder / HEAD
    try:
        content: dict[str, Any] = {**json.loads(path.read_text(encoding="utf-8"))}
    except (TypeError, ValueError) as error:
        raise DamagedFileError(f"{path} is damaged ({error}); choose another folder.") from error
    return content


def _read(path: Path) -> Evaluation:
    try:
        return Evaluation.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedFileError(f"{path} holds no evaluation ({error}); remove it, and it is measured again.") from error


def to_json(
    certificates: Sequence[Certificate], measurement: Measurement, folder: Path, kinds: Collection[str] = ()
) -> dict[str, Any]:
    """Return a JSON-compatible form of what was measured and found.

    Args:
        certificates: as `identify` returns them; the first is of the task's loss.
        measurement: what was measured.
        folder: of the outcomes.
        kinds: the kinds of contenders that were chosen; all if it is empty.
    """
    head = {"batch": 1, **_head(folder)}
    return {
        "command": command(measurement, kinds, head["batch"]),
        "measurement": asdict(measurement),
        "kinds": list(kinds),
        **{name: head[name] for name in ("data_sha256", "benchmark_version", "libraries")},
        "certificates": [_rounded(c.to_json()) for c in certificates],
    }


def command(measurement: Measurement, kinds: Collection[str] = (), batch: int = 1) -> str:
    """Return the shell command of a measurement; what is the usual is left out.

    Args:
        measurement: what is measured.
        kinds: the kinds of contenders that were chosen; all if it is empty.
        batch: number of replicates of one program that are trained at once.
    """
    usual = Measurement(measurement.task)
    words = ["zfbench", "identify", measurement.task]
    if measurement.replicates != usual.replicates:
        words += ["--replicates", str(measurement.replicates)]
    if measurement.first != usual.first:
        words += ["--first", str(measurement.first)]
    if measurement.budgets != usual.budgets:
        words += [
            w for name, n in zip(("--screening", "--full"), measurement.budgets, strict=False) for w in (name, str(n))
        ]
    if measurement.seconds != usual.seconds:
        words += ["--seconds", f"{measurement.seconds:g}"]
    if batch != 1:
        words += ["--batch", str(batch)]
    words += [word for kind in kinds for word in ("--kind", kind)]
    return shlex.join(words)


def _rounded(value: Any) -> Any:
    """The same content with all numbers to six significant digits."""
    if isinstance(value, dict):
        return {name: _rounded(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(entry) for entry in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def as_file(content: Any, indent: int = 0) -> str:
    """Return JSON in which what holds no further list or object stands on one line."""
    entries = list(content.values() if isinstance(content, dict) else content if isinstance(content, list) else ())
    if not any(isinstance(entry, dict | list) for entry in entries):
        return json.dumps(content, ensure_ascii=False)
    names = (
        [f"{json.dumps(name, ensure_ascii=False)}: " for name in content]
        if isinstance(content, dict)
        else [""] * len(entries)
    )
    space = " " * (indent + 1)
    lines = [f"{space}{name}{as_file(entry, indent + 1)}" for name, entry in zip(names, entries, strict=True)]
    begin, end = "{}" if isinstance(content, dict) else "[]"
    return f"{begin}\n" + ",\n".join(lines) + f"\n{' ' * indent}{end}"
