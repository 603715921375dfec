"""The data that gap ratios are measured on: the held-out condition as training data, and later windows of it."""

from __future__ import annotations

import numpy as np

from zfbench.base.errors import ZfbenchError
from zfbench.records.recordings import LabelledWindows, Recording, Windows
from zfbench.tasks.zfish.name import ZfishName
from zfbench.tasks.zfish.task import hide_drive, make_spec, windows
from zfbench.testbed.data import load_dataset
from zfbench.testbed.published import load as load_circuit

LATER = ("validation", "test")  # splits of a condition that come after its training stretch


def held_out(name: str) -> tuple[tuple[Recording, ...], LabelledWindows]:
    """Return the training stretches of a task's held-out conditions, and the windows of them that come later.

    It is for measurements after the fact: a method that trains on these recordings has seen what the task holds out.

    Args:
        name: full name of the task.

    Returns:
        The recordings, as long as those of the conditions that are trained on, and the windows.

    Raises:
        UnknownNameError: there is no such task.
        ZfbenchError: the task is not of the family `zfish`.
    """
    if not name.startswith("zfish"):
        raise ZfbenchError(f"The task '{name}' holds out no condition; the gap ratio is of tasks of the family zfish.")
    parts = ZfishName.parse(name)
    circuit, dataset = load_circuit(parts.circuit), load_dataset(parts.tier, parts.circuit)
    visible = len(make_spec(parts, circuit).drive)
    recordings = []
    for condition in parts.holdout:
        activity, drive = dataset.stretch(condition, "train")
        recordings.append(Recording(parts.display_name(condition), activity.copy(), drive[:, :visible].copy()))
    later = [windows(dataset, parts, parts.holdout, split) for split in LATER]
    joined = Windows(
        tuple(condition for own in later for condition in own.inputs.conditions),
        np.concatenate([own.inputs.context for own in later]),
        np.concatenate([own.inputs.drive for own in later]),
    )
    return tuple(recordings), hide_drive(
        LabelledWindows(joined, np.concatenate([own.target for own in later])), visible
    )
