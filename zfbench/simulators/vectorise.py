"""The part inside the sandbox that turns a program's stochastic step into batches of trajectories.

A program defines one step of one trajectory. The loops over time (`lax.scan`) and over trajectories (`vmap`) are added
here, so that no program needs a loop of its own and all are equally fast.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from zfbench.records.program import CandidateError, Status

FUNCTIONS = ("initial_state", "step", "observe")

Simulate = Callable[[Array, ArrayLike, ArrayLike, ArrayLike], Array]


def batch_simulator(
    program: Any,
    parameters: Sequence[str],
    context: Sequence[str],
    observations: Sequence[str],
    steps: int,
    every: int,
) -> Simulate:
    """Compile a function that simulates batches of trajectories.

    Args:
        program: the executed module, with `FUNCTIONS`.
        parameters: P names.
        context: C names.
        observations: Y names.
        steps: T, a multiple of `every`.
        every: number of steps from one observation to the next; the first observation is of the initial state.

    Returns:
        A function of (key, rows [R], parameters [R, P], contexts [R, C]) that returns trajectories [R, 1 + T / every,
        Y].

    Raises:
        CandidateError: invalid; the program lacks a function, or `observe` returns another shape.
    """
    for name in FUNCTIONS:
        if not callable(getattr(program, name, None)):
            raise CandidateError(Status.INVALID, f"The source must define a function `{name}` at its top level.")

    def trajectory(key: Array, row: Array, theta: Array, given: Array) -> Array:
        """One trajectory [1 + T / every, Y]; its randomness depends on the key and its row alone."""
        start, noise = jax.random.split(jax.random.fold_in(key, row))
        named = dict(zip(parameters, theta, strict=True))
        setting = dict(zip(context, given, strict=True))

        def step(t: Array, state: Any) -> Any:
            return _float32(program.step(jax.random.fold_in(noise, t), state, dict(named), dict(setting), t))

        def block(state: Any, k: Array) -> tuple[Any, Array]:
            state = jax.lax.fori_loop(k * every, (k + 1) * every, step, state)
            return state, _observe(program, state, len(observations))

        initial = _float32(program.initial_state(start, dict(named), dict(setting)))
        first = _observe(program, initial, len(observations))  # [Y]
        _, rest = jax.lax.scan(block, initial, jnp.arange(steps // every))  # [T / every, Y]
        return jnp.concatenate([first[None], rest])

    return jax.jit(jax.vmap(trajectory, in_axes=(None, 0, 0, 0)))


def _float32(state: Any) -> Any:
    """Convert the arrays of a state to float32, so that a step returns the types that it takes."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), state)


def _observe(program: Any, state: Any, expected: int) -> Array:
    observed = jnp.asarray(program.observe(state), jnp.float32)
    if observed.shape != (expected,):
        raise CandidateError(
            Status.INVALID, f"`observe` must return an array of shape [{expected}], got {list(observed.shape)}."
        )
    return observed
