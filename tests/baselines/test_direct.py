"""The shared trainer of direct forecasters, and what each network is: a linear map, a mixer, a channel-wise net."""

from itertools import count
from types import SimpleNamespace

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import pytest

from zfbench.base import plugins
from zfbench.base.errors import ZfbenchError
from zfbench.baselines import direct
from zfbench.baselines.direct import PATIENCE, DirectForecaster, DirectMethod
from zfbench.baselines.nlinear import NLinear, nlinear_c4, nlinear_plain_c4
from zfbench.baselines.tide import tide_driven_c4
from zfbench.baselines.tsmixer import tsmixer_c4, tsmixer_driven_c4
from zfbench.records.limits import Limits
from zfbench.records.recordings import LabelledWindows, Recording, TaskSpec, Windows

N, D, H, C = 3, 2, 8, 16
RNG = np.random.default_rng(0)


def wave(steps, drive=None):
    """Three sines; a neuron is half of the drive's channel 0 where there is a drive."""
    t = np.arange(steps)[:, None]
    activity = 0.5 + 0.4 * np.sin(t / np.array([5.0, 7.0, 11.0]))
    if drive is not None:
        activity[:, 0] = 0.5 * drive[:, 0]
    return activity.astype(np.float32)


def make_task(driven=True, steps=600, **changes):
    spec = TaskSpec(
        name="waves/driven",
        description="",
        contract="",
        dt_ms=1.0,
        horizon=H,
        context=C,
        neurons=("a", "b", "c"),
        groups=("g",) * N,
        drive=("x", "y") if driven else (),
    )
    drive = RNG.uniform(size=(steps, D)).astype(np.float32) if driven else np.zeros((steps, 0), np.float32)
    activity = wave(steps, drive if driven else None)
    cut = steps - 200
    starts = range(cut, steps - C - H, C + H)
    windows = Windows(
        ("w",) * len(starts),
        np.stack([activity[s : s + C] for s in starts]),
        np.stack([drive[s : s + C + H] for s in starts]),
    )
    validation = LabelledWindows(windows, np.stack([activity[s + C : s + C + H] for s in starts]))
    train = (Recording("w", activity[:cut], drive[:cut]),)
    return SimpleNamespace(**({"spec": spec, "train": train, "validation": validation} | changes))


def fit(method, task, updates, seed=0, seconds=100.0):
    model = method(task, seed)
    model.fit(task.train, task.validation, Limits(updates=updates, seconds=seconds))
    return model


def error(model, task):
    inputs = task.validation.inputs
    return float(np.abs(model.forecast(inputs.context, inputs.drive) - task.validation.target).mean())


def test_nlinear_learns_waves_that_the_last_value_cannot_follow():
    task = make_task(driven=False)
    last = np.abs(task.validation.inputs.context[:, -1:] - task.validation.target).mean()
    assert error(fit(DirectMethod(NLinear, context=C), task, 800), task) < 0.5 * last


def test_a_driven_method_learns_what_only_the_future_drive_tells():
    task = make_task()
    model = fit(tsmixer_driven_c4, task, 250)
    inputs = task.validation.inputs
    forecast = model.forecast(inputs.context, inputs.drive)[:, :, 0]
    followed = np.abs(forecast - task.validation.target[:, :, 0]).mean()
    assert followed < 0.08  # the drive is noise of mean deviation 0.125: only its future can tell
    other = inputs.drive.copy()
    other[:, C:] = other[::-1, C:]
    assert np.abs(model.forecast(inputs.context, other)[:, :, 0] - forecast).mean() > 2 * followed


@pytest.mark.parametrize("method", [nlinear_c4, tsmixer_c4])
def test_a_method_without_drive_ignores_it(method):
    task = make_task()
    model = fit(method, task, 5)
    inputs = task.validation.inputs
    np.testing.assert_array_equal(
        model.forecast(inputs.context, inputs.drive), model.forecast(inputs.context, 0 * inputs.drive)
    )


def test_nlinear_moves_with_the_level_of_its_context_and_the_plain_one_does_not():
    task = make_task(driven=False)
    inputs = task.validation.inputs
    for method, follows in ((nlinear_c4, True), (nlinear_plain_c4, False)):
        model = fit(method, task, 5)
        rise = model.forecast(inputs.context + 1, inputs.drive) - model.forecast(inputs.context, inputs.drive)
        assert np.allclose(rise, 1, atol=1e-5) == follows


@pytest.mark.parametrize(("method", "mixes"), [(nlinear_c4, False), (tide_driven_c4, False), (tsmixer_c4, True)])
def test_only_a_mixer_has_a_map_between_neurons_and_says_so(method, mixes):
    task = make_task()
    model = fit(method, task, 50)
    assert model.one_step_map is mixes
    inputs = task.validation.inputs
    moved = inputs.context.copy()
    moved[:, -1, 0] += 0.1
    change = np.abs(model.forecast(moved, inputs.drive) - model.forecast(inputs.context, inputs.drive))
    assert (change[:, 0, 1:].max() > 1e-6) == mixes


def test_equal_seeds_give_equal_fits_and_other_seeds_others():
    task = make_task()
    inputs = task.validation.inputs
    a, b, c = (fit(nlinear_c4, task, 60, seed).forecast(inputs.context, inputs.drive) for seed in (0, 0, 1))
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - c).max() > 1e-3


