"""TSMixer: multilayer perceptrons that mix steps and neurons in turn.

Chen et al. 2023, "TSMixer: An All-MLP Architecture for Time Series Forecasting".
`tsmixer` is section 4.1; `tsmixer_driven` is TSMixer-Ext of section 4.2, which aligns past and future covariates with
the horizon before it mixes. Sizes of `tsmixer` are those of ZAPBench: two blocks; at C = 4 a hidden layer of 256 and no
instance norm, at C = 256 one of 128 and reversible instance norm; ReLU, no dropout, no norm inside the blocks.
`tsmixer_driven` has two blocks as well, of 64 channels, since it mixes over the horizon whatever the context; and no
instance norm: a neuron that is silent in the context could not be made to speak by the drive.

Weights of `tsmixer_driven` begin as torch's default has them, from which it trains faster here than from Flax's; those
of `tsmixer` begin as Flax's (docs/baselines.md).

Neurons are mixed, so the first step's derivative by the last activity is a map between neurons.
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
NORM_EPSILON = 1e-5


class TimeMix(nn.Module):
    """A linear map over steps, shared by the channels, with ReLU and residual."""

    layer: Layer

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Map [B, T, F] to [B, T, F]."""
        return x + nn.relu(self.layer(x.swapaxes(1, 2), x.shape[1], None)).swapaxes(1, 2)


class FeatureMix(nn.Module):
    """A perceptron over channels, shared by the steps, with residual; a linear one if the width changes."""

    hidden: int
    out: int
    layer: Layer

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Map [B, T, F] to [B, T, out]."""
        mixed = self.layer(nn.relu(self.layer(x, self.hidden, "first")), self.out, "second")
        return mixed + (x if x.shape[-1] == self.out else self.layer(x, self.out, "skip"))


class TSMixer(nn.Module):
    """Attributes: H, the horizon; width of the hidden layers; whether each window is normalised and restored."""

    horizon: int
    hidden: int
    instance_norm: bool

    @nn.compact
    def __call__(self, past: jax.Array, drive: jax.Array) -> jax.Array:
        """Map [B, C, N] to [B, H, N]; the drive is not read."""
        del drive
        N = past.shape[2]
        x = past
        if self.instance_norm:  # reversible (Kim et al. 2022)
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
    """Attributes: H, the horizon; width of all layers."""

    horizon: int
    hidden: int

    @nn.compact
    def __call__(self, past: jax.Array, drive: jax.Array) -> jax.Array:
        """Map [B, C, N] and [B, C + H, D] to [B, H, N]."""
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
