"""TiDE, the time-series dense encoder.

Das, Kong, Leach, Mathur, Sen & Yu (2023), "Long-term Forecasting with TiDE: Time-series Dense Encoder", arXiv
2304.08424, section 4 and figure 1. Each neuron is forecast from its own past, its attributes and the covariates; all
neurons share the network. The attribute is the index of the neuron (one-hot), without which a shared network could not
tell the drive's effect on one neuron from that on another. The covariates are the drive of context and horizon
(`tide_driven`), or absent (`tide`).

Hidden sizes are those of ZAPBench's configuration, which leaves out the attributes and the covariates of the past; the
paper has both. The widths of one step are the authors' own for long horizons (their scripts for electricity and ETTm1),
since ZAPBench's, 32 and 32, are for 32 steps and not 256. A batch consists, as in the authors' code, of whole windows
of all series. docs/baselines.md has the measurements behind these choices.
"""

from __future__ import annotations

from functools import partial, reduce

import flax.linen as nn
import jax
import jax.numpy as jnp

from zfbench.baselines.direct import DirectMethod
from zfbench.baselines.layers import torch_uniform

HIDDEN = 128  # of encoder, decoder and feature projection; also the size of the encoding
DECODER_DIM = 8  # p, the decoder's output at each step ahead
COVARIATE_DIM = 4  # r~, the projected covariates of one step
TEMPORAL_DECODER_HIDDEN = 128
BATCH = 2  # windows, which with the larva's 54 neurons are 108 series (the authors: up to 512, of one window)


def dense(width: int, name: str, *parts: jax.Array) -> jax.Array:
    """Apply a dense layer to the concatenation of parts, with torch's initial weights.

    The layer is summed over the parts, so that a part that all neurons share, which has length 1 on their axis, is
    computed once. TiDE trains faster here from torch's initial weights than from Flax's.

    Args:
        width: number of outputs.
        name: prefix of the names of the layer's parameters.
        *parts: [..., I_k] each, whose leading axes broadcast.

    Returns:
        [..., width].
    """
    begin = torch_uniform(sum(x.shape[-1] for x in parts))
    layers = [
        nn.Dense(width, use_bias=k == 0, kernel_init=begin, bias_init=begin, name=f"{name}_{k}")
        for k in range(len(parts))
    ]
    return reduce(jnp.add, [layer(x) for layer, x in zip(layers, parts, strict=True)])


class ResidualBlock(nn.Module):
    """One hidden layer with a linear skip connection; without dropout and layer norm, as in ZAPBench.

    Attributes:
        hidden: width of the hidden layer.
        out: number of outputs.
    """

    hidden: int
    out: int

    @nn.compact
    def __call__(self, *parts: jax.Array) -> jax.Array:
        """Map parts [..., I_k], whose leading axes broadcast, to [..., out]."""
        hidden = nn.relu(dense(self.hidden, "first", *parts))
        return dense(self.out, "second", hidden) + dense(self.out, "skip", *parts)


class TiDE(nn.Module):
    """The network of TiDE.

    Attributes:
        horizon: H, steps to forecast.
        driven: True if the covariates are read.
    """

    horizon: int
    driven: bool

    @nn.compact
    def __call__(self, past: jax.Array, drive: jax.Array) -> jax.Array:
        """Map the past [B, C, N] and the drive [B, C + H, D] to the future [B, H, N]."""
        B, C, N = past.shape
        H, p = self.horizon, DECODER_DIM
        y = past.swapaxes(1, 2)  # [B, N, C], the lookback
        inputs, highway = [y, jnp.eye(N)[None]], []
        if self.driven:
            covariates = ResidualBlock(HIDDEN, COVARIATE_DIM, name="feature_projection")(drive[:, None])
            inputs.append(covariates.reshape(B, 1, -1))  # [B, 1, (C + H) r~]
            highway.append(covariates[:, :, C:])  # [B, 1, H, r~]
        encoding = ResidualBlock(HIDDEN, HIDDEN, name="encoder")(*inputs)  # [B, N, HIDDEN]
        decoded = ResidualBlock(HIDDEN, H * p, name="decoder")(encoding).reshape(B, N, H, p)
        forecast = ResidualBlock(TEMPORAL_DECODER_HIDDEN, 1, name="temporal_decoder")(decoded, *highway)[..., 0]
        return (forecast + dense(H, "lookback_skip", y)).swapaxes(1, 2)


tide_c4 = DirectMethod(partial(TiDE, driven=False), context=4, batch=BATCH)
tide_c256 = DirectMethod(partial(TiDE, driven=False), context=256, batch=BATCH)
tide_driven_c4 = DirectMethod(partial(TiDE, driven=True), context=4, needs=("drive",), batch=BATCH)
tide_driven_c256 = DirectMethod(partial(TiDE, driven=True), context=256, needs=("drive",), batch=BATCH)
