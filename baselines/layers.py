"""Dense layers with the initial weights of Flax and of torch, which matter when training is short."""

from __future__ import annotations

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

Layer = Callable[[jax.Array, int, str | None], jax.Array]
"""A function that maps [..., I] to [..., width] by a layer of the given name, inside a module's `__call__`."""


def flax_dense(x: jax.Array, width: int, name: str | None = None) -> jax.Array:
    """Apply a dense layer with Flax's default start: weights normal with variance 1 / I, biases zero.

    The start is that of LeCun et al. (1998, doi:10.1007/3-540-49430-8_2).

    Args:
        x: [..., I].
        width: number of outputs.
        name: name of the layer's parameters.

    Returns:
        [..., width].
    """
    return nn.Dense(width, name=name)(x)


def torch_dense(x: jax.Array, width: int, name: str | None = None) -> jax.Array:
    """Apply a dense layer with torch's default start: weights and biases uniform within 1 / sqrt(I).

    The variance of the weights is a third of that of Flax's default.

    Args:
        x: [..., I].
        width: number of outputs.
        name: name of the layer's parameters.

    Returns:
        [..., width].
    """
    begin = torch_uniform(x.shape[-1])
    return nn.Dense(width, kernel_init=begin, bias_init=begin, name=name)(x)


def torch_uniform(inputs: int) -> nn.initializers.Initializer:
    """Return an initialiser that draws uniformly within 1 / sqrt(inputs)."""

    def begin(key: jax.Array, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32) -> jax.Array:
        return jax.random.uniform(key, shape, dtype, -1.0, 1.0) / jnp.sqrt(inputs)

    return begin
