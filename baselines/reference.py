"""Expert-written reference programs as rows of the board; their sources are in `baselines/programs`.

They are ordinary candidate programs: the same contract, trainer, sandbox and limits as what a search finds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from zfbench.baselines.programs import source
from zfbench.forecasting.model import ProgramModel
from zfbench.forecasting.task import Task
from zfbench.records.limits import Limits
from zfbench.records.recordings import LabelledWindows, Recording
from zfbench.tasks.zfish.task import ZfishTask


class Reference(ProgramModel):
    """A named reference program."""

    kind: Literal["program"] = "program"

    def __init__(self, name: str, task: Task, seed: int) -> None:
        super().__init__(source(name), task.spec, seed)


class Mirrored(Reference):
    """A reference program whose training data also holds the recordings of the mirrored larva.

    A control for the held-out condition: where mirroring alone closes the gap, the condition had leaked.
    """

    def __init__(self, name: str, task: ZfishTask, seed: int) -> None:
        super().__init__(name, task, seed)
        self._task = task

    def fit(self, train: tuple[Recording, ...], validation: LabelledWindows, limits: Limits) -> None:
        """Train on the recordings and their mirror images; see `ProgramModel.fit`."""
        super().fit(train + self._task.mirrored(), validation, limits)


@dataclass(frozen=True)
class ReferenceMethod:
    """A reference program, as the entry-point group `zfbench.baselines` holds it.

    Attributes:
        program: its name in `baselines/programs`.
        needs: what a task must show.
        model: what is made of it.
    """

    kind: ClassVar[Literal["program"]] = "program"
    requires: ClassVar[tuple[str, ...]] = ()
    program: str
    needs: tuple[str, ...] = ()
    model: type[Reference] = Reference
    uses_drive: bool = True

    def __call__(self, task: Task, seed: int) -> Reference:
        """An untrained model."""
        return self.model(self.program, task, seed)


# two hidden layers from all activity and drive to a target that all activity leaks to
driven_mlp = ReferenceMethod("driven_mlp")
# the same on mirror-augmented training data
driven_mlp_mirrored = ReferenceMethod("driven_mlp", model=Mirrored)
# a gated recurrent unit with hidden state
driven_gru = ReferenceMethod("driven_gru")
# a small network per neuron that reads its allowed inputs only
masked_mlp = ReferenceMethod("masked_mlp", needs=("mask",))
# leaky neurons with a sigmoid of a weighted sum of their allowed inputs
masked_leaky_sigmoid = ReferenceMethod("masked_leaky_sigmoid", needs=("mask",))
