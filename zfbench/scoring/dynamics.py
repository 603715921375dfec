"""Dynamics: how an impulse spreads and decays, the spectrum of the local dynamics, and the spectrum of the activity.

An impulse is a displacement of one neuron's activity at a fixed operating point. The response is the difference of the
rollouts with and without it: the generalised impulse response of a nonlinear system (Koop, Pesaran & Potter 1996,
doi:10.1016/0304-4076(95)01753-4), here without noise. In a linear system a(t) = A a(t-1) + B x(t) the response after k
steps is A^k e_j times the amplitude.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from zfbench.base.errors import ZfbenchError
from zfbench.scoring.arrays import finite, normalised_error

PEAK_THRESHOLD = 1e-2
"""The latency of a response is compared if its true peak exceeds this, in units of activity; our choice.

Where a response is smaller, the step of its peak depends on rounding and noise more than on the dynamics.
"""

POWER_FLOOR = 1e-8
"""A neuron varies if its mean square about the window's mean exceeds this, a standard deviation of 1e-4; our choice."""


def impulse_probes(
    context: Float[NDArray[np.floating], "S C N"], sources: Sequence[int], amplitudes: Sequence[float]
) -> Float[NDArray[np.floating], "S*{len(sources)}*{len(amplitudes)} C N"]:
    """Build contexts whose last entry is displaced by each amplitude in each source neuron.

    Args:
        context: [S, C, N], the operating points, each with the activity before it.
        sources: K neuron indices.
        amplitudes: A displacements, in units of activity, of either sign.

    Returns:
        [S * K * A, C, N] in the context's dtype, ordered by state, then source, then amplitude.
    """
    S, C, N = context.shape
    K, A = len(sources), len(amplitudes)
    impulses = np.eye(N)[list(sources)][:, None, :] * np.asarray(amplitudes)[:, None]  # [K, A, N]
    probes = np.repeat(context[:, None], K * A, axis=1)  # [S, K*A, C, N]
    probes[:, :, -1, :] += impulses.reshape(K * A, N).astype(context.dtype)
    return probes.reshape(S * K * A, C, N)


def impulse_responses(
    perturbed: Float[NDArray[np.floating], "P H N"],
    base: Float[NDArray[np.floating], "S H N"],
    n_sources: int,
    n_amplitudes: int,
) -> Float[NDArray[np.float64], "S {n_sources} {n_amplitudes} H N"]:
    """Compute impulse responses from the rollouts of `impulse_probes` and of the unperturbed contexts.

    Args:
        perturbed: [S * K * A, H, N], the rollouts of the probes.
        base: [S, H, N], the rollouts of the unperturbed contexts.
        n_sources: K.
        n_amplitudes: A.

    Returns:
        [S, K, A, H, N].

    Raises:
        ZfbenchError: a shape is wrong, or a rollout is not finite.
    """
    free = finite(base, "base rollout", ("state", "step", "neuron"))
    S, H, N = free.shape
    moved = finite(perturbed, "perturbed rollout", ("probe", "step", "neuron"), (S * n_sources * n_amplitudes, H, N))
    return moved.reshape(S, n_sources, n_amplitudes, H, N) - free[:, None, None]


@dataclass(frozen=True)
class ImpulseScore:
    """Impulse responses compared with the true ones; the relative errors are 1 for predicting no response.

    Attributes:
        error: ||model - truth|| / ||truth|| over all responses.
        error_by_group: the same over the sources of each group.
        latency_error: median absolute difference between the steps of the peaks, in steps.
        latency_error_relative: `latency_error` divided by that of predicting no response.
        latency_error_upper: the 0.9 quantile in place of the median.
        decay_error: median |ln(time constant / true time constant)|.
        decay_error_relative: `decay_error` divided by that of predicting no response.
        decay_error_upper: the 0.9 quantile in place of the median.
    """

    error: float | None
    error_by_group: dict[str, float | None]
    latency_error: float | None
    latency_error_relative: float | None
    latency_error_upper: float | None
    decay_error: float | None
    decay_error_relative: float | None
    decay_error_upper: float | None


