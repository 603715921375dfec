"""The likelihood of a recording under a deterministic forecast, with Laplace noise of unknown scale.

A residual r of neuron i is taken as Laplace noise of unknown scale b_i, p(r | b) = exp(-|r| / b) / (2 b): the density
whose maximum likelihood is the least absolute error. The scale is integrated out under its conjugate prior, the inverse
gamma distribution with shape a and scale s_i, so that no scale is fitted to the data that are scored:

    log p(r_1 .. r_n) = -n log 2 + a log s - log G(a) + log G(a + n) - (a + n) log(s + sum_k |r_k|),

where G is the gamma function. By the chain rule this is the sum of the log densities of each residual given those
before it. The sum over neurons is the log likelihood.

Residuals are treated as independent, although those of one forecast are not. Therefore the sum overstates the evidence,
by about the correlation time in steps, and differences of thousands of nats between programs are common. A temperature
softens it where that is too sharp.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.special import gammaln

from zfbench.scoring.arrays import finite

SHAPE = 1.0  # a; our choice: the prior weighs as much as one residual
RELATIVE_SCALE = 0.1  # s_i in units of the neuron's standard deviation; our choice: the error of a good forecast
SD_FLOOR = 1e-3  # least standard deviation in units of activity, as in `zfbench.scoring.forecast`

AXES = ("window", "step", "neuron")


def laplace_log_likelihood(
    prediction: Float[NDArray[np.floating], "B H N"],
    target: Float[NDArray[np.floating], "B H N"],
    sd: Float[NDArray[np.floating], " N"],
) -> float:
    """Return the log density of the target under the forecasts, in nats, by the formula of this module.

    Args:
        prediction: [B, H, N], the forecasts.
        target: [B, H, N], the recorded activity.
        sd: [N], standard deviation of each neuron's activity in training; sets the scale of the prior.

    Raises:
        ZfbenchError: shapes disagree, or a number is not finite.
    """
    truth = finite(target, "target", AXES)
    residual = np.abs(finite(prediction, "prediction", AXES, truth.shape) - truth)
    n = residual.shape[0] * residual.shape[1]
    s = RELATIVE_SCALE * np.maximum(finite(sd, "standard deviation", ("neuron",), truth.shape[2:]), SD_FLOOR)  # [N]
    per_neuron = SHAPE * np.log(s) - (SHAPE + n) * np.log(s + residual.sum(axis=(0, 1)))
    constant = -n * math.log(2) - gammaln(SHAPE) + gammaln(SHAPE + n)
    return float(per_neuron.sum() + len(s) * constant)


def standardised_mse(
    prediction: Float[NDArray[np.floating], "B H N"],
    target: Float[NDArray[np.floating], "B H N"],
    sd: Float[NDArray[np.floating], " N"],
) -> float | None:
    """Return the mean squared error with each neuron in units of its standard deviation; None if no neuron varies.

    Args:
        prediction: [B, H, N], the forecasts.
        target: [B, H, N], the recorded activity.
        sd: [N], standard deviation of each neuron's activity in training.

    Raises:
        ZfbenchError: shapes disagree, or a number is not finite.
    """
    truth = finite(target, "target", AXES)
    scale = finite(sd, "standard deviation", ("neuron",), truth.shape[2:])
    varies = scale >= SD_FLOOR
    error = (finite(prediction, "prediction", AXES, truth.shape) - truth)[:, :, varies] / scale[varies]
    return float(np.square(error).mean()) if error.size else None
