"""Reference programs, written by experts, as rows of the leaderboard; their sources are in `baselines/programs`.

They are ordinary candidate programs, with the contract, trainer, sandbox and limits of a program that a search finds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from zfbench.base.errors import UnknownNameError, ZfbenchError
from zfbench.baselines.programs import source
from zfbench.forecasting.model import ProgramModel
from zfbench.forecasting.task import Task
from zfbench.records.limits import Limits
from zfbench.records.recordings import LabelledWindows, Recording
from zfbench.tasks.zfish.name import ZfishName
from zfbench.tasks.zfish.task import ZfishTask


class Reference(ProgramModel):
    """A reference program on one task.

    Args:
        name: name of the program in `baselines/programs`.
        task: the task to forecast.
        seed: seed of the training.
    """

    kind: Literal["baseline", "control", "program"] = "program"

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


class Ceiling(Reference):
    """The published circuit's form with every constant learned: what any method can reach under this training.

    Args:
        name: name of the program in `baselines/programs`.
        task: a task of the family `zfish` on the published circuit, with its names.
        seed: seed of the training.

    Raises:
        ZfbenchError: the task is on another circuit, or hides the names of its groups.
    """

    kind: Literal["baseline", "control", "program"] = "control"

    def __init__(self, name: str, task: Task, seed: int) -> None:
        parts = ZfishName.parse(task.spec.name)
        if parts.circuit != "published" or parts.uses_neutral_names:
            raise ZfbenchError(
                f"The ceiling needs the published circuit with its own names, which '{task.spec.name}' lacks; leave "
                "the ceiling out there."
            )
        super().__init__(name, task, seed)


@dataclass(frozen=True)
class ReferenceMethod:
    """A reference program, as registered in the entry-point group `zfbench.baselines`.

    Attributes:
        program: its name in `baselines/programs`.
        needs: the things that a task must give, such as `mask`.
        model: the class that trains and runs it.
        uses_drive: True if it reads the drive of the horizon.
    """

    requires: ClassVar[tuple[str, ...]] = ()
    depends_on_seed: ClassVar[bool] = True
    program: str
    needs: tuple[str, ...] = ()
    model: type[Reference] = Reference
    uses_drive: bool = True

    @property
    def kind(self) -> Literal["baseline", "control", "program"]:
        """The kind of its model: a program or a control."""
        return self.model.kind

    @property
    def source(self) -> str | None:
        """The source of the program; None if it is trained otherwise than a program that is judged."""
        return source(self.program) if self.model is Reference else None

    def __call__(self, task: Task, seed: int) -> Reference:
        """Return a model that is not trained yet."""
        return self.model(self.program, task, seed)


driven_mlp = ReferenceMethod("driven_mlp")
"""A black box: two hidden layers from all activity and drive to a target that all activity leaks to."""
driven_mlp_bounded = ReferenceMethod("driven_mlp_bounded")
"""`driven_mlp` with a sigmoid on its output, and nothing else."""
driven_mlp_mirrored = ReferenceMethod("driven_mlp", model=Mirrored)
"""`driven_mlp`, also trained on the mirror images of the recordings."""
driven_gru = ReferenceMethod("driven_gru")
"""A gated recurrent unit with a hidden state, which reads all activity and drive."""
masked_mlp = ReferenceMethod("masked_mlp", needs=("mask",))
"""A small network per neuron that reads its allowed inputs only."""
masked_leaky_sigmoid = ReferenceMethod("masked_leaky_sigmoid", needs=("mask",))
"""Leaky neurons with a sigmoid of a weighted sum of their allowed inputs."""
neuron_mlp_leak = ReferenceMethod("masked_mlp")
"""The program of `masked_mlp`, also where no wiring is given and every neuron may read everything."""
neuron_leaky_sigmoid = ReferenceMethod("masked_leaky_sigmoid")
"""The program of `masked_leaky_sigmoid`, also where no wiring is given and every neuron may read everything."""
neuron_mlp_leak_squash = ReferenceMethod("neuron_mlp_leak_squash")
"""A small network per neuron with a leak and a sigmoid on its output."""
neuron_mlp_squash = ReferenceMethod("neuron_mlp_squash")
"""A small network per neuron with a sigmoid on its output and no leak."""
neuron_mlp = ReferenceMethod("neuron_mlp")
"""A small network per neuron with neither leak nor sigmoid on its output."""
ceiling = ReferenceMethod("ceiling", needs=("drive",), model=Ceiling)
"""The form of the published circuit with every constant learned: what the best program would score."""


def source_of(name: str) -> str:
    """Return the source that a reference method trains on the task's own recordings, by its name in tables.

    Raises:
        UnknownNameError: there is no such method; the nearest name is suggested.
    """
    known = {n: v for n, v in globals().items() if isinstance(v, ReferenceMethod) and v.model is not Mirrored}
    if name not in known:
        raise UnknownNameError("reference program", name, tuple(known))
    return source(known[name].program)
