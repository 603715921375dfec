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
from zfbench.forecasting.answers import checked
from zfbench.forecasting.baseline import check_entry, make
from zfbench.forecasting.early import ENTRIES
from zfbench.forecasting.probes import IMPULSE_HORIZON, PROBE_CONTEXT
from zfbench.forecasting.task import Task
from zfbench.protocols.chance import check_report, check_updates, depends_on_seed, updates_of
from zfbench.protocols.conduct import called, conduct_of
from zfbench.protocols.models import Baseline, EdgeRanking, Forecaster, Probabilistic, Simulator
from zfbench.protocols.task import Candidate
from zfbench.records.clamp import Clamp
from zfbench.records.limits import Limits

BRIEF = Limits(updates=20, seconds=120)  # of the fit whose forecasts are checked
WINDOWS = 3  # whose forecasts are checked
CLOSE = 1e-4  # largest difference of a forecast that rounding in a batch of another size may make
HELD = 0.75  # value at which a neuron is clamped


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
    held = checked(model).rollout(context, drive, Clamp(mask, np.full((1, N), HELD, np.float32)))
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
    """An entry for a model as `zfbench.judge` takes it: not fitted yet, and declaring at most `depends_on_seed`.

    Args:
        model: any object with `fit` and `forecast`.
    """

    def __init__(self, model: object) -> None:
        self._model = model
        self.depends_on_seed = depends_on_seed(model)

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
        PluginError: it lacks `fit` or `forecast`, or is a class.
    """
    if isinstance(model, type):
        raise PluginError(
            f"A class cannot be judged, only an object of it; give {model.__name__}(...) in place of {model.__name__}."
        )
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
    seed: int = 0

    @cached_property
    def made(self) -> Any:
        """The model, not fitted yet.

        Raises:
            PluginError: a declaration is wrong, a package that it requires is missing, or it raises something.
        """
        return make(self.factory, self.task, self.seed)

    @cached_property
    def model(self) -> Any:
        """The model, fitted within `BRIEF` at the first access.

        Raises:
            PluginError: as of `made`.
        """
        with conduct_of("forecaster", self.made, "fit"):
            self.made.fit(self.task.train, self.task.validation, BRIEF)
        return self.made

    def close(self) -> None:
        """End the processes of the model, if it has any."""
        if "made" in vars(self) and isinstance(self.made, Candidate):
            self.made.close()

    def forecast(self, begin: int, end: int, drive: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Return the forecast of some validation windows, checked; another drive may take the place of theirs."""
        inputs = self.task.validation.inputs
        drive = inputs.drive[begin:end] if drive is None else drive
        model = checked(self.model)
        predict = model.forecast if isinstance(model, Forecaster) else model.rollout
        return np.asarray(predict(inputs.context[begin:end], drive))


def declarations(entry: Entry) -> None:
    """The entry declares `kind`, `needs`, `requires`, `uses_drive` and `depends_on_seed`, and has what it needs."""
    check_entry(entry.factory, entry.task.spec)


def report(entry: Entry) -> None:
    """What depends on its seed has a report of its updates, before any fit."""
    check_report(entry.made, entry.factory.depends_on_seed)


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
        free = checked(model).rollout(context, drive)
        if not np.allclose(free, forecast, atol=1e-6):
            raise PluginError(
                f"The forecaster {called(model)} has a forecast that differs from its rollout without a clamp; make "
                "the two equal."
            )
    if isinstance(model, Probabilistic):
        samples = checked(model).sample(context, drive)
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


def sizes(entry: Entry) -> None:
    """A rollout takes contexts and horizons of any length, and holds a neuron on a course."""
    model, whole = entry.model, entry.task.validation.inputs
    if isinstance(model, Candidate) or not isinstance(model, Simulator):
        return
    C, N = whole.context.shape[1:]
    H = whole.drive.shape[1] - C
    ask = checked(model).rollout
    lengths = ((ENTRIES[0], 1), (ENTRIES[0], IMPULSE_HORIZON), (PROBE_CONTEXT, 1), (PROBE_CONTEXT, IMPULSE_HORIZON))
    for past, ahead in (*lengths, (PROBE_CONTEXT, H), (C, H // 3)):
        past, ahead = min(past, C), min(ahead, H)
        ask(whole.context[:WINDOWS, C - past :], whole.drive[:WINDOWS, C - past : C + ahead])
    longer = np.concatenate([whole.context[:WINDOWS], entry.task.validation.target[:WINDOWS, : H // 2]], axis=1)
    ask(longer, whole.drive[:WINDOWS, : C + H // 2 + 1])
    mask, course = np.zeros((1, N), bool), np.zeros((1, H, N), np.float32)
    mask[0, 0], course[0, :, 0] = True, np.linspace(0, HELD, H)
    held = ask(whole.context[:1], whole.drive[:1], Clamp(mask, course))
    if not np.allclose(held[0, :, 0], course[0, :, 0]):
        raise PluginError(
            f"The forecaster {called(model)} holds a neuron at one value where the clamp has a course; take the values "
            "from clamp.course(H), [B, H, N]."
        )


def seeds(entry: Entry) -> None:
    """What declares that it does not depend on its seed forecasts alike with another one."""
    model = entry.model
    if entry.factory.depends_on_seed:
        return
    other = Entry(entry.factory, entry.task, entry.seed + 1)
    try:
        if isinstance(model, EdgeRanking):
            alike = np.array_equal(checked(model).edges(), checked(other.model).edges())
        else:
            alike = np.array_equal(entry.forecast(0, WINDOWS), other.forecast(0, WINDOWS))
    finally:
        other.close()
    if not alike:
        raise PluginError(
            f"The baseline {called(entry.factory)} says depends_on_seed = False, but has other forecasts when it is "
            "made and fitted again with another seed; set depends_on_seed = True."
        )


def updates(entry: Entry) -> None:
    """The updates that it reports keep to the limit, and there are some if, and only if, it depends on its seed."""
    count, depends = updates_of(entry.model), entry.factory.depends_on_seed
    check_updates(entry.model, depends)
    if count > BRIEF.updates:
        raise PluginError(
            f"The forecaster {called(entry.model)} made {count} updates where {BRIEF.updates} are allowed; stop at "
            "limits.updates."
        )


FORECASTER_CHECKS: tuple[Callable[[Entry], None], ...] = (
    declarations,
    report,
    fits,
    predictions,
    sizes,
    repeatable,
    agreement,
    drive,
    seeds,
    updates,
)
GIVEN_CHECKS = (report, predictions, sizes, repeatable, agreement, updates)  # of a model that is given as an object
