"""Many seeds of one program trained at once: the harness's updates, mapped over seeds (`jax.vmap`), compiled once.

Rates, batches, phases and selection are those of `zfbench.forecasting.training.Trainer`; the results agree with it up
to rounding, which a test checks.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from zfbench.forecasting import training
from zfbench.forecasting.contract import TrainingChoice
from zfbench.forecasting.dynamics import Dynamics, compiler_options
from zfbench.forecasting.training import CHECKPOINTS, SCHEDULES, UPDATES_PER_CALL, Material


@dataclass(frozen=True, eq=False)
class Batch:
    """What training K seeds at once gave.

    Attributes:
        params: the parameters that were kept, each with K rows.
        errors: [K], their mean absolute error on the set-aside slice.
        seconds: by phase, wall-clock seconds of its updates; `all` is the whole training.
    """

    params: Any
    errors: NDArray[np.float32]
    seconds: dict[str, float]


class Together:
    """Trains a program with several seeds at once; what is compiled for a number of seeds is kept."""

    def __init__(self, dynamics: Dynamics, material: Material) -> None:
        self._dynamics, self._material = dynamics, material
        options = compiler_options()
        self._initialise = jax.jit(jax.vmap(dynamics.initialiser().__wrapped__))  # type: ignore[attr-defined]
        self.forecast = jax.jit(jax.vmap(dynamics.rollout, (0, None, None)), compiler_options=options)
        self._kernels: dict[str, Any] = {}

    def train(self, seeds: Sequence[int], updates: int) -> Batch:
        """Train with these seeds and the default loss and rate."""
        began = time.perf_counter()
        material = self._material
        loss, rate = TrainingChoice().resolve(self._dynamics.recurrent, updates)
        pairs = [jax.random.split(jax.random.key(seed)) for seed in seeds]
        params = self._initialise(jnp.stack([pair[0] for pair in pairs]))
        batch_keys = [pair[1] for pair in pairs]
        best, errors = params, self._errors(params)
        milestones = {updates * k // CHECKPOINTS for k in range(1, CHECKPOINTS + 1)}
        burn_in, done, seconds = training.BURN_IN if self._dynamics.recurrent else 0, 0, {}
        for number, phase in enumerate(SCHEDULES[loss], start=1):
            first, end = done, updates * number // len(SCHEDULES[loss])
            rates = training.learning_rates(rate * phase.rate, end - first)
            name = f"{phase.steps} x {phase.batch}"
            advance, start = self._kernel(name, phase, params)
            state = start(params)
            starts = material.segment_starts(burn_in + 1 + phase.steps)
            spent = 0.0
            while done < end:
                stop = min(done + UPDATES_PER_CALL, end, *(m for m in milestones if m > done))
                now = np.zeros(UPDATES_PER_CALL, np.float32)
                now[: stop - done] = rates[done - first : stop - first]
                rows = jnp.stack([training._draw(key, starts, done, phase.batch) for key in batch_keys])
                jax.block_until_ready((params, rows))
                before = time.perf_counter()
                params, state, _ = advance(params, state, material.activity, material.drive, now, rows, stop - done)
                jax.block_until_ready(params)
                spent += time.perf_counter() - before
                done = stop
                if done in milestones:
                    found = self._errors(params)
                    better = found < errors
                    errors = jnp.where(better, found, errors)
                    best = jax.tree.map(lambda a, b, better=better: _where(better, a, b), params, best)
            seconds[name] = spent
        jax.block_until_ready(best)
        return Batch(best, np.asarray(errors), seconds | {"all": time.perf_counter() - began})

    def _errors(self, params: Any) -> jax.Array:
        """Mean absolute errors of the forecasts of the set-aside slice, [K]; infinite where one diverged."""
        context, drive, target = self._material.set_aside
        found = jnp.abs(self.forecast(params, context, drive) - target).mean((1, 2, 3))
        return jnp.where(jnp.isfinite(found), found, jnp.inf)

    def _kernel(self, name: str, phase: training.Phase, params: Any) -> Any:
        """The compiled updates of a phase, and what makes their optimiser's state."""
        if name not in self._kernels:
            optimiser = training._optimiser(params, phase.clip)
            one = training._advance(self._dynamics, self._material, phase, optimiser).__wrapped__  # type: ignore[attr-defined]
            mapped = jax.vmap(one, (0, 0, None, None, None, 0, None))
            self._kernels[name] = (
                jax.jit(mapped, compiler_options=compiler_options()),
                jax.jit(jax.vmap(optimiser.init)),
            )
        return self._kernels[name]


def _where(better: jax.Array, a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.where(better.reshape(-1, *(1,) * (a.ndim - 1)), a, b)
