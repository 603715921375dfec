"""A traced step as pure functions: initial parameters, a warm-up, a rollout with clamped neurons.

This runs in the clean process. A step is one row; rows are mapped here (`jax.vmap`), so that no program can read its
neighbour in a batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp

from zfbench.engine.evaluate import evaluate
from zfbench.engine.step import Traced
from zfbench.forecasting.signature import INITIAL_STATE, INITIALISE, STEP

Params = dict[str, jax.Array]  # by name
State = tuple[jax.Array, ...]  # each [B, ...]


def compiler_options(level: int = 1) -> dict[str, Any]:
    """How XLA compiles a candidate on a CPU: quickly, for compiling takes ten times as long as its training.

    Without the fusion emitters and at a low level of optimisation a program of the grammar compiles in half the time
    and takes a sixth longer for its updates (400 updates on the tiny tier, one core).
    """
    if jax.default_backend() != "cpu":
        return {}
    wanted = {
        "xla_cpu_use_fusion_emitters": False,
        "xla_backend_optimization_level": level,
        "xla_cpu_parallel_codegen_split_count": 1,
    }
    return {name: value for name, value in wanted.items() if is_known(name, value)}


@cache
def is_known(option: str, value: bool | int) -> bool:
    """Whether this version of XLA has an option of compilation; versions take away and add some."""
    try:
        jax.jit(lambda x: x, compiler_options={option: value}).lower(0.0).compile()
    except jax.errors.JaxRuntimeError:
        return False
    return True


@dataclass(frozen=True, eq=False)
class Dynamics:
    """a(t) = f(a(t-1), x(t)), with hidden state where the program has any.

    Attributes:
        traced: the program.
        recurrent: whether it has hidden state.
    """

    traced: Traced
    recurrent: bool

    @classmethod
    def of(cls, traced: Traced) -> Dynamics:
        """Wrap a program that `zfbench.forecasting.signature` has checked."""
        return cls(traced, recurrent=bool(traced.graphs[INITIAL_STATE].outputs))

    def initialise(self, key: jax.Array) -> Params:
        """Parameters as the program initialises them."""
        values = evaluate(self.traced.graphs[INITIALISE], [key])
        return {name: jnp.asarray(value) for name, value in zip(self.traced.names, values, strict=True)}

    def initialiser(self) -> Callable[[jax.Array], Params]:
        """From a key to parameters as the program initialises them, compiled."""
        compiled: Callable[[jax.Array], Params] = jax.jit(self.initialise, compiler_options=compiler_options(level=0))
        return compiled

    def initial_state(self, B: int) -> State:
        """Hidden state of B rows before the first step."""
        row = evaluate(self.traced.graphs[INITIAL_STATE], [])
        return tuple(jnp.broadcast_to(value, (B, *value.shape)) for value in row)

    def step(self, params: Params, state: State, activity: jax.Array, drive: jax.Array) -> tuple[State, jax.Array]:
        """One step: activity [B, N] and drive [B, D] to the next state and activity [B, N]."""
        given = [params[name] for name in self.traced.names]

        def row(state: State, activity: jax.Array, drive: jax.Array) -> tuple[State, jax.Array]:
            *following, activity = evaluate(self.traced.graphs[STEP], [*given, *state, activity, drive])
            return tuple(following), activity

        result: tuple[State, jax.Array] = jax.vmap(row)(state, activity, drive)
        return result

    def warm_up(self, params: Params, context: jax.Array, drive: jax.Array) -> State:
        """Hidden state before the step that follows the context, from recorded activity only.

        Args:
            params: parameters.
            context: [B, C, N], activity of s-C .. s-1.
            drive: [B, C, D], drive of the same steps.
        """
        initial = self.initial_state(context.shape[0])
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
