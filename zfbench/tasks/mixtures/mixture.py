"""Gaussian mixtures with a free scale and shift: a model space that can be enumerated, with densities in closed form.

They are the models of the validation without a language model in Wahl et al. (2026, arXiv 2602.18266). A mixture of C
Gaussians in D = 10 dimensions has fixed weights pi_k, means mu_k and factors F_k, and parameters theta = (s, u) that
transform its draws z:

    x = s z + u,   z ~ sum_k pi_k N(mu_k, F_k F_k^T),   s ~ U[0.1, 2],   u_i ~ U[-2, 2] in four dimensions, else 0.

Candidates are drawn with C ~ U{1..10}, pi ~ U[0, 1] normalised, mu ~ U[-5, 5] and F F^T = a S S^T, where S_ij ~ U[-2,
2] and a ~ U[1, 2].
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

Array = NDArray[np.float64]

DIMENSIONS = 10
SHIFTED = 4
COMPONENTS = 10  # largest number of components of a candidate
MOST_COMPONENTS = 50  # largest number of components of any other program
SCALE, SHIFT = (0.1, 2.0), (-2.0, 2.0)  # bounds of the uniform priors
PARAMETERS = ("scale", *(f"shift {i + 1}" for i in range(SHIFTED)))
MIN_WEIGHT = 1e-3  # smallest weight, which is one unit of the last digit of a source
MIN_SINGULAR_VALUE = 1e-6  # smallest singular value of a factor, so that densities are bounded
MAX_NUMBER = 1e3  # largest absolute value of a number in a source
ROWS = 50  # number of observations whose densities are computed at once


@dataclass(frozen=True, eq=False)
class Mixture:
    """One model: a Gaussian mixture and the dimensions that its shift acts on.

    Attributes:
        weights: [C], positive; the components' shares up to a common factor.
        means: [C, D].
        factors: [C, D, D], the factors F of the covariances F F^T.
        shifted: the four dimensions that are shifted.
    """

    weights: Array
    means: Array
    factors: Array
    shifted: tuple[int, ...]

    def simulate(self, rng: np.random.Generator, theta: Array) -> Array:
        """Draw one point [n, D] for each row of parameters [n, 1 + 4]."""
        n = len(theta)
        which = rng.choice(len(self.weights), n, p=self.weights / self.weights.sum())
        z = self.means[which] + np.einsum("nij,nj->ni", self.factors[which], rng.normal(size=(n, DIMENSIONS)))
        return theta[:, :1] * z + self._shift(theta)

    def log_prob(self, x: Array, theta: Array, context: Array | None = None) -> Array:  # noqa: ARG002
        """Return the log density of every observation under every parameter.

        With G = F^-1, the squared distance of component k is |G x / s - G (u / s + mu)|^2.

        Args:
            x: [M, D], observations.
            theta: [B, 1 + 4], scale and shifts.
            context: not used; there are no contexts.

        Returns:
            [M, B].
        """
        blocks = [self._log_prob(x[first : first + ROWS], theta) for first in range(0, len(x), ROWS)]
        return np.concatenate(blocks) if blocks else np.empty((0, len(theta)))

    def _log_prob(self, x: Array, theta: Array) -> Array:
        # einsum, since matrices so small gain nothing from a threaded product and lose much on a busy machine
        scale, shift = theta[:, 0], self._shift(theta)  # [B], [B, D]
        log_shares = np.log(self.weights / self.weights.sum())
        terms = np.empty((len(self.weights), len(x), len(theta)))  # [C, M, B]
        for k, (mean, factor) in enumerate(zip(self.means, self.factors, strict=True)):
            inverse = np.linalg.inv(factor)
            there, centre = x @ inverse.T, (shift / scale[:, None] + mean) @ inverse.T  # [M, D], [B, D]
            square = np.square(there).sum(1)[:, None] / scale**2 - 2 * np.einsum("md,bd->mb", there, centre) / scale
            square += np.square(centre).sum(1)
            log_volume = np.linalg.slogdet(factor)[1] + DIMENSIONS / 2 * np.log(2 * np.pi)
            terms[k] = log_shares[k] - 0.5 * square - log_volume
        return np.asarray(logsumexp(terms, axis=0)) - DIMENSIONS * np.log(scale)

    def _shift(self, theta: Array) -> Array:
        shift = np.zeros((len(theta), DIMENSIONS))
        shift[:, list(self.shifted)] = theta[:, 1:]
        return shift

    @property
    def source(self) -> str:
        """The mixture as a program: literals, which are read and never run."""
        count = len(self.weights)
        factors = ",\n    ".join("[" + ",\n     ".join(map(_row, factor)) + "]" for factor in self.factors)
        return (
            f'"""A mixture of {count} Gaussian{"s" * (count > 1)}."""\n\n'
            f"weights = {_row(self.weights)}\n"
            "means = [\n    " + ",\n    ".join(map(_row, self.means)) + ",\n]\n"
            f"factors = [\n    {factors},\n]\n"
            f"shifted = {list(self.shifted)}\n"
        )


def draw_parameters(rng: np.random.Generator, n: int) -> Array:
    """Draw n parameters [n, 1 + 4] from the prior of scale and shift."""
    return np.hstack([rng.uniform(*SCALE, (n, 1)), rng.uniform(*SHIFT, (n, SHIFTED))])


def draw_candidate(rng: np.random.Generator) -> Mixture:
    """Draw one model of the space, with its numbers rounded to the digits of its source."""
    C = int(rng.integers(1, COMPONENTS + 1))
    weights, means = rng.uniform(MIN_WEIGHT, 1, C), rng.uniform(-5, 5, (C, DIMENSIONS))
    spread, factors = rng.uniform(1, 2, (C, 1, 1)), rng.uniform(-2, 2, (C, DIMENSIONS, DIMENSIONS))
    shifted = tuple(sorted(rng.choice(DIMENSIONS, SHIFTED, replace=False).tolist()))
    drawn = Mixture(weights, means, np.sqrt(spread) * factors, shifted)
    return read_mixture(drawn.source)


def read_mixture(source: str) -> Mixture:
    """Read the mixture that a source defines.

    Raises:
        ValueError: the source defines no mixture; the sentence says why.
    """
    fields = _literals(source)
    missing = {"weights", "means", "factors", "shifted"} - fields.keys()
    if missing:
        raise ValueError(f"it does not assign `{min(missing)}`")
    weights = _numbers(fields["weights"], "weights", (None,))
    C = len(weights)
    if not 1 <= C <= MOST_COMPONENTS or not (weights >= MIN_WEIGHT).all():
        raise ValueError(f"`weights` must be 1 to {MOST_COMPONENTS} numbers of at least {MIN_WEIGHT:g}")
    means = _numbers(fields["means"], "means", (C, DIMENSIONS))
    factors = _numbers(fields["factors"], "factors", (C, DIMENSIONS, DIMENSIONS))
    if np.linalg.svd(factors, compute_uv=False).min() < MIN_SINGULAR_VALUE:
        raise ValueError(
            f"a matrix of `factors` has a singular value below {MIN_SINGULAR_VALUE:g}, and its density no bound"
        )
    shifted = fields["shifted"]
    known = isinstance(shifted, list) and all(type(d) is int and 0 <= d < DIMENSIONS for d in shifted)
    if not known or not len(shifted) == len(set(shifted)) == SHIFTED:
        raise ValueError(f"`shifted` must be a list of {SHIFTED} different dimensions out of 0 .. {DIMENSIONS - 1}")
    return Mixture(weights, means, factors, tuple(shifted))


def _literals(source: str) -> dict[str, Any]:
    """Return the literals that a source assigns, by name; no part of it is run."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"it is not Python ({error})") from error
    fields = {}
    for statement in body:
        match statement:
            case ast.Expr(value=ast.Constant(value=str())):
                continue
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                try:
                    fields[name] = ast.literal_eval(value)
                except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
                    raise ValueError(f"line {statement.lineno} assigns something else than a literal") from error
            case _:
                raise ValueError(f"line {statement.lineno} is not an assignment of a literal to a name")
    return fields


def _numbers(value: Any, name: str, shape: tuple[int | None, ...]) -> Array:
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"`{name}` is not an array of numbers") from error
    fits = array.ndim == len(shape) and all(n in (None, m) for n, m in zip(shape, array.shape, strict=True))
    if not fits:
        raise ValueError(f"`{name}` has shape {array.shape}, expected {shape}")
    if not (np.abs(array) <= MAX_NUMBER).all():
        raise ValueError(f"`{name}` holds a number that is not finite or beyond {MAX_NUMBER:g}")
    return array


def _row(values: Array) -> str:
    return "[" + ", ".join(f"{value:.3f}" for value in values) + "]"
