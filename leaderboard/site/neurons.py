"""The groups of the neurons of a task, for the axes of its matrices."""

from __future__ import annotations

from functools import cache

from zfbench.base.errors import ZfbenchError
from zfbench.records.result import TaskRecord
from zfbench.testbed.published import load

GROUPS = {  # what the groups of the larva do
    "AF, PT": "carry the motion that each eye sees, in four directions, into the brain",
    "oB, B, iB, ioB, iMm, Mm, oMl, S": "compare the eyes: binocular and monocular cells of the pretectum",
    "nMLF": "collects motion that is worth swimming after",
    "aHB, LHB": "decide the side of a turn",
    "BG": "ramps up, and starts a bout of swimming when it reaches 1",
    "SW, vSPN": "drive the swimming rhythm, and turns to the left or right",
    "MN": "motor neurons along the tail, six on each side",
}


@cache
def groups_of(task: TaskRecord) -> tuple[str, ...]:
    """Return the group of each neuron of a task on a known circuit of the larva; nothing for any other task."""
    if not task.name.startswith("zfish") or not task.circuit or "," in task.circuit:  # anonymous neurons have no names
        return ()
    try:
        return load(task.circuit).groups
    except ZfbenchError:  # a circuit of a later release, or of another package
        return ()
