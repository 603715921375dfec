"""Result files: strict reading, file names that identify the run, and adding without overwriting.

One file holds one run: a task, a method with its settings and budget, and a seed. Its name says so. Results are only
added to a folder: a second result of the same run is refused, even if several processes write at once.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from pydantic import ValidationError

from zfbench.base.errors import DamagedFileError, ZfbenchError
from zfbench.base.files import is_folder, is_there
from zfbench.records.faults import faults
from zfbench.records.result import MethodRecord, Result, SearchOptions, located, to_json

HOW_TO_FIX = {  # what to do about a kind of validation error; anything else: judge the method again
    "missing": "add the field",
    "extra_forbidden": "remove the field, or update zfbench if a newer one wrote it",
    "finite_number": "leave an undefined score out",
    "literal_error": "use one of the values it names",
    "json_invalid": "the file is torn or was edited by hand; restore it",
}
JUDGED = "judged"  # folder of a run with judgements of the best programs beside its winner, which are no results of it
EVENT_LOG = "log.jsonl"  # event log in the folder of a run
POPULATION = "population.json"  # file of a run that lies beside its result, but is no result
OTHERWISE = "correct it, or judge the method again"
Known = dict[tuple[str, ...], tuple[Path, str]]  # by setup, the first file with it and what its method is
ONLY_FOR_PAGES: dict[str, Any] = {"program": None, "evaluated": (), "curves": {}, "finals": ()}  # no table shows these


def run_name(task: str, method: MethodRecord, search: SearchOptions | None, seed: int) -> str:
    """Return the name of the only file that may hold a run, without its ending.

    The name gives the task, the method and the seed. For a search it also gives the proposer, the budget, and a hash of
    the budget, the settings and the other options.

    Args:
        task: name of the task.
        method: the method that is judged.
        search: options of a search; None for any other method.
        seed: seed of the run.
    """
    parts = [task, method.name]
    if method.proposer:
        parts.append(method.proposer)
    if search is not None:
        parts.append("-".join(f"{_written(value)}-{unit}" for unit, value in search.budget.items()))
        chosen = [method.settings, method.proposer_settings, search.model_dump(mode="json")]
        parts.append(hashlib.sha256(to_json(chosen).encode()).hexdigest()[:8])
    return "__".join(re.sub(r"[^\w.]+", "-", part) for part in (*parts, f"seed{seed}"))


def _written(limit: float) -> str:
    """A limit in full: an exponent would read as another number once its sign is replaced."""
    return str(int(limit)) if limit.is_integer() else f"{limit}"


def file_name(result: Result) -> str:
    """Return the only name that the file of a result may have."""
    return run_name(result.task.name, result.method, result.search, result.seed) + ".json"


def setup_of(result: Result) -> tuple[str, ...]:
    """Return what the seeds of one method share: data, benchmark version, limits, and the method with its settings."""
    limits = {k: v for k, v in result.limits.items() if k != "memory_bytes"}
    method = result.method
    return (
        result.task.data_sha256,
        str(result.benchmark_version),
        to_json(limits),
        to_json([method.settings, method.proposer_settings, method.proposer_identity, method.proposer_version]),
        to_json(None if result.search is None else result.search.model_dump(mode="json")),
        result.task.name,
        method.name,
        method.proposer or "",
    )


def run_of(result: Result) -> tuple[str, ...]:
    """Return what must differ between any two results of one table: setup, seed, and versions of the metrics."""
    return (*setup_of(result), str(result.seed), to_json(result.metric_versions))


def disputed(results: Iterable[Result]) -> frozenset[str]:
    """Return the families of metrics of which the results hold several versions, so that they are not comparable.

    A result that failed has no scores, hence no versions, and disputes nothing.
    """
    versions: dict[str, set[int]] = {}
    for result in results:
        for family, version in result.metric_versions.items():
            versions.setdefault(family, set()).add(version)
    return frozenset(family for family, known in versions.items() if len(known) > 1)


def add(folder: Path, result: Result, name: str | None = None) -> Path:
    """Write a result that the folder does not have yet; the file is written completely or not at all.

    Args:
        folder: folder of results; it is made if it does not exist.
        result: the result.
        name: name of the file, if it was decided before the run, as by a suite.

    Returns:
        The path of the new file.

    Raises:
        DamagedFileError: `load` would refuse the file.
        ZfbenchError: the folder has a result of this run, or cannot be written.
    """
    path = folder / (name or file_name(result))
    _refuse_faults(path, result)
    result.write(path, overwrite=False)
    return path


def load(path: Path) -> Result:
    """Read one result strictly: nothing is converted to another type, and values that cannot be true are refused.

    Raises:
        DamagedFileError: names the file, the field and how to fix it.
        ZfbenchError: the file cannot be opened.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise _damaged(path, "the whole file", f"byte {error.start} is not text", HOW_TO_FIX["json_invalid"]) from error
    except OSError as error:
        raise ZfbenchError(f"Cannot read {path} ({error.strerror}); check the path.") from error
    try:
        content = json.loads(text, object_pairs_hook=_distinct, parse_float=_finite, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, "the whole file", f"it is not JSON: {error}", HOW_TO_FIX["json_invalid"]) from error
    if isinstance(content, dict) and content.get("schema_version") == 1 and content["schema_version"] is not True:
        raise DamagedFileError(
            f"{path} was written by zfbench 0.1 (results of schema version 1), which this version does not read; "
            "measure it again, for instance with `zfbench suite run`."
        )
    try:
        result = Result.model_validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise _damaged(path, field, first["msg"], HOW_TO_FIX.get(first["type"], OTHERWISE)) from error
    _refuse_faults(path, result)
    return located(result, path)


