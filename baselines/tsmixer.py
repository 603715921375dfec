"""TSMixer: multilayer perceptrons that mix steps and neurons in turn.

Chen, Li, Yoder, Arik & Pfister (2023), "TSMixer: An All-MLP Architecture for Time Series Forecasting", arXiv
2303.06053. `tsmixer` is section 4.1; `tsmixer_driven` is TSMixer-Ext of section 4.2, which aligns past and future
covariates with the horizon before it mixes. Sizes of `tsmixer` are those of ZAPBench: two blocks; at C = 4 a hidden
layer of 256 and no instance norm, at C = 256 one of 128 and reversible instance norm; ReLU, no dropout, no norm inside
the blocks. `tsmixer_driven` also has two blocks, of 64 channels, since it mixes over the horizon whatever the context.
It has no instance norm, with which the drive could not activate a neuron that is silent in the context.

The weights of `tsmixer_driven` start as torch's default does, from which it trains faster here than from Flax's; those
of `tsmixer` start as Flax's (docs/baselines.md).

Neurons are mixed, so the derivative of the first step by the last activity is a map between neurons.
"""

from __future__ import annotations

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp

from zfbench.baselines.direct import DirectMethod
from zfbench.baselines.layers import Layer, flax_dense, torch_dense

BLOCKS = 2
HIDDEN_C4 = 256
HIDDEN_C256 = 128
HIDDEN_DRIVEN = 64
NORM_EPSILON = 1e-5  # added to the variance, so that a constant neuron can be divided by it


class TimeMix(nn.Module):
    """A linear map over steps, shared by the channels, with ReLU and a residual connection.

    Attributes:
        layer: function that applies a dense layer.
    """

    layer: Layer

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Map [B, T, F] to [B, T, F]."""
        return x + nn.relu(self.layer(x.swapaxes(1, 2), x.shape[1], None)).swapaxes(1, 2)


class FeatureMix(nn.Module):
    """A perceptron over channels, shared by the steps, with a residual connection, a linear one if the width changes.

    Attributes:
        hidden: width of the hidden layer.
        out: number of output channels.
        layer: function that applies a dense layer.
    """

    hidden: int
    out: int
    layer: Layer

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Map [B, T, F] to [B, T, out]."""
        mixed = self.layer(nn.relu(self.layer(x, self.hidden, "first")), self.out, "second")
        return mixed + (x if x.shape[-1] == self.out else self.layer(x, self.out, "skip"))


class TSMixer(nn.Module):
    """The network of TSMixer without covariates.

    Attributes:
        horizon: H, steps to forecast.
        hidden: width of the hidden layers.
        instance_norm: True if each window is normalised before the network and restored after it.
    """

    horizon: int
    hidden: int
    instance_norm: bool

    @nn.compact
    def __call__(self, past: jax.Array, drive: jax.Array) -> jax.Array:
        """Map the past [B, C, N] to the future [B, H, N]; the drive is not read."""
        del drive
        N = past.shape[2]
        x = past
        if self.instance_norm:  # reversible instance normalisation (Kim et al. 2022, ICLR)
            mean = past.mean(axis=1, keepdims=True)  # [B, 1, N]
            sd = jnp.sqrt(past.var(axis=1, keepdims=True) + NORM_EPSILON)
            gain = self.param("gain", nn.initializers.ones, (N,))
            shift = self.param("shift", nn.initializers.zeros, (N,))
            x = (past - mean) / sd * gain + shift
        for _ in range(BLOCKS):
            x = FeatureMix(self.hidden, N, flax_dense)(TimeMix(flax_dense)(x))
        forecast = flax_dense(x.swapaxes(1, 2), self.horizon, "temporal_projection").swapaxes(1, 2)
        return (forecast - shift) / gain * sd + mean if self.instance_norm else forecast


class TSMixerExt(nn.Module):
    """The network of TSMixer-Ext, which reads covariates.

    Attributes:
        horizon: H, steps to forecast.
        hidden: width of all layers.
    """

    horizon: int
    hidden: int

    @nn.compact
    def __call__(self, past: jax.Array, drive: jax.Array) -> jax.Array:
        """Map the past [B, C, N] and the drive [B, C + H, D] to the future [B, H, N]."""
        C, N = past.shape[1:]
        history = jnp.concatenate([past, drive[:, :C]], axis=-1).swapaxes(1, 2)  # [B, N + D, C]
        aligned = torch_dense(history, self.horizon, "temporal_projection").swapaxes(1, 2)  # [B, H, N + D]
        x = FeatureMix(self.hidden, self.hidden, torch_dense, name="history")(aligned)
        future = FeatureMix(self.hidden, self.hidden, torch_dense, name="future")(drive[:, C:])
        x = jnp.concatenate([x, future], axis=-1)  # [B, H, 2 hidden]
        for _ in range(BLOCKS):
            x = FeatureMix(self.hidden, self.hidden, torch_dense)(TimeMix(torch_dense)(x))
        return torch_dense(x, N, "output")


tsmixer_c4 = DirectMethod(partial(TSMixer, hidden=HIDDEN_C4, instance_norm=False), context=4, one_step_map=True)
tsmixer_c256 = DirectMethod(partial(TSMixer, hidden=HIDDEN_C256, instance_norm=True), context=256, one_step_map=True)
tsmixer_driven_c4 = DirectMethod(
    partial(TSMixerExt, hidden=HIDDEN_DRIVEN), context=4, needs=("drive",), one_step_map=True
)
tsmixer_driven_c256 = DirectMethod(
    partial(TSMixerExt, hidden=HIDDEN_DRIVEN), context=256, needs=("drive",), one_step_map=True
)
