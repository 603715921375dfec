"""Evaluations that searches share: a folder in which each stands under the hash of all that it depends on.

Training seeds are a function of task and replicate, so several searches of one task evaluate many equal programs. What
an evaluation depends on is the traced step, the training that the program chose, the task and its data, limits, seed,
device, the kind of processor, the versions of the libraries, and zfbench's own code that traces, trains and scores. A
file is written once, whole, and never changed; several processes may use a folder at once, and it may grow from study
to study.

What is taken from the folder counts against a budget as it did when it was measured, seconds included.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from zfbench.base.errors import DamagedFileError
from zfbench.base.files import write_text
from zfbench.base.machine import features, library_versions
from zfbench.forecasting.fit import TracedProgram
from zfbench.records.evaluation import Evaluation

CODE = ("base", "engine", "forecasting", "records", "sandbox", "scoring")  # folders of zfbench that results depend on


class SharedEvaluations:
    """A folder of evaluations of one task under one budget.

    Args:
        folder: which is made if it is missing.
        depends: what all of these evaluations depend on beside the program and the seed, JSON-compatible.
    """

    def __init__(self, folder: Path, depends: Mapping[str, Any]) -> None:
        self._folder = folder
        self._depends = {**depends, "libraries": library_versions(), "processor": features(), "code": _code()}

    def find(self, traced: TracedProgram, seed: int) -> Evaluation | None:
        """Return the evaluation of a program with a seed, or None if nobody has put it there.

        Raises:
            DamagedFileError: its file holds no evaluation.
        """
        name = self._name(traced, seed)
        path = self._path(name)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["of"] != name:
                raise ValueError("it is that of something else")
            evaluation = Evaluation.from_json(content)
            if not evaluation.ok or evaluation.spend.evaluations != 1:
                raise ValueError("what is shared has a loss, and counts as one evaluation")
            return evaluation
        except FileNotFoundError:
            return None
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedFileError(
                f"{path} holds no evaluation ({error}); remove it, and it is measured again."
            ) from error

    def put(self, traced: TracedProgram, seed: int, evaluation: Evaluation) -> None:
        """Keep the evaluation of a program with a seed."""
        name = self._name(traced, seed)
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps({"of": name} | evaluation.to_json()) + "\n")

    def _name(self, traced: TracedProgram, seed: int) -> str:
        """The hash (hex) of all that an evaluation depends on."""
        own = {"step": traced.hash, "training": asdict(traced.training), "seed": seed}
        return hashlib.sha256(json.dumps({**self._depends, **own}, sort_keys=True).encode()).hexdigest()

    def _path(self, name: str) -> Path:
        return self._folder / name[:2] / f"{name[2:]}.json"


@cache
def _code() -> str:
    """SHA-256 (hex) of the code that evaluations depend on."""
    root, found = Path(__file__).parents[1], hashlib.sha256()
    for path in sorted(path for folder in CODE for path in (root / folder).rglob("*.py")):
        found.update(f"{path.relative_to(root).as_posix()}\n".encode() + path.read_bytes())
    return found.hexdigest()
