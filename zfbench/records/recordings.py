"""Specification of a task about recordings, the recordings themselves, and windows to forecast.

Time convention: `a(t) = f(a(t-1), x(t))`. A window with context C and horizon H that starts at s holds the activity
of s-C .. s-1 and the drive of s-C .. s+H-1, and asks for the activity of s .. s+H-1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zfbench.records.source import check_source

BALANCED, PLAIN = "balanced", "plain_mae"
OBJECTIVES = {
    BALANCED: (
        "group-balanced relative error: for each neuron group, the mean absolute error of the forecasts of {horizon} "
        "steps in the validation windows, divided by that of repeating the last value (one hundredth of the latter is "
        "added to both); the geometric mean of these ratios over groups. 1 is as good as the last value; lower is "
        "better"
    ),
    PLAIN: (
        "mean absolute error of the forecasts of {horizon} steps, over all steps, neurons and validation windows; "
        "lower is better"
    ),
}


@dataclass(frozen=True, eq=False)
class TaskSpec:
    """Everything that a program may know of its task; plain data, so that it can be sent to another process as JSON.

    Attributes:
        name: for example `zfish-tiny/masked`.
        description: the system and the question, for people and for language models.
        contract: description of the definitions that a program's source must contain.
        dt_ms: one step, in milliseconds.
        horizon: H, steps to forecast.
        context: C, the longest context a window offers, in steps.
        neurons: N unit names, all different.
        groups: the group of each neuron, N entries.
        drive: D drive channel names; empty in an autonomous track.
        mask: bool [N, N], `mask[i, j]` says that neuron j may influence neuron i within one step; None: unknown.
        drive_mask: bool [N, D], likewise for drive channels; None: unknown.
        anonymous: True if names and description are neutral, so that they do not reveal a published system.
        objective: the loss of searches, a key of `OBJECTIVES`.
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
    objective: str = BALANCED

    def __post_init__(self) -> None:
        N, D = len(self.neurons), len(self.drive)
        if len(set(self.neurons)) != N or len(self.groups) != N:
            raise ValueError("neuron names must differ and every neuron needs a group")
        if self.mask is not None and self.mask.shape != (N, N):
            raise ValueError(f"mask has shape {self.mask.shape}, expected {(N, N)}")
        if self.drive_mask is not None and self.drive_mask.shape != (N, D):
            raise ValueError(f"drive mask has shape {self.drive_mask.shape}, expected {(N, D)}")
        if self.objective not in OBJECTIVES:
            raise ValueError(f"the objective {self.objective!r} is none of {', '.join(OBJECTIVES)}")

    @property
    def masked(self) -> bool:
        """True if the Boolean wiring is given."""
        return self.mask is not None

    @property
    def candidates(self) -> tuple[str, ...]:
        """The list of possible programs, which is empty because programs of this kind are not listed."""
        return ()

    def indices(self, group: str) -> NDArray[np.intp]:
        """Return the positions of a group's neurons."""
        return np.flatnonzero(np.asarray(self.groups) == group)

    def anonymised(self, description: str) -> TaskSpec:
        """Return the same task with neutral names for neurons, groups and channels; every index keeps its meaning.

        Args:
            description: a description that does not reveal the system either.
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
        """Return the specification that programs see, without the name of an anonymous task.

        Programs may not know that name, because what a program prints is fed back to its author.
        """
        return replace(self, name="anonymous") if self.anonymous else self

    def facts(self) -> dict[str, str]:
        """Return further facts for authors of programs, by heading."""
        sizes = Counter(self.groups)
        return {
            "Neurons by group": ", ".join(f"{group} ({sizes[group]})" for group in sizes),
            "Drive channels": ", ".join(self.drive) or "none",
            "Wiring": self._wiring(),
            "Validation error": OBJECTIVES[self.objective].format(horizon=self.horizon),
        }

    def _wiring(self) -> str:
        """Return the groups and channels that may act on each group, a line for each group."""
        if self.mask is None and self.drive_mask is None:
            return "unknown"
        N, D = len(self.neurons), len(self.drive)
        mask = np.ones((N, N), bool) if self.mask is None else self.mask
        drive_mask = np.ones((N, D), bool) if self.drive_mask is None else self.drive_mask
        names = dict.fromkeys(self.groups)
        lines = ["given as spec.mask and spec.drive_mask. Within one step, these and no others may act:"]
        for group in names:
            rows = self.indices(group)
            blocks = {source: mask[np.ix_(rows, self.indices(source))] for source in names}
            columns = {channel: drive_mask[rows, k] for k, channel in enumerate(self.drive)}
            lines.append(f"- on {group}: groups {_allowed(blocks)}; drive {_allowed(columns)}")
        return "\n".join(lines)

    def check(self, source: str) -> None:
        """Check everything in a source that can be checked without running it.

        Raises:
            CandidateError: invalid; the source breaks the contract.
        """
        check_source(source)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-compatible form, with masks as lists of lists of 0 and 1."""
        fields = asdict(self)
        for key in ("mask", "drive_mask"):
            fields[key] = None if fields[key] is None else fields[key].astype(int).tolist()
        return fields

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> TaskSpec:
        """Read the form that `to_json` returns."""
        fields = dict(fields)
        N, D = len(fields["neurons"]), len(fields["drive"])
        for key, shape in (("mask", (N, N)), ("drive_mask", (N, D))):
            if fields[key] is not None:
                fields[key] = np.asarray(fields[key], dtype=bool).reshape(shape)
        for key in ("neurons", "groups", "drive"):
            fields[key] = tuple(fields[key])
        return cls(**fields)


def _allowed(blocks: dict[str, NDArray[np.bool_]]) -> str:
    """Names of the blocks of a mask that allow something, marked where they do not allow all of it."""
    some = {name: block for name, block in blocks.items() if block.any()}
    return ", ".join(name if block.all() else f"{name} (some, see the mask)" for name, block in some.items()) or "none"


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

    def __repr__(self) -> str:
        """One line, with shapes in place of numbers."""
        return f"<Recording: {self.condition}, activity {self.activity.shape}, drive {self.drive.shape}>"


@dataclass(frozen=True, eq=False)
class Windows:
    """Inputs of forecasts; the targets are kept apart, in `LabelledWindows`.

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
    """Windows with the recorded activity to be forecast: `target` is float32 [B, H, N]."""

    inputs: Windows
    target: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.inputs)


def one_step_pairs(recordings: Iterable[Recording]) -> tuple[NDArray, NDArray, NDArray]:
    """Return the activity before [P, N], the drive [P, D] and the activity after [P, N] of all steps of recordings."""
    parts = [(r.activity[:-1], r.drive[1:], r.activity[1:]) for r in recordings]
    before, drive, after = (np.concatenate(part) for part in zip(*parts, strict=True))
    return before, drive, after
