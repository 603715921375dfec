"""Scores of forecast distributions that are given as samples."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from zfbench.base.errors import ZfbenchError
from zfbench.scoring.arrays import finite


def crps(samples: Float[NDArray[np.floating], "S B H N"], target: Float[NDArray[np.floating], "B H N"]) -> float:
    """Return the continuous ranked probability score, averaged over windows, steps and neurons, in units of activity.

    The score is E|X - y| - E|X - X'| / 2 (Gneiting & Raftery 2007, eq. 21, doi:10.1198/016214506000001437). The second
    expectation is taken over pairs of different samples, which makes the estimate fair: its expectation does not depend
    on the number of samples (Ferro 2014, doi:10.1002/qj.2270). A forecast without spread scores its mean absolute
    error.

    Args:
        samples: [S, B, H, N], S sample paths of each window.
        target: [B, H, N], the recorded activity.

    Raises:
        ZfbenchError: there are fewer than two samples, a shape is wrong, or a value is not finite.
    """
    truth = finite(target, "target", ("window", "step", "neuron"))
    paths = np.asarray(samples)
    if paths.ndim != 4 or paths.shape[1:] != truth.shape or len(paths) < 2:
        raise ZfbenchError(
            f"Samples of shape {paths.shape} were given; give at least two, of shape {('S', *truth.shape)}."
        )
    S = len(paths)
    weight = (2 * np.arange(1, S + 1) - S - 1) / (S * (S - 1))  # of the sorted samples: sum = E|X - X'| / 2
    total = 0.0
    for window, actual in enumerate(truth):  # one at a time: samples are the largest arrays of the benchmark
        drawn = finite(paths[:, window], f"samples of window {window}", ("sample", "step", "neuron"))  # [S, H, N]
        error = np.abs(drawn - actual).mean()
        spread = np.tensordot(weight, np.sort(drawn, axis=0), axes=1).mean()
        total += float(error - spread)
    return total / len(truth)
