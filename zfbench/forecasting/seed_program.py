"""Every neuron stays where it is, but for a leak to a constant; both start at zero. Searches start here."""

from typing import Any

import flax.linen as nn
import jax


class Model(nn.Module):
    """a(t) = a(t-1) + rate (rest - a(t-1)), per neuron."""

    spec: Any

    def initial_state(self, _batch: int) -> tuple[()]:
        """No hidden state."""
        return ()

    @nn.compact
    def __call__(self, state: tuple[()], activity: jax.Array, _drive: jax.Array) -> tuple[tuple[()], jax.Array]:
        """One step: activity [B, N], drive [B, D] (not read) to [B, N]."""
        n = len(self.spec.neurons)
        rate = self.param("rate", nn.initializers.zeros, (n,))
        rest = self.param("rest", nn.initializers.zeros, (n,))
        return state, activity + rate * (rest - activity)
