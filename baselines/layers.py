"""Dense layers of the networks, by how their weights begin; with few updates it decides how good they get."""

from __future__ import annotations

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

Layer = Callable[[jax.Array, int, str | None], jax.Array]
"""Maps [..., I] to [..., width] by a layer of that name, inside a module's `__call__`."""


def flax_dense(x: jax.Array, width: int, name: str | None = None) -> jax.Array:
    """The default of Flax: weights normal with variance 1 / I, biases zero (LeCun et al. 1998)."""
    return nn.Dense(width, name=name)(x)


def torch_dense(x: jax.Array, width: int, name: str | None = None) -> jax.Array:
    """The default of torch: weights and biases uniform within 1 / sqrt(I), a third of that variance."""
    begin = torch_uniform(x.shape[-1])
    return nn.Dense(width, kernel_init=begin, bias_init=begin, name=name)(x)


def torch_uniform(inputs: int) -> nn.initializers.Initializer:
    """Uniform within 1 / sqrt(inputs)."""

    def begin(key: jax.Array, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32) -> jax.Array:
        return jax.random.uniform(key, shape, dtype, -1.0, 1.0) / jnp.sqrt(inputs)

    return begin
