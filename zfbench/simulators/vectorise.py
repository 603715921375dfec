"""A traced simulator, in the clean process: its stochastic step made into batches of trajectories.

A program defines one step of one trajectory. The loops over time (`lax.scan`) and over trajectories (`vmap`) are added
here, so that no program needs a loop of its own and all are equally fast.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from zfbench.engine.evaluate import evaluate
from zfbench.engine.step import Traced
from zfbench.simulators.signature import INITIAL_STATE, OBSERVE, STEP

Simulate = Callable[[Array, ArrayLike, ArrayLike, ArrayLike], Array]


def batch_simulator(traced: Traced, steps: int, every: int) -> Simulate:
    """Compile a function that simulates batches of trajectories.

    Args:
        traced: the simulator, checked by `zfbench.simulators.signature`.
        steps: T, a multiple of `every`.
        every: number of steps from one observation to the next; the first observation is of the initial state.

    Returns:
        A function of (key, rows [R], parameters [R, P], contexts [R, C]) that returns trajectories [R, 1 + T / every,
        Y].
    """

    def trajectory(key: Array, row: Array, theta: Array, given: Array) -> Array:
        """One trajectory [1 + T / every, Y]; its randomness depends on the key and its row alone."""
        start, noise = jax.random.split(jax.random.fold_in(key, row))

        def step(t: Array, state: list[Any]) -> list[Any]:
            return evaluate(traced.graphs[STEP], [jax.random.fold_in(noise, t), *state, theta, given, t])

        def block(state: list[Any], k: Array) -> tuple[list[Any], Array]:
            state = jax.lax.fori_loop(k * every, (k + 1) * every, step, state)
            return state, evaluate(traced.graphs[OBSERVE], state)[0]

        initial = [jnp.asarray(value) for value in evaluate(traced.graphs[INITIAL_STATE], [start, theta, given])]
        first = jnp.asarray(evaluate(traced.graphs[OBSERVE], initial)[0])  # [Y]
        _, rest = jax.lax.scan(block, initial, jnp.arange(steps // every))  # [T / every, Y]
        return jnp.concatenate([first[None], rest])

    return jax.jit(jax.vmap(trajectory, in_axes=(None, 0, 0, 0)))
