"""Forecasts by analogy, and the oracle that knows f* and not the drive."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from zfbench.base.errors import ZfbenchError
from zfbench.baselines.analog import Analog
from zfbench.baselines.neighbours import NEIGHBOURS, TrainingStates
from zfbench.baselines.oracle import DrivelessOracle, oracle
from zfbench.protocols.models import Simulator
from zfbench.records.limits import Limits
from zfbench.records.recordings import LabelledWindows, Recording, Windows
from zfbench.runs.tasks import load_task

LIMITS = Limits(updates=1)


@pytest.fixture(scope="module")
def autonomous():
    return load_task("zfish-tiny/autonomous")


def test_followers_are_those_of_the_nearest_states_that_have_a_future():
    one = np.arange(40, dtype=np.float32)[:, None] * np.float32([1.0, 0.0])  # the state at step t is (t, 0)
    two = one + np.float32([1_000.0, 0.0])
    series = [one * 10, two * 10]
    found = TrainingStates([one, two]).followers(np.float32([[30.2, 5.0], [1_000.0, 0.0]]), series, 4)
    assert found.shape == (2, NEIGHBOURS, 4, 2)
    steps = found[:, :, :, 0] / 10
    nearest_first = sorted(range(36), key=lambda t: abs(t - 30.2))[
        :NEIGHBOURS
    ]  # the last four steps have no such future
    assert [int(path[0]) - 1 for path in steps[0]] == nearest_first
    assert (np.diff(steps, axis=2) == 1).all()  # what followed, in order
    assert steps[1, :, 0].tolist() == [1_001 + k for k in range(NEIGHBOURS)]  # not over the end of a recording


def test_too_short_recordings_are_explained():
    states = TrainingStates([np.zeros((20, 1), np.float32)])
    with pytest.raises(ZfbenchError, match="Only 15 training states are followed by 5 steps"):
        states.followers(np.zeros((1, 1), np.float32), [np.zeros((20, 1), np.float32)], 5)


def test_the_analog_forecast_is_the_median_future(autonomous):
    spec = replace(autonomous.spec, neurons=("a",), groups=("g",), context=1, horizon=2)
    level = np.repeat([0.0, 1.0], 20)  # each state is seen twenty times, each time followed by another future
    activity = np.stack([level, np.arange(40.0), np.arange(40.0)], axis=1).reshape(-1, 1).astype(np.float32)
    recording = Recording("r", activity, np.zeros((len(activity), 0), np.float32))
    window = Windows(("r",), np.full((1, 1, 1), 0.0, np.float32), np.zeros((1, 3, 0), np.float32))
    model = Analog(SimpleNamespace(spec=spec), 0)
    model.fit((recording,), LabelledWindows(window, np.zeros((1, 2, 1), np.float32)), LIMITS)
    states = activity[:-2, 0]
    chosen = np.argsort(np.abs(states), kind="stable")[:NEIGHBOURS]
    expected = np.median([activity[t + 1 : t + 3] for t in chosen], axis=0)
    np.testing.assert_array_equal(model.forecast(window.context, window.drive)[0], expected)


def test_f_star_over_analogous_drives_beats_analogy_alone(autonomous):
    """Validation error: the drive's future is guessed alike, and f* knows what the circuit makes of it."""
    inputs, target = autonomous.validation.inputs, autonomous.validation.target
    errors = {}
    for model in (Analog(autonomous, 0), oracle(autonomous, 0)):
        model.fit(autonomous.train, autonomous.validation, LIMITS)
        forecast = model.forecast(inputs.context, inputs.drive)
        assert forecast.dtype == np.float32
        errors[type(model)] = np.abs(forecast - target).mean()
    last_value = np.abs(inputs.context[:, -1:] - target).mean()
    assert errors[DrivelessOracle] < errors[Analog] < 0.7 * last_value
    assert errors[DrivelessOracle] > 0.02  # nobody knows the drive
    assert not isinstance(oracle(autonomous, 0), Simulator)


def test_the_oracle_without_drive_is_exact_where_the_state_was_seen(autonomous):
    """A state of training is its own nearest analogue, so one of the sixteen paths is what really followed."""
    model = oracle(autonomous, 0)
    model.fit(autonomous.train, autonomous.validation, LIMITS)
    seen = autonomous.train[0].activity[500:501][None]
    paths = model.paths(seen, 3)
    np.testing.assert_allclose(paths[0, 0], autonomous.train[0].activity[501:504], atol=1e-5)
