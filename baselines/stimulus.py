"""Stimulus: the mean evoked response at the phase of the stimulus, regardless of the neurons' recent activity.

The `stimulus` baseline of ZAPBench (Lueckmann et al. 2025, arXiv 2503.02618) averages the training activity at each
phase of a repeated stimulus. Here nothing is repeated, and a window does not say which stimulus condition it belongs
to. Both condition and phase are therefore read from the drive:

- condition: the training condition whose drive is most similar to that of the window, by the distance between the
  window's mean drive and the means of equally long stretches of training;
- phase: the state of the event channels, which are the channels that are only ever 0 or 1 in training (for the larva:
  whether it is in a bout), and the time since that state last changed.

In an autonomous track there is no drive, so this baseline is not applicable.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zfbench.base.errors import ZfbenchError
from zfbench.baselines.checks import check_data
from zfbench.forecasting.task import Task
from zfbench.protocols.models import Baseline
from zfbench.records.limits import Limits
from zfbench.records.recordings import LabelledWindows, Recording

# Our choices.
LONGEST = 1024  # steps since the last event; all later steps share one phase
BIN_WIDTHS = (1, 4, 16, 64)  # steps in one phase bin; validation chooses among them
MOST_EVENTS = 8  # channels that are switched on and off; the table has an entry for each of their 2^8 states
SMALLEST_COUNT = 20  # steps of training data; a phase with fewer takes the mean of its condition


class Stimulus(Baseline):
    """A table of mean activity by condition and phase.

    Args:
        task: a task with drive.
        seed: not used; the fit is deterministic.
    """

    kind: Literal["baseline", "control", "program"] = "baseline"
    needs = ("drive",)
    uses_drive = True
    depends_on_seed = False

    def __init__(self, task: Task, seed: int) -> None:
        del seed  # deterministic
        self._spec = task.spec
        self._events = np.zeros(0, np.intp)  # the channels whose switches set the phase
        self._stretches = np.zeros((0, 0))  # [S, D], mean drives of training stretches
        self._stretch_condition = np.zeros(0, np.intp)  # [S]
        self._response = np.zeros((0, 0, 0))  # [conditions, phases, N]
        self._width = 1

    def fit(self, train: tuple[Recording, ...], validation: LabelledWindows, limits: Limits) -> None:
        """Average the training activity by condition and phase, and choose the width of a phase bin on validation.

        Args:
            train: recordings to average.
            validation: windows to select on.
            limits: not used.

        Raises:
            ZfbenchError: the data cannot be learned from, see `check_data`, or over `MOST_EVENTS` channels are binary.
        """
        del limits
        check_data(train, validation, self._spec, self._spec.context, self._spec.horizon)
        drives = np.concatenate([r.drive for r in train])
        self._events = np.flatnonzero(np.isin(drives, (0.0, 1.0)).all(axis=0))
        if len(self._events) > MOST_EVENTS:
            raise ZfbenchError(
                f"The task has {len(self._events)} channels of the drive that are always 0 or 1, and the stimulus "
                f"baseline takes at most {MOST_EVENTS}; choose another baseline."
            )
        conditions = list(dict.fromkeys(r.condition for r in train))
        length = self._spec.context + self._spec.horizon
        stretches = [
            (r.drive[start : start + length].mean(axis=0), conditions.index(r.condition))
            for r in train
            for start in range(0, len(r.drive) - length + 1, length // 4)
        ]
        self._stretches = np.array([mean for mean, _ in stretches], np.float64)
        self._stretch_condition = np.array([c for _, c in stretches])
        errors, tables = {}, {}
        for width in BIN_WIDTHS:
            self._width = width
            tables[width] = self._response = self._evoked(train, conditions)
            forecast = self.forecast(validation.inputs.context, validation.inputs.drive)
            errors[width] = float(np.abs(forecast - validation.target).mean())
        self._width = min(errors, key=errors.__getitem__)
        self._response = tables[self._width]

    def forecast(self, context: NDArray[np.float32], drive: NDArray[np.float32]) -> NDArray[np.float32]:
        """Look up the mean response at each step ahead: [B, H, N].

        Args:
            context: [B, C, N], activity before the forecast, which is not used.
            drive: [B, C + H, D].

        Raises:
            ZfbenchError: there is no drive.
        """
        if drive.shape[2] == 0:
            raise ZfbenchError("The stimulus baseline reads the drive; choose a driven track.")
        C = context.shape[1]
        distance = ((drive.mean(axis=1)[:, None] - self._stretches) ** 2).sum(axis=2)  # [B, S]
        condition = self._stretch_condition[distance.argmin(axis=1)]  # [B]
        phase = np.stack([self._phase(x)[C:] for x in drive])  # [B, H]
        return self._response[condition[:, None], phase].astype(np.float32)

    def _phase(self, drive: NDArray) -> NDArray[np.intp]:
        """Return the phase bin at each step of a drive [T, D]; a state already on at the start counts from there."""
        state = (drive[:, self._events] > 0.5).astype(np.intp) @ (1 << np.arange(len(self._events)))  # [T]
        step = np.arange(len(drive))
        switched = np.concatenate([[True], np.diff(state) != 0])
        since = step - np.maximum.accumulate(np.where(switched, step, 0))
        return state * self._bins + np.minimum(since, LONGEST - 1) // self._width

    @property
    def _bins(self) -> int:
        """The number of phase bins of one state of the event channels."""
        return LONGEST // self._width

    def _evoked(self, train: tuple[Recording, ...], conditions: list[str]) -> NDArray[np.float64]:
        """Return the mean activity [conditions, phases, N]."""
        phases = 2 ** len(self._events) * self._bins
        table = np.empty((len(conditions), phases, len(self._spec.neurons)))
        for c, condition in enumerate(conditions):
            recordings = [r for r in train if r.condition == condition]
            activity = np.concatenate([r.activity for r in recordings], dtype=np.float64)  # [T, N]
            phase = np.concatenate([self._phase(r.drive) for r in recordings])  # [T]
            count = np.bincount(phase, minlength=phases)  # [phases]
            total = np.zeros(table.shape[1:])
            np.add.at(total, phase, activity)
            rare = count < SMALLEST_COUNT
            table[c] = np.where(rare[:, None], activity.mean(axis=0), total / np.maximum(count, 1)[:, None])
        return table
