"""Kicks at the beginning of a context, which hidden state has taken in when the forecast begins.

A kick of the last entries of a context does not reach hidden state that was made of earlier ones. A program may keep
its forecast there, and let another model say how activity that differs from it goes on: all kicks read the second
model, and all forecasts come from the first. Here a context begins with the kick, and the true model makes the few
entries that follow. Nothing in such a context tells that anything was ever moved, so hidden state starts from there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from zfbench.forecasting.probes import ProbeStates
from zfbench.protocols.models import Simulator

STATES = 8  # probe states that are asked about, two of each stratum; the first ones
ENTRIES = (3, 4)  # fewest and most entries of a context; few, for fast neurons soon forget that they were moved


def early_contexts(truth: Simulator, states: ProbeStates, entries: int, size: float) -> list[NDArray[np.float32]]:
    """Short contexts [1 + 2 N, entries, N] of each state: undisturbed, each neuron's beginning moved up, then down.

    All follow the true model from their first entries, under the drive that really acted, and end where the states'
    contexts do.

    Args:
        truth: the true model.
        states: probe states.
        entries: of each context; at least 2.
        size: of the kicks.
    """
    C, N = states.context.shape[1:]
    moves = size * np.concatenate([np.zeros((1, N)), np.eye(N), -np.eye(N)])  # [1 + 2 N, N]
    made = []
    for context, drive in zip(states.context, states.full_drive, strict=True):
        first = (context[C - entries] + moves)[:, None].astype(np.float32)  # [1 + 2 N, 1, N]
        shown = np.repeat(drive[None, C - entries : C], len(moves), axis=0)
        made.append(np.concatenate([first, truth.rollout(first, shown)], axis=1))
    return made


def early_responses(
    model: Simulator, contexts: Sequence[NDArray[np.float32]], drive: NDArray[np.float32], size: float
) -> NDArray[np.float64]:
    """How forecasts from early contexts differ: [S, 2, 1 + H, N, N], entry (target, source), divided by the size.

    The second axis is moved up less undisturbed, and undisturbed less moved down; the third begins with the difference
    at the end of the context, which the model is given.

    Args:
        model: the model.
        contexts: of `early_contexts`.
        drive: [S, entries + H, D], the drive of these contexts and of the forecasts, as the model is shown it.
        size: of `early_contexts`.
    """
    found = []
    for context, shown in zip(contexts, drive, strict=True):
        path = model.rollout(context, np.repeat(shown[None], len(context), axis=0))  # [1 + 2 N, H, N]
        course = np.concatenate([context[:, -1:], path], axis=1).astype(np.float64)
        still, (up, down) = course[0], np.split(course[1:], 2)  # [1 + H, N], [N, 1 + H, N] each
        found.append(np.moveaxis(np.stack([up - still, still - down]), 1, 3) / size)
    return np.stack(found)
