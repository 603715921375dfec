"""Direct forecasters: networks from a whole window to the whole horizon at once, and the trainer that they share.

A method is a network and a context length (`DirectMethod`); everything else is here. The recipe is that of ZAPBench
(Lueckmann et al. 2025, arXiv 2503.02618): mean absolute error, AdamW at a constant rate, windows drawn at random from
the training recordings, and the parameters that forecast the validation windows best.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from zfbench.base.errors import ZfbenchError
from zfbench.base.numerics import CPU
from zfbench.baselines.checks import check_data
from zfbench.baselines.devices import jax_on
from zfbench.forecasting.task import Task
from zfbench.protocols.sandbox import Sandbox
from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError, Status
from zfbench.records.recordings import LabelledWindows, Recording, TaskSpec

# Training as in ZAPBench, the same for every model.
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 1e-4
BATCH = 8  # windows, each of all neurons
VALIDATE_EVERY = 250  # updates between validations
PATIENCE = 20  # validations without an improvement after which training ends
MIN_DELTA = 1e-4  # smallest gain in MAE since the last improvement that counts as one

UPDATES_PER_CALL = 25  # updates between two checks of the time limit
WINDOWS_PER_CALL = 32  # windows forecast at once; the last chunk is padded, so that only one shape is compiled

Network = Callable[[int], nn.Module]
"""Makes, from the horizon H, a module `(past [B, C, N], drive [B, C + H, D]) -> [B, H, N]`."""


@dataclass(frozen=True)
class DirectMethod:
    """A direct forecasting method, as registered in the entry-point group `zfbench.baselines`.

    Attributes:
        network: function that makes the network from the horizon; see `Network`.
        context: C, steps of the past that it reads.
        needs: ("drive",) for a network that reads the drive, which then includes that of the horizon.
        one_step_map: True if its first step says anything about wiring; see `zfbench.protocols.models.Direct`.
        batch: number of windows in an update.
    """

    kind: ClassVar[Literal["baseline"]] = "baseline"
    depends_on_seed: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ()
    network: Network
    context: int
    needs: tuple[str, ...] = ()
    one_step_map: bool = False
    batch: int = BATCH

    @property
    def uses_drive(self) -> bool:
        """True if it reads the drive of the horizon."""
        return "drive" in self.needs

    def __call__(self, task: Task, seed: int) -> DirectForecaster:
        """Return a forecaster that is not fitted yet."""
        return DirectForecaster(self, task.spec, seed)


@dataclass(frozen=True)
class DirectReport:
    """The course of a fit.

    Attributes:
        updates: number of optimiser steps taken.
        best_update: the step whose parameters were kept.
        parameters: number of trainable parameters.
        stopped_early: True if the time limit ended the fit before the updates or the patience ran out.
        validation_curve: pairs of (update, MAE of the validation windows).
    """

    updates: int
    best_update: int
    parameters: int
    stopped_early: bool
    validation_curve: tuple[tuple[int, float], ...]


class DirectForecaster:
    """A direct method on one task; implements `Forecaster`, `Direct`, `Metered` and `Placed`.

    Args:
        method: network and context length.
        spec: specification of the task.
        seed: seed of weights and batches.
    """

    kind: Literal["baseline"] = "baseline"

    def __init__(self, method: DirectMethod, spec: TaskSpec, seed: int) -> None:
        self.one_step_map = method.one_step_map
        self.report = DirectReport(0, 0, 0, False, ())
        self._method, self._spec, self._seed = method, spec, seed
        self._network = method.network(spec.horizon)
        self._params: Any = None
        self._device = CPU
        self._apply = jax.jit(self._network.apply)

    def compute_in(self, sandbox: Sandbox) -> None:
        """Compute on the sandbox's device."""
        self._device = sandbox.device

    def fit(self, train: tuple[Recording, ...], validation: LabelledWindows, limits: Limits) -> None:
        """Train until the updates, the seconds or the patience run out, and keep the best parameters.

        Args:
            train: recordings to fit.
            validation: windows to select on.
            limits: updates and seconds.

        Raises:
            ZfbenchError: the data cannot be learned from; see `check_data`.
            CandidateError: non_finite; no validated parameters forecast finite numbers.
        """
        with jax_on(self._device):
            self._fit(train, validation, limits)

    def _fit(self, train: tuple[Recording, ...], validation: LabelledWindows, limits: Limits) -> None:
        deadline = time.monotonic() + limits.seconds
        C, H = self._method.context, self._spec.horizon
        check_data(train, validation, self._spec, C, H)
        init_key, batch_key = jax.random.split(jax.random.key(self._seed))
        params = self._initial_parameters(init_key)
        optimiser = optax.adamw(LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        optimiser_state = optimiser.init(params)
        advance = self._advance(train, optimiser)

        curve: list[tuple[int, float]] = []
        best, best_update, done, late = np.inf, 0, 0, False
        reference, patience = np.inf, PATIENCE  # gains below MIN_DELTA add up until together they count
        while done < limits.updates and patience > 0 and not late:
            stop = min(done + UPDATES_PER_CALL, (done // VALIDATE_EVERY + 1) * VALIDATE_EVERY, limits.updates)
            params, optimiser_state = advance(params, optimiser_state, batch_key, done, stop)
            jax.block_until_ready(params)
            done, late = stop, time.monotonic() > deadline
            if done % VALIDATE_EVERY == 0 or done == limits.updates or late:
                error = self._mae(params, validation)
                curve.append((done, error))
                patience -= 1
                if error < reference - MIN_DELTA:
                    reference, patience = error, PATIENCE
                if error < best:
                    best, best_update, self._params = error, done, params
        if not np.isfinite(best):
            raise CandidateError(Status.NON_FINITE, "No forecast of the validation windows was finite.")
        size = sum(leaf.size for leaf in jax.tree.leaves(params))
        self.report = DirectReport(done, best_update, size, late and done < limits.updates, tuple(curve))

    def forecast(self, context: NDArray[np.float32], drive: NDArray[np.float32]) -> NDArray[np.float32]:
        """Forecast the whole horizon of every window at once.

        Args:
            context: [B, C', N], activity before the forecast, C' at least C.
            drive: [B, C' + H, D].

        Returns:
            [B, H, N].

        Raises:
            ZfbenchError: the context is shorter than C, or the horizon is not that of the task.
        """
        with jax_on(self._device):
            return self._forecast(self._params, context, drive)

    def _initial_parameters(self, key: jax.Array) -> Any:
        C, H, N, D = self._method.context, self._spec.horizon, len(self._spec.neurons), len(self._spec.drive)
        return self._network.init(key, jnp.zeros((1, C, N)), jnp.zeros((1, C + H, D)))

    def _advance(self, train: tuple[Recording, ...], optimiser: optax.GradientTransformation) -> Callable[..., Any]:
        """Return a compiled function that takes the updates `first` .. `stop - 1`."""
        C, rows = self._method.context, self._method.context + self._spec.horizon
        lengths = np.array([len(r.activity) for r in train])
        offsets = np.cumsum(lengths) - lengths
        starts = jnp.asarray(
            np.concatenate([np.arange(o, o + n - rows + 1) for o, n in zip(offsets, lengths, strict=True)])
        )
        activity = jnp.asarray(np.concatenate([r.activity for r in train]))  # [T, N]
        drive = jnp.asarray(np.concatenate([r.drive for r in train]))  # [T, D]

        def mean_absolute_error(params: Any, window: jax.Array, x: jax.Array) -> jax.Array:
            forecast: Any = self._network.apply(params, window[:, :C], x)
            return jnp.abs(forecast - window[:, C:]).mean()

        @jax.jit
        def advance(params: Any, state: Any, key: jax.Array, first: int, stop: int) -> tuple[Any, Any]:
            def update(number: jax.Array, carry: tuple[Any, Any]) -> tuple[Any, Any]:
                params, state = carry
                key_now = jax.random.fold_in(key, number)
                chosen = jax.random.randint(key_now, (self._method.batch, 1), 0, len(starts))
                window = starts[chosen] + jnp.arange(rows)  # [B, C + H]
                gradient = jax.grad(mean_absolute_error)(params, activity[window], drive[window])
                change, state = optimiser.update(gradient, state, params)
                return optax.apply_updates(params, change), state

            return jax.lax.fori_loop(first, stop, update, (params, state))

        return advance

    def _forecast(self, params: Any, context: NDArray, drive: NDArray) -> NDArray[np.float32]:
        C, H = self._method.context, self._spec.horizon
        if context.shape[1] < C or drive.shape[1] - context.shape[1] != H:
            raise ZfbenchError(
                f"A window of {context.shape[1]} + {drive.shape[1] - context.shape[1]} steps was given to a direct "
                f"forecaster of {C} + {H}; give at least that context and exactly that horizon."
            )
        past, x = context[:, -C:], drive[:, -C - H :]
        B = len(past)
        forecast = np.empty((B, H, past.shape[2]), np.float32)
        for first in range(0, B, WINDOWS_PER_CALL):
            rows = np.minimum(np.arange(first, first + WINDOWS_PER_CALL), B - 1)
            chunk = np.asarray(self._apply(params, past[rows], x[rows]))
            forecast[first : first + WINDOWS_PER_CALL] = chunk[: B - first]
        return forecast

    def _mae(self, params: Any, windows: LabelledWindows) -> float:
        """Return the MAE of labelled windows; infinite where a forecast is not finite."""
        forecast = self._forecast(params, windows.inputs.context, windows.inputs.drive)
        error = float(np.abs(forecast - windows.target).mean(dtype=np.float64))
        return error if np.isfinite(error) else np.inf
