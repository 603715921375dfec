"""DeepAR's own training and sampling around gluonts' network, on systems whose predictive distribution is known."""

from dataclasses import replace
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest

from zfbench.base.errors import ZfbenchError
from zfbench.baselines import deepar, devices
from zfbench.baselines.deepar import PATIENCE, SAMPLES, STRIDE, DeepAR, DeepARMethod
from zfbench.records.limits import Limits
from zfbench.records.recordings import LabelledWindows, Recording, TaskSpec, Windows
from zfbench.sandbox.process import ProcessSandbox

torch = pytest.importorskip("torch", reason="the extra `forecast` is not installed")
pytest.importorskip("gluonts", reason="the extra `forecast` is not installed")
pytestmark = pytest.mark.torch

C, H = 4 * STRIDE, 4 * STRIDE
DECAY, NOISE = 0.98, 0.05  # of a(t) = DECAY a(t - 1) + NOISE * normal
PLAIN = DeepARMethod(context=C)
DRIVEN = DeepARMethod(context=C, needs=("drive",))


def make_task(steps=12_000):
    """Two neurons: one a process of Ornstein and Uhlenbeck, one that repeats a drive of random levels."""
    rng = np.random.default_rng(0)
    level = np.repeat(rng.uniform(size=steps // 32 + 1), 32)[:steps]
    activity = np.zeros((steps, 2), np.float32)
    for t in range(1, steps):
        activity[t, 0] = DECAY * activity[t - 1, 0] + NOISE * rng.normal()
    activity[:, 1] = level
    drive = level[:, None].astype(np.float32)
    cut = steps - 3_000
    starts = range(cut, steps - C - H, 48)
    inputs = Windows(
        ("w",) * len(starts),
        np.stack([activity[s : s + C] for s in starts]),
        np.stack([drive[s : s + C + H] for s in starts]),
    )
    target = np.stack([activity[s + C : s + C + H] for s in starts])
    spec = TaskSpec("processes/driven", "", "", 1.0, H, C, ("walk", "echo"), ("g", "g"), ("level",))
    train = (Recording("w", activity[:cut], drive[:cut]),)
    return SimpleNamespace(spec=spec, train=train, validation=LabelledWindows(inputs, target))


@pytest.fixture(scope="module")
def task():
    return make_task()


def fit(method, task, updates, seed=0, seconds=100.0):
    model = method(task, seed)
    model.fit(task.train, task.validation, Limits(updates=updates, seconds=seconds))
    return model


def test_every_neuron_of_every_validation_window_is_a_series_of_its_own(task):
    """Window by window, its neurons in their order; the last value of every stride is kept."""
    series, neurons, _ = PLAIN(task, 0)._validation_batch(task.validation)
    assert neurons.tolist() == [0, 1] * len(task.validation.target)
    whole = np.concatenate([task.validation.inputs.context, task.validation.target], axis=1)  # [B, C + H, N]
    for row in (0, 1, 2, 5):
        window, neuron = divmod(row, 2)
        np.testing.assert_array_equal(series[row].numpy(), whole[window, STRIDE - 1 :: STRIDE, neuron])


def test_on_a_device_it_draws_what_it_draws_on_the_processor(monkeypatch):
    """The processor stands for the GPU."""
    monkeypatch.setitem(devices.PLATFORMS, "gpu", "cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    small, paths = make_task(4_000), []
    for place in (False, True):
        model = DRIVEN(small, 3)
        if place:
            model.compute_in(ProcessSandbox(device="gpu"))
        model.fit(small.train, small.validation, Limits(updates=2, seconds=100.0))
        paths.append(model.sample(small.validation.inputs.context[:2], small.validation.inputs.drive[:2]))
    np.testing.assert_array_equal(*paths)


@pytest.fixture(scope="module")
def brief(task):
    return fit(PLAIN, task, 20)


def test_the_samples_have_the_mean_and_the_spread_of_the_true_process(task):
    inputs = task.validation.inputs
    samples = fit(PLAIN, task, 300).sample(inputs.context, inputs.drive)[..., 0]  # [S, B, H], of the walk
    assert samples.shape == (SAMPLES, len(inputs), H)
    for step in (STRIDE, 2 * STRIDE, H):
        kept = DECAY**step
        mean = kept * inputs.context[:, -1, 0]
        sd = NOISE * np.sqrt((1 - kept**2) / (1 - DECAY**2))
        drawn = samples[:, :, step - 1]
        assert drawn.std(axis=0, ddof=1).mean() == pytest.approx(sd, rel=0.25)
        assert np.abs(drawn.mean(axis=0) - mean).mean() < 0.5 * sd


def test_only_the_driven_one_knows_the_levels_to_come(task):
    inputs, target = task.validation.inputs, task.validation.target[..., 1]
    errors = [
        np.abs(fit(method, task, 200).forecast(inputs.context, inputs.drive)[..., 1] - target).mean()
        for method in (DRIVEN, PLAIN)
    ]
    assert errors[0] < 0.5 * errors[1]


def test_paths_begin_at_the_last_value_and_are_straight_between_the_networks_steps(task, brief):
    inputs = task.validation.inputs
    samples = brief.sample(inputs.context[:3], inputs.drive[:3])
    last = np.broadcast_to(inputs.context[:3, -1], (SAMPLES, 1, 3, 2)).swapaxes(1, 2)
    path = np.concatenate([last, samples], axis=2)  # [S, B, 1 + H, N]
    corners = path[:, :, ::STRIDE]
    for k in range(H // STRIDE):
        weight = np.linspace(0, 1, STRIDE + 1)[:, None]
        line = corners[:, :, [k]] * (1 - weight) + corners[:, :, [k + 1]] * weight
        np.testing.assert_allclose(path[:, :, k * STRIDE : (k + 1) * STRIDE + 1], line, atol=1e-5)


def test_the_drive_between_the_networks_steps_is_not_lost(task):
    model, inputs = fit(DRIVEN, task, 20), task.validation.inputs
    other = inputs.drive[:2].copy()
    other[:, C + 1] += 1.0  # within the first stretch of the horizon, not at its end
    assert (
        np.abs(model.sample(inputs.context[:2], other) - model.sample(inputs.context[:2], inputs.drive[:2])).max() > 0
    )


def test_equal_seeds_give_equal_samples_and_other_seeds_others(task, brief):
    inputs = task.validation.inputs
    again, other = (fit(PLAIN, task, 20, seed).sample(inputs.context[:2], inputs.drive[:2]) for seed in (0, 1))
    np.testing.assert_array_equal(brief.sample(inputs.context[:2], inputs.drive[:2]), again)
    assert np.abs(again - other).max() > 1e-3


def test_the_best_validated_parameters_are_kept_and_updates_counted(task):
    report = fit(PLAIN, task, 300).report
    assert report.updates == 300
    assert [at for at, _ in report.validation_curve] == [250, 300]
    assert report.best_update == min(report.validation_curve, key=lambda point: point[1])[0]


@pytest.mark.parametrize(("gain", "lasts"), [(1e-9, True), (0.0, False)])
def test_patience_ends_a_fit_that_no_longer_improves_and_no_other(task, monkeypatch, gain, lasts):
    losses = (1.0 - gain * k for k in count())
    validated = DeepAR._loss

    def loss(self, *batch):
        return validated(self, *batch) if torch.is_grad_enabled() else next(losses)

    monkeypatch.setattr(DeepAR, "_loss", loss)
    monkeypatch.setattr(deepar, "VALIDATE_EVERY", 1)
    updates = 2 * PATIENCE
    report = fit(PLAIN, task, updates).report
    assert report.updates == (updates if lasts else 1 + PATIENCE)
    assert report.best_update == (updates if lasts else 1)


def test_the_threads_of_torch_are_left_as_they_were(task):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        inputs = task.validation.inputs
        fit(PLAIN, task, 1).sample(inputs.context[:1], inputs.drive[:1])
        assert torch.get_num_threads() == 3
        with pytest.raises(ZfbenchError):
            fit(DeepARMethod(context=2 * C), task, 5)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_the_time_limit_ends_a_fit_and_is_reported(task):
    report = fit(PLAIN, task, 100_000, seconds=0.0).report
    assert report.stopped_early
    assert 0 < report.updates < 100


def test_bad_data_and_windows_are_refused_in_one_sentence(task, brief):
    activity = task.train[0].activity.copy()
    activity[17, 1] = np.nan
    broken = (replace(task.train[0], activity=activity),)
    with pytest.raises(ZfbenchError, match="activity 'echo' of the training recording 'w' is not finite at step 17"):
        PLAIN(task, 0).fit(broken, task.validation, Limits(updates=5))
    with pytest.raises(ZfbenchError, match=f"the task's windows offer {C}"):
        fit(DeepARMethod(context=2 * C), task, 5)
    inputs = task.validation.inputs
    with pytest.raises(ZfbenchError, match="at least that context and exactly that horizon"):
        brief.sample(inputs.context[:, 1:], inputs.drive[:, 1:])
    with pytest.raises(ZfbenchError, match="at least that context and exactly that horizon"):
        brief.sample(inputs.context, inputs.drive[:, :-1])
