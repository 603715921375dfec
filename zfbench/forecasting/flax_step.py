"""A candidate's Flax module becomes a traced step: checked against the contract, then traced for one row.

This runs beside the candidate, inside the sandbox. The contract's programs work on batches; a row is a batch of one.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from zfbench.engine.operations import OPERATIONS
from zfbench.engine.step import Traced
from zfbench.engine.trace import trace
from zfbench.forecasting.signature import INITIAL_STATE, INITIALISE, STEP, check_signature
from zfbench.records.program import CandidateError, Status
from zfbench.records.recordings import TaskSpec


def trace_model(model: nn.Module, spec: TaskSpec) -> Traced:
    """The module's `initial_state`, its initialisation, and one row of one step.

    Raises:
        CandidateError: invalid; it breaks the contract, cannot be traced, or exceeds a limit.
    """
    params = _check(model, spec)
    N, D = len(spec.neurons), len(spec.drive)
    activity, drive = jax.ShapeDtypeStruct((N,), jnp.float32), jax.ShapeDtypeStruct((D,), jnp.float32)

    def initialise(key: jax.Array) -> Any:
        return model.init(key, model.initial_state(1), jnp.zeros((1, N)), jnp.zeros((1, D))).get("params", {})

    def step(params: Any, state: Any, activity: jax.Array, drive: jax.Array) -> Any:
        result: Any = model.apply({"params": params}, _as_batch(state), activity[None], drive[None])
        return _row(result[0]), _row(result[1])

    initial, state = trace(lambda: _row(model.initial_state(1)), name=INITIAL_STATE, allowed=OPERATIONS)
    key = jax.eval_shape(lambda: jax.random.key(0))
    stepping, _ = trace(step, params, state, activity, drive, name="Model.__call__")
    initialisation, params = trace(initialise, key, name="Model.init", allowed=OPERATIONS)
    paths = [path for path, _ in jax.tree_util.tree_flatten_with_path(params)[0]]
    names = tuple("/".join(str(entry.key) for entry in path) for path in paths)
    traced = Traced({INITIAL_STATE: initial, INITIALISE: initialisation, STEP: stepping}, names)
    return check_signature(traced.check(), spec)


def _as_batch(state: Any) -> Any:
    return jax.tree.map(lambda leaf: lax.expand_dims(leaf, (0,)), state)


def _row(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: lax.squeeze(jnp.asarray(leaf), (0,)), tree)


def _check(model: nn.Module, spec: TaskSpec) -> Any:
    """Check the shapes and dtypes of one step without computing it; returns those of the parameters.

    Raises:
        CandidateError: invalid; says what was expected and what came.
    """
    B, N, D = 3, len(spec.neurons), len(spec.drive)
    state = jax.eval_shape(lambda: model.initial_state(B))
    _check_state_axes(state, B, N if spec.masked else None)
    returned, variables = jax.eval_shape(
        lambda a, x: model.init_with_output(jax.random.key(0), model.initial_state(B), a, x),
        jax.ShapeDtypeStruct((B, N), jnp.float32),
        jax.ShapeDtypeStruct((B, D), jnp.float32),
    )
    if not isinstance(returned, tuple) or len(returned) != 2:
        raise _invalid("`__call__` must return the pair (state, next_activity)", _describe(returned))
    next_state, next_activity = returned
    expected = f"`next_activity` must be float32 [B, N] = [{B}, {N}]"
    if getattr(next_activity, "shape", None) != (B, N) or next_activity.dtype != jnp.float32:
        raise _invalid(expected, _describe(next_activity))
    if _describe(next_state) != _describe(state):
        raise _invalid(f"The returned state must be like the initial one, {_describe(state)}", _describe(next_state))
    if extra := sorted(set(variables) - {"params"}):
        raise _invalid("`Model` may create the collection 'params' only", f"'{extra[0]}'")
    return variables.get("params", {})


def _check_state_axes(state: Any, B: int, N: int | None) -> None:
    """Every array of the state begins with the batch axis, then the neurons where N is given."""
    lead = (B,) if N is None else (B, N)
    axes = f"[B, ...], B = {B}" if N is None else f"[B, N, k], B = {B}, N = {N}, as the wiring is given"
    for leaf in jax.tree.leaves(state):
        if leaf.shape[: len(lead)] != lead:
            raise _invalid(f"Arrays of initial_state(batch) must be {axes}", _describe(leaf))


def _describe(tree: Any) -> str:
    """Structure, shapes and dtypes in one line, such as `(float32[3, 8], float32[3])`."""
    return str(jax.tree.map(_Described, tree))


class _Described:
    """A leaf that prints as its dtype and shape."""

    def __init__(self, leaf: Any) -> None:
        shaped = hasattr(leaf, "shape") and hasattr(leaf, "dtype")
        self.text = f"{leaf.dtype}{list(leaf.shape)}" if shaped else type(leaf).__name__

    def __repr__(self) -> str:
        return self.text


def _invalid(expected: str, got: str) -> CandidateError:
    return CandidateError(Status.INVALID, f"{expected}, got {got:.400}.")
