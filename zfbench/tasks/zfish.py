"""The task `zfish`: forecast the larva's 54 neurons, and find how they are wired.

A name says everything: `zfish-tiny/masked`, `zfish/driven`, `zfish/driven@holdout:inward`. Tier `tiny` trains on 12 s
a condition and `standard` (no suffix) on 80 s; both are validated and tested on the same later stretches. Tracks:
`autonomous` (no drive), `driven` (drive, no wiring) and `masked` (drive and the Boolean wiring between groups).

The held-out condition is `outward`: the mirror image of `left` gives `right` away, while `outward` is its own mirror
image. `holdout:left+right` adds the `forward` recording to training.

`zfish-tiny/masked@anonymous` is `zfish-tiny/masked` without a word by which the larva, its study or its neurons could
be recognised; a circuit that is not the published one never has them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from zfbench.errors import UnknownNameError, ZfbenchError
from zfbench.forecaster import Clamp
from zfbench.programs.contract import CONTRACT
from zfbench.programs.seed import SEED_PROGRAM
from zfbench.tasks.recordings import RecordingTask
from zfbench.tasks.sealed import SealedTest
from zfbench.tasks.task import LabelledWindows, Recording, TaskSpec, Windows
from zfbench.testbed.circuit import Circuit
from zfbench.testbed.data import CONDITIONS, Dataset, load_dataset
from zfbench.testbed.published import load as load_circuit
from zfbench.testbed.transition import rollout

CONTEXT = 256  # steps of context on offer; a method may use fewer
HORIZON = 256  # steps to forecast, as in the simZFish study
STRIDE = CONTEXT + HORIZON  # no window's context holds another window's target

TRACKS = ("autonomous", "driven", "masked")
TIERS = ("tiny", "standard")
MAIN_CONDITIONS = ("inward", "outward", "left", "right")
DEFAULT_HOLDOUT = ("outward",)

_NAME = re.compile(r"zfish(?:-(?P<tier>[a-z]+))?/(?P<track>[a-z]+)(?P<modifiers>(?:@[^@]+)*)")


@dataclass(frozen=True)
class ZfishName:
    """The parts of a task's name."""

    tier: str
    track: str
    circuit: str = "published"
    holdout: tuple[str, ...] = DEFAULT_HOLDOUT
    anonymous: bool = False

    def __str__(self) -> str:
        tier = "" if self.tier == "standard" else f"-{self.tier}"
        circuit = "" if self.circuit == "published" else f"@{self.circuit}"
        holdout = "" if self.holdout == DEFAULT_HOLDOUT else f"@holdout:{'+'.join(self.holdout)}"
        anonymous = "@anonymous" if self.anonymous else ""
        return f"zfish{tier}/{self.track}{circuit}{holdout}{anonymous}"

    @classmethod
    def parse(cls, name: str) -> ZfishName:
        """Read a name.

        Raises:
            UnknownNameError: no such task, tier, track or condition; names the nearest known one.
        """
        match = _NAME.fullmatch(name)
        if match is None:
            raise UnknownNameError("task", name, canonical_names())
        tier, track = match["tier"] or "standard", match["track"]
        if tier not in TIERS or track not in TRACKS:
            raise UnknownNameError("task", name, canonical_names())
        circuit, holdout, anonymous = "published", DEFAULT_HOLDOUT, False
        modifiers = match["modifiers"].split("@")[1:]
        kinds = [m if m == "anonymous" else "holdout" if m.startswith("holdout:") else "circuit" for m in modifiers]
        for kind in kinds:
            if kinds.count(kind) > 1:
                raise ZfbenchError(
                    f"The task '{name}' names {kinds.count(kind)} of the kind {kind}; a name has at most one circuit, "
                    "one holdout:CONDITION and one anonymous."
                )
        for modifier in modifiers:
            if modifier.startswith("holdout:"):
                holdout = tuple(sorted(modifier.removeprefix("holdout:").split("+")))
                for condition in holdout:
                    if condition not in MAIN_CONDITIONS:
                        raise UnknownNameError("condition", condition, MAIN_CONDITIONS)
            elif modifier == "anonymous":
                anonymous = True
            else:
                circuit = modifier
        if len(set(holdout)) != len(holdout) or len(holdout) >= len(MAIN_CONDITIONS):
            raise ZfbenchError(f"The task '{name}' holds out {len(holdout)} conditions; name each once and leave one.")
        return cls(tier, track, circuit, holdout, anonymous)

    @property
    def trained(self) -> tuple[str, ...]:
        """Conditions to train on; `forward` stands in when both asymmetric ones are held out."""
        kept = tuple(c for c in MAIN_CONDITIONS if c not in self.holdout)
        return (*kept, "forward") if {"left", "right"} <= set(self.holdout) else kept

    @property
    def nameless(self) -> bool:
        """Whether names are neutral: whoever remembers a publication must gain nothing on another circuit."""
        return self.anonymous or self.circuit != "published"

    def shown(self, condition: str) -> str:
        """What a condition is called before methods."""
        return f"condition{CONDITIONS.index(condition) + 1}" if self.nameless else condition


