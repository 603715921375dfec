"""Marginal likelihoods: the probability of observations under a simulator whose parameters are integrated out.

With parameters theta ~ p, observations x_j and their contexts c_j, j = 1..M, each with parameters of its own,

    log p(x | m) = sum_j log p(x_j | m),
    log p(x_j | m) = logsumexp_b [log p(x_j | m, theta_b, c_j) + log u_b] - log B,

where either theta_b ~ p(theta) and u_b = 1 (prior Monte Carlo), or theta_b ~ q(theta | x_j) and u_b = p(theta_b) /
q(theta_b | x_j) (importance sampling; Wahl et al. 2026, arXiv 2602.18266, Eq. D-36, which prints the ratio upside
down).

The density may be the simulator's own or an estimate (`zfbench.simulators.density`); both have `log_prob`. The reported
standard error is that of the Monte Carlo sum alone and does not include the error of an estimated density.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from zfbench.base.errors import DensityError, ZfbenchError
from zfbench.scoring.arrays import finite

Array = NDArray[np.float64]


@runtime_checkable
class Likelihood(Protocol):
    """p(x | theta, c): the density of a simulator's observations, exact or estimated."""

    def log_prob(
        self,
        x: Float[NDArray[np.float64], "M K"],
        theta: Float[NDArray[np.float64], "B P"],
        context: Float[NDArray[np.float64], "M C"] | None = None,
    ) -> Float[NDArray[np.float64], "M B"]:
        """Return the log density of every observation under every parameter.

        Args:
            x: [M, K], observations.
            theta: [B, P], parameters.
            context: [M, C], the context of each observation; None where the simulator takes none.

        Returns:
            [M, B]; -inf where an observation is impossible.
        """
        ...


@runtime_checkable
class Posterior(Protocol):
    """q(theta | x, c): a normalised density to draw parameters from; it may extend beyond the prior's support."""

    def sample(
        self,
        x: Float[NDArray[np.float64], " K"],
        n: int,
        seed: int,
        context: Float[NDArray[np.float64], " C"] | None = None,
    ) -> Float[NDArray[np.float64], "{n} P"]:
        """Draw n parameters [n, P] given one observation.

        Args:
            x: [K], the observation.
            n: number of draws.
            seed: seed of the draws.
            context: [C], the context of the observation; None where the simulator takes none.
        """
        ...

    def log_prob(self, theta: Array, x: Array, context: Array | None = None) -> Array:
        """Return the log density [n] of parameters given one observation.

        Args:
            theta: [n, P], parameters.
            x: [K], the observation.
            context: [C], the context of the observation; None where the simulator takes none.
        """
        ...


@dataclass(frozen=True, eq=False)
class MarginalLikelihood:
    """Monte Carlo estimates of log marginal likelihoods, in nats.

    Attributes:
        log_evidence: [M], of each observation; -inf where no draw can explain it.
        standard_error: [M], standard error of `log_evidence` (delta method); inf where that is -inf.
        effective_size: [M], effective sample size 1 / sum_b W_b^2 of the normalised terms: the number of draws that the
            estimate rests on.
        total: sum over observations.
        total_standard_error: standard error of `total`, which accounts for draws that observations share.
    """

    log_evidence: Float[NDArray[np.float64], " M"]
    standard_error: Float[NDArray[np.float64], " M"]
    effective_size: Float[NDArray[np.float64], " M"]
    total: float
    total_standard_error: float


def log_marginal_prior(
    likelihood: Likelihood,
    x: Float[NDArray[np.floating], "M K"],
    theta_prior: Float[NDArray[np.floating], "B P"],
    context: Float[NDArray[np.floating], "M C"] | None = None,
) -> MarginalLikelihood:
    """Estimate the marginal likelihood by averaging over draws from the prior.

    Args:
        likelihood: p(x | theta, c).
        x: observations, [M, K].
        theta_prior: draws from the prior, [B, P], B at least 2; shared by all observations.
        context: [M, C], the context of each observation; None where the simulator takes none.

    Raises:
        DensityError: a log density is NaN or +inf.
        ZfbenchError: shapes disagree.
    """
    x, context = _observations(x, context)
    theta = finite(theta_prior, "prior sample", ("draw", "parameter"))
    log_terms = np.asarray(likelihood.log_prob(x, theta, context), np.float64)
    if log_terms.shape != (len(x), len(theta)):
        raise ZfbenchError(
            f"The likelihood answered with shape {log_terms.shape}; make it {(len(x), len(theta))}, "
            "one log density for every observation and draw."
        )
    return average(log_terms, shared=True)


