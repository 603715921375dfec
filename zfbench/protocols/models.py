"""What a fitted model offers the judge: every model forecasts; a mechanistic one can also be probed.

`Forecaster` and `Simulator` are the two that matter. `Direct` and `Probabilistic` open further scores, and `Metered`
reports what a fit used up.
"""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from zfbench.records.clamp import Clamp
from zfbench.records.limits import Limits
from zfbench.records.recordings import LabelledWindows, Recording


@runtime_checkable
class Forecaster(Protocol):
    """A model of activity that is fitted once and then forecasts windows."""

    def fit(self, train: tuple[Recording, ...], validation: LabelledWindows, limits: Limits) -> None:
        """Fit within the limits; select on validation only."""
        ...

    def forecast(self, context: NDArray[np.float32], drive: NDArray[np.float32]) -> NDArray[np.float32]:
        """Activity over the horizon.

        Args:
            context: [B, C, N], activity before the forecast.
            drive: [B, C + H, D]; its length says the horizon. D = 0 in an autonomous track.

        Returns:
            [B, H, N].
        """
        ...


@runtime_checkable
class Simulator(Protocol):
    """A model that steps: its predictions can be perturbed and clamped, so its mechanism can be scored."""

    def rollout(
        self, context: NDArray[np.float32], drive: NDArray[np.float32], clamp: Clamp | None = None
    ) -> NDArray[np.float32]:
        """Like `Forecaster.forecast`, with the clamped neurons overwritten after every step: [B, H, N]."""
        ...


@runtime_checkable
class Direct(Protocol):
    """A forecaster that maps a whole window to the whole horizon at once.

    It is only ever given windows of the task's context and horizon, by the judge too.

    Attributes:
        one_step_map: whether the derivative of its first forecast step by the last activity of the context says
            anything about wiring. False for a model that forecasts every neuron from its own past: its derivative
            vanishes off the diagonal whatever the data, and a score of it would be a score of nothing.
    """

    one_step_map: bool


@runtime_checkable
class Probabilistic(Protocol):
    """A forecaster of distributions; the median of its samples is its point forecast."""

    def sample(self, context: NDArray[np.float32], drive: NDArray[np.float32]) -> NDArray[np.float32]:
        """Sample paths [S, B, H, N]; the arguments are those of `Forecaster.forecast`."""
        ...


class FitReport(Protocol):
    """What a fit used up.

    Attributes:
        updates: optimiser steps taken.
    """

    @property
    def updates(self) -> int:
        """Optimiser steps taken."""
        ...


@runtime_checkable
class Metered(Protocol):
    """A model that counts the updates of its fit; one without a report took none."""

    @property
    def report(self) -> FitReport:
        """How the fit went."""
        ...


@runtime_checkable
class EdgeRanking(Protocol):
    """A control that forecasts nothing and only says which edges it believes in."""

    def edges(self) -> NDArray[np.bool_]:
        """Whether there is an edge from neuron j to neuron i: bool [N, N]."""
        ...


class Baseline(Protocol):
    """What every entry of the group `zfbench.baselines` declares: a class to inherit from, or what a factory has too.

    An entry is called with a task and a seed, `entry(task, seed)`, and gives a model that is not fitted yet: a
    `Forecaster`, a `Simulator`, both, or an `EdgeRanking`.

    Attributes:
        kind: `baseline`, `control`, or `program` for a reference program.
        needs: what a task must show: any of `drive` and `mask`.
        requires: packages of an optional extra that it imports.
        uses_drive: whether it forecasts from the drive of the horizon.
    """

    kind: Literal["baseline", "control", "program"] = "baseline"
    needs: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    uses_drive: bool = False
