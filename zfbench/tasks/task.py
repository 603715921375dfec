"""The contract between a task and the methods that attempt it.

Three kinds of object, in order of trust: `TaskSpec` is what every program may know; `Task` adds the training
recordings and the validation windows, and is what a baseline or a search works with; `SealedTest` is what the
judge alone loads. No attribute of the first two leads to the third.

Time convention: `a(t) = f(a(t-1), x(t))`. A window with context C and horizon H that starts at s holds the activity
of s-C .. s-1 and the drive of s-C .. s+H-1, and asks for the activity of s .. s+H-1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class TaskSpec:
    """What a program may know of its task; plain data, so that it crosses a process boundary as JSON.

    Attributes:
        name: for example `zfish-tiny/masked`.
        description: the system and the question, for people and for language models.
        contract: what a program's source must define.
        dt_ms: one step, in milliseconds.
        horizon: H, steps to forecast.
        context: C, the longest context a window offers, in steps.
        neurons: N unit names, all different.
        groups: the group of each neuron, N entries.
        drive: D drive channel names; empty in an autonomous track.
        mask: bool [N, N], `mask[i, j]` says that neuron j may influence neuron i within one step; None: unknown.
        drive_mask: bool [N, D], likewise for drive channels; None: unknown.
    """

    name: str
    description: str
    contract: str
    dt_ms: float
    horizon: int
    context: int
    neurons: tuple[str, ...]
    groups: tuple[str, ...]
    drive: tuple[str, ...]
    mask: NDArray[np.bool_] | None = None
    drive_mask: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        N, D = len(self.neurons), len(self.drive)
        if len(set(self.neurons)) != N or len(self.groups) != N:
            raise ValueError("neuron names must differ and every neuron needs a group")
        if self.mask is not None and self.mask.shape != (N, N):
            raise ValueError(f"mask has shape {self.mask.shape}, expected {(N, N)}")
        if self.drive_mask is not None and self.drive_mask.shape != (N, D):
            raise ValueError(f"drive mask has shape {self.drive_mask.shape}, expected {(N, D)}")

    @property
    def masked(self) -> bool:
        """Whether the Boolean wiring is given."""
        return self.mask is not None

    def indices(self, group: str) -> NDArray[np.intp]:
        """Positions of a group's neurons."""
        return np.flatnonzero(np.asarray(self.groups) == group)

    def to_json(self) -> dict[str, Any]:
        """JSON-compatible form; masks as lists of lists of 0 and 1."""
        fields = asdict(self)
        for key in ("mask", "drive_mask"):
            fields[key] = None if fields[key] is None else fields[key].astype(int).tolist()
        return fields

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> TaskSpec:
        """The inverse of `to_json`."""
        fields = dict(fields)
        N, D = len(fields["neurons"]), len(fields["drive"])
        for key, shape in (("mask", (N, N)), ("drive_mask", (N, D))):
            if fields[key] is not None:
                fields[key] = np.asarray(fields[key], dtype=bool).reshape(shape)
        for key in ("neurons", "groups", "drive"):
            fields[key] = tuple(fields[key])
        return cls(**fields)


@dataclass(frozen=True, eq=False)
class Recording:
    """A stretch of consecutive steps under one stimulus condition.

    Attributes:
        condition: the stimulus condition's name.
        activity: float32 [T, N].
        drive: float32 [T, D]; `drive[t]` acts on the step from `activity[t-1]` to `activity[t]`.
    """

    condition: str
    activity: NDArray[np.float32]
    drive: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Windows:
    """Inputs of forecasts; the targets travel apart, in `LabelledWindows`.

    Attributes:
        conditions: B condition names.
        context: float32 [B, C, N].
        drive: float32 [B, C + H, D]; D = 0 in an autonomous track.
    """

    conditions: tuple[str, ...]
    context: NDArray[np.float32]
    drive: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.conditions)


@dataclass(frozen=True, eq=False)
class LabelledWindows:
    """Windows with what really happened: `target` is float32 [B, H, N]."""

    inputs: Windows
    target: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.inputs)


class Task(Protocol):
    """What a baseline or a search may use; every attribute is safe to show to a method."""

    spec: TaskSpec
    train: tuple[Recording, ...]
    validation: LabelledWindows
    seed_program: str
    data_sha256: str


class TaskFamily(Protocol):
    """What the entry-point group `zfbench.tasks` holds: a family of tasks under one prefix of names."""

    def names(self) -> tuple[str, ...]:
        """The canonical task names, for lists and help."""
        ...

    def load(self, name: str) -> Task:
        """The task of that full name.

        Raises:
            UnknownNameError: the family has no such task.
        """
        ...


def one_step_pairs(recordings: tuple[Recording, ...]) -> Iterator[tuple[NDArray, NDArray, NDArray]]:
    """For each recording: activity before [T-1, N], drive [T-1, D], activity after [T-1, N]."""
    for r in recordings:
        yield r.activity[:-1], r.drive[1:], r.activity[1:]