def log_marginal_importance(
    likelihood: Likelihood,
    x: Float[NDArray[np.floating], "M K"],
    posterior: Posterior,
    log_prior: Callable[[Array], Array],
    theta_prior: Float[NDArray[np.floating], "B P"],
    seed: int,
    context: Float[NDArray[np.floating], "M C"] | None = None,
) -> MarginalLikelihood:
    """Estimate the marginal likelihood by importance sampling from a posterior.

    Draws outside the prior's support have weight p / q = 0 and stay in the average. This renormalises q to the support:
    dropping them instead would divide by too few draws and add -log(share inside) to the log evidence. Where all draws
    from q are outside the support, q has missed the observation, which says nothing about the simulator; that
    observation is averaged over draws from the prior.

    Args:
        likelihood: p(x | theta, c).
        x: observations, [M, K].
        posterior: q, from which new parameters are drawn for each observation.
        log_prior: function from parameters [n, P] to log densities [n], -inf outside the support.
        theta_prior: draws from the prior, [B, P], B at least 2; as many are drawn from q.
        seed: seed of the draws from q.
        context: [M, C], the context of each observation; None where the simulator takes none.

    Raises:
        DensityError: a log density is NaN or +inf, a draw is not finite, or q is zero at one of its own draws.
        ZfbenchError: shapes disagree.
    """
    x, context = _observations(x, context)
    from_prior = finite(theta_prior, "prior sample", ("draw", "parameter"))
    seeds = np.random.SeedSequence(seed).generate_state(len(x))
    log_terms = np.full((len(x), len(from_prior)), -np.inf)
    for j, own in enumerate(x):
        c = None if context is None else context[j]
        rows = None if c is None else c[None]
        theta = np.asarray(posterior.sample(own, len(from_prior), int(seeds[j]), c), np.float64)  # [B, P]
        if not np.isfinite(theta).all():
            raise DensityError("A draw from the posterior is not finite; it is not a valid density.")
        prior = np.asarray(log_prior(theta), np.float64)  # [B]
        inside = prior > -np.inf
        if np.isnan(prior).any():
            raise ZfbenchError("The log prior is NaN at a posterior draw; return -inf outside its support.")
        if not inside.any():
            log_terms[j] = likelihood.log_prob(own[None], from_prior, rows)[0]
            continue
        proposal = np.asarray(posterior.log_prob(theta[inside], own, c), np.float64)  # [inside]
        if not np.isfinite(proposal).all():
            raise DensityError("The posterior's log density is not finite at its own draws; it is not a valid density.")
        density = np.asarray(likelihood.log_prob(own[None], theta[inside], rows), np.float64)[0]  # [inside]
        log_terms[j, inside] = density + prior[inside] - proposal
    return average(log_terms, shared=False)


def log_fitted(
    likelihood: Likelihood,
    x: Float[NDArray[np.floating], "M K"],
    posterior: Posterior,
    inside: Callable[[Array], NDArray[np.bool_]],
    theta_prior: Float[NDArray[np.floating], "B P"],
    draws: int,
    seed: int,
    context: Float[NDArray[np.floating], "M C"] | None = None,
) -> Float[NDArray[np.float64], " M"]:
    """Return the log likelihood of each observation at parameters fitted to it, log p(x_j | m, c_j, theta_j): [M].

    This is the score of FunSearch+ in Wahl et al. 2026 (arXiv 2602.18266, Eq. E-39); `fit_parameters` says how
    theta_j is found.

    Args:
        likelihood: p(x | theta, c).
        x: observations, [M, K].
        posterior: see `fit_parameters`, as all that follows.
        inside: function from parameters [n, P] to bool [n], True in the prior's support.
        theta_prior: draws from the prior, [B, P].
        draws: number of draws from q for each observation.
        seed: seed of the draws from q.
        context: [M, C], the context of each observation; None where the simulator takes none.

    Raises:
        ZfbenchError: shapes disagree, or an observation or a draw from the prior is not finite.
    """
    best = fit_parameters(x, posterior, inside, theta_prior, draws, seed, context)
    x, context = _observations(x, context)
    fitted = np.empty(len(x))
    for j, own in enumerate(x):
        rows = None if context is None else context[[j]]
        fitted[j] = likelihood.log_prob(own[None], best[[j]], rows)[0, 0]
    return fitted