def score_impulse(
    model: Float[NDArray[np.floating], "S K A H N"],
    truth: Float[NDArray[np.floating], "S K A H N"],
    sources: Sequence[int],
    source_groups: Sequence[str],
    threshold: float = PEAK_THRESHOLD,
) -> ImpulseScore:
    """Score a model's impulse responses.

    The latency is compared for each (state, source, amplitude, target) whose true peak exceeds the threshold. The
    displaced neuron itself is left out, because it peaks at once in any model. The time constant is that of the norm
    over all other neurons, for each (state, source, amplitude) whose true peak norm exceeds the threshold; see
    `decay_times`. With the displaced neuron it would be the time constant of that neuron's own leak, whatever the
    wiring.

    Args:
        model: [S, K, A, H, N], the model's responses.
        truth: [S, K, A, H, N], the true responses.
        sources: K neuron indices.
        source_groups: the group of each source, K names.
        threshold: the smallest true peak whose time is compared, in units of activity.

    Returns:
        Errors of the responses, their latencies and their time constants.

    Raises:
        ZfbenchError: a shape is wrong, or a response is not finite.
    """
    axes = ("state", "source", "amplitude", "step", "neuron")
    true_r = finite(truth, "true response", axes)
    model_r = finite(model, "model's response", axes, true_r.shape)
    K = true_r.shape[1]
    if len(sources) != K or len(source_groups) != K:
        raise ZfbenchError(
            f"{len(sources)} sources and {len(source_groups)} source groups were given; give {K} of each."
        )

    timed = np.abs(true_r).max(axis=3) > threshold  # [S, K, A, N]
    timed[:, np.arange(K), :, list(sources)] = False
    latency, true_latency = peak_latencies(model_r)[timed], peak_latencies(true_r)[timed]
    latency_error = _median(np.abs(latency - true_latency))
    latency_control = _median(true_r.shape[3] - true_latency)

    norm, true_norm = _norm_of_others(model_r, sources), _norm_of_others(true_r, sources)  # [S, K, A, H]
    strong = true_norm.max(axis=3) > threshold  # [S, K, A]
    decay, true_decay = np.log(decay_times(norm))[strong], np.log(decay_times(true_norm))[strong]
    decay_error = _median(np.abs(decay - true_decay))
    decay_control = _median(true_decay)

    of_group = np.asarray(source_groups)
    return ImpulseScore(
        error=normalised_error(model_r, true_r),
        error_by_group={
            group: normalised_error(model_r[:, of_group == group], true_r[:, of_group == group])
            for group in dict.fromkeys(source_groups)
        },
        latency_error=latency_error,
        latency_error_relative=_ratio(latency_error, latency_control),
        latency_error_upper=_upper(np.abs(latency - true_latency)),
        decay_error=decay_error,
        decay_error_relative=_ratio(decay_error, decay_control),
        decay_error_upper=_upper(np.abs(decay - true_decay)),
    )


def peak_latencies(responses: Float[NDArray[np.float64], "*batch H N"]) -> Integer[NDArray[np.intp], "*batch N"]:
    """Return the step of the largest |response|, [..., H, N] -> [..., N].

    It is H (never) for a response that is zero throughout.
    """
    size = np.abs(responses)
    return np.where(size.max(axis=-2) > 0, size.argmax(axis=-2), responses.shape[-2])


def decay_times(norm: Float[NDArray[np.float64], "*batch H"]) -> Float[NDArray[np.float64], "*batch"]:
    """Return the steps from a response's peak until it first falls to 1/e of it, [..., H] -> [...].

    The crossing is interpolated linearly in the logarithm, so that a response lambda^k gives exactly -1/ln(lambda). The
    result is at least 1, the shortest time that steps resolve, and 1 for a response that is zero throughout. A response
    that does not fall to 1/e within the horizon gets the number of steps after its peak, H - peak.
    """
    H = norm.shape[-1]
    peak = norm.argmax(axis=-1)[..., None]
    level = np.take_along_axis(norm, peak, axis=-1) / np.e
    below = (np.arange(H) > peak) & (norm <= level)
    crossing = below.argmax(axis=-1)[..., None]  # 0 where there is none
    before = np.take_along_axis(norm, np.maximum(crossing - 1, 0), axis=-1)
    after = np.take_along_axis(norm, crossing, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):  # ln 0 where a response dies at once or is zero
        fraction = np.log(before / level) / np.log(before / after)
    fallen = crossing - 1 - peak + np.nan_to_num(fraction, nan=0.0)
    return np.maximum(np.where(crossing > 0, fallen, H - peak)[..., 0], 1.0)


