"""Leak and squash: each neuron leaks towards a sigmoid of its own small perceptron of the inputs that it may read."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np


class Model(nn.Module):
    """a_i(t) = a_i(t-1) + r_i (sigmoid(w_i . tanh(V_i (m_i * [a(t-1), x(t)]) + b_i) + c_i) - a_i(t-1)), wiring m_i."""

    spec: Any
    width: int = 8

    def initial_state(self, _batch: int) -> tuple[()]:
        """No hidden state."""
        return ()

    @nn.compact
    def __call__(self, state: tuple[()], activity: jax.Array, drive: jax.Array) -> tuple[tuple[()], jax.Array]:
        """One step: activity [B, N], drive [B, D] to [B, N]."""
        wiring = allowed(self.spec)  # [N, N + D]
        n, inputs = wiring.shape
        spread = nn.initializers.normal(1.0 / np.sqrt(wiring.sum(1).mean()))
        V = self.param("V", spread, (n, inputs, self.width))
        b = self.param("b", nn.initializers.normal(0.1), (n, self.width))
        w = self.param("w", nn.initializers.normal(0.3), (n, self.width))
        c = self.param("c", nn.initializers.zeros, (n,))
        everything = jnp.concatenate([activity, drive], axis=-1)  # [B, N + D]
        hidden = nn.tanh(jnp.einsum("bj,ijk->bik", everything, V * wiring[:, :, None]) + b)  # [B, N, width]
        target = nn.sigmoid(jnp.einsum("bik,ik->bi", hidden, w) + c)  # [B, N]
        rate = nn.sigmoid(self.param("rate", nn.initializers.constant(-2.5), (n,)))  # about 1/13 ms at first
        return state, activity + rate * (target - activity)


def allowed(spec: Any) -> np.ndarray:
    """Wiring of activity and drive, [N, N + D]; everything is allowed where none is given."""
    n, d = len(spec.neurons), len(spec.drive)
    recurrent = np.ones((n, n)) if spec.mask is None else spec.mask
    driven = np.ones((n, d)) if spec.drive_mask is None else spec.drive_mask
    return np.concatenate([recurrent, driven], axis=1).astype(np.float32)
