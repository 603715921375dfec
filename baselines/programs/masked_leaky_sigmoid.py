"""Wiring and a rate model: each neuron leaks to a sigmoid of a weighted sum of the inputs it may read."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np


class Model(nn.Module):
    """a_i(t) = (1 - alpha_i) a_i(t-1) + alpha_i sigmoid(slope_i (W_i . (m_i * [a(t-1), x(t)]) - bias_i))."""

    spec: Any

    def initial_state(self, _batch: int) -> tuple[()]:
        """No hidden state."""
        return ()

    @nn.compact
    def __call__(self, state: tuple[()], activity: jax.Array, drive: jax.Array) -> tuple[tuple[()], jax.Array]:
        """One step: activity [B, N], drive [B, D] to [B, N]."""
        wiring = allowed(self.spec)  # [N, N + D]
        n, inputs = wiring.shape
        W = self.param("W", nn.initializers.normal(0.1), (n, inputs))
        bias = self.param("bias", nn.initializers.constant(0.5), (n,))
        slope = jnp.exp(self.param("log_slope", nn.initializers.constant(1.0), (n,)))
        alpha = nn.sigmoid(self.param("leak", nn.initializers.constant(-2.0), (n,)))
        everything = jnp.concatenate([activity, drive], axis=-1)  # [B, N + D]
        target = nn.sigmoid(slope * (everything @ (W * wiring).T - bias))  # [B, N]
        return state, (1.0 - alpha) * activity + alpha * target


def allowed(spec: Any) -> np.ndarray:
    """Wiring of activity and drive, [N, N + D]; everything is allowed where none is given."""
    n, d = len(spec.neurons), len(spec.drive)
    recurrent = np.ones((n, n)) if spec.mask is None else spec.mask
    driven = np.ones((n, d)) if spec.drive_mask is None else spec.drive_mask
    return np.concatenate([recurrent, driven], axis=1).astype(np.float32)
