"""Checks that forecasters keep their interface: shapes, repeatability, clamps, and what they say of themselves.

`check_fitted` is run on every baseline before it is judged, since a forecast of a wrong shape may broadcast, and a
clamp that is ignored looks like a mechanism that is wrong. `zfbench.testing` and `zfbench check-plugin` run all checks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zfbench.base.errors import PluginError
from zfbench.forecasting.baseline import missing_packages, suits
from zfbench.forecasting.task import Task
from zfbench.protocols.conduct import called, conduct_of
from zfbench.protocols.models import Baseline, Direct, EdgeRanking, Forecaster, Probabilistic, Simulator
from zfbench.protocols.task import Candidate
from zfbench.records.clamp import Clamp
from zfbench.records.limits import Limits

KINDS = ("baseline", "control", "program")
PARTS = ("drive", "mask")
BRIEF = Limits(updates=20, seconds=120)  # of the fit whose forecasts are checked
WINDOWS = 3  # whose forecasts are checked
CLOSE = 1e-4  # largest difference of a forecast that rounding in a batch of another size may make
HELD = 0.75  # value at which a neuron is clamped


def check_forecast(model: object, forecast: object, shape: tuple[int, ...], method: str = "forecast") -> None:
    """Check the type, shape and values of a forecast.

    Args:
        model: the forecaster.
        forecast: its forecast.
        shape: shape that the forecast must have, [B, H, N], or [S, B, H, N] of samples.
        method: name of the method that was called.

    Raises:
        PluginError: the forecast is no array of that shape.
    """
    name = f"The forecaster {called(model)}"
    if not isinstance(forecast, np.ndarray):
        raise PluginError(f"{name} returned {called(type(forecast))} from {method}; return a NumPy array.")
    if forecast.shape != shape:
        raise PluginError(f"{name} returned an array of shape {forecast.shape} from {method}; return {shape}.")
    if not np.issubdtype(forecast.dtype, np.floating):
        raise PluginError(f"{name} returned an array of {forecast.dtype} from {method}; return float32.")


def check_fitted(model: Any, task: Task) -> None:
    """Check what a fitted baseline predicts for one window: shapes, and that a clamped neuron is held.

    Args:
        model: the fitted model.
        task: the task.

    Raises:
        PluginError: the model breaks its interface, or raises something.
    """
    if isinstance(model, EdgeRanking):
        check_edges(model, len(task.spec.neurons))
        return
    if not isinstance(model, Forecaster | Simulator):
        raise PluginError(
            f"The forecaster {called(model)} has neither forecast nor rollout; zfbench.protocols.models says what they "
            "are."
        )
    if isinstance(model, Simulator):
        check_clamp(model, task)


def check_edges(model: EdgeRanking, N: int) -> None:
    """Check the edges that a control predicts: finite numbers [N, N].

    Raises:
        PluginError: they are no such array.
    """
    with conduct_of("forecaster", model, "edges"):
        edges: object = model.edges()
    if not (
        isinstance(edges, np.ndarray)
        and edges.shape == (N, N)
        and np.issubdtype(edges.dtype, np.floating)
        and np.isfinite(edges).all()
    ):
        raise PluginError(f"The forecaster {called(model)} returned no array of finite numbers {(N, N)} from edges.")


def check_clamp(model: Simulator, task: Task) -> None:
    """Check that a rollout keeps a clamped neuron at its value and lets the others go.

    Raises:
        PluginError: it does not, or it raises something.
    """
    inputs = task.validation.inputs
    context, drive = inputs.context[:1], inputs.drive[:1]
    N = context.shape[2]
    mask = np.zeros((1, N), bool)
    mask[0, N // 2] = True
    with conduct_of("forecaster", model, "rollout"):
        held: object = model.rollout(context, drive, Clamp(mask, np.full((1, N), HELD, np.float32)))
    check_forecast(model, held, task.validation.target[:1].shape, "rollout")
    assert isinstance(held, np.ndarray)
    kept = np.isclose(held[0], np.float32(HELD)).all(axis=0)  # [N]
    if not kept[N // 2]:
        raise PluginError(
            f"The forecaster {called(model)} ignores the clamp of rollout: neuron {N // 2} was to stay at {HELD}; "
            "overwrite the clamped neurons after every step (zfbench.records.clamp.roll does)."
        )
    if N > 1 and kept.all():
        raise PluginError(
            f"The forecaster {called(model)} holds every neuron in rollout where one is clamped; overwrite only the "
            "neurons of clamp.mask."
        )


class Given(Baseline):
    """An entry for a model as `zfbench.judge` takes it: not fitted yet, and without declarations.

    Args:
        model: any object with `fit` and `forecast`.
    """

    def __init__(self, model: object) -> None:
        self._model = model

    def __call__(self, task: Task, seed: int) -> object:
        """Return the model; it was made with its seed.

        Args:
            task: not used.
            seed: not used.
        """
        del task, seed
        return self._model


def as_forecaster(model: object) -> Forecaster:
    """Return an object that has the methods which every model needs.

    Raises:
        PluginError: it lacks `fit` or `forecast`.
    """
    if not isinstance(model, Forecaster):
        raise PluginError(
            f"An object of class {type(model).__name__} cannot be judged: it needs the methods fit(train, validation, "
            "limits) and forecast(context, drive); zfbench.protocols.models.Forecaster says what they are given."
        )
    return model


@dataclass(frozen=True)
class Entry:
    """A registered baseline and the task that it is checked on."""

    factory: Any
    task: Task

    @cached_property
    def model(self) -> Any:
        """The model, fitted within `BRIEF` at the first access.

        Raises:
            PluginError: a package that it requires is missing, or it raises something.
        """
        missing = missing_packages(self.factory)
        if missing:
            raise PluginError(f"The baseline {called(self.factory)} needs {', '.join(missing)}; install its extra.")
        with conduct_of("baseline", self.factory, "its construction"):
            model = self.factory(self.task, 0)
        with conduct_of("forecaster", model, "fit"):
            model.fit(self.task.train, self.task.validation, BRIEF)
        return model

    def close(self) -> None:
        """End the processes of the model, if it has any."""
        if "model" in vars(self) and isinstance(self.model, Candidate):
            self.model.close()

    def forecast(self, begin: int, end: int, drive: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Return the forecast of some validation windows, checked; another drive may take the place of theirs."""
        inputs = self.task.validation.inputs
        drive = inputs.drive[begin:end] if drive is None else drive
        method = "forecast" if isinstance(self.model, Forecaster) else "rollout"
        with conduct_of("forecaster", self.model, method):
            forecast: Any = getattr(self.model, method)(inputs.context[begin:end], drive)
        check_forecast(self.model, forecast, self.task.validation.target[begin:end].shape, method)
        return np.asarray(forecast)


