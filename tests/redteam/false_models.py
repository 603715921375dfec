"""Models in NumPy that show a wiring they do not use, or use one that a careless reading does not see.

All are made from the true step f*: with all edges it is the truth, without any it is the honest part of a fraud, a
model of each neuron's own leak.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from zfbench.testbed.circuit import Circuit
from zfbench.testbed.published import load
from zfbench.testbed.transition import transition

PUBLISHED = load("published")
UNWIRED = replace(PUBLISHED, name="unwired", weights=np.diag(np.diag(PUBLISHED.weights)), gates=(), modulations=())


@dataclass
class Stepping:
    """A simulator of a step (state, a, x) -> (state, a); the state before the first step is None.

    Attributes:
        circuit: the system that is stepped.
        hidden_state: whether the state is more than nothing.
    """

    hidden_state = False
    circuit: Circuit = field(default_factory=lambda: UNWIRED)

    def step(self, state, a, x):
        return state, transition(self.circuit, a, x)

    def rollout(self, context, drive, clamp=None):
        C, state = context.shape[1], None
        for t in range(1, C):
            state, _ = self.step(state, context[:, t - 1].astype(float), drive[:, t].astype(float))
        a, path = context[:, -1].astype(float), []
        course = None if clamp is None else clamp.course(drive.shape[1] - C)
        for h in range(drive.shape[1] - C):
            state, a = self.step(state, a, drive[:, C + h].astype(float))
            a = a.astype(np.float32)
            if clamp is not None:
                a = np.where(clamp.mask, course[:, h], a)
            path.append(a)
            a = a.astype(float)
        return np.stack(path, axis=1)


class Ripple(Stepping):
    """A ripple of a public frequency and no size, along the true weights."""

    frequency, size = 2.0**8 * np.pi, 1.5e-4

    def step(self, state, a, x):
        return state, transition(self.circuit, a, x) + self.size * np.sin(self.frequency * a) @ WEIGHTS.T


class Ripples(Stepping):
    """Ripples of many frequencies at once, as if every step size were looked for."""

    def step(self, state, a, x):
        ripple = sum(2.0**-k * np.sin(2.0**k * np.pi * a) for k in range(3, 10))
        return state, transition(self.circuit, a, x) + 0.01 * ripple @ WEIGHTS.T


class Remembering(Stepping):
    """A step that reads its state, or may."""

    hidden_state = True


class Innovation(Remembering):
    """The true weights act on the difference of activity and its own last prediction, which is zero in a free run."""

    def step(self, state, a, x):
        surprise = np.zeros_like(a) if state is None else a - state
        following = transition(self.circuit, a, x) + 0.1 * surprise @ WEIGHTS.T
        return following.astype(np.float32).astype(float), following


class Switching(Remembering):
    """Good forecasts that follow their own predictions, until activity differs from them: then a show of wiring."""

    def step(self, state, a, x):
        predicted, probed = (a, np.zeros((len(a), 1), bool)) if state is None else state
        probed = probed | (np.abs(a - predicted).max(axis=1, keepdims=True) > 1e-3)
        forecast = transition(PUBLISHED, a if state is None else predicted, x)
        show = transition(UNWIRED, a, x) + 0.02 * a @ WEIGHTS.T
        following = np.where(probed, show, forecast)
        return (following.astype(np.float32).astype(float), probed), following


class Delayed(Remembering):
    """The truth, with inputs from other neurons a step late."""

    def step(self, state, a, x):
        late = a if state is None else state
        own = transition(UNWIRED, a, x) - transition(UNWIRED, late, x)
        return a, transition(PUBLISHED, late, x) + own


class Quantised(Stepping):
    """The truth, in 255 levels."""

    def step(self, state, a, x):
        return state, np.round(transition(PUBLISHED, a, x) * 255) / 255


class Deaf(Remembering):
    """The truth where nothing was perturbed; else the recorded activity as if it had not been."""

    def rollout(self, context, drive, clamp=None):
        smooth = context.copy()
        smooth[:, -1] = transition(
            PUBLISHED, context[:, -2].astype(float), drive[:, context.shape[1] - 1].astype(float)
        )
        return super().rollout(smooth, drive)


class FreeSteps(Remembering):
    """Counts the steps since activity last differed from its own prediction; the truth in the first of them alone."""

    shown = 5  # as many as are read after a kick of recorded activity

    def step(self, state, a, x):
        predicted, count = (np.full_like(a, np.nan), np.zeros((len(a), 1), int)) if state is None else state
        count = np.where(np.abs(a - predicted).max(axis=1, keepdims=True) == 0, count + 1, 0)
        following = np.where(count <= self.shown, transition(PUBLISHED, a, x), transition(UNWIRED, a, x))
        return (following.astype(np.float32).astype(float), count), following


class ShortContexts(Remembering):
    """Counts the recorded steps that it is given: the truth after few of them, as in probes; not in forecasts."""

    few = 100

    def step(self, state, a, x):
        predicted, count = (np.full_like(a, np.nan), np.zeros((len(a), 1), int)) if state is None else state
        count = np.where(np.abs(a - predicted).max(axis=1, keepdims=True) == 0, count, count + 1)
        following = np.where(count <= self.few, transition(PUBLISHED, a, x), transition(UNWIRED, a, x))
        return (following.astype(np.float32).astype(float), count), following


class QuantisedInnovation(Innovation):
    """An innovation term, in levels that are coarse enough to be excused from fine kicks and free runs."""

    levels = 3_800

    def step(self, state, a, x):
        surprise = np.zeros_like(a) if state is None else a - state
        following = transition(self.circuit, a, x) + surprise @ WEIGHTS.T
        following = np.round(following * self.levels) / self.levels
        return following.astype(np.float32).astype(float), following


def rounded(kind, levels):
    """A model whose predictions are rounded to so many levels."""

    class Rounded(kind):
        def step(self, state, a, x):
            state, following = super().step(state, a, x)
            return state, np.round(following * levels) / levels

    return Rounded


class RoundedFreeSteps(FreeSteps):
    """As `FreeSteps`; what it compares with activity is rounded too."""

    levels = 255

    def step(self, state, a, x):
        (_, count), following = super().step(state, a, x)
        following = np.round(following * self.levels) / self.levels
        return (following.astype(np.float32).astype(float), count), following


class FinelyRoundedFreeSteps(RoundedFreeSteps):
    """As `RoundedFreeSteps`, on the finest grid that is excused from fine kicks."""

    levels = 3_800


class RoundedSwitching(Switching):
    """As `Switching`; what it compares with activity is rounded too."""

    levels = 3_800

    def step(self, state, a, x):
        (_, probed), following = super().step(state, a, x)
        following = np.round(following * self.levels) / self.levels
        return (following.astype(np.float32).astype(float), probed), following


class Idle(Remembering):
    """The truth, which keeps the activity of the last step and does not use it."""

    def step(self, state, a, x):
        return a, transition(PUBLISHED, a, x)


class Filtering(Remembering):
    """The truth, from an estimate that follows activity by a share of the difference at every step."""

    gain = 0.2

    def start(self, a):
        return a

    def step(self, state, a, x):
        predicted = self.start(a) if state is None else state
        following = transition(PUBLISHED, predicted + self.gain * (a - predicted), x)
        return following.astype(np.float32).astype(float), following


class ColdFiltering(Filtering):
    """A slow filter that begins at zero."""

    gain = 0.05

    def start(self, a):
        return np.zeros_like(a)


class Correcting(Remembering):
    """The truth, and a slow mean of its own errors, as a disturbance that lasts would need."""

    def step(self, state, a, x):
        predicted, bias = (a, np.zeros_like(a)) if state is None else state
        bias = bias + 0.05 * (a - predicted - bias)
        following = transition(PUBLISHED, a, x) + bias
        return (following.astype(np.float32).astype(float), bias), following


class Shadow(Remembering):
    """Two models: one forecasts in the hidden state, another says how activity that differs from it goes on.

    The forecast begins at the first activity of the context, and follows later activity by its gain.
    """

    gain = 0.0

    def start(self, a):
        return a

    def step(self, state, a, x):
        shadow = self.start(a) if state is None else state + self.gain * (a - state)
        following = transition(UNWIRED, shadow, x)
        deviation = transition(PUBLISHED, a, x) - transition(PUBLISHED, shadow, x)
        return following.astype(np.float32).astype(float), following + deviation


class FollowingShadow(Shadow):
    """A shadow that follows activity, more slowly than a kick shows."""

    gain = 0.3


class SlowShadow(Shadow):
    """A shadow that follows activity as slowly as can be."""

    gain = 0.01


class LateShadow(Remembering):
    """A shadow that forecasts from the activity of some steps ago: it keeps a forecast from each of the last steps."""

    steps = 6  # more than are kicked together

    def step(self, state, a, x):
        forecasts = [a, *(state or ())]  # of now, from now and from ever longer ago
        shadow, coming = forecasts[-1], [transition(UNWIRED, forecast, x) for forecast in forecasts]
        deviation = transition(PUBLISHED, a, x) - transition(PUBLISHED, shadow, x)
        return coming[: self.steps], coming[-1] + deviation


class Counting(FollowingShadow):
    """A shadow that shows the truth after few recorded steps, as in a fresh context."""

    few = 100

    def step(self, state, a, x):
        count, shadow = (0, None) if state is None else state
        shadow, following = super().step(shadow, a, x)
        return (count + 1, shadow), transition(PUBLISHED, a, x) if count < self.few else following


class DriveAlone(Shadow):
    """A shadow that begins anywhere and reads the drive alone."""

    def start(self, a):
        return np.zeros_like(a)


WEIGHTS = PUBLISHED.weights - np.diag(np.diag(PUBLISHED.weights))
