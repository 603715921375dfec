from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from zfbench.base.errors import ZfbenchError
from zfbench.baselines.stimulus import Stimulus
from zfbench.records.limits import Limits
from zfbench.records.recordings import LabelledWindows, Recording, TaskSpec, Windows

C, H, PERIOD = 40, 20, 30


def recording(condition, level, steps=3_000):
    """An event that is on for 10 of 30 steps, a drive level that names the condition, a response to both."""
    t = np.arange(steps)
    event = (t % PERIOD < 10).astype(np.float32)
    drive = np.stack([event, np.full(steps, level)], axis=1).astype(np.float32)
    activity = np.stack([level * event * (t % PERIOD), 0.1 * (t % PERIOD)], axis=1).astype(np.float32)
    return Recording(condition, activity, drive)


@pytest.fixture
def task():
    spec = TaskSpec("s/driven", "", "", 1.0, H, C, ("a", "b"), ("g", "g"), ("event", "level"))
    train = (recording("low", 0.2), recording("high", 0.9))
    starts = range(0, 900, 70)
    windows = [(r, s) for r in train for s in starts]
    inputs = Windows(
        tuple(r.condition for r, _ in windows),
        np.stack([r.activity[s : s + C] for r, s in windows]),
        np.stack([r.drive[s : s + C + H] for r, s in windows]),
    )
    target = np.stack([r.activity[s + C : s + C + H] for r, s in windows])
    return SimpleNamespace(spec=spec, train=train, validation=LabelledWindows(inputs, target))


def test_what_condition_and_phase_decide_is_forecast_exactly(task):
    model = Stimulus(task, 0)
    model.fit(task.train, task.validation, Limits())
    inputs = task.validation.inputs
    np.testing.assert_allclose(model.forecast(inputs.context, inputs.drive), task.validation.target, atol=1e-5)


def test_the_neurons_own_past_plays_no_part(task):
    model = Stimulus(task, 0)
    model.fit(task.train, task.validation, Limits())
    inputs = task.validation.inputs
    np.testing.assert_array_equal(
        model.forecast(0 * inputs.context, inputs.drive), model.forecast(inputs.context, inputs.drive)
    )


def test_a_channel_that_was_never_on_may_be_anything_later(task):
    """It was off in all training data, so its states are off and on, whatever its values."""
    drive = [replace(r, drive=np.concatenate([r.drive, 0 * r.drive[:, :1]], axis=1)) for r in task.train]
    inputs = task.validation.inputs
    more = np.concatenate([inputs.drive, 0 * inputs.drive[..., :1]], axis=2)
    model = Stimulus(SimpleNamespace(spec=replace(task.spec, drive=("event", "level", "never"))), 0)
    model.fit(tuple(drive), LabelledWindows(replace(inputs, drive=more), task.validation.target), Limits())
    off, on = (model.forecast(inputs.context, np.where(np.arange(3) == 2, value, more)) for value in (-1.0, 2.0))
    np.testing.assert_array_equal(off, model.forecast(inputs.context, more))
    np.testing.assert_array_equal(on, model.forecast(inputs.context, np.where(np.arange(3) == 2, 1.0, more)))


def test_a_table_of_too_many_channels_is_refused(task):
    wide = tuple(replace(r, drive=np.repeat(r.drive[:, :1], 9, axis=1)) for r in task.train)
    windows = replace(task.validation.inputs, drive=np.repeat(task.validation.inputs.drive[..., :1], 9, axis=2))
    model = Stimulus(SimpleNamespace(spec=replace(task.spec, drive=tuple("abcdefghi"))), 0)
    with pytest.raises(ZfbenchError, match=r"has 9 channels of the drive .* takes at most 8; choose another"):
        model.fit(wide, LabelledWindows(windows, task.validation.target), Limits())


def test_without_drive_there_is_no_stimulus_to_read(task):
    model = Stimulus(task, 0)
    with pytest.raises(ZfbenchError, match="choose a driven track"):
        model.forecast(np.zeros((1, C, 2), np.float32), np.zeros((1, C + H, 0), np.float32))
