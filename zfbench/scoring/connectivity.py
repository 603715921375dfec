"""Connectivity: one-step Jacobians of a model at fixed states, and how well they recover the wiring.

`J[s, i, j] = d a_i(t) / d a_j(t-1)` at state s. The diagonal, which holds each neuron's own leak, is never scored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Integer
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from zfbench.base.errors import ZfbenchError
from zfbench.scoring.arrays import finite, spearman

STEP = 2.0**-9
"""Half the distance of the central difference, in units of activity.

A power of two, so that a float32 activity in [0, 1) is moved by almost exactly h. The truncation error grows
as h^2 and the rounding error of float32 predictions as 1/h. Among powers of two their sum is least here for
leaky sigmoid units as steep as the larva's: 2e-6 root mean square, where the median edge is 1e-2.
"""

EXCITABLE = 1e-3
"""An edge can be detected at a set of states if its true |J|, averaged over them, exceeds this (no unit).

Our choice: far above the error of the central difference (2e-6) and a tenth of the median edge (1e-2).
"""


def jacobian_probes(
    context: Float[NDArray[np.floating], "S C N"], h: float = STEP, depth: int = 1
) -> Float[NDArray[np.floating], "S*2*N C N"]:
    """Build contexts whose last entries are displaced by +h and by -h in one neuron at a time.

    The central difference (f(a + h e_j) - f(a - h e_j)) / 2h has an error of order h^2 where f is smooth (Nocedal &
    Wright 2006, section 8.1, doi:10.1007/978-0-387-40065-5). Where f has a kink it is the mean of the two one-sided
    slopes.

    A model with hidden state may let an input act some steps later. With a depth of k the last k entries are displaced
    alike, while all other neurons stay as recorded: the difference is then the sum of the direct effects of the last k
    steps. For a model without hidden state it is the same Jacobian at any depth.

    Args:
        context: [S, C, N], the states, each with the activity before it.
        h: the displacement, in units of activity.
        depth: the number of entries that are displaced.

    Returns:
        [S * 2N, C, N] in the context's dtype; the caller forecasts one step of each.
    """
    S, C, N = context.shape
    probes = np.repeat(context[:, None], 2 * N, axis=1)  # [S, 2N, C, N]
    probes[:, :, -depth:, :] += np.concatenate([h * np.eye(N), -h * np.eye(N)]).astype(context.dtype)[:, None]
    return probes.reshape(S * 2 * N, C, N)


def jacobian_from_responses(
    responses: Float[NDArray[np.floating], "P N"], h: float = STEP
) -> Float[NDArray[np.float64], "P//(2*N) N N"]:
    """Compute Jacobians from the one-step forecasts of `jacobian_probes`.

    Args:
        responses: [S * 2N, N], the forecasts.
        h: the displacement that the probes were built with.

    Returns:
        [S, N, N].

    Raises:
        ZfbenchError: the shape is wrong, or a response is not finite.
    """
    values = finite(responses, "Jacobian response", ("probe", "neuron"))
    N = values.shape[1]
    if len(values) % (2 * N):
        raise ZfbenchError(f"{len(values)} Jacobian responses were given; give 2N = {2 * N} per state.")
    plus, minus = np.moveaxis(values.reshape(-1, 2, N, N), 1, 0)  # each [S, source, target]
    return np.swapaxes(plus - minus, 1, 2) / (2 * h)


def average(
    jacobians: Float[NDArray[np.floating], "S N N"],
) -> tuple[Float[NDArray[np.float64], "N N"], Float[NDArray[np.float64], "N N"]]:
    """Return the means of J and of |J| over states: [S, N, N] -> [N, N] each.

    The mean of J gives the weight and the sign of an edge, the mean of |J| its strength.
    """
    return jacobians.mean(axis=0, dtype=np.float64), np.abs(jacobians).mean(axis=0, dtype=np.float64)


@dataclass(frozen=True)
class Detection:
    """The quality of a ranking of pairs as a detector of edges; scores are None where they are undefined.

    Attributes:
        average_precision: area under the precision-recall curve.
        prevalence: the share of edges among the candidates, which is the average precision of a random ranking.
        lift: (average precision - prevalence) / (1 - prevalence): 0 at chance, 1 if perfect.
        auroc: area under the receiver operating characteristic.
        precision_at_k: the share of edges among the k highest ranks, k being the number of edges.
        edges: the number of edges.
        candidates: the number of pairs.
    """

    average_precision: float | None
    prevalence: float | None
    lift: float | None
    auroc: float | None
    precision_at_k: float | None
    edges: int
    candidates: int


@dataclass(frozen=True)
class Agreement:
    """A model's Jacobian compared with one reference.

    Attributes:
        edges: number of true edges, on which signs and weights are compared.
        sign_accuracy: share of the edges whose mean signed J has the true sign; a zero counts as wrong.
        weight_spearman: rank correlation of the mean signed J with the true mean signed J on the edges.
        detection: detection among all off-diagonal pairs; None in the masked track, where the mask reveals most of it.
        detection_in_mask: detection among the off-diagonal pairs that the mask allows, comparable between tracks; None
            without a mask.
    """

    edges: int
    sign_accuracy: float | None
    weight_spearman: float | None
    detection: Detection | None
    detection_in_mask: Detection | None


@dataclass(frozen=True)
class ConnectivityScore:
    """A model's Jacobians compared with the wiring and with the true Jacobians at the same states.

    Attributes:
        wiring: comparison with every wired edge.
        jacobian: comparison with every pair for which the true Jacobian exceeds the threshold at these states, with the
            sign that it has there.
        excitable: share of the wired edges that exceed the threshold: the share that can be found at all.
    """

    wiring: Agreement
    jacobian: Agreement
    excitable: float | None


def score_connectivity(
    model: Float[NDArray[np.floating], "S N N"],
    truth: Float[NDArray[np.floating], "S N N"],
    signs: Integer[NDArray[np.integer], "N N"],
    allowed: Bool[NDArray[np.bool_], "N N"] | None = None,
    masked: bool = False,
    threshold: float = EXCITABLE,
) -> ConnectivityScore:
    """Score a model's Jacobians at a set of states.

    Pairs are ranked by mean |J|; signs and weights are those of mean J (see `average`).

    Args:
        model: [S, N, N], the model's Jacobians.
        truth: [S, N, N], the simulator's own Jacobians at the same states, by the same finite differences.
        signs: [N, N] of -1, 0, 1; `signs[i, j]` is the sign of the wired edge from j to i.
        allowed: bool [N, N], the mask that some tracks are given; None where there is none.
        masked: True if the model was given the mask. Then ruling out the other pairs is no achievement, and edges,
            signs and weights are scored inside the mask only.
        threshold: see `excitable_pairs`.

    Returns:
        The comparisons with the wiring and with the true Jacobians.

    Raises:
        ZfbenchError: a shape is wrong, a value is not finite, or a masked score is asked for without a mask.
    """
    true_J = finite(truth, "true Jacobian", ("state", "target", "source"))
    model_J = finite(model, "model's Jacobian", ("state", "target", "source"), true_J.shape)
    N = true_J.shape[1]
    if masked and allowed is None:
        raise ZfbenchError("The masked track's connectivity was asked for without a mask; pass `allowed`.")
    if signs.shape != (N, N) or (allowed is not None and allowed.shape != (N, N)):
        raise ZfbenchError(f"The signs or the mask have the wrong shape; make them {N} x {N}.")

    (model_weight, model_strength), (true_weight, _) = average(model_J), average(true_J)

    def agree(edges: NDArray[np.bool_], true_signs: NDArray) -> Agreement:
        inside = edges & allowed if masked and allowed is not None else edges
        return Agreement(
            edges=int(inside.sum()),
            sign_accuracy=_share(np.sign(model_weight) == true_signs, inside),
            weight_spearman=spearman(model_weight[inside], true_weight[inside]),
            detection=None if masked else detect(model_strength, edges),
            detection_in_mask=None if allowed is None else detect(model_strength, edges, allowed),
        )

    wired = (signs != 0) & off_diagonal(N)
    visible = excitable_pairs(true_J, threshold)
    return ConnectivityScore(
        wiring=agree(wired, np.sign(signs)),
        jacobian=agree(visible, np.sign(true_weight)),
        excitable=_share(visible, wired),
    )


def excitable_pairs(
    truth: Float[NDArray[np.floating], "S N N"], threshold: float = EXCITABLE
) -> Bool[NDArray[np.bool_], "N N"]:
    """Return the off-diagonal pairs whose true |J|, averaged over the states, exceeds a threshold: bool [N, N]."""
    _, strength = average(truth)
    return (strength > threshold) & off_diagonal(len(strength))


def detect(
    ranking: Float[NDArray[np.floating], "N N"],
    edges: Bool[NDArray[np.bool_], "N N"],
    allowed: Bool[NDArray[np.bool_], "N N"] | None = None,
) -> Detection:
    """Score a ranking of pairs by how well it finds the edges.

    At equal separability AUROC hardly depends on how rare edges are, while average precision does (Saito & Rehmsmeier
    2015, doi:10.1371/journal.pone.0118432); therefore the prevalence and the lift are reported beside it. A constant
    ranking is one tie, with AUROC 0.5 and lift 0.

    Args:
        ranking: [N, N], larger where an edge is more likely.
        edges: bool [N, N], the true edges.
        allowed: bool [N, N], the pairs to rank; None ranks all off-diagonal pairs.
    """
    candidates = off_diagonal(len(edges)) if allowed is None else off_diagonal(len(edges)) & allowed
    score, label = np.asarray(ranking, dtype=np.float64)[candidates], edges[candidates]
    n, k = label.size, int(label.sum())
    prevalence = k / n if n else None
    precision = float(average_precision_score(label, score)) if k else None
    return Detection(
        average_precision=precision,
        prevalence=prevalence,
        lift=None if precision is None or k == n else (precision - k / n) / (1 - k / n),
        auroc=float(roc_auc_score(label, score)) if 0 < k < n else None,
        precision_at_k=_precision_at(k, label, score) if k else None,
        edges=k,
        candidates=n,
    )


def off_diagonal(N: int) -> Bool[NDArray[np.bool_], "{N} {N}"]:
    """Return the pairs of different neurons, bool [N, N]."""
    return ~np.eye(N, dtype=bool)


def _precision_at(k: int, label: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    """Return the expected share of edges among the k highest scores, when ties are broken at random."""
    cutoff = np.partition(score, -k)[-k]
    above, tied = score > cutoff, score == cutoff
    return float((label[above].sum() + (k - above.sum()) * label[tied].mean()) / k)


def _share(condition: NDArray[np.bool_], among: NDArray[np.bool_]) -> float | None:
    return float(condition[among].mean()) if among.any() else None
