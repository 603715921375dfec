"""The result of one judged method: one validated JSON file.

Everything that decides a score is in the file: task and data hash, method and seed, limits and spend, the metrics
with their versions, the program itself. `Result.comparable` leaves out what may differ between two runs of the same
thing (machine, clock times, library versions, surroundings); equal runs have equal comparable parts.
"""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AllowInfNan, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from zfbench.base.errors import DamagedFileError, ZfbenchError
from zfbench.base.files import write_text
from zfbench.records.spend import NOTHING, Spend

BENCHMARK_VERSION = 1  # rises only when the scores of unchanged methods change

LIBRARIES = ("zfbench", "numpy", "scipy", "scikit-learn", "numba", "jax", "flax", "optax")

NOTHING_FOUND = "nothing_found"  # status of a search that evaluated nothing but the seed program

Finite = Annotated[float, AllowInfNan(False)]
Kind = Literal["control", "baseline", "program", "search"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TaskRecord(_Strict):
    """Which task was judged, on which data; `circuit` and `holdout` are empty where the family has none."""

    name: str
    track: str
    tier: str
    circuit: str = ""
    holdout: str = ""
    data_sha256: str


class MethodRecord(_Strict):
    """Who was judged.

    Attributes:
        name: of the baseline, program or discoverer.
        kind: control, baseline, program or search.
        future_drive: whether it is given the drive of the horizon; None where the task has no drive.
        settings: the discoverer's own, of a search.
        proposer: who wrote the programs, of a search.
        proposer_settings: the proposer's own.
        proposer_identity: what else the proposer's answers depend on, as it says itself (model, hashes of prompts).
    """

    name: str
    kind: Kind
    future_drive: bool | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    proposer: str | None = None
    proposer_settings: dict[str, Any] = Field(default_factory=dict)
    proposer_identity: dict[str, Any] = Field(default_factory=dict)


class SearchOptions(_Strict):
    """How the harness ran a search: everything but the method, its settings and the seed.

    Attributes:
        budget: limits by unit, such as evaluations and updates.
        finalists: programs trained anew at full length before the best of them was judged.
        patience: requests in a row without a new working program that would have ended the search.
        ideas: texts of which every request got one.
        fast_path: whether programs were screened through their proposer's interpreter.
    """

    budget: dict[str, Finite]
    finalists: int
    patience: int
    ideas: tuple[str, ...] = ()
    fast_path: bool = False


class ProgramRecord(_Strict):
    """The judged program and how its training went."""

    id: str
    source: str
    validation_loss: Finite | None = None
    training: dict[str, Any] = Field(default_factory=dict)


class Evaluated(_Strict):
    """One program that a search evaluated.

    Attributes:
        program: the first 12 characters of its id.
        operator: how it was made.
        parents: what it was made from, as numbers in the order of evaluation (1, 2, ...); it started from the last.
        status: `ok`, or what went wrong.
        loss: its validation loss when screened; None unless it worked.
        spend: of the whole search until then; a point on the horizontal axis of any plot.
    """

    program: str
    operator: str
    parents: tuple[int, ...] = ()
    status: str
    loss: Finite | None = None
    spend: Spend


class Machine(_Strict):
    """The kind of machine, without anything that names it.

    Attributes:
        features: what rounding depends on where a processor's name does not tell: family, model and the widest vectors.
    """

    system: str
    processor: str
    features: str = ""
    cores: int
    device: str

    @classmethod
    def here(cls, device: str = "cpu") -> Machine:
        """This machine."""
        return cls(
            system=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
            processor=_processor(),
            features=_features(),
            cores=os.cpu_count() or 1,
            device=device,
        )


class Result(_Strict):
    """One judged method on one task with one seed.

    Attributes:
        status: `ok`, or why there are no scores (the note says more); `nothing_found` for a search that evaluated
            nothing but the seed program, whose scores would not be the method's.
        metrics: scalar scores by name, for example `forecast/ood/mae`; a score that does not apply to the
            method, or that is undefined, is absent.
        curves: lists of scores, for example the error at every step ahead.
        search: of a search: how the harness ran it.
        evaluated: of a search: every program that it evaluated, in order; empty if that was not written down.
        unanswered: of a search: requests that its proposer had no program for.
        surroundings: of a search: settings that do not define the method, as used, such as where a model is served.
        finals: of a search: the programs of its last round, with their losses when screened and at full length.
        metric_versions: version of each family of metrics that was computed.
    """

    schema_version: Literal[2] = 2
    benchmark_version: int = BENCHMARK_VERSION
    task: TaskRecord
    method: MethodRecord
    seed: int
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

    def comparable(self) -> dict[str, Any]:
        """What two runs with the same seed and versions must agree on."""
        content = self.model_dump(mode="json", exclude={"machine", "timings", "created", "libraries", "surroundings"})
        for spend in (content["spend"], *(evaluated["spend"] for evaluated in content["evaluated"])):
            for clock in ("device_seconds", "wall_seconds"):
                del spend[clock]
        if content["program"] is not None:
            content["program"]["training"].pop("seconds", None)
        return content

    def write(self, path: Path) -> None:
        """Write the file atomically.

        Raises:
            ZfbenchError: the folder cannot be written or the disk is full.
        """
        write_text(path, self.model_dump_json(indent=1) + "\n")


def library_versions() -> dict[str, str]:
    """Versions of the installed libraries that scores depend on."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # a source tree that was never installed
            found[name] = "not installed"
    return found


def read(path: Path) -> Result:
    """Read and validate a result file.

    Raises:
        DamagedFileError: not a result; the message names the file, the field and what to do.
        ZfbenchError: the file cannot be opened.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DamagedFileError(
            f"{path} is not text (byte {error.start}); judge the method again to remake it."
        ) from error
    except OSError as error:
        raise ZfbenchError(f"Cannot read {path} ({error.strerror}); check the path.") from error
    try:
        return Result.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise DamagedFileError(
            f"{path} is not a valid result: {field}: {first['msg']}; judge the method again to remake it."
        ) from error


def read_folder(folder: Path) -> list[Result]:
    """All results below a folder, in order of path.

    Raises:
        DamagedFileError: one of the files is damaged.
        ZfbenchError: there is no such folder.
    """
    if not folder.is_dir():
        raise ZfbenchError(f"There is no folder {folder}; `zfbench demo` makes one with results.")
    return [read(path) for path in sorted(folder.rglob("*.json")) if _is_result(path)]


def _is_result(path: Path) -> bool:
    return not path.name.startswith(".")


def _processor() -> str:
    """The processor's marketing name where the system tells it, else its architecture."""
    return _cpuinfo().get("model name") or platform.processor() or platform.machine()


def _features() -> str:
    """Such as "family 26 model 2 avx512f"; empty where the system does not tell."""
    told = _cpuinfo()
    flags = told.get("flags", "").split()
    vectors = next((v for v in ("avx512f", "avx2", "avx", "sse2") if v in flags), "")
    family, model = told.get("cpu family"), told.get("model")
    return " ".join(filter(None, (family and f"family {family}", model and f"model {model}", vectors)))


def _cpuinfo() -> dict[str, str]:
    """What Linux tells of the first core; empty elsewhere."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return {}
    first = info.read_text(errors="replace").split("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def to_json(value: Any) -> str:
    """Compact JSON with sorted keys, the form that is hashed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
