"""The contract between a task and the methods that attempt it.

Three kinds of object, in order of trust: a `Spec` is what every program may know; a `SearchTask` adds the data to
train and select on, and is what a search works with; the sealed test is what the judge alone loads. No attribute of
the first two leads to the third.

There are two kinds of task. In one, programs forecast recordings: `TaskSpec`, `Task` and `SealedTest`, below and in
`zfbench.tasks.sealed`. In the other they are simulators with parameters, scored by their marginal likelihood:
`zfbench.tasks.simulator`. Everything between asking and judging knows `Spec` and `SearchTask` alone.

Time convention: `a(t) = f(a(t-1), x(t))`. A window with context C and horizon H that starts at s holds the activity
of s-C .. s-1 and the drive of s-C .. s+H-1, and asks for the activity of s .. s+H-1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from zfbench.programs.contract import check_source

if TYPE_CHECKING:
    from zfbench.forecaster import Limits
    from zfbench.programs.process import Sandbox
    from zfbench.search.executors import Evaluate


class Spec(Protocol):
    """What a program and its author may know of any task; plain data."""

    @property
    def name(self) -> str:
        """The task's full name."""
        ...

    @property
    def description(self) -> str:
        """The system and the question, for people and for language models."""
        ...

    @property
    def contract(self) -> str:
        """What a program's source must define."""
        ...

    @property
    def groups(self) -> tuple[str, ...]:
        """The parts that an error can be blamed on, an entry for each unit; empty where there are none."""
        ...

    def facts(self) -> dict[str, str]:
        """What else an author should know, by heading."""
        ...

    def check(self, source: str) -> None:
        """Check what can be seen without running a program.

        Raises:
            CandidateError: invalid; it breaks the contract.
        """
        ...

    def to_json(self) -> dict[str, Any]:
        """JSON-compatible form."""
        ...


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
        anonymous: whether names and description are neutral, so that nobody can recognise a published system by them.
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
    anonymous: bool = False

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

    def anonymised(self, description: str) -> TaskSpec:
        """The same task under neutral names for neurons, groups and channels; every index keeps its meaning.

        Args:
            description: one that gives the system away by no word either.
        """
        kinds = dict.fromkeys(self.groups)
        group = dict(zip(kinds, _numbered("group", len(kinds)), strict=True))
        return replace(
            self,
            description=description,
            neurons=_numbered("neuron", len(self.neurons)),
            groups=tuple(group[name] for name in self.groups),
            drive=_numbered("drive", len(self.drive)),
            anonymous=True,
        )

    def for_programs(self) -> TaskSpec:
        """As programs see it: an anonymous task's own name stays out too, for what a program prints is fed back."""
        return replace(self, name="anonymous") if self.anonymous else self

    def facts(self) -> dict[str, str]:
        """See `Spec.facts`."""
        sizes = Counter(self.groups)
        return {
            "Neurons by group": ", ".join(f"{group} ({sizes[group]})" for group in sizes),
            "Drive channels": ", ".join(self.drive) or "none",
            "Wiring": "given as spec.mask and spec.drive_mask" if self.masked else "unknown",
        }

    def check(self, source: str) -> None:
        """See `Spec.check`."""
        check_source(source)

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


def _numbered(word: str, count: int) -> tuple[str, ...]:
    """Such as neuron01 .. neuron54."""
    return tuple(f"{word}{k:0{len(str(count))}d}" for k in range(1, count + 1))


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


@runtime_checkable
class Candidate(Protocol):
    """A program on its way to the judge, who scores what `SearchTask.fit` has made of it.

    Attributes:
        source: the program.
    """

    source: str

    def close(self) -> None:
        """End the processes that it holds; harmless when repeated."""
        ...


class SearchTask(Protocol):
    """What a search may use of any task; every attribute is safe to show to a method.

    Attributes:
        spec: what programs may know.
        seed_program: source that searches start from.
        data_sha256: hash of the data to train and select on.
    """

    @property
    def spec(self) -> Spec:
        """See the class."""
        ...

    seed_program: str
    data_sha256: str

    def evaluator(self, limits: Limits, sandbox: Sandbox | None) -> Evaluate:
        """What scores the programs of a search; each may spend `limits`."""
        ...

    def candidate(self, source: str, seed: int, sandbox: Sandbox | None) -> Candidate:
        """A program that is to be judged; not run yet."""
        ...

    def fit(self, model: Any, limits: Limits) -> None:
        """Fit a candidate, or whatever else a method brings to be judged on this task.

        Raises:
            CandidateError: it failed; status and sentence say how.
        """
        ...

    def selection_loss(self, model: Any) -> float | None:
        """Loss of what was fitted on the data to select on, lower is better; None if it is not finite."""
        ...


class Task(SearchTask, Protocol):
    """A task about recordings; see `zfbench.tasks.recordings` for the methods.

    Attributes:
        train: the recordings to train on.
        validation: the windows to select on.
    """

    spec: TaskSpec
    train: tuple[Recording, ...]
    validation: LabelledWindows


class TaskFamily(Protocol):
    """What the entry-point group `zfbench.tasks` holds: a family of tasks under one prefix of names."""

    def names(self) -> tuple[str, ...]:
        """The canonical task names, for lists and help."""
        ...

    def load(self, name: str) -> SearchTask:
        """The task of that full name.

        Raises:
            UnknownNameError: the family has no such task.
        """
        ...


def one_step_pairs(recordings: tuple[Recording, ...]) -> Iterator[tuple[NDArray, NDArray, NDArray]]:
    """For each recording: activity before [T-1, N], drive [T-1, D], activity after [T-1, N]."""
    for r in recordings:
        yield r.activity[:-1], r.drive[1:], r.activity[1:]
