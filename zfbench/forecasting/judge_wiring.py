"""The wiring family: what a model's one-step map says about the wiring, asked in ways that have to agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from zfbench.forecasting.late import draw_steps, read_late
from zfbench.forecasting.memory import may_keep_state, remembers
from zfbench.forecasting.probes import KICK_STEPS, Kicks, ProbeStates, kick
from zfbench.forecasting.sealed import SealedTest
from zfbench.protocols.models import Forecaster, Simulator
from zfbench.records.program import CandidateError, Status
from zfbench.records.scores import Scores
from zfbench.scoring.connectivity import Agreement, Detection, detect, score_connectivity
from zfbench.scoring.dynamics import eigenvalue_distance
from zfbench.scoring.headline import Headline, WiringScore, cross_group, relative_wiring, score_wiring
from zfbench.scoring.readings import (
    COARSE,
    DISAGREEMENT,
    OFF_COURSE,
    common_reading,
    draw_step_sizes,
    free_running_map,
    grid_spacing,
    is_quantised,
    median_reading,
    share_off_course,
)

COUNTED = {"common": "what all kicks show alike", "free": "a free run"}  # readings beside the median


@dataclass(frozen=True, eq=False)
class Readings:
    """One-step maps of a model that steps, entry (target, source).

    Attributes:
        last: [S, N, N], from the last entry of the context: median over step sizes.
        lagged: [S, N, N], the direct effects of the last few entries together; equals `last` without memory.
        common: [S, N, N], as `lagged`: what all step sizes show alike.
        coarse: [S, N, N], what the coarsest step sizes show alike.
        coarsest: the kicks of the coarsest step sizes.
        free: [S', N, N], of a free run, at the states between events.
        coarse_free: [S', N, N], as `free`, after kicks of the coarsest step sizes.
    """

    last: NDArray[np.float64]
    lagged: NDArray[np.float64]
    common: NDArray[np.float64]
    coarse: NDArray[np.float64]
    coarsest: Sequence[Kicks]
    free: NDArray[np.float64]
    coarse_free: NDArray[np.float64]

    @property
    def remembers(self) -> bool:
        """Whether the first step depends on more than the last entry of the context."""
        return self.lagged is not self.last


def read(
    model: Simulator, states: ProbeStates, drive: NDArray[np.float32], sizes: NDArray[np.float64], forbidden: NDArray
) -> Readings:
    """Ask a model that steps.

    Args:
        model: the model.
        states: S states with `KICK_STEPS` steps of horizon.
        drive: [S, C + KICK_STEPS, D], the drive that the model is shown.
        sizes: the step sizes.
        forbidden: bool [N, N], pairs that the model's mask rules out.

    Raises:
        CandidateError: mask_violation; a forbidden pair has an effect at the first step.
    """
    context = states.context
    kicks = kick(model.rollout, context, drive, sizes, KICK_STEPS)
    central = np.stack([k.central for k in kicks])  # [K, S, T, N, N]
    free, coarse_free = (free_running_map(median_reading(c)[~states.event]) for c in (central, central[-COARSE:]))
    last, common, coarse = _first_step(kicks, forbidden)
    if not remembers(model, context, drive):
        return Readings(last, last, common, coarse, kicks[-COARSE:], free, coarse_free)
    one_step = drive[:, : context.shape[1] + 1]
    few = kick(model.rollout, context, one_step, sizes[::2], depth=KICK_STEPS)  # each costs a warm-up for every kick
    lagged, common, coarse = _first_step(few, forbidden)
    return Readings(last, lagged, common, coarse, few[-COARSE:], free, coarse_free)


def _first_step(
    kicks: Sequence[Kicks], forbidden: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Three readings of the first step, [S, N, N] each: median, common to all sizes and sides, common to coarse sizes.

    A model that takes another course once it has been kicked differs between its sides. Coarse sizes are asked where
    predictions are quantised, so that one side may not move at all.
    """
    first = np.stack([k.central[:, 0] for k in kicks])  # [K, S, N, N]
    sides = np.concatenate([k.sides for k in kicks])  # [2 K, S, N, N]
    for responses in (first, sides):
        _refuse_forbidden(responses, forbidden)
    return median_reading(first), common_reading(sides), common_reading(first[-COARSE:])


def judge_wiring(
    model: Simulator, sealed: SealedTest, whole: ProbeStates, context: int, rng: np.random.Generator, scores: Scores
) -> Headline | None:
    """Score the wiring of a model that steps.

    Args:
        model: the model.
        sealed: the test.
        whole: the probe states, with all of their context and horizon.
        context: the steps of context that a probe gives.
        rng: draws step sizes.
        scores: receives the scores, and a note where readings disagree.

    Returns:
        The headline score, that of the lowest reading; see `_reconciled` and `_capped_by_late`.

    Raises:
        CandidateError: mask_violation; a pair that the mask forbids has an effect.
    """
    states, sizes = whole.cut(context, KICK_STEPS), draw_step_sizes(rng)
    nothing = np.zeros_like(sealed.allowed)
    forbidden = nothing if sealed.spec.mask is None else ~sealed.spec.mask
    mine = read(model, states, states.drive, sizes, forbidden)
    truth = read(sealed.truth, states, states.full_drive, sizes, nothing)
    _add_connectivity(mine.lagged, truth.last, sealed, scores)
    scores.add("connectivity/eigenvalue_distance", eigenvalue_distance(mine.last, truth.last))
    score = add_wiring(mine.lagged, sealed, scores)
    if score is None:
        return None
    steps = draw_steps(sealed.spec.horizon, rng)

    def relative(mine: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
        return relative_wiring(mine, truth, sealed.wiring, sealed.spec.groups, sealed.spec.mask)

    asked = [name for name in ("last", "common", "coarse", "free", "coarse_free") if len(getattr(mine, name))]
    values = {name: relative(getattr(mine, name), getattr(truth, name)) for name in asked}
    shown_by = {name: value for name, value in values.items() if name != "coarse_free"}
    scores.add_all("connectivity/reading", {"median": score.headline.value} | shown_by)
    predictions = cache(lambda: _predictions(model, whole, context))

    def rounded(coarsest: Sequence[Kicks]) -> bool:
        """Whether rounding excuses from fine kicks: predictions are quantised, and no kick leads to another course."""
        if not is_quantised(predictions()):
            return False
        spacing = grid_spacing(predictions())
        off = max(share_off_course(kicks.sides, kicks.size, spacing) for kicks in coarsest)
        return not may_keep_state(model) or off <= OFF_COURSE

    shown = _reconciled(score.headline, values, lambda: rounded(mine.coarsest), scores)
    if shown.value <= 0 or not sealed.spec.drive:  # it shows nothing, or is in no headline score
        return shown
    late = read_late(model, whole, whole.drive, steps, sizes, KICK_STEPS if mine.remembers else 1)
    _refuse_forbidden(np.stack([late.common, late.coarse.central[:, 0]]), forbidden)
    true = read_late(sealed.truth, whole, whole.full_drive, steps, sizes, 1)
    value = relative(late.common, true.common)
    if shown.value - value > DISAGREEMENT and rounded([late.coarse]):
        value = relative(late.coarse.central[:, 0], true.coarse.central[:, 0])
    return _capped_by_late(shown, value, steps, scores)


def judge_direct_wiring(
    model: Forecaster, sealed: SealedTest, whole: ProbeStates, rng: np.random.Generator, scores: Scores
) -> Headline | None:
    """Score the derivative of the first step of a forecaster of whole windows, asked about one state at a time."""
    sizes = draw_step_sizes(rng)[::2]  # fewer, since every answer is a whole horizon
    windows = zip(whole.context, whole.drive, strict=True)
    responses = [[k.central[0, 0] for k in kick(model.forecast, c[None], x[None], sizes)] for c, x in windows]
    J = np.median(responses, axis=1)  # [S, N, N]
    C = whole.context.shape[1]
    truth = kick(sealed.truth.rollout, whole.context, whole.full_drive[:, : C + 1], sizes)
    _add_connectivity(J, median_reading(np.stack([k.central[:, 0] for k in truth])), sealed, scores)
    score = add_wiring(J, sealed, scores)
    return None if score is None else score.headline


def judge_edges(ranking: NDArray[np.floating], sealed: SealedTest, scores: Scores) -> Headline | None:
    """Score a signed ranking of pairs [N, N], of a control that forecasts nothing."""
    _add_detection(scores, "connectivity/wiring", detect(np.abs(ranking), sealed.wiring != 0))
    score = add_wiring(np.asarray(ranking, np.float64)[None], sealed, scores)
    return None if score is None else score.headline


def add_wiring(jacobians: NDArray[np.float64], sealed: SealedTest, scores: Scores) -> WiringScore | None:
    """Add the scores of detection between groups, among all candidates and among those of the mask."""
    groups, wiring = sealed.spec.groups, sealed.wiring
    score = score_wiring(jacobians, wiring, groups, sealed.spec.mask)
    if score is not None:
        _add_detection(scores, "connectivity/cross", score.detection)
        scores.add("connectivity/cross/balanced_sign_accuracy", score.balanced_sign_accuracy)
        scores.add("connectivity/cross/control_lift", score.control_lift)
        scores.add_all("connectivity/cross/lift/target", score.by_target)
        in_mask = detect(np.abs(jacobians).mean(axis=0), wiring != 0, cross_group(groups, sealed.allowed))
        scores.add("connectivity/cross/in_mask/lift", in_mask.lift)
    return score


def _reconciled(headline: Headline, values: dict[str, float], rounded: Callable[[], bool], scores: Scores) -> Headline:
    """The lowest of the readings, with a note where they disagree.

    A reading of the last entry alone may be lower: hidden state explains it, and it does not count. Where readings
    disagree and predictions are rounded, fine steps and free runs after small kicks say little, and the coarse steps
    count in their place; a free run after coarse kicks too, where it disagrees with them.
    """
    counted = {name: value for name, value in values.items() if name in COUNTED}
    if headline.value - min(counted.values()) > DISAGREEMENT:
        told = ", ".join(f"{value:.2f} by {COUNTED[name]}" for name, value in counted.items())
        said = f"readings of the wiring disagree: {headline.value:.2f} by the median over step sizes, {told}"
        if rounded():
            counted, said = {"coarse": values["coarse"]}, f"{said}; predictions are quantised, and coarse steps count"
            free = values.get("coarse_free", np.inf)
            if min(headline.value, values["coarse"]) - free > DISAGREEMENT:
                counted["coarse_free"], said = free, f"{said}, of which a free run shows {free:.2f}"
                scores.add("connectivity/reading/coarse_free", free)
        scores.notes.append(said)
    return Headline(min([headline.value, *counted.values()]), headline.standard_error)


def _capped_by_late(shown: Headline, late: float, steps: int, scores: Scores) -> Headline:
    """The score, and that of a reading late in the forecast where it is so much lower that they disagree."""
    if shown.value - late <= DISAGREEMENT:
        return shown
    scores.add("connectivity/reading/late", late)
    scores.notes.append(
        f"the wiring that is shown is not the one that forecasts: {shown.value:.2f} from recorded states, {late:.2f} "
        f"after {steps} steps of a forecast; responses are asked from recorded states too"
    )
    return Headline(late, shown.standard_error)


def _predictions(model: Simulator, whole: ProbeStates, context: int) -> NDArray[np.float32]:
    """Free forecasts from the probe states, [S * H, N]."""
    states = whole.cut(context, whole.drive.shape[1] - whole.context.shape[1])
    return model.rollout(states.context, states.drive).reshape(-1, states.context.shape[2])


def _refuse_forbidden(jacobians: NDArray[np.float64], forbidden: NDArray[np.bool_]) -> None:
    """Refuse any effect, however small, of a pair that the mask forbids; [K, S, N, N] and [N, N]."""
    moved = (np.abs(jacobians) * forbidden).max(axis=(0, 1))
    if moved.any():
        raise CandidateError(
            Status.MASK_VIOLATION,
            f"In the judge's probes, {int((moved > 0).sum())} pairs of neurons that the mask forbids affect each other "
            f"within one step, by up to {moved.max():.2g}; multiply the weights by the mask.",
        )


def _add_connectivity(
    jacobians: NDArray[np.float64], truth: NDArray[np.float64], sealed: SealedTest, scores: Scores
) -> None:
    score = score_connectivity(jacobians, truth, sealed.wiring, sealed.allowed, masked=sealed.spec.masked)
    _add_agreement(scores, "connectivity/wiring", score.wiring)
    _add_agreement(scores, "connectivity/jacobian", score.jacobian)
    scores.add("connectivity/excitable", score.excitable)
    scores.add_picture("connectivity/mean_jacobian", jacobians.mean(axis=0))  # [N, N]


def _add_agreement(scores: Scores, prefix: str, score: Agreement) -> None:
    scores.add(f"{prefix}/sign_accuracy", score.sign_accuracy)
    scores.add(f"{prefix}/weight_spearman", score.weight_spearman)
    _add_detection(scores, prefix, score.detection)
    _add_detection(scores, f"{prefix}/in_mask", score.detection_in_mask)


def _add_detection(scores: Scores, prefix: str, score: Detection | None) -> None:
    if score is not None:
        for name in ("average_precision", "prevalence", "lift", "auroc", "precision_at_k"):
            scores.add(f"{prefix}/{name}", getattr(score, name))
