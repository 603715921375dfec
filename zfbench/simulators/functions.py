"""A simulator's three functions become graphs. This runs beside the candidate, inside the sandbox."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from zfbench.engine.operations import OPERATIONS
from zfbench.engine.step import Traced
from zfbench.engine.trace import trace
from zfbench.records.program import CandidateError, Status
from zfbench.simulators.signature import INITIAL_STATE, OBSERVE, STEP


def trace_simulator(program: Any, parameters: Sequence[str], context: Sequence[str], observations: int) -> Traced:
    """Trace the functions of an executed module, for one trajectory.

    Args:
        program: the module.
        parameters: P names.
        context: C names.
        observations: Y, the length of what `observe` returns.

    Raises:
        CandidateError: invalid; the program lacks a function, changes its state's shape, or cannot be traced.
    """
    for name in (INITIAL_STATE, STEP, OBSERVE):
        if not callable(getattr(program, name, None)):
            raise CandidateError(Status.INVALID, f"The source must define a function `{name}` at its top level.")

    def named(names: Sequence[str], values: Array) -> dict[str, Array]:
        return {name: values[k] for k, name in enumerate(names)}

    def begin(key: Array, theta: Array, given: Array) -> Any:
        return _float32(program.initial_state(key, named(parameters, theta), named(context, given)))

    def step(key: Array, state: Any, theta: Array, given: Array, t: Array) -> Any:
        return _float32(program.step(key, state, named(parameters, theta), named(context, given), t))

    def observe(state: Any) -> Array:
        observed = jnp.asarray(program.observe(state), jnp.float32)
        if observed.shape != (observations,):
            raise CandidateError(
                Status.INVALID, f"`observe` must return an array of shape [{observations}], got {list(observed.shape)}."
            )
        return observed

    key = jax.eval_shape(lambda: jax.random.key(0))
    theta = jax.ShapeDtypeStruct((len(parameters),), jnp.float32)
    given = jax.ShapeDtypeStruct((len(context),), jnp.float32)
    time = jax.ShapeDtypeStruct((), jnp.int32)
    initial, state = trace(begin, key, theta, given, name=INITIAL_STATE, allowed=OPERATIONS)
    observing, _ = trace(observe, state, name=OBSERVE)
    stepping, later = trace(step, key, state, theta, given, time, name=STEP, allowed=OPERATIONS)
    if _described(later) != _described(state):
        raise CandidateError(
            Status.INVALID,
            f"`step` must return a state like the initial one, {_described(state)}, got {_described(later)}.",
        )
    return Traced({INITIAL_STATE: initial, STEP: stepping, OBSERVE: observing}).check()


def _float32(state: Any) -> Any:
    """The state as arrays of float32, so that a step gives back what it takes."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), state)


def _described(state: Any) -> str:
    return str(jax.tree.map(lambda leaf: list(leaf.shape), state))