def fit_parameters(
    x: Float[NDArray[np.floating], "M K"],
    posterior: Posterior,
    inside: Callable[[Array], NDArray[np.bool_]],
    theta_prior: Float[NDArray[np.floating], "B P"],
    draws: int,
    seed: int,
    context: Float[NDArray[np.floating], "M C"] | None = None,
) -> Float[NDArray[np.float64], "M P"]:
    """Return the parameters that are most probable for each observation, by its posterior: [M, P].

    theta_j is the most probable under q(theta | x_j, c_j) among draws from q inside the prior's support. Where all
    draws are outside the support, it is the most probable among the draws from the prior.

    Args:
        x: observations, [M, K].
        posterior: q, from which new parameters are drawn for each observation.
        inside: function from parameters [n, P] to bool [n], True in the prior's support.
        theta_prior: draws from the prior, [B, P].
        draws: number of draws from q for each observation.
        seed: seed of the draws from q.
        context: [M, C], the context of each observation; None where the simulator takes none.

    Raises:
        ZfbenchError: shapes disagree, or an observation or a draw from the prior is not finite.
    """
    x, context = _observations(x, context)
    prior = finite(theta_prior, "prior sample", ("draw", "parameter"))
    seeds = np.random.SeedSequence(seed).generate_state(len(x))
    fitted = np.empty((len(x), prior.shape[1]))
    for j, own in enumerate(x):
        c = None if context is None else context[j]
        theta = posterior.sample(own, draws, int(seeds[j]), c)
        theta = theta[inside(theta)]
        theta = theta if len(theta) else prior
        fitted[j] = theta[np.argmax(posterior.log_prob(theta, own, c))]
    return fitted


def average(log_terms: Float[NDArray[np.float64], "M B"], shared: bool) -> MarginalLikelihood:
    """Return the log of the mean over draws of w, with its standard error.

    With Z_j the mean of terms w_jb, d log Z_j = (mean of w_jb - Z_j) / Z_j to first order, so the standard error is
    sd_b(w_jb / Z_j) / sqrt(B). Draws that all observations share have the influence sum_j w_jb / Z_j on the total.

    Args:
        log_terms: log w, [M, B], B at least 2.
        shared: True if column b is the same draw for every observation.

    Raises:
        DensityError: a term is NaN or +inf.
        ZfbenchError: there are fewer than two draws.
    """
    if log_terms.ndim != 2 or log_terms.shape[1] < 2:
        raise ZfbenchError(f"A Monte Carlo average needs at least 2 draws, got terms of shape {log_terms.shape}.")
    wrong = np.isnan(log_terms) | (log_terms == np.inf)
    if wrong.any():
        j, b = np.argwhere(wrong)[0]
        raise DensityError(
            f"The log density of observation {j} at draw {b} is {log_terms[j, b]}; return a finite number, or -inf "
            "where the observation is impossible."
        )
    B = log_terms.shape[1]
    log_evidence = logsumexp(log_terms, axis=1) - np.log(B)  # [M]
    possible = log_evidence > -np.inf
    relative = np.exp(log_terms[possible] - log_evidence[possible, None])  # w_jb / Z_j, of mean 1
    standard_error = np.full(len(log_terms), np.inf)
    standard_error[possible] = relative.std(axis=1, ddof=1) / np.sqrt(B)
    effective_size = np.zeros(len(log_terms))
    effective_size[possible] = B**2 / np.square(relative).sum(axis=1)
    if not possible.all():
        total_error = np.inf
    elif shared:
        total_error = float(relative.sum(axis=0).std(ddof=1) / np.sqrt(B))
    else:
        total_error = float(np.sqrt(np.square(standard_error).sum()))
    return MarginalLikelihood(log_evidence, standard_error, effective_size, float(log_evidence.sum()), total_error)


def _observations(x: ArrayLike, context: ArrayLike | None) -> tuple[Array, Array | None]:
    x = finite(x, "observation", ("observation", "statistic"))
    if context is None:
        return x, None
    context = finite(context, "context", ("observation", "entry"))
    if len(context) != len(x):
        raise ZfbenchError(f"There are {len(x)} observations but {len(context)} contexts; give one for each.")
    return x, context