def test_updates_are_counted_and_the_best_validated_parameters_kept():
    task = make_task()
    model = fit(nlinear_c4, task, 620)
    assert model.report.updates == 620
    assert [at for at, _ in model.report.validation_curve] == [250, 500, 620]
    assert error(model, task) == pytest.approx(min(e for _, e in model.report.validation_curve), abs=1e-6)
    assert not model.report.stopped_early


def test_the_time_limit_ends_a_fit_and_is_reported():
    model = fit(nlinear_c4, make_task(), 100_000, seconds=0.0)
    assert model.report.stopped_early
    assert 0 < model.report.updates < 100


def test_patience_ends_a_fit_that_no_longer_improves(monkeypatch):
    monkeypatch.setattr(direct, "LEARNING_RATE", 0.0)
    monkeypatch.setattr(direct, "VALIDATE_EVERY", 1)
    model = fit(nlinear_c4, make_task(), 1_000)
    assert model.report.updates == 1 + PATIENCE - 1 + 1  # one improves on nothing, then patience runs out
    assert not model.report.stopped_early


@pytest.mark.parametrize(("gain", "lasts"), [(0.9, True), (0.04, False)])
def test_small_gains_add_up_and_only_those_too_small_even_together_end_a_fit(monkeypatch, gain, lasts):
    """Gains are in units of the smallest that counts; 20 validations of .04 of it are less than one."""
    errors = (1.0 - gain * direct.MIN_DELTA * k for k in count())
    monkeypatch.setattr(direct, "VALIDATE_EVERY", 1)
    monkeypatch.setattr(DirectForecaster, "_mae", lambda self, params, windows: next(errors))
    updates = 3 * PATIENCE
    report = fit(nlinear_c4, make_task(), updates).report
    assert report.updates == (updates if lasts else 1 + PATIENCE)
    assert report.best_update == report.updates  # every gain counts for what is kept


class OneRecording(nn.Module):
    """Repeats the last value times a weight; its forecast is not a number where the drive of its window changes."""

    horizon: int

    @nn.compact
    def __call__(self, past, drive):
        weight = self.param("weight", nn.initializers.ones, ())
        changes = jnp.ptp(drive[..., 0], axis=1) > 0
        return jnp.repeat(past[:, -1:] * weight, self.horizon, axis=1) * jnp.where(changes, jnp.nan, 1.0)[:, None, None]


def test_no_window_of_the_training_reaches_from_one_recording_into_the_next():
    """The drive is constant within each recording, and differs between the two."""
    task = make_task()
    activity = wave(30)
    first, second = (Recording(name, activity, np.full((30, D), k, np.float32)) for k, name in enumerate("ab"))
    window = Windows(("a",), activity[None, :C], first.drive[None, : C + H])
    task.train, task.validation = (first, second), LabelledWindows(window, activity[None, C : C + H])
    assert fit(DirectMethod(OneRecording, context=C), task, 25).report.updates == 25


def test_a_longer_context_is_cut_and_a_shorter_window_refused():
    task = make_task()
    model = fit(nlinear_c4, task, 5)
    inputs = task.validation.inputs
    np.testing.assert_array_equal(
        model.forecast(inputs.context[:, -4:], inputs.drive[:, C - 4 :]), model.forecast(inputs.context, inputs.drive)
    )
    with pytest.raises(ZfbenchError, match="at least that context"):
        model.forecast(inputs.context[:, -3:], inputs.drive[:, C - 3 :])
    with pytest.raises(ZfbenchError, match="exactly that horizon"):
        model.forecast(inputs.context, inputs.drive[:, :-1])


def broken(task, what):
    recording = task.train[0]
    activity, drive = recording.activity.copy(), recording.drive.copy()
    if what == "NaN":
        activity[17, 1] = np.nan
    if what == "NaN in the drive":
        drive[5, 0] = np.inf
    if what == "flat":
        activity[:, 2] = 0.25
    if what == "short":
        activity, drive = activity[:10], drive[:10]
    task.train = (Recording("w", activity, drive),)
    return task


TRAINED = [name for name in plugins.names("baseline") if "-c4" in name or name in ("mean", "linear", "stimulus")]


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("NaN", "activity 'b' of the training recording 'w' is not finite at step 17"),
        ("NaN in the drive", "drive 'x' of the training recording 'w' is not finite at step 5"),
        ("flat", "activity of c never changes"),
    ],
)
def test_bad_data_are_refused_in_one_sentence_before_any_training(name, what, sentence):
    task = broken(make_task(), what)
    with pytest.raises(ZfbenchError) as refused:
        plugins.load("baseline", name)(task, 0).fit(task.train, task.validation, Limits(updates=5))
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_context_longer_than_the_data_is_refused():
    with pytest.raises(ZfbenchError, match="longer than every training recording"):
        fit(nlinear_c4, broken(make_task(), "short"), 5)
    with pytest.raises(ZfbenchError, match="the task's windows offer 16"):
        fit(DirectMethod(NLinear, context=32), make_task(), 5)


def test_a_validation_window_that_is_not_finite_is_refused():
    task = make_task()
    task.validation.target[2, 0, 0] = np.nan
    with pytest.raises(ZfbenchError, match="target of validation window 2"):
        fit(nlinear_c4, task, 5)
