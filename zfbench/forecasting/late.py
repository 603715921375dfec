"""The wiring late in a forecast: kicks of states that a model has reached on its own predictions.

The other readings kick recorded activity after a short context. A model may count its steps, or tell a recording from
its own predictions, and so show one map where it is asked and follow another where it forecasts. Here its own path is
given to it after a whole context: its hidden state then sees what it saw in the forecast, in the same order, and a
model that is one map answers as it does from recorded states.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zfbench.forecasting.probes import Kicks, ProbeStates, kick
from zfbench.protocols.models import Simulator
from zfbench.scoring.readings import common_reading

STATES = 8  # probe states from which paths are followed, two of each stratum; the first ones
SIZES = [1, -1]  # which of the drawn step sizes are asked: a fine and the coarsest one


@dataclass(frozen=True, eq=False)
class LateReading:
    """One-step maps late in a forecast, entry (target, source).

    Attributes:
        common: [S, N, N], what all kicks show alike, up and down.
        coarse: the kicks of the coarsest step size.
    """

    common: NDArray[np.float64]
    coarse: Kicks


def draw_steps(horizon: int, rng: np.random.Generator) -> int:
    """Draw how many steps a model runs on its own before it is kicked: a quarter to a half of the horizon."""
    return int(rng.integers(max(1, horizon // 4), max(1, horizon // 2), endpoint=True))


def read_late(
    model: Simulator,
    whole: ProbeStates,
    drive: NDArray[np.float32],
    steps: int,
    sizes: NDArray[np.float64],
    depth: int,
) -> LateReading:
    """Kick a model on its own path.

    Args:
        model: the model.
        whole: the probe states, with all of their context and horizon.
        drive: [S, C + H, D], the drive that the model is shown.
        steps: the steps that it runs on its own before.
        sizes: all step sizes of the judgement.
        depth: the number of last entries that are displaced; see `zfbench.forecasting.probes.kick`.
    """
    context, drive = whole.context[:STATES], drive[:STATES]
    C = context.shape[1]
    path = model.rollout(context, drive[:, : C + steps])  # [S, steps, N]
    reached = np.concatenate([context, path], axis=1)  # [S, C + steps, N]
    kicks = kick(model.rollout, reached, drive[:, : C + steps + 1], sizes[SIZES], depth=depth)
    return LateReading(common_reading(np.concatenate([k.sides for k in kicks])), kicks[-1])