def load_folder(path: Path) -> list[Result]:
    """Read the results of a file, or of all files below a folder in order of path.

    Raises:
        DamagedFileError: a file is damaged, or two files hold the same run.
        ZfbenchError: there is nothing to read, or two files hold different methods of one name.
    """
    return load_folders([path])


def load_folders(places: Iterable[Path], for_tables: bool = False) -> list[Result]:
    """Read the results of several files or folders together; the errors are those of `load_folder`.

    Args:
        places: files and folders.
        for_tables: True to leave out, after every check, what no table shows, which is most of the memory of thousands
            of results: programs, evaluated programs, finals and curves.
    """
    paths = list(dict.fromkeys(path for place in places for path in result_files(place)))
    results: list[Result] = []
    known: Known = {}
    for path in paths:
        result = load(path)
        refuse_namesake(known, path, result)
        results.append(result.model_copy(update=ONLY_FOR_PAGES if for_tables else None))
    refuse_duplicates(paths, results)
    return results


def result_files(path: Path) -> list[Path]:
    """Return the result files at a path, including those in the folders of searches.

    Hidden files are left out, and so are the folders `judged` in those of searches, which `zfbench judge-run` writes,
    unless the path is one.

    Raises:
        ZfbenchError: there are none.
    """
    if is_there(path) and not is_folder(path):
        return [path]
    paths = [p for p in sorted(path.rglob("*.json")) if _may_be_result(p, path)] if is_folder(path) else []
    if not paths:
        raise ZfbenchError(f"There are no results in {path}; `zfbench suite run SUITE.toml` makes some.")
    return paths


def _may_be_result(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    beside_winner = path.parent.name == JUDGED and path.parent != folder and (path.parent.parent / EVENT_LOG).exists()
    return path.name != POPULATION and not hidden and not beside_winner


def refuse_duplicates(paths: Iterable[Path], results: Sequence[Result]) -> None:
    """Refuse two files that hold the same run on the same data, with the same limits and versions of metrics.

    Raises:
        DamagedFileError: two files hold the same run; the sentence names both.
    """
    seen: dict[tuple[str, ...], Path] = {}
    for path, result in zip(paths, results, strict=True):
        first = seen.setdefault(run_of(result), path)
        if first is not path:
            raise _damaged(path, "task, method, seed", f"{first} holds the same run", "remove one of the two")


def refuse_namesake(known: Known, path: Path, result: Result) -> None:
    """Refuse a second method under one name, such as a program that was edited between two seeds.

    The two would be seeds of one row. The method of a program is its source, and that of any other result its kind.

    Args:
        known: the first file of each method and its setup so far; this one is added.
        path: file of the result.
        result: the result.

    Raises:
        ZfbenchError: another method has the name; the sentence names both files.
    """
    method: str = result.method.kind
    if method == "program":
        if result.program is None:
            return
        method = f"program {result.program.id[:12]}"
    first, other = known.setdefault(setup_of(result), (path, method))
    if other != method:
        raise ZfbenchError(
            f"{first} and {path} hold results of two methods under the name '{result.method.name}' ({other} and "
            f"{method}), which would be one row of a table; judge yours again under another name, or remove its file "
            "(`zfbench suite run --refresh` measures a shipped program again)."
        )


def _refuse_faults(path: Path, result: Result) -> None:
    for fault in faults(result):
        raise _damaged(path, fault.field, fault.what, fault.fix)


def _damaged(path: Path, field: str, what: str, fix: str) -> DamagedFileError:
    return DamagedFileError(f"{path}: {field}: {' '.join(what.split())} (how to fix it: {fix}).")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return content


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large a number")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
