"""A black box with memory: a gated recurrent unit (Cho et al. 2014) reads all activity and drive."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp


class Model(nn.Module):
    """h(t) = GRU(h(t-1), [a(t-1), x(t)]); a(t) = a(t-1) + W h(t) + b."""

    spec: Any
    hidden: int = 48

    def initial_state(self, batch: int) -> jax.Array:
        """Hidden state [B, hidden], zero."""
        return jnp.zeros((batch, self.hidden))

    @nn.compact
    def __call__(self, state: jax.Array, activity: jax.Array, drive: jax.Array) -> tuple[jax.Array, jax.Array]:
        """One step: activity [B, N], drive [B, D] to [B, N]."""
        inputs = jnp.concatenate([activity, drive], axis=-1)  # [B, N + D]
        state, hidden = nn.GRUCell(self.hidden)(state, inputs)
        change = nn.Dense(len(self.spec.neurons), kernel_init=nn.initializers.normal(0.01))(hidden)
        return state, activity + change
