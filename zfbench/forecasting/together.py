"""Several seeds of one program trained at once: the trainer's updates, mapped over seeds and compiled once.

Rates, phases, batches and selection are those of `zfbench.forecasting.training.Trainer`, so that every seed gets what
it would get alone, up to rounding. It is meant for GPUs, which one small program leaves idle; on a processor it is no
gain (docs/performance.md), so that nothing trains like that unless it is asked for.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from zfbench.forecasting.contract import TrainingChoice
from zfbench.forecasting.dynamics import Dynamics, Params, compiler_options
from zfbench.forecasting.report import TrainingReport
from zfbench.forecasting.signature import STEP
from zfbench.forecasting.training import (
    SCHEDULES,
    Material,
    Phase,
    Trained,
    Trainer,
    advance_of,
    calls,
    draw,
    non_finite_forecasts,
    non_finite_loss,
    optimiser_of,
)
from zfbench.records.program import CandidateError

PROCESSOR_BYTES = 2**31  # of one batch on a processor
SHARE = 0.5  # of a GPU's memory, for one batch on it
COPIES = 6  # of the parameters: the present and the kept ones, a gradient, a change, and two moments


class BatchTrainer(Trainer):
    """Trains one program with one seed, or with several at once; what it has compiled for a number of seeds is kept."""

    def __init__(self, dynamics: Dynamics, material: Material) -> None:
        """As of `Trainer`."""
        super().__init__(dynamics, material)
        self._initialise_all = jax.jit(jax.vmap(dynamics.initialise), compiler_options=compiler_options(level=0))
        self._draw_all = jax.jit(jax.vmap(draw, (0, None, None, None)), static_argnums=3)
        self.forecast_all = jax.jit(jax.vmap(dynamics.rollout, (0, None, None)), compiler_options=compiler_options())
        self._kernels_of_all: dict[Phase, tuple[Any, Any]] = {}

    def capacity(self, choice: TrainingChoice, updates: int) -> int:
        """How many seeds are trained at once at most: as many as fit into the memory of one batch, and at least one.

        Counted are the arrays of a step, forward and backward, for all rows and steps of an update; the parameters,
        `COPIES` times; and the forecasts of the set-aside slice.
        """
        schedule = SCHEDULES[choice.resolve(self._dynamics.recurrent, updates)[0]]
        rows = max(phase.batch * (phase.steps + self._burn_in) for phase in schedule)
        traced, (_, _, target) = self._dynamics.traced, self._material.set_aside
        key = jax.eval_shape(lambda: jax.random.key(0))
        held = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.eval_shape(self._dynamics.initialise, key).values())
        each = 2 * rows * traced.graphs[STEP].value_bytes() + COPIES * held + 2 * target.nbytes
        return max(1, int(bytes_of_batch() // each))

    def train_seeds(
        self, choice: TrainingChoice, updates: int, deadline: float, seeds: Sequence[int]
    ) -> tuple[Trained | CandidateError, ...]:
        """Train with several seeds, as many at once as fit into memory.

        Args:
            choice: of loss and learning rate.
            updates: optimiser steps of each seed.
            deadline: of `time.monotonic()`, for all of them together.
            seeds: of initial parameters and batches.

        Returns:
            For each seed what `Trainer.train` returns, or the error that it raises. The seconds of a report are an
            equal share of its batch.
        """
        parts = -(-len(seeds) // self.capacity(choice, updates))
        found: list[Trained | CandidateError] = []
        for number, some in enumerate(np.array_split(np.asarray(seeds), parts)):
            now = time.monotonic()
            until = now + (deadline - now) / (parts - number)
            if len(some) > 1 and self._dynamics.traced.names:
                found += self._train_batch(choice, updates, until, [int(seed) for seed in some])
            else:  # one seed, or nothing to train
                found += [self._train_alone(choice, updates, until, int(seed)) for seed in some]
        return tuple(found)

    def _train_alone(
        self, choice: TrainingChoice, updates: int, deadline: float, seed: int
    ) -> Trained | CandidateError:
        try:
            return self.train(choice, updates, deadline, seed)
        except CandidateError as error:
            return error

    def _train_batch(
        self, choice: TrainingChoice, updates: int, deadline: float, seeds: Sequence[int]
    ) -> list[Trained | CandidateError]:
        began, material, K = time.monotonic(), self._material, len(seeds)
        loss, rate = choice.resolve(self._dynamics.recurrent, updates)
        keys = jnp.stack([jax.random.split(jax.random.key(seed)) for seed in seeds])  # [K, 2]
        params = self._initialise_all(keys[:, 0])  # each [K, ...]
        kept, curve = params, [(0, self._errors(params))]
        errors, best_update = curve[0][1].copy(), np.zeros(K, int)
        losses: list[tuple[int, NDArray[np.float32]]] = []
        failures: dict[int, CandidateError] = {}
        done, stopped_early = 0, False
        for call in calls(loss, rate, updates):
            if call.begins:
                advance, start = self._kernel_of_all(call.phase, params)
                state = start(params)
                starts = material.segment_starts(self._burn_in + 1 + call.phase.steps)
            rows = self._draw_all(keys[:, 1], starts, done, call.phase.batch)
            given = (material.activity, material.drive, call.rates, rows, call.stop - done)
            params, state, mean_loss = advance(params, state, *given)
            losses.append((call.stop, np.asarray(mean_loss)))
            for row in np.flatnonzero(~np.isfinite(losses[-1][1])):
                failures.setdefault(int(row), non_finite_loss(done, call.stop))
            done = call.stop
            stopped_early = done < updates and time.monotonic() > deadline
            if call.is_checkpoint or stopped_early:
                curve.append((done, self._errors(params)))
                better = curve[-1][1] < errors
                errors, best_update = np.where(better, curve[-1][1], errors), np.where(better, done, best_update)
                kept = jax.tree.map(lambda new, old, better=better: _chosen(better, new, old), params, kept)
            if stopped_early or len(failures) == K:
                break
        seconds = (time.monotonic() - began) / K

        def outcome(row: int) -> Trained | CandidateError:
            if row in failures:
                return failures[row]
            if not math.isfinite(errors[row]):
                return non_finite_forecasts()
            own = {name: value[row] for name, value in kept.items()}
            report = TrainingReport(
                loss=loss,
                learning_rate=rate,
                parameters=sum(leaf.size for leaf in own.values()),
                recurrent=self._dynamics.recurrent,
                updates=done,
                best_update=int(best_update[row]),
                seconds=seconds,
                stopped_early=stopped_early,
                loss_curve=tuple((at, float(values[row])) for at, values in losses),
                selection_curve=tuple((at, float(values[row])) for at, values in curve),
            )
            return Trained(own, self.forecast, report)

        return [outcome(row) for row in range(K)]

    def _errors(self, params: Params) -> NDArray[np.float32]:
        """Mean absolute errors of the forecasts of the set-aside slice, [K]; infinite where one is not finite."""
        context, drive, target = self._material.set_aside
        found = np.asarray(jnp.abs(self.forecast_all(params, context, drive) - target).mean((1, 2, 3)))
        return np.where(np.isfinite(found), found, np.float32(np.inf))

    def _kernel_of_all(self, phase: Phase, params: Params) -> tuple[Any, Any]:
        """The compiled updates of a phase, and what makes the optimiser's state."""
        key = replace(phase, rate=1.0)
        if key not in self._kernels_of_all:
            optimiser = optimiser_of(params, phase)
            advance = advance_of(self._dynamics, self._material, key, optimiser)
            mapped = jax.vmap(advance, (0, 0, None, None, None, 0, None))
            self._kernels_of_all[key] = (
                jax.jit(mapped, compiler_options=compiler_options()),
                jax.jit(jax.vmap(optimiser.init)),
            )
        return self._kernels_of_all[key]


def bytes_of_batch() -> float:
    """What one batch may take: `SHARE` of the memory that JAX has on a GPU, `PROCESSOR_BYTES` on a processor."""
    known = jax.devices()[0].memory_stats()
    return SHARE * known["bytes_limit"] if known and "bytes_limit" in known else PROCESSOR_BYTES


def _chosen(better: NDArray[np.bool_], new: jax.Array, old: jax.Array) -> jax.Array:
    """Rows of `new` where it is better, of `old` elsewhere."""
    return jnp.where(better.reshape(-1, *(1,) * (new.ndim - 1)), new, old)
