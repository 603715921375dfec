"""The three headline scores of a model that was shown the drive: generalisation, wiring and responses.

Each is 1 at the true circuit and 0 at a stated control, and at worst -1 (responses: 0):

    score            control of the 0                                  question
    generalisation   the last value                                    does it forecast a stimulus it has not seen?
    wiring           `no_lateral`, all excitatory                      which neuron acts on which, and with which sign?
    responses        no response (also: own leak, no connections)      what happens to others when a neuron is moved?

Every score has a standard error over the units that it averages: windows for generalisation, probe states for the
other two. They say nothing of other circuits, recordings or held-out conditions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Integer
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from zfbench.base.errors import ZfbenchError
from zfbench.scoring.arrays import finite, jackknife_error
from zfbench.scoring.blocks import BlockScore
from zfbench.scoring.connectivity import EXCITABLE, Detection, average, detect

WORST = {"generalisation": -1.0, "wiring": -1.0, "responses": 0.0}
"""The lowest value of each headline score; that of a model which makes the score impossible to compute."""


@dataclass(frozen=True)
class Headline:
    """A headline score.

    Attributes:
        value: 1 at the true circuit, 0 at the control.
        standard_error: the jackknife's over windows or states.
    """

    value: float
    standard_error: float


def generalisation(
    prediction: Float[NDArray[np.floating], "B H N"],
    target: Float[NDArray[np.floating], "B H N"],
    control: Float[NDArray[np.floating], "B H N"],
    groups: Sequence[str],
) -> Headline | None:
    """Return the mean over groups of 1 - MAE_g / MAE_g(control), each term clipped to [-1, 1].

    MAE_g is the mean absolute error over windows, steps and the neurons of group g, so every group has one vote however
    many neurons it has and however much they vary.

    Args:
        prediction: [B, H, N], forecasts of the windows of the held-out condition.
        target: [B, H, N], the recorded activity.
        control: [B, H, N], the last value at every step.
        groups: the group of each neuron, N names.

    Returns:
        The score with its standard error over windows; None if the control is perfect in every group.

    Raises:
        ZfbenchError: a shape is wrong, or a value is not finite.
    """
    axes = ("window", "step", "neuron")
    truth = finite(target, "target", axes)
    if len(groups) != truth.shape[2]:
        raise ZfbenchError(f"{len(groups)} groups were given for {truth.shape[2]} neurons; give one for each.")
    member = np.asarray(groups) == np.asarray(list(dict.fromkeys(groups)))[:, None]  # [G, N]

    def by_group(forecast: NDArray[np.floating], what: str) -> NDArray[np.float64]:
        """Mean absolute error of each window and group, [B, G]."""
        error = np.abs(finite(forecast, what, axes, truth.shape) - truth).mean(axis=1)  # [B, N]
        return error @ (member / member.sum(axis=1, keepdims=True)).T

    error, reference = by_group(prediction, "prediction"), by_group(control, "control's prediction")
    varies = reference.sum(axis=0) > 0  # [G]
    if not varies.any():
        return None
    error, reference = error[:, varies], reference[:, varies]

    def mean_skill(windows: NDArray[np.bool_]) -> float:
        e, r = error[windows].sum(axis=0), reference[windows].sum(axis=0)
        return float(np.clip(1 - e[r > 0] / r[r > 0], -1, 1).mean())

    B = len(truth)
    left_out = np.array([mean_skill(np.arange(B) != b) for b in range(B)]) if B > 1 else np.zeros(1)
    return Headline(mean_skill(np.ones(B, dtype=bool)), jackknife_error(left_out))


def cross_group(
    groups: Sequence[str], allowed: Bool[NDArray[np.bool_], "N N"] | None = None
) -> Bool[NDArray[np.bool_], "N N"]:
    """Return the pairs of neurons of different groups, [N, N], and of those only what a mask allows, if there is one.

    These are the candidates for edges that a method had to decide about: pairs within a group are left out, because
    `no_lateral` is right for all of them in the published circuit, without any data.
    """
    names = np.asarray(groups)
    different = names[:, None] != names[None, :]
    return different if allowed is None else different & allowed


@dataclass(frozen=True)
class WiringScore:
    """The quality of a signed ranking of pairs as a description of the wiring between groups.

    Attributes:
        headline: (lift above the control + 2 balanced sign accuracy - 1) / 2, between -1 and 1.
        detection: detection of the edges among the candidates.
        control_lift: the lift of the control `no_lateral`, all of whose candidates tie.
        balanced_sign_accuracy: mean of the shares of excitatory and of inhibitory edges with the right sign; an edge of
            strength zero counts as half right, as a coin would. .5 for "all excitatory".
        by_target: the lift among the candidates onto each group that has edges to find.
    """

    headline: Headline
    detection: Detection
    control_lift: float
    balanced_sign_accuracy: float
    by_target: dict[str, float]


def score_wiring(
    jacobians: Float[NDArray[np.floating], "S N N"],
    signs: Integer[NDArray[np.integer], "N N"],
    groups: Sequence[str],
    allowed: Bool[NDArray[np.bool_], "N N"] | None = None,
) -> WiringScore | None:
    """Score Jacobians, or one signed ranking of pairs, by the wiring between groups.

    Candidates are ranked by mean |J| over states; the sign is that of mean J. Pairs with a mean |J| below `EXCITABLE`
    have no effect that matters: they tie, and have no sign. The lift is (AP - p) / (1 - p), with the average precision
    AP and the share p of edges among the candidates; the lift above the control is (lift - control's) / (1 -
    control's).

    Args:
        jacobians: [S, N, N], at S states; S = 1 for a ranking that does not depend on the state.
        signs: [N, N] of -1, 0, 1; `signs[i, j]` is the sign of the edge from j to i.
        groups: the group of each neuron, N names.
        allowed: bool [N, N], the mask that the method was given; None in a track without.

    Returns:
        The score with its standard error over states; None if no candidate is an edge, or all are.

    Raises:
        ZfbenchError: a value is not finite, or a number of groups is wrong.
    """
    J = finite(jacobians, "Jacobian", ("state", "target", "source"))
    S, N = J.shape[:2]
    if len(groups) != N:
        raise ZfbenchError(f"{len(groups)} groups were given for {N} neurons; give one for each.")
    candidates = cross_group(groups, allowed)
    edges = (signs != 0) & candidates
    control = detect(candidates.astype(np.float64), edges, candidates).lift
    if control is None:
        return None
    weight, strength = _effective(J)
    found, balanced = detect(strength, edges, candidates), balanced_sign_accuracy(weight, signs, edges)
    by_target = {}
    for name in dict.fromkeys(groups):
        onto = candidates & (np.asarray(groups) == name)[:, None]
        lift = detect(strength, edges, onto).lift
        if lift is not None:
            by_target[name] = lift
    value, k = wiring_value(J, signs, candidates, control), np.arange(S)
    left_out = np.array([wiring_value(J[k != s], signs, candidates, control) for s in k] if S > 1 else [value])
    return WiringScore(Headline(value, jackknife_error(left_out)), found, control, balanced, by_target)


def wiring_value(
    jacobians: Float[NDArray[np.floating], "S N N"],
    signs: Integer[NDArray[np.integer], "N N"],
    candidates: Bool[NDArray[np.bool_], "N N"],
    control: float,
) -> float:
    """Return (lift above the control + 2 balanced sign accuracy - 1) / 2 of Jacobians; see `score_wiring`.

    Args:
        jacobians: [S, N, N].
        signs: [N, N] of -1, 0, 1; some candidates are edges and some are not.
        candidates: bool [N, N], the pairs to rank.
        control: lift of the control.
    """
    weight, strength = _effective(jacobians)
    edges = (signs != 0) & candidates
    prevalence = edges.sum() / candidates.sum()
    precision = average_precision_score(edges[candidates], strength[candidates])
    lift = ((precision - prevalence) / (1 - prevalence) - control) / (1 - control)
    return float((np.clip(lift, -1, 1) + 2 * balanced_sign_accuracy(weight, signs, edges) - 1) / 2)


def relative_wiring(
    jacobians: Float[NDArray[np.floating], "S N N"],
    truth: Float[NDArray[np.floating], "S N N"],
    signs: Integer[NDArray[np.integer], "N N"],
    groups: Sequence[str],
    allowed: Bool[NDArray[np.bool_], "N N"] | None = None,
) -> float:
    """Return the wiring value of a reading, relative to that of the same reading of the true model where positive.

    Args:
        jacobians: [S, N, N], of a model.
        truth: [S, N, N], of the true model.
        signs: [N, N] of -1, 0, 1; some candidates are edges and some are not.
        groups: the group of each neuron, N names.
        allowed: bool [N, N], the mask that the method was given; None in a track without.
    """
    candidates = cross_group(groups, allowed)
    control = detect(candidates.astype(np.float64), (signs != 0) & candidates, candidates).lift or 0.0
    value, best = (wiring_value(J, signs, candidates, control) for J in (jacobians, truth))
    return min(value / best, 1.0) if best > 0 else value


def _effective(jacobians: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean of J and of |J| over states, [N, N] each, both 0 where |J| does not exceed the threshold."""
    weight, strength = average(jacobians)
    return np.where(strength > EXCITABLE, weight, 0.0), np.where(strength > EXCITABLE, strength, 0.0)


def balanced_sign_accuracy(
    weight: Float[NDArray[np.floating], "N N"],
    signs: Integer[NDArray[np.integer], "N N"],
    edges: Bool[NDArray[np.bool_], "N N"],
) -> float:
    """Return the mean of the shares of excitatory and of inhibitory edges whose weight has the right sign.

    A weight of zero counts as half right. Where all edges have one sign, it is the share of that sign.

    Args:
        weight: [N, N], signed strengths.
        signs: [N, N] of -1, 0, 1, the true signs.
        edges: bool [N, N], the true edges that count; at least one.
    """
    right = np.where(weight == 0, 0.5, np.sign(weight) == np.sign(signs))
    shares = [right[edges & (np.sign(signs) == sign)] for sign in (1, -1)]
    return float(np.mean([share.mean() for share in shares if share.size]))


def responses(impulse: BlockScore, intervention: BlockScore) -> Headline | None:
    """Return the mean over impulses and interventions of max(0, 1 - median block error).

    The errors are those of `zfbench.scoring.blocks.score_cross`. Predicting no response scores 0, and nothing scores
    lower, so that a model which answers no perturbation is not above one that tries.

    Args:
        impulse: errors of the impulse responses.
        intervention: errors of the effects of interventions, from as many states. States that are left out together
            should be the same one; the judge's are in another order, so that its standard error takes the two parts as
            independent.

    Returns:
        The score with its standard error over states; None if no block counts.
    """
    parts = [part for part in (impulse, intervention) if part.error is not None]
    if not parts:
        return None

    errors = np.array([[part.error, *part.left_out] for part in parts], dtype=np.float64)  # [parts, 1 + S]
    value, *left_out = np.maximum(0.0, 1.0 - errors).mean(axis=0)
    return Headline(float(value), jackknife_error(np.array(left_out)))


def mean(headlines: Sequence[Headline]) -> Headline:
    """Return the mean of headline scores; its standard error takes them as independent of each other."""
    values, errors = [h.value for h in headlines], [h.standard_error for h in headlines]
    return Headline(float(np.mean(values)), float(np.linalg.norm(errors)) / len(errors))
