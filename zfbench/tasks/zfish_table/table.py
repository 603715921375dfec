"""A table: every program of a finite space with what a search would be told of it, and its file.

The file is compressed JSON (`xz`), one list for each quantity. It holds what a search may see and nothing else; what
the judge says is in another file (`zfbench.tasks.zfish_table.sealed`), which only the judge opens. Numbers have six
significant digits, log likelihoods two decimals. Of the feedback the table keeps the sentence of a program that
failed; a program that works has its errors in the metrics.
"""

from __future__ import annotations

import hashlib
import json
import lzma
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from zfbench.base.errors import DamagedFileError, ZfbenchError
from zfbench.base.files import atomic_write
from zfbench.protocols.space import Codes, Slot
from zfbench.records.evaluation import Evaluation
from zfbench.records.program import Program, ProgramId, Status
from zfbench.records.spend import Spend

FORMAT = 1  # version of the file's form
DIGITS = 6  # significant digits of its numbers
ABOUT = "Every program of a finite space with its screening; what a judge says of some is in a file of its own."
COST = Spend(evaluations=1)  # of an answer: one evaluation, and no time


@dataclass(frozen=True)
class Facts:
    """The facts about a table as a whole.

    Attributes:
        task: name of the task that its programs were evaluated on.
        data_sha256: hash of that task's data.
        benchmark_version: version of the scores.
        space: name of the finite space.
        versions: versions of the space and of the family that writes its programs.
        updates: limit of each screening.
        seconds: time limit of each training.
        libraries: versions of the libraries that evaluated the programs.
        command: the commands that made it.
        description: description of that task.
        contract: what a program of that task must define.
        groups: the parts that an error can be attributed to, an entry for each unit.
    """

    task: str
    data_sha256: str
    benchmark_version: int
    space: str
    versions: Mapping[str, int]
    updates: int
    seconds: float
    libraries: Mapping[str, str]
    command: str
    description: str
    contract: str
    groups: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Table:
    """A finite space of programs, each with its evaluation; plain data, all of which a search may see.

    Attributes:
        facts: what is known of it as a whole.
        slots: the decisions that every program takes.
        sources: source of each program by its choices, in ascending order of these.
        evaluations: screening of each program, in the same order.
        replicates: loss of further screenings by replicate and program; None where one failed.
        full: loss of full trainings on the validation data by program; None where one failed.
    """

    facts: Facts
    slots: tuple[Slot, ...]
    sources: Mapping[Codes, str]
    evaluations: tuple[Evaluation, ...]
    replicates: Mapping[int, Mapping[Codes, float | None]]
    full: Mapping[Codes, float | None]

    @cached_property
    def codes(self) -> tuple[Codes, ...]:
        """The choices of every program, in ascending order."""
        return tuple(self.sources)

    @cached_property
    def number(self) -> Mapping[Codes, int]:
        """The place of every program in the order of `codes`."""
        return {codes: k for k, codes in enumerate(self.codes)}

    @cached_property
    def programs(self) -> tuple[str, ...]:
        """The source of every program, in the order of `codes`."""
        return tuple(self.sources.values())

    @cached_property
    def ids(self) -> tuple[ProgramId, ...]:
        """The id of every program, in the order of `codes`."""
        return tuple(Program(source).id for source in self.programs)

    @cached_property
    def place(self) -> Mapping[ProgramId, int]:
        """The place of every program by its id."""
        return {program: k for k, program in enumerate(self.ids)}

    @cached_property
    def choices(self) -> tuple[tuple[int, ...], ...]:
        """The choices of each slot that occur in the table."""
        return tuple(tuple(sorted({codes[k] for codes in self.codes})) for k in range(len(self.slots)))

    @cached_property
    def start(self) -> Codes:
        """The program with which searches begin: the first choice of every slot."""
        return self.codes[0]

    @cached_property
    def truth(self) -> Codes:
        """The first of `truths`."""
        return self.truths[0]

    @cached_property
    def truths(self) -> tuple[Codes, ...]:
        """The programs that can be the truth with fitting constants, in every slot with one such choice that occurs.

        A slot without one has its first choice. The program with all true choices is first, if it is in the table.
        """
        found = ([c for c in slot.truths if c in some] for slot, some in zip(self.slots, self.choices, strict=True))
        return tuple(product(*(wanted or [some[0]] for wanted, some in zip(found, self.choices, strict=True))))

    @cached_property
    def losses(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """The loss of every program's screening, infinite where it failed: [programs]."""
        return np.array([np.inf if e.loss is None else e.loss for e in self.evaluations])

    @cached_property
    def optimum(self) -> Codes:
        """The program of lowest loss, the first of equals."""
        return self.codes[int(np.argmin(self.losses))]

    def neighbours(self, codes: Codes) -> list[Codes]:
        """Return the programs that differ in one slot."""
        return [
            (*codes[:k], choice, *codes[k + 1 :])
            for k, choices in enumerate(self.choices)
            for choice in choices
            if choice != codes[k]
        ]

    @cached_property
    def sha256(self) -> str:
        """The hash of its content, whatever compressed it."""
        return hashlib.sha256(self.text()).hexdigest()

    def text(self) -> bytes:
        """Return the content of its file before it is compressed: JSON, the same bytes for the same table."""
        names = sorted({name for evaluation in self.evaluations for name in evaluation.metrics})
        content = {
            "format": FORMAT,
            "about": ABOUT,
            "facts": asdict(self.facts),
            "slots": [_slot_to_json(slot) for slot in self.slots],
            "codes": [written(codes) for codes in self.codes],
            "sources": self.programs,
            "status": [str(e.status) for e in self.evaluations],
            "loss": [rounded(e.loss) for e in self.evaluations],
            "log_likelihood": [
                None if e.log_likelihood is None else round(e.log_likelihood, 2) for e in self.evaluations
            ],
            "metrics": {name: [rounded(e.metrics.get(name)) for e in self.evaluations] for name in names},
            "failures": {written(c): e.feedback for c, e in zip(self.codes, self.evaluations, strict=True) if not e.ok},
            "replicates": {str(number): _losses(found) for number, found in self.replicates.items()},
            "full": _losses(self.full),
        }
        return canonical(content)

    def write(self, path: Path) -> None:
        """Write the file; the same table gives the same bytes."""
        write_packed(path, self.text())

    @classmethod
    def read(cls, path: Path) -> Table:
        """Read the file.

        Raises:
            ZfbenchError: there is none.
            DamagedFileError: it is no table, or not one of this format.
        """
        content = read_packed(path)
        try:
            if content["format"] != FORMAT:
                raise ValueError(f"its format is {content['format']}, and this version reads {FORMAT}")
            facts = content["facts"]
            table = cls(
                Facts(**{**facts, "groups": tuple(facts["groups"])}),
                tuple(map(_read_slot, content["slots"])),
                dict(zip(map(read_codes, content["codes"]), content["sources"], strict=True)),
                _evaluations(content),
                {int(number): _read_losses(found) for number, found in content["replicates"].items()},
                _read_losses(content["full"]),
            )
            if len(table.evaluations) != len(table.codes) or set(product(*table.choices)) != set(table.codes):
                raise ValueError("a combination of choices is missing")
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise DamagedFileError(f"{path} is no table of this version ({error}); pack it again.") from error
        return table


def written(codes: Codes) -> str:
    """Return choices as one word of digits."""
    return "".join(map(str, codes))


def read_codes(word: str) -> Codes:
    """Return the choices that `written` wrote."""
    return tuple(int(digit) for digit in word)


def rounded(value: float | None) -> float | None:
    """Return a number with the digits that a table keeps."""
    return None if value is None else float(f"{value:.{DIGITS}g}")


def canonical(content: Mapping[str, Any]) -> bytes:
    """Return JSON in its one form."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def write_packed(path: Path, text: bytes) -> None:
    """Write compressed bytes to a file, whole or not at all."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(lzma.compress(text, preset=9))


def read_packed(path: Path) -> dict[str, Any]:
    """Read a file that `write_packed` wrote.

    Raises:
        ZfbenchError: there is none, or it cannot be opened.
        DamagedFileError: it is not compressed JSON.
    """
    try:
        content: dict[str, Any] = json.loads(lzma.decompress(path.read_bytes()))
    except OSError as error:
        raise ZfbenchError(
            f"There is no table at {path} ({error.strerror}); `zfbench table build` measures one, and `zfbench table "
            "pack` writes its file."
        ) from error
    except (lzma.LZMAError, ValueError) as error:
        raise DamagedFileError(f"{path} is damaged ({error}); restore it from a copy, or pack it again.") from error
    return content


def _slot_to_json(slot: Slot) -> dict[str, Any]:
    content = asdict(slot)
    if not slot.same:
        del content["same"]  # so that the hash of a table from before the field stays
    return content


def _read_slot(content: Mapping[str, Any]) -> Slot:
    same = tuple(content.get("same", ()))
    return Slot(content["name"], tuple(content["choices"]), content["true"], tuple(content["groups"]), same)


def _losses(found: Mapping[Codes, float | None]) -> dict[str, float | None]:
    return {written(codes): rounded(loss) for codes, loss in sorted(found.items())}


def _read_losses(found: Mapping[str, float | None]) -> dict[Codes, float | None]:
    return {read_codes(word): loss for word, loss in found.items()}


def _evaluations(content: Mapping[str, Any]) -> tuple[Evaluation, ...]:
    columns: Mapping[str, Sequence[float | None]] = content["metrics"]
    found = []
    for k, (word, status, loss) in enumerate(zip(content["codes"], content["status"], content["loss"], strict=True)):
        metrics = {name: value for name, column in columns.items() if (value := column[k]) is not None}
        feedback = content["failures"].get(word, f"Validation loss {loss}.")
        found.append(Evaluation(Status(status), loss, content["log_likelihood"][k], metrics, feedback, COST))
    return tuple(found)