def eigenvalue_distance(
    model: Float[NDArray[np.floating], "S N N"], truth: Float[NDArray[np.floating], "S N N"]
) -> float:
    """Return the mean |lambda_i - mu_i| between the eigenvalues of two sets of Jacobians [S, N, N], over states.

    In each state the eigenvalues are paired so that the sum is least: the optimal matching distance of Bhatia (1997,
    ch. VI, doi:10.1007/978-1-4612-0653-8) with the mean in place of the maximum. Eigenvalues do not depend on the
    coordinates of hidden variables, but those of a strongly non-normal matrix change a lot when the matrix changes
    little.

    Raises:
        ZfbenchError: a shape is wrong, or a value is not finite.
    """
    axes = ("state", "target", "source")
    true_J = finite(truth, "true Jacobian", axes)
    model_J = finite(model, "model's Jacobian", axes, true_J.shape)
    cost = np.abs(np.linalg.eigvals(model_J)[:, :, None] - np.linalg.eigvals(true_J)[:, None, :])  # [S, N, N]
    return float(np.mean([c[linear_sum_assignment(c)].mean() for c in cost]))


def spectral_distance(
    model: Float[NDArray[np.floating], "B H N"], truth: Float[NDArray[np.floating], "B H N"], floor: float = POWER_FLOOR
) -> float | None:
    """Return the Hellinger distance between the power spectra of activities, averaged over neurons; from 0 to 1.

    The mean of each window is removed, because an offset would hide everything else. The periodograms of the windows
    are averaged (Bartlett 1948, doi:10.1038/161686a0) and normalised to sum to one for each neuron: p and q. The
    distance is sqrt(1 - sum sqrt(p q)), used for reconstructed dynamics by Hess et al. (2023, arXiv 2306.04406).
    Neurons that do not vary in truth are left out; a model that does not vary where the truth does is at distance 1.

    Args:
        model: [B, H, N], the model's activity.
        truth: [B, H, N], the true activity.
        floor: the least mean square about the window's mean of a neuron that varies.

    Returns:
        The distance; None if no neuron varies.

    Raises:
        ZfbenchError: a shape is wrong, or a value is not finite.
    """
    axes = ("window", "step", "neuron")
    true_a = finite(truth, "true activity", axes)
    true_spectrum, varies = _spectrum(true_a, floor)
    model_spectrum, model_varies = _spectrum(finite(model, "model's activity", axes, true_a.shape), floor)
    difference = np.sqrt(model_spectrum) - np.sqrt(true_spectrum)  # [F, N]
    distance = np.where(model_varies, np.linalg.norm(difference, axis=0) / np.sqrt(2.0), 1.0)  # [N]
    return float(distance[varies].mean()) if varies.any() else None


def _spectrum(activity: NDArray[np.float64], floor: float) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the normalised mean periodogram [F, N] of activity [B, H, N], and which neurons vary, bool [N]."""
    centred = activity - activity.mean(axis=1, keepdims=True)
    varies = np.square(centred).mean(axis=(0, 1)) > floor
    power = np.square(np.abs(np.fft.rfft(centred, axis=1))).mean(axis=0)  # [F, N]
    return power / np.where(varies, power.sum(axis=0), 1.0), varies


def _norm_of_others(responses: NDArray[np.float64], sources: Sequence[int]) -> NDArray[np.float64]:
    """Return the norm over all neurons but the displaced one, [S, K, A, H, N] -> [S, K, A, H]."""
    squares = np.square(responses)
    squares[:, np.arange(len(sources)), :, :, list(sources)] = 0.0
    return np.sqrt(squares.sum(axis=4))


def _median(values: NDArray) -> float | None:
    return float(np.median(values)) if values.size else None


def _upper(values: NDArray) -> float | None:
    return float(np.quantile(values, 0.9)) if values.size else None


def _ratio(value: float | None, control: float | None) -> float | None:
    return None if value is None or not control else value / control
