"""The black box of driven_mlp with a bounded output: all neurons leak towards a sigmoid of its perceptron."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp


class Model(nn.Module):
    """a(t) = a(t-1) + r (sigmoid(MLP([a(t-1), x(t)])) - a(t-1)), two hidden layers, a rate r per neuron."""

    spec: Any
    width: int = 128

    def initial_state(self, _batch: int) -> tuple[()]:
        """No hidden state."""
        return ()

    @nn.compact
    def __call__(self, state: tuple[()], activity: jax.Array, drive: jax.Array) -> tuple[tuple[()], jax.Array]:
        """One step: activity [B, N], drive [B, D] to [B, N]."""
        hidden = jnp.concatenate([activity, drive], axis=-1)  # [B, N + D]
        hidden = nn.silu(nn.Dense(self.width)(hidden))
        hidden = nn.silu(nn.Dense(self.width)(hidden))
        n = len(self.spec.neurons)
        target = nn.sigmoid(nn.Dense(n, kernel_init=nn.initializers.normal(0.05))(hidden))  # [B, N]
        rate = nn.sigmoid(self.param("rate", nn.initializers.constant(-2.5), (n,)))  # about 1/13 ms at first
        return state, activity + rate * (target - activity)
