"""NLinear: one linear map from the past of a neuron to its future, shared by all neurons.

Zeng, Chen, Zhang & Xu (2023), "Are Transformers Effective for Time Series Forecasting?", doi:10.1609/aaai.v37i9.26317,
section 3. The last value is subtracted before the map and added after it, so that the map forecasts changes. ZAPBench
switches that normalisation off, which leaves a plain linear map; it is offered here as `nlinear_plain`.
"""

from __future__ import annotations

from functools import partial

import flax.linen as nn
import jax

from zfbench.baselines.direct import DirectMethod


class NLinear(nn.Module):
    """The network of NLinear.

    Attributes:
        horizon: H, steps to forecast.
        normalise: True if the last value is subtracted and added again.
    """

    horizon: int
    normalise: bool = True

    @nn.compact
    def __call__(self, past: jax.Array, drive: jax.Array) -> jax.Array:
        """Map the past [B, C, N] to the future [B, H, N]; the drive is not read."""
        del drive
        last = past[:, -1:] if self.normalise else 0.0  # [B, 1, N]
        series = (past - last).swapaxes(1, 2)  # [B, N, C]
        return nn.Dense(self.horizon)(series).swapaxes(1, 2) + last


nlinear_c4 = DirectMethod(NLinear, context=4)
nlinear_c256 = DirectMethod(NLinear, context=256)
nlinear_plain_c4 = DirectMethod(partial(NLinear, normalise=False), context=4)
nlinear_plain_c256 = DirectMethod(partial(NLinear, normalise=False), context=256)
