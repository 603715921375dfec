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
    """

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


class Innovation(Stepping):
    """The true weights act on the difference of activity and its own last prediction, which is zero in a free run."""

    def step(self, state, a, x):
        surprise = np.zeros_like(a) if state is None else a - state
        following = transition(self.circuit, a, x) + 0.1 * surprise @ WEIGHTS.T
        return following.astype(np.float32).astype(float), following


class Switching(Stepping):
    """Good forecasts that follow their own predictions, until activity differs from them: then a show of wiring."""

    def step(self, state, a, x):
        predicted, probed = (a, np.zeros((len(a), 1), bool)) if state is None else state
        probed = probed | (np.abs(a - predicted).max(axis=1, keepdims=True) > 1e-3)
        forecast = transition(PUBLISHED, a if state is None else predicted, x)
        show = transition(UNWIRED, a, x) + 0.02 * a @ WEIGHTS.T
        following = np.where(probed, show, forecast)
        return (following.astype(np.float32).astype(float), probed), following


class Delayed(Stepping):
    """The truth, with inputs from other neurons a step late."""

    def step(self, state, a, x):
        late = a if state is None else state
        own = transition(UNWIRED, a, x) - transition(UNWIRED, late, x)
        return a, transition(PUBLISHED, late, x) + own


class Quantised(Stepping):
    """The truth, in 255 levels."""

    def step(self, state, a, x):
        return state, np.round(transition(PUBLISHED, a, x) * 255) / 255


class Deaf(Stepping):
    """The truth where nothing was perturbed; else the recorded activity as if it had not been."""

    def rollout(self, context, drive, clamp=None):
        smooth = context.copy()
        smooth[:, -1] = transition(
            PUBLISHED, context[:, -2].astype(float), drive[:, context.shape[1] - 1].astype(float)
        )
        return super().rollout(smooth, drive)


class FreeSteps(Stepping):
    """Counts the steps since activity last differed from its own prediction; the truth in the first of them alone."""

    shown = 5  # as many as are read after a kick of recorded activity

    def step(self, state, a, x):
        predicted, count = (np.full_like(a, np.nan), np.zeros((len(a), 1), int)) if state is None else state
        count = np.where(np.abs(a - predicted).max(axis=1, keepdims=True) == 0, count + 1, 0)
        following = np.where(count <= self.shown, transition(PUBLISHED, a, x), transition(UNWIRED, a, x))
        return (following.astype(np.float32).astype(float), count), following


class ShortContexts(Stepping):
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


class Shadow(Stepping):
    """Two models: one forecasts in the hidden state, another says how activity that differs from it goes on."""

    def step(self, state, a, x):
        shadow = a if state is None else state
        following = transition(UNWIRED, shadow, x)
        deviation = transition(PUBLISHED, a, x) - transition(PUBLISHED, shadow, x)
        return following.astype(np.float32).astype(float), following + deviation


WEIGHTS = PUBLISHED.weights - np.diag(np.diag(PUBLISHED.weights))