def canonical_names() -> tuple[str, ...]:
    """The tasks on the published circuit with the default held-out condition."""
    return tuple(str(ZfishName(tier, track)) for tier in TIERS for track in TRACKS)


class ZfishTask(RecordingTask):
    """What methods receive (see `zfbench.tasks.task.Task`); has no way to the test or held-out recordings."""

    def __init__(self, name: ZfishName, circuit: Circuit, dataset: Dataset) -> None:
        self.spec = _spec(name, circuit)
        self.data_sha256 = dataset.sha256
        self.seed_program = SEED_PROGRAM
        visible = len(self.spec.drive)
        self.train = tuple(
            Recording(name.shown(c), activity.copy(), drive[:, :visible].copy())  # a view would lead to what is hidden
            for c in name.trained
            for activity, drive in [dataset.stretch(c, "train")]
        )
        self.validation = _hide_drive(_windows(dataset, name, name.trained, "validation"), visible)

    def mirrored(self) -> tuple[Recording, ...]:
        """The training recordings as the mirrored larva would have made them; for a control, not for candidates."""
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


class TrueModel:
    """f* as a `Simulator`, for the track's view of the drive.

    Without drive it is rolled on `mean_drive`: the best it can do without knowing what the larva sees.
    """

    def __init__(self, circuit: Circuit, mean_drive: NDArray[np.float64]) -> None:
        self._circuit = circuit
        self._mean_drive = mean_drive  # [D]

    def rollout(
        self, context: NDArray[np.float32], drive: NDArray[np.float32], clamp: Clamp | None = None
    ) -> NDArray[np.float32]:
        """See `zfbench.forecaster.Simulator.rollout`."""
        B, C = context.shape[:2]
        future = drive[:, C:].astype(np.float64)  # [B, H, D]
        if future.shape[2] == 0:
            future = np.broadcast_to(self._mean_drive, (B, future.shape[1], len(self._mean_drive)))
        mask, value = (None, None) if clamp is None else (clamp.mask, clamp.value.astype(np.float64))
        return rollout(self._circuit, context[:, -1].astype(np.float64), future, mask, value).astype(np.float32)


