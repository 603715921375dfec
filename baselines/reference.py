"""Reference programs, written by experts, as rows of the leaderboard; their sources are in `baselines/programs`.

They are ordinary candidate programs, with the contract, trainer, sandbox and limits of a program that a search finds.
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
    """A reference program on one task.

    Args:
        name: name of the program in `baselines/programs`.
        task: the task to forecast.
        seed: seed of the training.
    """

    kind: Literal["program"] = "program"

    def __init__(self, name: str, task: Task, seed: int) -> None:
        super().__init__(source(name), task.spec, seed)


class Mirrored(Reference):
    """A reference program that is also trained on the recordings of the mirrored larva.

    It is a control for the held-out condition: if mirroring alone closes the gap between training and held-out
    conditions, the training data give the held-out condition away.

    Args:
        name: name of the program in `baselines/programs`.
        task: a task of the family `zfish`.
        seed: seed of the training.
    """

    def __init__(self, name: str, task: ZfishTask, seed: int) -> None:
        super().__init__(name, task, seed)
        self._task = task

    def fit(self, train: tuple[Recording, ...], validation: LabelledWindows, limits: Limits) -> None:
        """Train on the recordings and on their mirror images.

        Args:
            train: recordings to fit.
            validation: windows to select on.
            limits: limits of the training.

        Raises:
            CandidateError: the program failed.
        """
        super().fit(train + self._task.mirrored(), validation, limits)


@dataclass(frozen=True)
class ReferenceMethod:
    """A reference program, as registered in the entry-point group `zfbench.baselines`.

    Attributes:
        program: its name in `baselines/programs`.
        needs: the things that a task must give, such as `mask`.
        model: the class that trains and runs it.
        uses_drive: True if it reads the drive of the horizon.
    """

    kind: ClassVar[Literal["program"]] = "program"
    requires: ClassVar[tuple[str, ...]] = ()
    program: str
    needs: tuple[str, ...] = ()
    model: type[Reference] = Reference
    uses_drive: bool = True

    def __call__(self, task: Task, seed: int) -> Reference:
        """Return a model that is not trained yet."""
        return self.model(self.program, task, seed)


driven_mlp = ReferenceMethod("driven_mlp")
"""A black box: two hidden layers from all activity and drive to a target that all activity leaks to."""
driven_mlp_mirrored = ReferenceMethod("driven_mlp", model=Mirrored)
"""`driven_mlp`, also trained on the mirror images of the recordings."""
driven_gru = ReferenceMethod("driven_gru")
"""A gated recurrent unit with a hidden state, which reads all activity and drive."""
masked_mlp = ReferenceMethod("masked_mlp", needs=("drive",))
"""A small network per neuron that reads its allowed inputs only; in the track `driven`, all of them."""
masked_leaky_sigmoid = ReferenceMethod("masked_leaky_sigmoid", needs=("drive",))
"""Leaky neurons with a sigmoid of a weighted sum of their allowed inputs; in the track `driven`, of all."""
