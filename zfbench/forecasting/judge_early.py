"""What a model with hidden state answers at other places of a context than its end, and what that does to its scores.

Any other model answers from the last activity alone, and has been asked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zfbench.forecasting.early import ENTRIES, STATES, early_contexts, early_responses
from zfbench.forecasting.probes import IMPULSE_HORIZON, ProbeStates, Range, impulses, kick
from zfbench.forecasting.sealed import SealedTest
from zfbench.protocols.models import Simulator
from zfbench.records.scores import Scores
from zfbench.scoring.blocks import energies, score_cross
from zfbench.scoring.headline import Headline, relative_wiring
from zfbench.scoring.readings import common_reading, draw_step_sizes, free_running_map, is_quantised

LARGE = 0.2
"""Scores of one kind disagree if they differ by more; our choice, twice what those of honest programs do."""

COLD = 2.0
"""A short context leaves a program cold if its first step errs by more than this many times that of a whole one."""

FLOOR = 0.05
"""A block counts if its largest true response exceeds this share of the kick; our choice."""

SIZE, COARSEST = 1, -1  # which of the drawn step sizes is asked, and which where predictions are quantised


@dataclass(frozen=True)
class EarlyScores:
    """Scores of what kicks at the beginning of a short context do.

    Attributes:
        wiring: by the first step of the forecast.
        kicked: the wiring by kicks of all later entries of the same contexts.
        cold: whether the contexts are too short for the program to forecast a step as it does from whole ones.
        responses: at least 0; None where no block counts.
    """

    wiring: float
    kicked: float
    cold: bool
    responses: float | None


@dataclass(frozen=True)
class Reconsidered:
    """Scores of a model that was asked at other places of a context.

    Attributes:
        wiring: the score that counts.
        responses: scores that count if they are lower than those of responses at the end of a context, by where they
            were asked.
    """

    wiring: Headline
    responses: dict[str, float]

    def cap_responses(self, shown: Headline | None, scores: Scores) -> Headline | None:
        """The score of responses, or a lower one with a note."""
        lowest = min(self.responses.values(), default=np.inf)
        if shown is None or shown.value <= lowest:
            return shown
        told = ", ".join(f"{value:.2f} {where}" for where, value in self.responses.items())
        scores.add("dynamics/early/responses", lowest)
        scores.notes.append(
            f"readings of the responses disagree: {shown.value:.2f} as asked, {told}; the lowest counts"
        )
        return Headline(lowest, shown.standard_error)


def reconsider(
    model: Simulator,
    sealed: SealedTest,
    whole: ProbeStates,
    context: int,
    shown: Headline,
    rng: np.random.Generator,
    scores: Scores,
) -> Reconsidered:
    """Ask a model with hidden state at the beginning of short contexts, and after whole ones.

    A wiring that kicks at the end of a short context show, and kicks at its beginning do not, is not the one that
    forecasts: the lower counts, and responses are then taken from the kicks at the beginning too. A program that needs
    a longer context to forecast a step as well as it can is said nothing of.

    Args:
        model: the model.
        sealed: the test.
        whole: the probe states, with all of their context and horizon.
        context: the steps of context that other probes give.
        shown: the wiring score so far.
        rng: draws the size of kicks and the length of short contexts.
        scores: receives the scores that count, and a note where they disagree.
    """
    states = whole.take(np.arange(min(STATES, len(whole.context))))
    responses: dict[str, float] = {}
    short, long = (impulse_score(model, sealed, states, length) for length in (context, whole.context.shape[1]))
    if short is not None and long is not None and short - long > LARGE:
        responses["after whole contexts"] = long
    if shown.value <= 0 or whole.context.shape[1] < ENTRIES[1]:
        return Reconsidered(shown, responses)
    early = judge_early(model, sealed, states, rng)
    if early.cold or min(shown.value, early.kicked) - early.wiring <= LARGE:
        return Reconsidered(shown, responses)
    scores.add("connectivity/reading/early", early.wiring)
    scores.notes.append(
        f"readings of the wiring disagree: {shown.value:.2f} where the end of a context is moved, {early.wiring:.2f} "
        "where its beginning is; the lowest counts"
    )
    if early.responses is not None:
        responses["where the beginning of a context is moved"] = early.responses
    return Reconsidered(Headline(early.wiring, shown.standard_error), responses)


def judge_early(model: Simulator, sealed: SealedTest, states: ProbeStates, rng: np.random.Generator) -> EarlyScores:
    """Score what kicks at the beginning of short contexts do.

    Both readings of the wiring are common to kicks up and down, and relative to the same reading of the true model.
    What is scored of the responses is their difference from what each neuron's own leak makes of the displacement at
    the end of the context, which the model is given: 0 is a model without connections, as in the headline score.

    Args:
        model: the model.
        sealed: the test.
        states: the probe states to ask about.
        rng: draws the size and the number of entries.
    """
    C, N = states.context.shape[1:]
    sizes, entries = draw_step_sizes(rng), int(rng.integers(*ENTRIES, endpoint=True))
    path = model.rollout(states.context, states.drive)
    quantised = is_quantised(path.reshape(-1, N))
    size = sizes[COARSEST if quantised else SIZE]
    contexts = early_contexts(sealed.truth, states, entries, float(size))
    still = np.stack([context[0] for context in contexts])
    window = slice(C - entries, C + min(IMPULSE_HORIZON, sealed.spec.horizon))

    def asked(model: Simulator, drive: NDArray[np.float32], depth: int) -> tuple[NDArray[np.float64], ...]:
        """Responses, and the maps [S, N, N] by kicks at the beginning and at the end."""
        found = early_responses(model, contexts, drive[:, window], float(size))
        (ends,) = kick(model.rollout, still, drive[:, C - entries : C + 1], np.array([size]), depth=depth)
        return found, first_step_map(found, quantised), _both(ends.sides, quantised)

    mine, true = asked(model, states.drive, entries - 1), asked(sealed.truth, states.full_drive, 1)
    wiring, kicked = (
        relative_wiring(mine[k], true[k], sealed.wiring, sealed.spec.groups, sealed.spec.mask) for k in (1, 2)
    )
    following = sealed.truth.rollout(still, states.full_drive[:, C - entries : C + 1])[:, 0]
    short, long = (
        float(np.abs(step - following).mean())
        for step in (model.rollout(still, states.drive[:, window])[:, 0], path[:, 0])
    )
    leak = np.diagonal(first_step_map(true[0], True), axis1=1, axis2=2)  # [S, N]
    squares = energies(*(_beyond_leak(found, true[0], leak) for found in (mine[0], true[0])))
    error = score_cross(squares, sealed.spec.groups, FLOOR).error
    return EarlyScores(wiring, kicked, short > COLD * long, None if error is None else max(0.0, 1 - error))


def impulse_score(model: Simulator, sealed: SealedTest, states: ProbeStates, context: int) -> float | None:
    """The score of impulse responses after so many steps of context, at least 0; None where nothing responds."""
    given, within = states.cut(context, min(IMPULSE_HORIZON, sealed.spec.horizon)), Range.of(sealed)
    mine, _ = impulses(model, given.context, given.drive, within)
    true, _ = impulses(sealed.truth, given.context[:, -1:], given.full_drive[:, context - 1 :], within)
    error = score_cross(energies(mine, true), sealed.spec.groups).error
    return None if error is None else max(0.0, 1 - error)


def first_step_map(responses: NDArray[np.float64], central: bool) -> NDArray[np.float64]:
    """The map [S, N, N] from the end of early contexts to the first step: the mean over sides, or common to them."""
    return _both(np.stack([free_running_map(responses[:, side, :2]) for side in range(2)]), central)


def _both(sides: NDArray[np.float64], central: bool) -> NDArray[np.float64]:
    """Of [2, S, N, N] the mean, where predictions are quantised, else what both show alike."""
    return sides.mean(axis=0) if central else common_reading(sides)


def _beyond_leak(
    responses: NDArray[np.float64], true: NDArray[np.float64], leak: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Responses [S, N (source), 2, H, N] after the context, less the decay of what its end shows."""
    power = leak[:, None] ** np.arange(1, responses.shape[2])[:, None]  # [S, H, N]
    decayed = true[:, :, :1] * power[:, None, :, :, None]  # [S, 2, H, N, N]
    return np.moveaxis(responses[:, :, 1:] - decayed, 4, 1)
