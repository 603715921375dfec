"""What methods receive of a task about recordings: its specification, recordings to train on, windows to select on."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from zfbench.protocols.task import SearchTask
from zfbench.records.recordings import LabelledWindows, Recording, TaskSpec


@runtime_checkable
class Task(SearchTask, Protocol):
    """A task about recordings.

    Attributes:
        spec: what programs may know.
        train: the recordings to train on.
        validation: the windows to select on.
        seed_program: source that searches start from.
        data_sha256: hash of the data set.
        reevaluate: False; trainings of a program with other seeds differ little.
    """

    spec: TaskSpec
    train: tuple[Recording, ...]
    validation: LabelledWindows
    seed_program: str
    data_sha256: str
    reevaluate: bool

    def mirrored(self) -> tuple[Recording, ...]:
        """The training recordings as the mirror image of the system would have made them; for a control alone.

        Raises:
            ZfbenchError: the system has no mirror image.
        """
        ...