def declarations(entry: Entry) -> None:
    """The entry declares `kind`, `needs`, `requires` and `uses_drive`."""
    factory = entry.factory
    fits = {
        "kind": lambda value: value in KINDS,
        "needs": lambda value: isinstance(value, tuple) and set(value) <= set(PARTS),
        "requires": lambda value: isinstance(value, tuple) and all(isinstance(name, str) for name in value),
        "uses_drive": lambda value: isinstance(value, bool),
    }
    for name, fit in fits.items():
        if not hasattr(factory, name):
            raise PluginError(
                f"The baseline {called(factory)} lacks {name}; inherit from zfbench.protocols.models.Baseline."
            )
        if not fit(getattr(factory, name)):
            raise PluginError(
                f"The baseline {called(factory)} has {name} = {getattr(factory, name)!r}, which is not allowed; "
                "zfbench.protocols.models.Baseline says what is."
            )
    if not suits(factory, entry.task.spec):
        raise PluginError(
            f"The baseline {called(factory)} needs {' and '.join(factory.needs)}, which the task "
            f"'{entry.task.spec.name}' does not give; choose another task."
        )


def fits(entry: Entry) -> None:
    """It is made with a task and a seed, and fitted, which the first access to its model does."""
    _ = entry.model


def predictions(entry: Entry) -> None:
    """Forecasts are finite float arrays [B, H, N]; a rollout holds the clamped neurons, and no others."""
    check_fitted(entry.model, entry.task)
    if isinstance(entry.model, EdgeRanking):
        return
    forecast = entry.forecast(0, WINDOWS)
    if forecast.dtype != np.float32:
        raise PluginError(f"The forecaster {called(entry.model)} returned {forecast.dtype}; return float32.")
    if not np.isfinite(forecast).all():
        raise PluginError(
            f"The forecaster {called(entry.model)} returned values that are not finite; return finite numbers."
        )


