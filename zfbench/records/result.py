"""The result of one judged method, in one validated JSON file.

The file contains everything that determines a score: task and data hash, method and seed, limits and spend, the metrics
with their versions, and the program itself. `Result.comparable` leaves out what may differ between two equal runs
(machine, clock times, library versions, surroundings).
"""

from __future__ import annotations

import json
import os
import platform
import zipfile
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    AllowInfNan,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_serializer,
)

from zfbench.base import machine, numerics
from zfbench.base.errors import DamagedFileError
from zfbench.base.files import atomic_write
from zfbench.records.columns import records
from zfbench.records.file_form import file_text, whole
from zfbench.records.grouping import flat
from zfbench.records.spend import NOTHING, Spend

BENCHMARK_VERSION = 2  # rises only when the scores of unchanged methods change
PICTURES = ".npz"  # ends the name of the file with a result's arrays for pictures

MAIN = (  # the scores that the short form of a result names
    "headline/generalisation",
    "headline/wiring",
    "headline/responses",
    "headline/mean",
    "forecast/id/skill_last_value",
    "forecast/ood/skill_last_value",
    "likelihood/log_marginal",
)
NONE = "none"  # sandbox and engine of a method that is no program
NOTHING_FOUND = "nothing_found"  # status of a search that evaluated nothing but the seed program

Picture = NDArray[np.float16]
Finite = Annotated[float, AllowInfNan(False)]
Kind = Literal["control", "baseline", "program", "search"]