class ZfishFamily:
    """The entry point `zfish` of the group `zfbench.tasks`."""

    def names(self) -> tuple[str, ...]:
        """See `zfbench.tasks.task.TaskFamily.names`."""
        return canonical_names()

    def load(self, name: str) -> ZfishTask:
        """See `zfbench.tasks.task.TaskFamily.load`."""
        parts = ZfishName.parse(name)
        return ZfishTask(parts, load_circuit(parts.circuit), load_dataset(parts.tier, parts.circuit))

    def seal(self, name: str) -> SealedTest:
        """See `zfbench.tasks.sealed.SealedFamily.seal`."""
        parts = ZfishName.parse(name)
        circuit = load_circuit(parts.circuit)
        dataset = load_dataset(parts.tier, parts.circuit)
        spec = _spec(parts, circuit)
        test = _windows(dataset, parts, parts.trained, "test")
        ood = _windows(dataset, parts, parts.holdout, "ood")
        training = np.concatenate([dataset.stretch(c, "train")[0] for c in parts.trained]).astype(np.float64)
        return SealedTest(
            spec=spec,
            track=parts.track,
            tier=parts.tier,
            circuit=f"{parts.circuit}, anonymous" if parts.anonymous else parts.circuit,  # a board of their own
            holdout="+".join(parts.holdout),
            data_sha256=dataset.sha256,
            test=_hide_drive(test, len(spec.drive)),
            ood=_hide_drive(ood, len(spec.drive)),
            full_drive_test=test.inputs.drive,
            full_drive_ood=ood.inputs.drive,
            truth=true_model(name),
            wiring=circuit.wiring,
            allowed=circuit.group_mask(),
            train_mean=training.mean(axis=0),
            train_sd=training.std(axis=0),
        )


ZFISH = ZfishFamily()


def true_model(name: str) -> TrueModel:
    """f* of the task of that name."""
    parts = ZfishName.parse(name)
    dataset = load_dataset(parts.tier, parts.circuit)
    drives = [dataset.stretch(c, "train")[1] for c in parts.trained]
    return TrueModel(load_circuit(parts.circuit), np.concatenate(drives).mean(axis=0, dtype=np.float64))


def _spec(name: ZfishName, circuit: Circuit) -> TaskSpec:
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
    )
    return spec.anonymised(spec.description) if name.nameless else spec


def _description(name: ZfishName, circuit: Circuit) -> str:
    N, D = circuit.size
    meaning = "" if name.nameless else ": retinal responses, their running mean, and bout state"
    drive = {
        "autonomous": "The sensory drive is not shown.",
        "driven": f"Each step is driven by {D} known channels{meaning}.",
        "masked": f"Each step is driven by {D} known channels, and the Boolean wiring between groups is given.",
    }[name.track]
    animal = "animal" if name.nameless else "larval zebrafish that follows moving floor patterns"
    return (
        f"{N} neurons of a simulated {animal}, recorded at 1 ms. Activities "
        f"are rates, mostly in [0, 1]. {drive} Find the one-step map a(t) = f(a(t-1), x(t)) that forecasts the next "
        f"{HORIZON} ms, also under a stimulus that is not in the training data."
    )


def _windows(dataset: Dataset, name: ZfishName, conditions: tuple[str, ...], split: str) -> LabelledWindows:
    """Windows at every `STRIDE` steps of a split, condition by condition, with the full drive."""
    names, contexts, drives, targets = [], [], [], []
    for condition in conditions:
        for activity, drive in dataset.stretches(condition, split, lead=CONTEXT):
            # the stretch begins CONTEXT steps before its first target, whatever context a method uses
            for start in range(0, len(activity) - STRIDE + 1, STRIDE):
                end = start + STRIDE
                names.append(name.shown(condition))
                contexts.append(activity[start : start + CONTEXT])
                drives.append(drive[start:end])
                targets.append(activity[start + CONTEXT : end])
    inputs = Windows(tuple(names), np.stack(contexts), np.stack(drives))
    return LabelledWindows(inputs, np.stack(targets))


def _hide_drive(windows: LabelledWindows, visible: int) -> LabelledWindows:
    """The same windows with the first `visible` drive channels only: all of them, or none."""
    inputs = windows.inputs
    return LabelledWindows(
        Windows(inputs.conditions, inputs.context, inputs.drive[:, :, :visible].copy()), windows.target
    )