def repeatable(entry: Entry) -> None:
    """Equal windows have equal forecasts, whatever windows are beside them."""
    if isinstance(entry.model, EdgeRanking):
        return
    forecast = entry.forecast(0, WINDOWS)
    if not np.array_equal(entry.forecast(0, WINDOWS), forecast):
        raise PluginError(
            f"The forecaster {called(entry.model)} forecasts equal windows differently when asked twice; draw random "
            "numbers from a generator with a fixed seed."
        )
    if not np.allclose(entry.forecast(1, 2)[0], forecast[1], atol=CLOSE):
        raise PluginError(
            f"The forecaster {called(entry.model)} forecasts a window differently when others are beside it; the rows "
            "of a batch are independent."
        )


def agreement(entry: Entry) -> None:
    """A free rollout is the forecast, and the median of samples is the point forecast."""
    model, inputs = entry.model, entry.task.validation.inputs
    if isinstance(model, EdgeRanking):
        return
    forecast = entry.forecast(0, WINDOWS)
    context, drive = inputs.context[:WINDOWS], inputs.drive[:WINDOWS]
    if isinstance(model, Simulator):
        with conduct_of("forecaster", model, "rollout"):
            free: Any = model.rollout(context, drive)
        check_forecast(model, free, forecast.shape, "rollout")
        if not np.allclose(free, forecast, atol=1e-6):
            raise PluginError(
                f"The forecaster {called(model)} has a forecast that differs from its rollout without a clamp; make "
                "the two equal."
            )
    if isinstance(model, Probabilistic):
        with conduct_of("forecaster", model, "sample"):
            samples: Any = model.sample(context, drive)
        check_forecast(model, samples, (len(samples), *forecast.shape), "sample")
        if not np.array_equal(np.median(samples, axis=0), forecast):
            raise PluginError(
                f"The forecaster {called(model)} has a forecast that is not the median of its samples; return "
                "np.median(samples, axis=0)."
            )


def drive(entry: Entry) -> None:
    """The drive of the horizon changes the forecast if, and only if, the entry declares `uses_drive`."""
    inputs = entry.task.validation.inputs
    if isinstance(entry.model, EdgeRanking) or not entry.task.spec.drive:
        return
    other, C = inputs.drive[:WINDOWS].copy(), inputs.context.shape[1]
    other[:, C + 1 :] = other[::-1, C + 1 :]
    changed = not np.array_equal(entry.forecast(0, WINDOWS), entry.forecast(0, WINDOWS, other))
    if changed != entry.factory.uses_drive:
        raise PluginError(
            f"The baseline {called(entry.factory)} says uses_drive = {entry.factory.uses_drive}, but the drive of the "
            f"horizon {'changes' if changed else 'does not change'} its forecast; set uses_drive = {changed}."
        )


def updates(entry: Entry) -> None:
    """A direct forecaster reports the updates of its fit, which keep to the limit."""
    if isinstance(entry.model, Direct):
        report = getattr(entry.model, "report", None)
        if report is None:
            raise PluginError(
                f"The forecaster {called(entry.model)} has no report of its fit; zfbench.protocols.models.Metered says "
                "what it holds."
            )
        if report.updates > BRIEF.updates:
            raise PluginError(
                f"The forecaster {called(entry.model)} made {report.updates} updates where {BRIEF.updates} are "
                "allowed; stop at limits.updates."
            )


FORECASTER_CHECKS: tuple[Callable[[Entry], None], ...] = (
    declarations,
    fits,
    predictions,
    repeatable,
    agreement,
    drive,
    updates,
)
GIVEN_CHECKS = (predictions, repeatable, agreement, updates)  # of a model that declares nothing
