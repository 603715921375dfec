"""A whole task about recordings of a known system, as its author states it; docs/tutorials/your-task.md is the guide.

The family gives methods and judge their parts of it. The system's true one-step map has to be known, since the judge
compares what a model's neurons do when they are moved or held; it may be a simulation.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from zfbench.base.errors import UnknownNameError, ZfbenchError
from zfbench.forecasting.family import ForecastingFamily
from zfbench.forecasting.sealed import SealedTest
from zfbench.forecasting.seed import SEED_PROGRAM
from zfbench.protocols.models import Simulator
from zfbench.records.recordings import LabelledWindows, Recording, TaskSpec, Windows


@dataclass(frozen=True, eq=False, kw_only=True)
class System:
    """A task about recordings of a system whose truth is known, and whose drive, if it has any, is shown.

    Attributes:
        spec: everything that programs may know; its context C and horizon H are those of all windows.
        train: recordings to train on.
        validation: recordings to select on, cut into windows.
        test: recordings of the same conditions that the judge alone scores on.
        ood: recordings of conditions that no method has seen; for the judge alone.
        truth: the true model, for the judge alone.
        wiring: int8 [N, N], sign of the true edge from j to i, 0 where there is none; the diagonal is not scored.
        seed_program: source that searches start from.
        tier: size of the data, `tiny` or `standard`.

    Raises:
        ValueError: a part has no recording; a recording does not have the specification's neurons and channels, or is
            shorter than a window; or the wiring has another shape.
    """

    spec: TaskSpec
    train: Sequence[Recording]
    validation: Sequence[Recording]
    test: Sequence[Recording]
    ood: Sequence[Recording]
    truth: Simulator
    wiring: NDArray[np.int8]
    seed_program: str = SEED_PROGRAM
    tier: str = "tiny"

    def __post_init__(self) -> None:
        N, D, needed = len(self.spec.neurons), len(self.spec.drive), self.spec.context + self.spec.horizon
        if self.wiring.shape != (N, N):
            raise ValueError(f"the wiring has shape {self.wiring.shape}, expected {(N, N)}")
        for part in ("train", "validation", "test", "ood"):
            if not getattr(self, part):
                raise ValueError(f"`{part}` has no recording")
            for recording in getattr(self, part):
                steps, found = len(recording.activity), (recording.activity.shape[1], recording.drive.shape[1])
                if found != (N, D) or len(recording.drive) != steps:
                    raise ValueError(f"a recording of `{part}` has shapes {recording}, expected [T, {N}] and [T, {D}]")
                if steps < needed:
                    raise ValueError(f"a recording of `{part}` has {steps} steps, fewer than a window of {needed}")

    @property
    def track(self) -> str:
        """What the task shows beside the recordings: nothing, the drive, or the wiring between groups too."""
        return "masked" if self.spec.masked else "driven" if self.spec.drive else "autonomous"

    @cached_property
    def data_sha256(self) -> str:
        """Hash of the specification, of the true wiring, and of all recordings with the part that each belongs to."""
        digest = hashlib.sha256(json.dumps(self.spec.to_json()).encode())
        for part in ("train", "validation", "test", "ood"):
            for recording in getattr(self, part):
                for array in (recording.activity, recording.drive):
                    digest.update(f"{part} {recording.condition} {array.shape}\n".encode())
                    digest.update(np.ascontiguousarray(array, "<f4").tobytes())
        digest.update(np.ascontiguousarray(self.wiring, "<i8").tobytes())
        return digest.hexdigest()

    @property
    def task(self) -> SystemTask:
        """The part that methods receive."""
        validation = windows(self.spec, self.validation)
        return SystemTask(self.spec, tuple(self.train), validation, self.seed_program, self.data_sha256)

    @property
    def sealed(self) -> SealedTest:
        """The part that only the judge loads."""
        test, ood = windows(self.spec, self.test), windows(self.spec, self.ood)
        training = np.concatenate([recording.activity for recording in self.train]).astype(np.float64)
        groups = np.array(self.spec.groups)
        edges = {(groups[i], groups[j]) for i, j in zip(*np.nonzero(self.wiring), strict=True)}
        allowed = np.array([[(i, j) in edges for j in groups] for i in groups])
        return SealedTest(
            spec=self.spec,
            track=self.track,
            tier=self.tier,
            circuit=self.spec.name,
            holdout="+".join(dict.fromkeys(recording.condition for recording in self.ood)),
            data_sha256=self.data_sha256,
            test=test,
            ood=ood,
            full_drive_test=test.inputs.drive,
            full_drive_ood=ood.inputs.drive,
            truth=self.truth,
            wiring=self.wiring,
            allowed=allowed if self.spec.mask is None else self.spec.mask,
            train_mean=training.mean(axis=0),
            train_sd=training.std(axis=0),
        )


@dataclass(eq=False)
class SystemTask:
    """What methods receive of a `System`; implements `zfbench.forecasting.task.Task`, whose attributes these are."""

    spec: TaskSpec
    train: tuple[Recording, ...]
    validation: LabelledWindows
    seed_program: str
    data_sha256: str
    reevaluate: bool = False

    def __repr__(self) -> str:
        """One line: what there is to learn from."""
        return f"<SystemTask: {self.spec.name}, {len(self.spec.neurons)} neurons, {list(self.train)}>"

    def mirrored(self) -> tuple[Recording, ...]:
        """Refuse: such a system has no mirror image.

        Raises:
            ZfbenchError: always.
        """
        raise ZfbenchError(f"The system of the task '{self.spec.name}' has no mirror image.")


class SystemFamily(ForecastingFamily):
    """A family of such tasks, as registered in the entry-point group `zfbench.tasks`.

    Args:
        systems: for each task's name, a function that makes its system; called when the task is first loaded.
    """

    def __init__(self, systems: Mapping[str, Callable[[], System]]) -> None:
        self._systems = systems
        self._system = lru_cache(self._make)

    def names(self) -> tuple[str, ...]:
        """Return the names of the tasks."""
        return tuple(self._systems)

    def load(self, name: str) -> SystemTask:
        """Return the task of that name, without anything that only the judge may see.

        Raises:
            UnknownNameError: there is no such task.
        """
        return self._system(name).task

    def seal(self, name: str) -> SealedTest:
        """Return the sealed test of the task of that name, which only the judge may load.

        Raises:
            UnknownNameError: there is no such task.
        """
        return self._system(name).sealed

    def _make(self, name: str) -> System:
        if name not in self._systems:
            raise UnknownNameError("task", name, self.names())
        made = self._systems[name]()
        if made.spec.name != name:
            raise ZfbenchError(f"The task '{name}' calls itself '{made.spec.name}'; give both the same name.")
        return made


def windows(spec: TaskSpec, recordings: Sequence[Recording]) -> LabelledWindows:
    """Cut recordings into windows, one every C + H steps, so that no window's context holds another's target."""
    C, length = spec.context, spec.context + spec.horizon
    names, contexts, drives, targets = [], [], [], []
    for recording in recordings:
        for start in range(0, len(recording.activity) - length + 1, length):
            onset, end = start + C, start + length
            names.append(recording.condition)
            contexts.append(recording.activity[start:onset])
            drives.append(recording.drive[start:end])
            targets.append(recording.activity[onset:end])
    inputs = Windows(tuple(names), np.stack(contexts), np.stack(drives))
    return LabelledWindows(inputs, np.stack(targets))
