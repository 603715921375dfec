"""The one trainer of every candidate: one-step regression, then truncated backpropagation through time.

Recipe: a first phase fits single steps (batch 256, squared error in units of the standard deviation of the
step), a second one fits 32 steps that the program rolls out on its own predictions (batch 16, pseudo-Huber
error in units of the standard deviation of the activity); backpropagation is truncated to those steps
(Williams & Peng 1990). Each phase starts Adam (Kingma & Ba 2015) afresh. Ten times in training the program
forecasts a slice of the training data that was set aside; the parameters that forecast it best are kept.

Everything is float32 and follows from the seed; the clock only ends a training that outlasts its limit.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from zfbench.forecasting.contract import WINDOWS_PER_CALL, TrainingChoice
from zfbench.forecasting.dynamics import Dynamics, Params, compiler_options
from zfbench.forecasting.report import TrainingReport
from zfbench.records.program import CandidateError, Status
from zfbench.records.recordings import Recording, TaskSpec

CHECKPOINTS = 10  # evaluations of the set-aside slice
SET_ASIDE = 0.1  # of every recording, its end
UPDATES_PER_CALL = 50  # run on the device without a return to Python
WARM_UP_UPDATES = 50
FINAL_RATE = 0.02  # of the peak, at the end of the cosine
HUBER = 0.03
BURN_IN = 32  # recorded steps that warm up a hidden state before a training segment

Loss = Callable[[jax.Array], jax.Array]


def squared(error: jax.Array) -> jax.Array:
    """Half of the squared error."""
    return 0.5 * error**2


def pseudo_huber(error: jax.Array) -> jax.Array:
    """Quadratic below `HUBER`, linear with slope 1 above (Charbonnier et al. 1997)."""
    return HUBER * (jnp.sqrt(1.0 + (error / HUBER) ** 2) - 1.0)


@dataclass(frozen=True)
class Phase:
    """One stretch of training with its own optimiser.

    Attributes:
        steps: steps rolled out, and backpropagated through.
        batch: segments per update.
        unit: what errors are measured in, a field of `Units`.
        loss: of an error in that unit, elementwise.
        rate: learning rate, as a fraction of the program's.
        clip: largest norm of a gradient; longer ones are shortened to it.
        second_moment: decay of Adam's mean of squared gradients, beta_2.
        share: of the updates, relative to the shares of the other phases.
    """

    steps: int
    batch: int
    unit: str
    loss: Loss
    rate: float = 1.0
    clip: float = 1.0
    second_moment: float = 0.999
    share: int = 1


SCHEDULES: dict[str, tuple[Phase, ...]] = {
    "curriculum": (Phase(1, 256, "sd_change", squared), Phase(32, 16, "sd_level", pseudo_huber, 0.5)),
    "quick_curriculum": (
        Phase(1, 256, "sd_change", squared, second_moment=0.95, share=7),
        Phase(32, 16, "sd_level", pseudo_huber, 0.5, share=3),
    ),
    "rollout": (Phase(32, 16, "sd_level", pseudo_huber),),
    "one_step": (Phase(1, 256, "sd_change", squared),),
    "robust_curriculum": (
        Phase(1, 256, "mean_change", pseudo_huber),
        Phase(32, 16, "sd_level", pseudo_huber, 0.5),
    ),
}


@dataclass(frozen=True, eq=False)
class Units:
    """Per-neuron scales of the training data, each [N].

    Attributes:
        sd_level: standard deviation of the activity.
        sd_change: standard deviation of its change in one step.
        mean_change: mean absolute change in one step.
    """

    sd_level: NDArray[np.float32]
    sd_change: NDArray[np.float32]
    mean_change: NDArray[np.float32]

    @classmethod
    def of(cls, activities: Sequence[NDArray[np.float32]]) -> Units:
        """Measure recordings [T, N]; scales of nearly silent neurons are raised to 1 % of the mean scale."""
        level = np.concatenate(activities)
        change = np.concatenate([np.diff(a, axis=0) for a in activities])

        def floored(scale: NDArray[Any]) -> NDArray[np.float32]:
            return np.maximum(scale, max(0.01 * scale.mean(), 1e-6)).astype(np.float32)

        return cls(floored(level.std(0)), floored(change.std(0)), floored(np.abs(change).mean(0)))


@dataclass(frozen=True, eq=False)
class Material:
    """All recordings end to end, and where segments of training data and set-aside forecasts may start.

    Attributes:
        activity: [T, N].
        drive: [T, D].
        kept: for every recording, its first row and the number of its rows that are trained on.
        units: scales of the rows that are trained on.
        set_aside: context [B, C, N], drive [B, C + H, D] and target [B, H, N] of the selection forecasts.
    """

    activity: jax.Array
    drive: jax.Array
    kept: tuple[tuple[int, int], ...]
    units: Units
    set_aside: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]

    @classmethod
    def for_program(cls, train: Sequence[Recording], spec: TaskSpec, recurrent: bool) -> Material:
        """Prepare the recordings of a task for programs with hidden state, which read contexts, or without."""
        return cls.of(train, spec.horizon, spec.context if recurrent else 1)

    @classmethod
    def of(cls, train: Sequence[Recording], horizon: int, context: int) -> Material:
        """Set aside the end of every recording; forecasts start in it, their contexts may reach before it."""
        lengths = np.array([len(r.activity) for r in train])
        offsets = np.cumsum(lengths) - lengths
        held = (SET_ASIDE * lengths).astype(int)
        horizon = min(horizon, int(held.min()))
        activity = np.concatenate([r.activity for r in train])
        drive = np.concatenate([r.drive for r in train])
        possible = np.concatenate(
            [np.arange(o + n - h, o + n - horizon + 1) for o, n, h in zip(offsets, lengths, held, strict=True)]
        )
        starts = possible[np.linspace(0, len(possible) - 1, WINDOWS_PER_CALL).round().astype(int)]  # [B]
        before, after = np.arange(-context, 0), np.arange(horizon)
        whole = np.concatenate([before, after])
        return cls(
            activity=jnp.asarray(activity),
            drive=jnp.asarray(drive),
            kept=tuple((int(o), int(n - h)) for o, n, h in zip(offsets, lengths, held, strict=True)),
            units=Units.of([r.activity[: n - h] for r, n, h in zip(train, lengths, held, strict=True)]),
            set_aside=(
                activity[starts[:, None] + before],
                drive[starts[:, None] + whole],
                activity[starts[:, None] + after],
            ),
        )

    def segment_starts(self, rows: int) -> jax.Array:
        """First rows of every stretch of so many rows inside one recording's training part."""
        return jnp.asarray(np.concatenate([np.arange(o, o + n - rows + 1) for o, n in self.kept]))


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained program.

    Attributes:
        params: the parameters that were kept.
        forecast: the compiled `Dynamics.rollout`.
        report: how training went.
    """

    params: Params
    forecast: Callable[..., jax.Array]
    report: TrainingReport


class Selection:
    """Keeps the parameters whose forecasts of the set-aside slice are best; a checkpoint costs one batch."""

    def __init__(self, forecast: Callable[..., jax.Array], material: Material) -> None:
        self._forecast = forecast
        self._context, self._drive, self._target = material.set_aside
        self._free = np.zeros((len(self._target), self._target.shape[2]), dtype=bool)  # [B, N], nothing clamped
        self._values = np.zeros(self._target.shape, dtype=np.float32)  # [B, H, N]
        self.params: Params | None = None
        self.best_update = 0
        self.best_error = math.inf
        self.curve: list[tuple[int, float]] = []

    def consider(self, update: int, params: Params) -> None:
        """Forecast with these parameters, and keep them if their mean absolute error is the lowest so far."""
        clamp = (self._free, self._values)
        path = np.asarray(self._forecast(params, self._context, self._drive, *clamp))  # [B, H, N]
        error = float(np.abs(path - self._target).mean()) if np.isfinite(path).all() else math.inf
        self.curve.append((update, error))
        if error < self.best_error:
            self.params, self.best_update, self.best_error = params, update, error


class Trainer:
    """Trains one program, as often as it is asked to; what it has compiled once is kept.

    Learning rates are inputs of the compiled updates, so that trainings may differ in them.

    Attributes:
        forecast: the compiled `Dynamics.rollout`.
    """

    def __init__(self, dynamics: Dynamics, material: Material) -> None:
        """Train a program on recordings, whose contexts are as long as it reads."""
        self._dynamics = dynamics
        self._material = material
        self._burn_in = BURN_IN if dynamics.recurrent else 0
        self._initialise = dynamics.initialiser()
        self._kernels: dict[Phase, Callable[..., tuple[Params, Any, jax.Array]]] = {}
        self.forecast = jax.jit(dynamics.rollout, compiler_options=compiler_options())

    def train(
        self,
        choice: TrainingChoice,
        updates: int,
        deadline: float,
        seed: int,
    ) -> Trained:
        """Train for a number of updates, or until `time.monotonic()` passes the deadline.

        Args:
            choice: of loss and learning rate.
            updates: optimiser steps, each after one gradient of `Phase.batch` times `Phase.steps` simulated steps.
            deadline: of the clock.
            seed: of initial parameters and batches.

        Raises:
            CandidateError: non_finite; a training loss is not finite, or every set-aside forecast diverged.
        """
        began = time.monotonic()
        loss, rate = choice.resolve(self._dynamics.recurrent, updates)
        material = self._material
        init_key, batch_key = jax.random.split(jax.random.key(seed))
        params = self._initialise(init_key)
        selection = Selection(self.forecast, material)
        selection.consider(0, params)

        loss_curve: list[tuple[int, float]] = []
        done, stopped_early = 0, False
        for call in calls(loss, rate, updates):
            phase = call.phase
            if call.begins:
                optimiser = optimiser_of(params, phase)
                advance = self._kernel(phase, optimiser)
                optimiser_state = optimiser.init(params)
                starts = material.segment_starts(self._burn_in + 1 + phase.steps)
            rows = draw(batch_key, starts, done, phase.batch)
            params, optimiser_state, mean_loss = advance(
                params, optimiser_state, material.activity, material.drive, call.rates, rows, call.stop - done
            )
            loss_curve.append((call.stop, float(mean_loss)))
            if not math.isfinite(loss_curve[-1][1]):
                raise non_finite_loss(done, call.stop)
            done = call.stop
            stopped_early = done < updates and time.monotonic() > deadline
            if call.is_checkpoint or stopped_early:
                selection.consider(done, params)
            if stopped_early:
                break
        if selection.params is None:
            raise non_finite_forecasts()
        report = TrainingReport(
            loss=loss,
            learning_rate=rate,
            parameters=sum(leaf.size for leaf in jax.tree.leaves(params)),
            recurrent=self._dynamics.recurrent,
            updates=done,
            best_update=selection.best_update,
            seconds=time.monotonic() - began,
            stopped_early=stopped_early,
            loss_curve=tuple(loss_curve),
            selection_curve=tuple(selection.curve),
        )
        return Trained(selection.params, self.forecast, report)

    def _kernel(
        self, phase: Phase, optimiser: optax.GradientTransformation
    ) -> Callable[..., tuple[Params, Any, jax.Array]]:
        """The updates of a phase; phases that differ in their rate alone share them."""
        key = replace(phase, rate=1.0)
        if key not in self._kernels:
            advance = advance_of(self._dynamics, self._material, key, optimiser)
            self._kernels[key] = jax.jit(advance, compiler_options=compiler_options())
        return self._kernels[key]


@dataclass(frozen=True, eq=False)
class Call:
    """Updates that are made on the device without a return to Python.

    Attributes:
        phase: to which they belong.
        begins: whether they are the first ones of their phase.
        done: updates before them.
        stop: updates after them.
        rates: [UPDATES_PER_CALL], the rate of each; further ones are zero.
        is_checkpoint: whether the set-aside slice is forecast after them.
    """

    phase: Phase
    begins: bool
    done: int
    stop: int
    rates: NDArray[np.float32]
    is_checkpoint: bool


def divided(schedule: Sequence[Phase], updates: int) -> list[int]:
    """The updates of each phase, by their shares."""
    shares = [phase.share for phase in schedule]
    ends = [updates * sum(shares[:number]) // sum(shares) for number in range(len(shares) + 1)]
    return [end - first for first, end in pairwise(ends)]


def calls(loss: str, rate: float, updates: int) -> Iterator[Call]:
    """The calls of a training, in order, for a loss and a learning rate as `TrainingChoice.resolve` gives them."""
    milestones = {updates * k // CHECKPOINTS for k in range(1, CHECKPOINTS + 1)}
    done, schedule = 0, SCHEDULES[loss]
    for phase, count in zip(schedule, divided(schedule, updates), strict=True):
        first, end = done, done + count
        rates = learning_rates(rate * phase.rate, end - first)
        while done < end:
            stop = min(done + UPDATES_PER_CALL, end, *(m for m in milestones if m > done))
            now = np.zeros(UPDATES_PER_CALL, np.float32)  # of one length, whatever the number of updates
            now[: stop - done] = rates[done - first : stop - first]
            yield Call(phase, done == first, done, stop, now, stop in milestones)
            done = stop


def non_finite_loss(done: int, stop: int) -> CandidateError:
    """The failure of a training whose loss became non-finite between two updates."""
    return CandidateError(Status.NON_FINITE, f"The training loss became non-finite between updates {done} and {stop}.")


def non_finite_forecasts() -> CandidateError:
    """The failure of a training after which no parameters could be selected."""
    return CandidateError(Status.NON_FINITE, "Every forecast on the set-aside training data was non-finite.")


def learning_rates(peak: float, updates: int) -> NDArray[np.float32]:
    """The rate of every update, [updates]: a linear warm-up from zero, then a cosine decay to `FINAL_RATE`."""
    warm_up = min(WARM_UP_UPDATES, updates // 2)
    number = np.arange(updates)
    rise = number / max(warm_up, 1)
    cosine = 0.5 * (1 + np.cos(np.pi * (number - warm_up) / max(updates - warm_up, 1)))
    return (peak * np.where(number < warm_up, rise, FINAL_RATE + (1 - FINAL_RATE) * cosine)).astype(np.float32)


@partial(jax.jit, static_argnums=3)
def draw(key: jax.Array, starts: jax.Array, first: int, batch: int) -> jax.Array:
    """First rows of the segments of the updates from `first` on, [UPDATES_PER_CALL, B].

    They are drawn apart from the updates, since this is compiled once for all programs.
    """

    def one(number: jax.Array) -> jax.Array:
        chosen: jax.Array = jax.random.randint(jax.random.fold_in(key, number), (batch,), 0, len(starts))
        return starts[chosen]

    return jax.vmap(one)(first + jnp.arange(UPDATES_PER_CALL))


def optimiser_of(params: Params, phase: Phase) -> optax.GradientTransformation:
    """Adam with clipped gradients, as a phase wants them, before the learning rate is applied."""
    adam = optax.chain(optax.clip_by_global_norm(phase.clip), optax.scale_by_adam(b2=phase.second_moment))
    return optax.flatten(adam) if jax.tree.leaves(params) else adam  # one vector compiles faster than many arrays


def advance_of(
    dynamics: Dynamics, material: Material, phase: Phase, optimiser: optax.GradientTransformation
) -> Callable[..., tuple[Params, Any, jax.Array]]:
    """A function, to compile, that takes updates at these rates on segments from these rows; with the mean loss."""
    burn_in = BURN_IN if dynamics.recurrent else 0
    scale = jnp.asarray(getattr(material.units, phase.unit))  # [N]

    def segment_loss(params: Params, activity: jax.Array, drive: jax.Array) -> jax.Array:
        """Mean loss of segments [B, burn_in + 1 + steps, .]."""
        now = burn_in + 1
        state = dynamics.warm_up(params, activity[:, :now], drive[:, :now])
        state = jax.lax.stop_gradient(state)
        path = dynamics.free_run(params, state, activity[:, now - 1], drive[:, now:])
        return phase.loss((path - activity[:, now:]) / scale).mean()

    def advance(
        params: Params,
        optimiser_state: Any,
        activity: jax.Array,
        drive: jax.Array,
        rates: jax.Array,
        rows: jax.Array,
        updates: int,
    ) -> tuple[Params, Any, jax.Array]:
        def update(number: jax.Array, carry: tuple[Params, Any, jax.Array]) -> tuple[Params, Any, jax.Array]:
            params, optimiser_state, total = carry
            chosen = rows[number][:, None] + jnp.arange(burn_in + 1 + phase.steps)  # [B, rows]
            loss, gradient = jax.value_and_grad(segment_loss)(params, activity[chosen], drive[chosen])
            change, optimiser_state = optimiser.update(gradient, optimiser_state, params)
            change = jax.tree.map(lambda c: -rates[number] * c, change)
            return optax.apply_updates(params, change), optimiser_state, total + loss

        params, optimiser_state, total = jax.lax.fori_loop(
            0, updates, update, (params, optimiser_state, jnp.float32(0))
        )
        return params, optimiser_state, total / updates

    return advance
