"""The faces a fitted model shows the judge: every model forecasts, a mechanistic one can also be probed.

`Forecaster` and `Simulator` are the two that matter. The others are optional: `Direct` and `Probabilistic` open further
scores, `Metered` books what a fit used up, `Storable` lets a fitted model outlive its process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from zfbench.tasks.task import LabelledWindows, Recording, TaskSpec


@dataclass(frozen=True)
class Limits:
    """What one fit may spend; whichever is reached first ends it.

    Attributes:
        updates: optimiser steps.
        seconds: wall-clock time of the fit, compilation included.
        memory_bytes: address space of the fitting process.
    """

    updates: int = 2_000
    seconds: float = 300.0
    memory_bytes: int = 8 * 2**30


@dataclass(frozen=True, eq=False)
class Clamp:
    """An intervention do(a_i(t) = value) at every forecast step.

    Attributes:
        mask: bool [B, N], the neurons held.
        value: float32 [B, N], the activity they are held at, or [B, H, N], the course they are made to
            follow; ignored where the mask is False.
    """

    mask: NDArray[np.bool_]
    value: NDArray[np.float32]

    def course(self, H: int) -> NDArray[np.float32]:
        """The value at every one of H steps, [B, H, N]."""
        value = self.value if self.value.ndim == 3 else self.value[:, None]
        return np.broadcast_to(value, (len(value), H, value.shape[2]))


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
class Storable(Protocol):
    """A model whose fitted state is a set of arrays; see `zfbench.storage`."""

    def arrays(self) -> dict[str, NDArray]:
        """The fitted state."""
        ...

    def restore(self, arrays: Mapping[str, NDArray]) -> None:
        """Take on a state that `arrays` gave; afterwards forecasts are the same as before.

        Raises:
            ValueError: the arrays are not a state of this model on this task.
        """
        ...


def suits(factory: object, spec: TaskSpec) -> bool:
    """Whether a task shows what a registered baseline needs.

    Args:
        factory: its `needs` may hold "drive" and "mask"; a factory without that attribute needs nothing.
        spec: the task.
    """
    needs: tuple[str, ...] = getattr(factory, "needs", ())
    return (len(spec.drive) > 0 or "drive" not in needs) and (spec.masked or "mask" not in needs)


def missing_packages(factory: object) -> tuple[str, ...]:
    """The packages of an optional extra that a registered baseline lists in `requires` and that are not installed."""
    return tuple(name for name in getattr(factory, "requires", ()) if find_spec(name) is None)


def given_future_drive(factory: object, spec: TaskSpec) -> bool:
    """Whether a registered baseline forecasts this task from the drive of the horizon (its `uses_drive`)."""
    return bool(getattr(factory, "uses_drive", False)) and len(spec.drive) > 0


def roll(
    step: Callable[[NDArray, NDArray], NDArray],
    context: NDArray[np.float32],
    drive: NDArray[np.float32],
    clamp: Clamp | None = None,
) -> NDArray[np.float32]:
    """Iterate a one-step map on its own output.

    Args:
        step: `step(activity [B, N], drive [B, D]) -> [B, N]`.
        context: [B, C, N]; only the last entry matters to a map without memory.
        drive: [B, C + H, D].
        clamp: neurons to overwrite after every step.

    Returns:
        [B, H, N].
    """
    C = context.shape[1]
    activity = context[:, -1]  # [B, N]
    forecast = np.empty((len(context), drive.shape[1] - C, context.shape[2]), np.float32)
    course = None if clamp is None else clamp.course(forecast.shape[1])
    for h in range(forecast.shape[1]):
        activity = step(activity, drive[:, C + h])
        if clamp is not None and course is not None:
            activity = np.where(clamp.mask, course[:, h], activity)
        forecast[:, h] = activity
    return forecast
