"""A candidate's Flax module as pure functions: a checked step, a warm-up, a rollout with clamped neurons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zfbench.records.program import CandidateError, Status
from zfbench.records.recordings import TaskSpec

Params = Any  # a tree of arrays
State = Any  # a tree of arrays, each [B, ...]


def compiler_options(level: int = 1) -> dict[str, Any]:
    """How XLA compiles a candidate on a CPU: quickly, for compiling takes ten times as long as its training.

    Without the fusion emitters and at a low level of optimisation a program of the grammar compiles in half the time
    and takes a sixth longer for its updates (400 updates on the tiny tier, one core).
    """
    if jax.default_backend() != "cpu":
        return {}
    return {"xla_cpu_use_fusion_emitters": False, "xla_backend_optimization_level": level}


@dataclass(frozen=True, eq=False)
class Dynamics:
    """a(t) = f(a(t-1), x(t)), with hidden state where the program has any.

    Attributes:
        model: the candidate's module; `Dynamics.of` checks it.
        recurrent: whether it has hidden state.
    """

    model: nn.Module
    recurrent: bool

    @classmethod
    def of(cls, model: nn.Module, spec: TaskSpec) -> Dynamics:
        """Wrap a module, after checking the shapes and dtypes of one step without computing it.

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
            raise _invalid(
                f"The returned state must be like the initial one, {_describe(state)}", _describe(next_state)
            )
        if extra := sorted(set(variables) - {"params"}):
            raise _invalid("`Model` may create the collection 'params' only", f"'{extra[0]}'")
        return cls(model, recurrent=bool(jax.tree.leaves(state)))

    def initialiser(self, spec: TaskSpec) -> Callable[[jax.Array], Params]:
        """From a key to parameters as the program initialises them."""
        activity, drive = jnp.zeros((1, len(spec.neurons))), jnp.zeros((1, len(spec.drive)))

        def initialise(key: jax.Array) -> Params:
            return self.model.init(key, self.model.initial_state(1), activity, drive).get("params", {})

        compiled: Callable[[jax.Array], Params] = jax.jit(initialise, compiler_options=compiler_options(level=0))
        return compiled

    def step(self, params: Params, state: State, activity: jax.Array, drive: jax.Array) -> tuple[State, jax.Array]:
        """One step: activity [B, N] and drive [B, D] to the next state and activity [B, N]."""
        result: Any = self.model.apply({"params": params}, state, activity, drive)
        return result[0], result[1]

    def warm_up(self, params: Params, context: jax.Array, drive: jax.Array) -> State:
        """Hidden state before the step that follows the context, from recorded activity only.

        Args:
            params: parameters.
            context: [B, C, N], activity of s-C .. s-1.
            drive: [B, C, D], drive of the same steps.
        """
        initial = self.model.initial_state(context.shape[0])
        if not self.recurrent:
            return initial

        def recorded_step(state: State, inputs: tuple[jax.Array, jax.Array]) -> tuple[State, None]:
            return self.step(params, state, *inputs)[0], None

        inputs = (jnp.swapaxes(context[:, :-1], 0, 1), jnp.swapaxes(drive[:, 1:], 0, 1))
        return jax.lax.scan(recorded_step, initial, inputs)[0]

    def free_run(
        self,
        params: Params,
        state: State,
        activity: jax.Array,
        drive: jax.Array,
        clamp_mask: jax.Array | None = None,
        clamp_value: jax.Array | None = None,
    ) -> jax.Array:
        """Run on the program's own predictions.

        Args:
            params: parameters.
            state: hidden state.
            activity: [B, N], the last recorded activity.
            drive: [B, H, D].
            clamp_mask: bool [B, N], neurons overwritten after every step; None: none.
            clamp_value: [B, H, N], what they are overwritten with; needed with a mask.

        Returns:
            [B, H, N].
        """

        def step(
            carry: tuple[State, jax.Array], inputs: tuple[jax.Array, jax.Array | None]
        ) -> tuple[tuple[State, jax.Array], jax.Array]:
            x, value = inputs
            state, following = self.step(params, *carry, x)
            if clamp_mask is not None and value is not None:
                following = jnp.where(clamp_mask, value, following)
            return (state, following), following

        value = None if clamp_value is None else jnp.swapaxes(clamp_value, 0, 1)
        path = jax.lax.scan(step, (state, activity), (jnp.swapaxes(drive, 0, 1), value))[1]  # [H, B, N]
        return jnp.swapaxes(path, 0, 1)

    def rollout(
        self,
        params: Params,
        context: jax.Array,
        drive: jax.Array,
        clamp_mask: jax.Array | None = None,
        clamp_value: jax.Array | None = None,
    ) -> jax.Array:
        """Warm up on context [B, C, N], then run free over the rest of drive [B, C + H, D]: [B, H, N]."""
        C = context.shape[1]
        state = self.warm_up(params, context, drive[:, :C])
        return self.free_run(params, state, context[:, -1], drive[:, C:], clamp_mask, clamp_value)


def _check_state_axes(state: State, B: int, N: int | None) -> None:
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