class Strict(BaseModel):
    """A record that refuses fields it does not have, and does not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TaskRecord(Strict):
    """The judged task and its data; `circuit` and `holdout` are empty if the family has none."""

    name: str
    track: str
    tier: str
    circuit: str = ""
    holdout: str = ""
    data_sha256: str


class MethodRecord(Strict):
    """The judged method.

    Attributes:
        name: name of the baseline, program or discoverer.
        kind: control, baseline, program or search.
        future_drive: True if it is given the drive of the horizon; None where the task has no drive.
        settings: for a search, the discoverer's settings.
        proposer: for a search, the name of the proposer.
        proposer_settings: for a search, the proposer's settings.
        proposer_identity: further things that the proposer's answers depend on (model, hashes of prompts).
        proposer_version: version of the proposer's draws; None if it has none, or if the file does not say.
    """

    name: str
    kind: Kind
    future_drive: bool | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    proposer: str | None = None
    proposer_settings: dict[str, Any] = Field(default_factory=dict)
    proposer_identity: dict[str, Any] = Field(default_factory=dict)
    proposer_version: int | None = None

    @property
    def proposer_told(self) -> dict[str, Any]:
        """The settings, the identity and, if it has one, the version of the proposer, which tell it from others."""
        version = {} if self.proposer_version is None else {"version": self.proposer_version}
        return self.proposer_settings | self.proposer_identity | version

    @model_serializer(mode="wrap")
    def _without_empty_version(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = write(self)
        if self.proposer_version is None:
            del content["proposer_version"]
        return content


class SearchOptions(Strict):
    """The options with which the harness ran a search: everything but the method, its settings and the seed.

    Attributes:
        budget: limits by unit, such as evaluations and updates.
        finalists: number of programs trained again at full length before the best of them was judged.
        patience: number of requests in a row without a new working program that would have ended the search.
        ideas: texts of which every request got one.
    """

    budget: dict[str, Finite]
    finalists: int
    patience: int
    ideas: tuple[str, ...] = ()


class ProgramRecord(Strict):
    """The judged program, with the course of its training."""

    id: str
    source: str
    validation_loss: Finite | None = None
    training: dict[str, Any] = Field(default_factory=dict)


class Evaluated(Strict):
    """One program that a search evaluated.

    Attributes:
        program: the first 12 characters of its id.
        operator: the operator that made it.
        parents: the programs it was made from, by number in the order of evaluation (1, 2, ...); it started from the
            last.
        status: `ok`, or what went wrong.
        loss: its validation loss when screened; None unless it worked.
        spend: spend of the whole search until then; a point on the horizontal axis of any plot.
    """

    program: str
    operator: str
    parents: tuple[int, ...] = ()
    status: str
    loss: Finite | None = None
    spend: Spend


class Machine(Strict):
    """The kind of machine, without anything that identifies it.

    Attributes:
        features: features of the processor that rounding depends on: family, model and the widest vector instructions.
        unfixed: environment variables that change rounding and that could not be fixed, with their values; see
            `zfbench.base.numerics`.
        sandbox: what the program ran in, `bubblewrap` or `process`; `none` where the method is no program, so that
            nobody's source was run; None in files that were written before this was recorded.
        engine: what carried the program out, such as "graph of operations, format 1"; `none` where nothing did; None
            in files that were written before this was recorded.
    """

    system: str
    processor: str
    features: str = ""
    cores: int
    device: str
    unfixed: dict[str, str] = Field(default_factory=dict)
    sandbox: str | None = None
    engine: str | None = None

    @classmethod
    def here(cls, sandbox: str, engine: str, device: str = "cpu") -> Machine:
        """Describe this machine, and how a program was run on it.

        Args:
            sandbox: name of the sandbox; `NONE` if no program was run.
            engine: what carried the program out; `NONE` if nothing did.
            device: where it was trained and rolled out.
        """
        return cls(
            system=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
            processor=machine.processor(),
            features=machine.features(),
            cores=os.cpu_count() or 1,
            device=device,
            unfixed=numerics.unfixed(),
            sandbox=sandbox,
            engine=engine,
        )


class Result(Strict):
    """One judged method on one task with one seed.

    Attributes:
        status: `ok`, or the reason why there are no scores (the note says more); `nothing_found` for a search that
            evaluated nothing but the seed program, whose scores would not be the method's.
        metrics: scalar scores by name, for example `forecast/ood/mae`; a score that does not apply to the
            method, or that is undefined, is absent.
        curves: lists of scores, for example the error at every step ahead.
        pictures: arrays that only pictures need, by name, such as forecasts of example windows; they are written
            beside the file, and read from there when they are first asked for.
        search: for a search, the options with which the harness ran it.
        evaluated: for a search, every program that it evaluated, in order; empty if that was not recorded.
        unanswered: for a search, the number of requests that its proposer had no program for.
        surroundings: for a search, settings that do not define the method, such as where a model is served.
        finals: for a search, the programs of its finals, with their losses after screening and at full length, their
            sources, and how each differs from the program that it was made from.
        metric_versions: version of each family of metrics that was computed.
    """

    schema_version: Literal[3] = 3  # rises when the form of the file changes
    benchmark_version: int = BENCHMARK_VERSION
    task: TaskRecord
    method: MethodRecord
    seed: int = Field(ge=0, lt=2**32)
    status: str = "ok"
    limits: dict[str, Finite | None] = Field(default_factory=dict)
    spend: Spend = NOTHING
    metrics: dict[str, Finite]
    curves: dict[str, list[Finite]] = Field(default_factory=dict)
    metric_versions: dict[str, int]
    program: ProgramRecord | None = None
    search: SearchOptions | None = None
    evaluated: tuple[Evaluated, ...] = ()
    unanswered: int = 0
    surroundings: dict[str, Any] = Field(default_factory=dict)
    finals: tuple[dict[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
    libraries: dict[str, str]
    machine: Machine
    timings: dict[str, Finite] = Field(default_factory=dict)
    created: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    _pictures: Mapping[str, Picture] | None = PrivateAttr(default=None)
    _path: Path | None = PrivateAttr(default=None)

    @field_serializer("evaluated")
    def _as_columns(self, evaluated: tuple[Evaluated, ...]) -> dict[str, list[Any]]:
        """A list for each field: a fraction of the length of a record for each program."""
        columns: dict[str, list[Any]] = {}
        for name in ("program", "operator", "parents", "status", "loss"):
            columns[name] = [getattr(entry, name) for entry in evaluated]
        for unit in (f.name for f in fields(Spend)):
            spent = [getattr(entry.spend, unit) for entry in evaluated]
            rounded = [round(value, 2) if isinstance(value, float) else value for value in spent]
            if any(rounded):
                columns[unit] = rounded
        return columns if evaluated else {}

    @field_validator("schema_version", mode="before")
    @classmethod
    def _of_this_version(cls, version: Any) -> Any:
        """Files of schema 2 hold the same fields, with every text and every name of a score whole."""
        return 3 if type(version) is int and version == 2 else version

    @field_validator("metrics", mode="before")
    @classmethod
    def _from_groups(cls, content: Any) -> Any:
        """Scores by their whole names, from those that a file groups by prefix."""
        return flat(content) if isinstance(content, list) else content

    @field_validator("finals")
    @classmethod
    def _from_differences(cls, finals: tuple[dict[str, Any], ...], info: ValidationInfo) -> tuple[dict[str, Any], ...]:
        """The finals with whole texts, from those that a file writes as differences from the judged program."""
        program = info.data.get("program")
        return whole("" if program is None else program.source, finals)

    @field_validator("evaluated", mode="before")
    @classmethod
    def _from_columns(cls, content: Any) -> Any:
        """The inverse of `_as_columns`; records pass through."""
        if not isinstance(content, dict):
            return content
        rows = records(content)
        if not all(isinstance(row.get("parents", []), list) for row in rows):
            raise ValueError("the parents of a program are not a list")
        units = {f.name for f in fields(Spend)}
        return tuple(
            {k: tuple(v) if k == "parents" else v for k, v in row.items() if k not in units}
            | {"spend": {k: v for k, v in row.items() if k in units}}
            for row in rows
        )

    @property
    def pictures(self) -> Mapping[str, Picture]:
        """Arrays that only pictures need; empty if none were kept."""
        if self._pictures is None:
            beside = None if self._path is None else self._path.with_suffix(PICTURES)
            self._pictures = {} if beside is None or not beside.exists() else _read_arrays(beside)
        return self._pictures

    def with_pictures(self, pictures: Mapping[str, Picture]) -> Result:
        """Return the same result with these arrays for pictures."""
        other = self.model_copy()
        other._pictures = dict(pictures)
        return other

    def __eq__(self, other: object) -> bool:
        """Return True if the files of both have equal content; their paths do not matter."""
        return isinstance(other, Result) and self.model_dump() == other.model_dump()

    def __repr__(self) -> str:
        """One line; the file holds the rest."""
        method = self.method.name if self.method.proposer is None else f"{self.method.name} + {self.method.proposer}"
        shown = ", ".join(f"{name} {self.metrics[name]:.2f}" for name in MAIN if name in self.metrics)
        return f"<Result: {method} on {self.task.name}, seed {self.seed}, {self.status}{': ' * bool(shown)}{shown}>"

    def __str__(self) -> str:
        """The same line."""
        return repr(self)

    def _repr_html_(self) -> str:
        """A table of the scores without those of single groups, which notebooks ask for by this name."""
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{value:.4f}</td></tr>"
            for name, value in self.metrics.items()
            if "/group/" not in name
        )
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        return f"<p>{escape(repr(self))}</p>{notes}<details><summary>scores</summary><table>{rows}</table></details>"

    def comparable(self) -> dict[str, Any]:
        """Return the fields in which two runs with the same seed and versions must agree."""
        content = self.model_dump(mode="json", exclude={"machine", "timings", "created", "libraries", "surroundings"})
        for spend in (content["spend"], content["evaluated"]):
            for clock in ("device_seconds", "wall_seconds"):
                spend.pop(clock, None)
        if content["program"] is not None:
            content["program"]["training"].pop("seconds", None)
        for finalist in content["finals"]:  # which results of earlier releases lack, and which follow from the ids
            for text in ("source", "change"):
                finalist.pop(text, None)
        return content

    def text(self) -> str:
        """Return the text of the file: a line for each field, group of scores, curve, column and finalist."""
        return file_text(self.model_dump(mode="json"))

    def write(self, path: Path | str, overwrite: bool = True) -> None:
        """Write the file atomically, and its arrays for pictures beside it.

        Args:
            path: the file, which ends in `.json`.
            overwrite: True if an existing file may be replaced.

        Raises:
            ZfbenchError: the folder cannot be written, the disk is full, or the file is there and must not be replaced.
        """
        path = Path(path)
        with atomic_write(path, overwrite) as temporary:
            temporary.write_text(self.text(), encoding="utf-8")
        beside = path.with_suffix(PICTURES)
        if self._pictures:
            with atomic_write(beside) as temporary, temporary.open("wb") as file:
                np.savez_compressed(file, allow_pickle=False, **dict(self._pictures))
        elif self._pictures is not None:  # those of an earlier result are not this one's
            beside.unlink(missing_ok=True)


def located(result: Result, path: Path) -> Result:
    """Return the result with the path of its file, beside which its arrays for pictures may lie."""
    result._path = path
    return result


def _read_arrays(path: Path) -> dict[str, Picture]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DamagedFileError(f"{path} holds no arrays ({error}); measure the result beside it again.") from error


def to_json(value: Any) -> str:
    """Return compact JSON with sorted keys, the form that is hashed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
