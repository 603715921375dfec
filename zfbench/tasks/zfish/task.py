"""The task `zfish`: forecast the larva's 54 neurons, and find how they are wired.

`zfbench.tasks.zfish.name` explains the names, tiers, tracks and held-out conditions. After Lueckmann, Jain &
Januszewski (2026, arXiv 2602.04492): system identification of a(t) = f(a(t-1), x(t)) in a simulated larval zebrafish.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from zfbench.forecasting.contract import CONTRACT
from zfbench.forecasting.seed import SEED_PROGRAM
from zfbench.records.recordings import LabelledWindows, Recording, TaskSpec, Windows
from zfbench.tasks.zfish.name import ZfishName
from zfbench.testbed.circuit import Circuit
from zfbench.testbed.data import Dataset
from zfbench.testbed.published import load as load_circuit

CONTEXT = 256  # steps (ms) of context in each window; a method may use fewer
HORIZON = 256  # steps (ms) to forecast, as in Lueckmann, Jain & Januszewski (2026)
STRIDE = CONTEXT + HORIZON  # steps between windows, so that no window's context holds another window's target

CHANNELS = (  # what the drive means, for tasks that name things; `zfbench.testbed.drive.write_drive` makes it
    "retina_L0 to retina_R3 are the responses of the left and the right eye to motion upward (0), forward (1), "
    "downward (2) and backward (3), from 0 to about 3 and held for 5 ms; gain_L and gain_R are running means of each "
    "eye's responses over about 200 ms, from 0 to 1. bout is 1 during a swimming bout and else 0; swim, turn_L and "
    "turn_R start at about 1 with a bout and fade while it lasts, the turns faster and only for a bout to that side; "
    "phase_sin and phase_cos are sine and cosine of the phase of the tail beat (25 Hz), both 0 between bouts."
)


class ZfishTask:
    """The part of the task that methods receive; implements `zfbench.forecasting.task.Task`.

    It holds no reference to the test recordings or to the held-out condition.

    Args:
        name: the parts of the task's name.
        circuit: the larva's circuit.
        dataset: all recordings, of which training and validation are copied.
    """

    def __init__(self, name: ZfishName, circuit: Circuit, dataset: Dataset) -> None:
        self.spec = make_spec(name, circuit)
        self.data_sha256 = dataset.sha256
        self.seed_program = SEED_PROGRAM
        self.reevaluate = False
        visible = len(self.spec.drive)
        self.train = tuple(
            # Copies, because a view would lead to what is hidden.
            Recording(name.display_name(c), activity.copy(), drive[:, :visible].copy())
            for c in name.trained
            for activity, drive in [dataset.stretch(c, "train")]
        )
        self.validation = hide_drive(windows(dataset, name, name.trained, "validation"), visible)

    def __repr__(self) -> str:
        """One line: what there is to learn from."""
        N, D = len(self.spec.neurons), len(self.spec.drive)
        conditions = ", ".join(f"{recording.condition} {len(recording.activity)}" for recording in self.train)
        return f"<ZfishTask: {self.spec.name}, {N} neurons, {D} drive channels, steps to train on: {conditions}>"

    def mirrored(self) -> tuple[Recording, ...]:
        """Return the training recordings of the mirrored larva; for a control, not for candidates."""
        circuit = self._mirror
        visible = len(self.spec.drive)
        return tuple(
            Recording(
                f"mirrored {r.condition}",
                circuit.mirror_activity(r.activity.astype(np.float64)).astype(np.float32),
                circuit.mirror_drive(r.drive.astype(np.float64)).astype(np.float32) if visible else r.drive,
            )
            for r in self.train
        )

    @cached_property
    def _mirror(self) -> Circuit:
        return load_circuit(ZfishName.parse(self.spec.name).circuit)


def make_spec(name: ZfishName, circuit: Circuit) -> TaskSpec:
    """Build the specification of a task: everything that programs may know of it."""
    driven, masked = name.track != "autonomous", name.track == "masked"
    spec = TaskSpec(
        name=str(name),
        description=_description(name, circuit),
        contract=CONTRACT,
        dt_ms=1.0,
        horizon=HORIZON,
        context=CONTEXT,
        neurons=circuit.neurons,
        groups=circuit.groups,
        drive=circuit.drive if driven else (),
        mask=circuit.group_mask() if masked else None,
        drive_mask=circuit.drive_group_mask() if masked else None,
        objective=name.objective,
    )
    return spec.anonymised(spec.description) if name.uses_neutral_names else spec


def _description(name: ZfishName, circuit: Circuit) -> str:
    N, D = circuit.size
    meaning = "" if name.uses_neutral_names else f" {CHANNELS}"
    drive = {
        "autonomous": "The sensory drive is not shown.",
        "driven": f"Each step is driven by {D} known channels.{meaning}",
        "masked": f"Each step is driven by {D} known channels, and the Boolean wiring between groups is given."
        f"{meaning}",
    }[name.track]
    animal = "animal" if name.uses_neutral_names else "larval zebrafish that follows moving floor patterns"
    return (
        f"{N} neurons of a simulated {animal}, recorded at 1 ms. Activities "
        f"are rates, mostly in [0, 1]. {drive} Find the one-step map a(t) = f(a(t-1), x(t)) that forecasts the next "
        f"{HORIZON} ms, also under a stimulus that is not in the training data."
    )


def windows(dataset: Dataset, name: ZfishName, conditions: tuple[str, ...], split: str) -> LabelledWindows:
    """Cut a split into windows, one every `STRIDE` steps, condition by condition, with the full drive.

    Args:
        dataset: the recordings.
        name: the parts of the task's name, which say how conditions are called.
        conditions: the conditions to cut.
        split: `validation`, `test` or `ood`.
    """
    names, contexts, drives, targets = [], [], [], []
    for condition in conditions:
        for activity, drive in dataset.stretches(condition, split, lead=CONTEXT):
            # the stretch begins CONTEXT steps before its first target, whatever context a method uses
            for start in range(0, len(activity) - STRIDE + 1, STRIDE):
                end = start + STRIDE
                names.append(name.display_name(condition))
                contexts.append(activity[start : start + CONTEXT])
                drives.append(drive[start:end])
                targets.append(activity[start + CONTEXT : end])
    inputs = Windows(tuple(names), np.stack(contexts), np.stack(drives))
    return LabelledWindows(inputs, np.stack(targets))


def hide_drive(windows: LabelledWindows, visible: int) -> LabelledWindows:
    """Return the same windows with the first `visible` drive channels only: all of them, or none."""
    inputs = windows.inputs
    return LabelledWindows(
        Windows(inputs.conditions, inputs.context, inputs.drive[:, :, :visible].copy()), windows.target
    )
