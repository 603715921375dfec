"""Probes of a model that steps: where they start, and what a model answers.

All questions are rollouts: kicks (the last activity moved), holds (a neuron overwritten after every step), and free
runs. What is computed from the answers is in `zfbench.scoring`.

The probes of all states together grow with the square of the number of neurons, times the context. So they are made a
few states at a time and asked in parts of whole calls: every probe stands in the same row of an equal call, and no
answer depends on the size of a part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zfbench.forecasting.contract import WINDOWS_PER_CALL
from zfbench.forecasting.sealed import SealedTest
from zfbench.protocols.models import Simulator
from zfbench.records.clamp import Clamp
from zfbench.scoring.arrays import bounded
from zfbench.scoring.connectivity import jacobian_from_responses, jacobian_probes
from zfbench.scoring.dynamics import impulse_probes, impulse_responses
from zfbench.scoring.intervention import CLAMPED_AT, clamp_effects, clamp_probes

STATES = 24  # from which every probe starts: as many of test as of held-out windows, in and between events
PROBE_CONTEXT = 64  # steps a model with hidden state is warmed up on before a probe
KICK_STEPS = 5  # steps after a small kick that are read, and entries of a lag-tolerant kick
IMPULSE_HORIZON = 64
IMPULSE_AMPLITUDES = (-0.2, 0.2)  # units of activity
FULL_SCALE = 1.0  # activities are rates; a rollout may leave the recorded range by this much
PART = 2**27  # bytes of the probes that are asked at once; those of the larva are fewer

Predict = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class ProbeStates:
    """States to probe from: contexts with the drive that follows, as the model sees it and as it really was.

    Attributes:
        context: [S, C, N].
        drive: [S, C + H, D], the track's view.
        full_drive: [S, C + H, D'].
        event: bool [S], whether an event (for the larva a bout) is under way at the first step of the forecast.
    """

    context: NDArray[np.float32]
    drive: NDArray[np.float32]
    full_drive: NDArray[np.float32]
    event: NDArray[np.bool_]

    def cut(self, context: int, horizon: int) -> ProbeStates:
        """The last steps of each context and the first of each horizon."""
        first = self.context.shape[1] - context
        steps = slice(first, first + context + horizon)
        return ProbeStates(self.context[:, first:], self.drive[:, steps], self.full_drive[:, steps], self.event)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> ProbeStates:
        """Some of the states."""
        return ProbeStates(self.context[rows], self.drive[rows], self.full_drive[rows], self.event[rows])


def choose_states(sealed: SealedTest, count: int = STATES) -> ProbeStates:
    """Window onsets with all of their context and horizon, in turn from each stratum.

    Strata are test and held-out windows, each in and between events where the task knows events. Each gives an equal
    share, evenly spaced over its windows; one that has fewer windows gives all, and the count is smaller then.

    Args:
        sealed: the test.
        count: number of states, a multiple of four.
    """
    strata = []
    for windows, full, event in (
        (sealed.test, sealed.full_drive_test, sealed.event_test),
        (sealed.ood, sealed.full_drive_ood, sealed.event_ood),
    ):
        under_way = np.zeros(len(windows), bool) if event is None else event
        whole = ProbeStates(windows.inputs.context, windows.inputs.drive, full, under_way)
        kinds = [rows for rows in (np.flatnonzero(under_way), np.flatnonzero(~under_way)) if len(rows)]
        for rows in kinds:
            share = min(len(rows), count // (2 * len(kinds)))
            strata.append(whole.take(rows[np.linspace(0, len(rows) - 1, share).round().astype(int)]))
    order = sorted((place, k) for k, s in enumerate(strata) for place in range(len(s.context)))
    return ProbeStates(*(np.stack([getattr(strata[k], name)[place] for place, k in order]) for name in vars(strata[0])))


@dataclass(frozen=True, eq=False)
class Kicks:
    """Responses to small kicks of every neuron, divided by their size, entry (target, source).

    Attributes:
        size: of the kicks.
        central: [S, T, N, N], half the difference between a kick up and a kick down.
        sides: [2, S, N, N], of the first step: a kick up less no kick, and no kick less a kick down.
    """

    size: float
    central: NDArray[np.float64]
    sides: NDArray[np.float64]


def kick(
    predict: Predict, context: NDArray, drive: NDArray, sizes: NDArray[np.float64], steps: int = 1, depth: int = 1
) -> list[Kicks]:
    """Ask for the responses to small kicks, one set for each size.

    Kicks up, kicks down and no kick are calls of their own, so that the forecasts of a difference stand in the same row
    of equal calls: what a neuron does not depend on is then exactly zero, with no rounding.

    Args:
        predict: forecasts.
        context: [S, C, N].
        drive: [S, C + H, D].
        sizes: [K], the sizes of the kicks.
        steps: how many steps of the forecast are read.
        depth: the number of last entries of the context that are displaced.
    """
    S, C, N = context.shape

    def ask(probes_of: Callable[[NDArray], NDArray]) -> NDArray[np.float64]:
        """From what makes the probes [s * N, C, N] of some states to [S, steps, N, N], entry (source, target)."""
        path = np.empty((S * N, steps, N))
        for part in _parts(S, N, context[0].nbytes + drive[0].nbytes):
            repeated = np.repeat(drive[part.states], N, axis=0)[part.inside]
            path[part.rows] = predict(probes_of(context[part.states])[part.inside], repeated)[:, :steps]
        return np.swapaxes(path.reshape(S, N, steps, N), 1, 2)

    def moved(h: float, side: int) -> NDArray[np.float64]:
        """The answers to kicks up (side 0) or down (side 1)."""
        return ask(lambda some: jacobian_probes(some, h, depth).reshape(-1, 2, N, C, N)[:, side].reshape(-1, C, N))

    def slope(after: NDArray, before: NDArray, distance: float) -> NDArray[np.float64]:
        return np.swapaxes(after[:, 0] - before[:, 0], 1, 2) / distance

    still, found = ask(lambda some: np.repeat(some, N, axis=0)), []
    for h in sizes:
        up, down = (moved(float(h), side) for side in (0, 1))
        central = [
            jacobian_from_responses(np.stack([up[:, t], down[:, t]], axis=1).reshape(-1, N), float(h))
            for t in range(steps)
        ]
        sides = np.stack([slope(up, still, h), slope(still, down, h)])
        found.append(Kicks(float(h), np.stack(central, axis=1), sides))
    return found


@dataclass(frozen=True)
class _Part:
    """Some probes, which are ordered by state.

    Attributes:
        rows: of all probes.
        states: that these probes start from.
        inside: the same probes among those of these states.
    """

    rows: slice
    states: slice
    inside: slice


def _parts(states: int, each: int, row_bytes: int) -> Iterator[_Part]:
    """Cut the probes of states, so many each, into parts of whole calls and of about `PART` bytes."""
    size = WINDOWS_PER_CALL * max(1, PART // (WINDOWS_PER_CALL * row_bytes))
    for first in range(0, states * each, size):
        end = min(first + size, states * each)
        begin = first // each
        yield _Part(slice(first, end), slice(begin, -(-end // each)), slice(first - begin * each, end - begin * each))


@dataclass(frozen=True, eq=False)
class Range:
    """Bounds of rollouts: the recorded range of each neuron, a full scale wider on both sides.

    Attributes:
        low, high: [N].
    """

    low: NDArray[np.float32]
    high: NDArray[np.float32]

    @classmethod
    def of(cls, sealed: SealedTest) -> Range:
        """The bounds of a task, from its test and held-out windows."""
        recorded = [a for w in (sealed.test, sealed.ood) for a in (w.inputs.context, w.target)]
        low, high = (np.stack([f(a, axis=(0, 1)) for a in recorded]) for f in (np.min, np.max))
        return cls(low.min(axis=0) - FULL_SCALE, high.max(axis=0) + FULL_SCALE)


def impulses(model: Simulator, context: NDArray, drive: NDArray, within: Range) -> tuple[NDArray[np.float64], float]:
    """Impulse responses [S, N, A, H, N] of every neuron at every amplitude, and the share that was clipped."""
    S, _, N = context.shape
    each = N * len(IMPULSE_AMPLITUDES)
    paths = []
    for part in _parts(S, each, context[0].nbytes + drive[0].nbytes):
        probes = impulse_probes(context[part.states], range(N), IMPULSE_AMPLITUDES)[part.inside]
        paths.append(model.rollout(probes, np.repeat(drive[part.states], each, axis=0)[part.inside]))
    perturbed, clipped = bounded(np.concatenate(paths), within.low, within.high)
    base, _ = bounded(model.rollout(context, drive), within.low, within.high)
    return impulse_responses(perturbed, base, N, len(IMPULSE_AMPLITUDES)), clipped


def kind_of_state(count: int) -> dict[str, NDArray[np.intp]]:
    """Which of the states each kind of intervention starts from: four in a row, so that every stratum gives to each."""
    kinds = list(CLAMPED_AT)
    which = np.arange(count) // 4 % len(kinds)
    return {kind: np.flatnonzero(which == k) for k, kind in enumerate(kinds)}


@dataclass(frozen=True, eq=False)
class Effects:
    """Effects of holding every neuron.

    Attributes:
        pooled: [S, N, H, N], from all states, kind by kind.
        kinds: rows of the pooled effects, by kind.
        clipped: the share of the rollouts' entries that was clipped.
    """

    pooled: NDArray[np.float64]
    kinds: dict[str, slice]
    clipped: float

    def of(self, kind: str) -> NDArray[np.float64]:
        """The effects [W, N, H, N] of one kind, each kind from states of its own."""
        return self.pooled[self.kinds[kind]]


def effects(model: Simulator, context: NDArray, drive: NDArray, within: Range) -> Effects:
    """Hold every neuron, from every state in one of the ways of holding."""
    S, C, N = context.shape
    neurons = range(N)
    free, _ = bounded(model.rollout(context, drive), within.low, within.high)
    pooled = np.empty((S, N, drive.shape[1] - C, N))
    kinds: dict[str, slice] = {}
    clipped, first = [], 0
    for kind, rows in kind_of_state(S).items():
        if len(rows):
            held, share = bounded(_held(model, context[rows], drive[rows], kind), within.low, within.high)
            kinds[kind] = slice(first, first := first + len(rows))
            pooled[kinds[kind]] = clamp_effects(held, free[rows], neurons)
            clipped.append(share)
    return Effects(pooled, kinds, float(np.mean(clipped)))


def _held(model: Simulator, context: NDArray, drive: NDArray, kind: str) -> NDArray[np.float32]:
    """Rollouts [S * N, H, N] with every neuron held in turn, from every state."""
    S, _, N = context.shape
    paths = []
    for part in _parts(S, N, context[0].nbytes + drive[0].nbytes):
        probes = clamp_probes(context[part.states], kind, range(N))
        clamp = Clamp(probes.mask[part.inside], probes.value[part.inside])
        repeated = np.repeat(drive[part.states], N, axis=0)[part.inside]
        paths.append(model.rollout(probes.context[part.inside], repeated, clamp))
    return np.concatenate(paths)
