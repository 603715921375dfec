"""The interfaces of fitted models: every model forecasts; a mechanistic one can also be perturbed and clamped.

Most models are a `Forecaster`, a `Simulator`, or both. `Direct` and `Probabilistic` make further scores possible,
`Stateful` says whether there is hidden state, `Seeded` whether the seed matters, `Metered` reports the resources that a
fit used up, and `Placed` computes where it is told to.
"""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from zfbench.protocols.sandbox import Sandbox
from zfbench.records.clamp import Clamp
from zfbench.records.limits import Limits
from zfbench.records.recordings import LabelledWindows, Recording


@runtime_checkable
class Forecaster(Protocol):
    """A model of activity that is fitted once and then forecasts windows."""

    def fit(self, train: tuple[Recording, ...], validation: LabelledWindows, limits: Limits) -> None:
        """Fit the model within the limits.

        Args:
            train: recordings to fit to.
            validation: windows to select on, for example to stop the training early.
            limits: limits of the fit.
        """
        ...

    def forecast(self, context: NDArray[np.float32], drive: NDArray[np.float32]) -> NDArray[np.float32]:
        """Forecast the activity over the horizon.

        Args:
            context: [B, C, N], activity before the forecast.
            drive: [B, C + H, D]; its length determines the horizon. D = 0 in an autonomous track.

        Returns:
            [B, H, N].
        """
        ...


@runtime_checkable
class Simulator(Protocol):
    """A model that computes one step after another, so that it can be perturbed and clamped."""

    def rollout(
        self, context: NDArray[np.float32], drive: NDArray[np.float32], clamp: Clamp | None = None
    ) -> NDArray[np.float32]:
        """Roll out as `Forecaster.forecast` does, and overwrite the clamped neurons after every step.

        Args:
            context: [B, C, N], activity before the forecast.
            drive: [B, C + H, D].
            clamp: neurons to overwrite, with their values; None for a free rollout.

        Returns:
            [B, H, N].
        """
        ...


@runtime_checkable
class Stateful(Protocol):
    """A simulator that says whether it has hidden state; if it does not, the judge tests whether it has.

    Attributes:
        hidden_state: True if a step reads anything of the past beside the last activity.
    """

    @property
    def hidden_state(self) -> bool:
        """True if a step reads anything of the past beside the last activity."""
        ...


@runtime_checkable
class Direct(Protocol):
    """A forecaster that maps a whole window to the whole horizon at once.

    It is only given windows of the task's context and horizon, by the judge too.

    Attributes:
        one_step_map: True if the derivative of its first forecast step with respect to the last activity of the context
            contains information about wiring. False for a model that forecasts every neuron from its own past: its
            derivative vanishes off the diagonal whatever the data are, so that its score would be meaningless.
    """

    one_step_map: bool


@runtime_checkable
class Probabilistic(Protocol):
    """A forecaster of distributions; the median of its samples is its point forecast."""

    def sample(self, context: NDArray[np.float32], drive: NDArray[np.float32]) -> NDArray[np.float32]:
        """Draw sample paths [S, B, H, N]; the arguments are those of `Forecaster.forecast`."""
        ...


class FitReport(Protocol):
    """A report of the resources that a fit used up.

    Attributes:
        updates: optimiser steps taken.
    """

    @property
    def updates(self) -> int:
        """The number of optimiser steps."""
        ...


@runtime_checkable
class Metered(Protocol):
    """A model that counts the updates of its fit; a model without a report took none.

    A model whose fit draws random numbers without steps of an optimiser, such as a forest of trees, counts a draw as an
    update: a result without updates is taken to be equal for every seed.
    """

    @property
    def report(self) -> FitReport | None:
        """The report of the fit; it is there from the beginning, and may be None before the fit."""
        ...


@runtime_checkable
class Seeded(Protocol):
    """A model that says whether its scores depend on its seed; one that does not say so is taken to depend on it.

    Attributes:
        depends_on_seed: False if nothing is drawn, neither initial weights nor batches, so that one run stands for all
            seeds. A model that depends on its seed is `Metered`; one that does not reports no updates, since boards
            read from these that chance took part.
    """

    depends_on_seed: bool


@runtime_checkable
class Written(Protocol):
    """An entry of the group `zfbench.baselines` whose model is a program."""

    @property
    def source(self) -> str | None:
        """The program's source; None if it is trained otherwise than a program that is judged."""
        ...


@runtime_checkable
class Placed(Protocol):
    """A model that can compute on more than one kind of device; any other computes on the CPU."""

    def compute_in(self, sandbox: Sandbox) -> None:
        """Fit and forecast on the sandbox's device, and in the sandbox where it is a program; called before `fit`.

        Raises:
            ZfbenchError: a library that it needs cannot use the device.
        """
        ...


@runtime_checkable
class EdgeRanking(Protocol):
    """A control that forecasts nothing and only says which edges it predicts."""

    def edges(self) -> NDArray[np.floating]:
        """Return the predicted strengths, [N, N], of the edges from neuron j to neuron i; the sign is the edge's."""
        ...


class Baseline(Protocol):
    """Declarations that every entry of the group `zfbench.baselines` has; a class to inherit from.

    An object that makes models may have the same attributes instead. An entry is called with a task and a seed,
    `entry(task, seed)`, and returns a model that is not fitted yet: a `Forecaster`, a `Simulator`, both, or an
    `EdgeRanking`.

    Attributes:
        kind: `baseline`, `control`, or `program` for a reference program.
        needs: parts of a task that the method must be given: any of `drive` and `mask`.
        requires: packages of an optional extra that it imports.
        uses_drive: True if it forecasts from the drive of the horizon.
        depends_on_seed: False if nothing is drawn, neither initial weights nor batches, so that one run stands for all
            seeds. The models of an entry that depends on the seed are `Metered`.
    """

    kind: Literal["baseline", "control", "program"] = "baseline"
    needs: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    uses_drive: bool = False
    depends_on_seed: bool = True
