"""One contract for every registered baseline, and gates: the oracle at the ceiling, the controls at the floor."""

from types import SimpleNamespace

import numpy as np
import pytest

from zfbench.base import plugins
from zfbench.baselines.lagged_correlation import LaggedCorrelation
from zfbench.baselines.last_value import LastValue
from zfbench.baselines.linear import Linear
from zfbench.baselines.no_effect import NoEffect
from zfbench.baselines.no_lateral import NoLateral
from zfbench.baselines.oracle import Oracle
from zfbench.baselines.own_decay import OwnDecay, decay_of
from zfbench.forecasting.baseline import missing_packages, suits
from zfbench.forecasting.model import ProgramModel
from zfbench.records.limits import Limits
from zfbench.records.recordings import LabelledWindows, Recording, TaskSpec, Windows
from zfbench.runs.judge import judge_baseline
from zfbench.runs.tasks import load_task
from zfbench.testing import check_forecaster

BRIEF = Limits(updates=20, seconds=120)


def registered():
    """All baselines; those of an extra are marked."""
    for name in plugins.names("baseline"):
        extra = getattr(plugins.load("baseline", name), "requires", ())
        yield pytest.param(name, marks=[pytest.mark.torch] if "torch" in extra else [])


def fitted(name, task, seed=0):
    for package in missing_packages(plugins.load("baseline", name)):
        pytest.skip(f"{package} is not installed")
    model = plugins.load("baseline", name)(task, seed)
    model.fit(task.train, task.validation, BRIEF)
    return model


@pytest.mark.parametrize("name", registered())
def test_every_baseline_keeps_its_interface(name, data_cache):
    factory = plugins.load("baseline", name)
    for package in missing_packages(factory):
        pytest.skip(f"{package} is not installed")
    check_forecaster(factory, "zfish-tiny/masked" if "mask" in factory.needs else "zfish-tiny/driven")


@pytest.mark.parametrize("name", ["driven_gru", "masked_mlp"])
def test_rows_of_a_program_are_independent_to_the_last_bit(name, driven):
    model, inputs, order = fitted(name, driven), driven.validation.inputs, [2, 0, 1]
    try:
        forecast = model.forecast(inputs.context[:3], inputs.drive[:3])
        permuted = model.forecast(inputs.context[order], inputs.drive[order])
        np.testing.assert_array_equal(permuted, forecast[order])
        np.testing.assert_array_equal(model.forecast(inputs.context[1:2], inputs.drive[1:2])[0], forecast[1])
    finally:
        model.close()


def test_tasks_suit_what_needs_nothing_that_they_lack(driven):
    autonomous = load_task("zfish-tiny/autonomous").spec
    names = {n for n in plugins.names("baseline") if suits(plugins.load("baseline", n), autonomous)}
    assert {"mean", "nlinear-c4", "tsmixer-c256", "oracle"} <= names
    assert not names & {"stimulus", "tide_driven-c4", "tsmixer_driven-c256", "deepar_driven-c256", "masked_mlp"}
    assert not suits(plugins.load("baseline", "masked_mlp"), driven.spec)


def test_a_mixer_is_asked_for_its_wiring_and_channelwise_methods_are_not(loaded_driven):
    mixer = judge_baseline("tsmixer-c4", loaded_driven, 0, BRIEF)
    assert "connectivity/wiring/lift" in mixer.metrics
    assert "connectivity/eigenvalue_distance" not in mixer.metrics
    assert not any(name.startswith(("dynamics", "intervention")) for name in mixer.metrics)
    assert mixer.spend.updates == BRIEF.updates
    apart = judge_baseline("nlinear-c4", loaded_driven, 0, BRIEF)
    assert not any(name.startswith("connectivity") for name in apart.metrics)


def test_the_oracle_is_at_the_ceiling(loaded_driven):
    m = judge_baseline("oracle", loaded_driven, 0, BRIEF).metrics
    assert m["forecast/id/mae"] < 1e-6
    assert m["forecast/ood/mae"] < 1e-6
    assert m["forecast/validation/balanced_error"] == pytest.approx(0.01 / 1.01, rel=1e-3)
    assert m["connectivity/wiring/lift"] > 0.999
    assert m["connectivity/wiring/sign_accuracy"] == 1
    assert m["connectivity/excitable"] == 1
    assert m["dynamics/impulse/error"] < 1e-5
    assert m["intervention/error"] < 1e-5


@pytest.mark.parametrize("track", ["driven", "masked"])
def test_the_headline_scores_are_one_at_the_truth_and_zero_at_their_controls(track, loaded_driven, loaded_masked):
    loaded = loaded_driven if track == "driven" else loaded_masked

    def headlines(model):
        model.fit(loaded.task.train, loaded.task.validation, BRIEF)
        m = loaded.judge.score(model).metrics
        return {name.removeprefix("headline/"): v for name, v in m.items() if name.startswith("headline/")}

    truth = headlines(Oracle(loaded.task, 0))
    for name in ("generalisation", "wiring", "responses", "mean"):
        assert truth[name] == pytest.approx(1, abs=1e-6)
        assert truth[f"{name}_se"] == pytest.approx(0, abs=1e-6)
    still = headlines(LastValue(loaded.task, 0))  # persistence has neither edges nor responses of others
    assert still == pytest.approx(dict.fromkeys(truth, 0.0), abs=1e-12)
    assert headlines(NoLateral(loaded.task, 0)) == {"wiring": 0, "wiring_se": 0}
    for control in (NoEffect, OwnDecay):
        found = headlines(control(loaded.task, 0))
        assert found["wiring"] == found["responses"] == 0
        assert found["generalisation"] < 0.5


def test_lagged_correlations_find_signs_and_few_edges(loaded_driven):
    control = LaggedCorrelation(loaded_driven.task, 0)
    control.fit(loaded_driven.task.train, loaded_driven.task.validation, BRIEF)
    m = loaded_driven.judge.score(control).metrics
    assert 0.6 < m["connectivity/cross/balanced_sign_accuracy"] < 0.95
    assert m["connectivity/cross/lift"] < 0.3


def small_task(neurons, mask=None):
    """A task of neurons without drive, as far as a baseline asks for it."""
    spec = TaskSpec("small", "", "", 1.0, 1, 1, tuple("ab"[:neurons]), ("g",) * neurons, (), mask)
    return SimpleNamespace(spec=spec)


def fitted_to(activity, baseline, task):
    """A baseline that was fitted to one recording without drive."""
    activity = activity.astype(np.float32)
    recording = Recording("one", activity, np.zeros((len(activity), 0), np.float32))
    window = Windows(("one",), activity[None, :1], recording.drive[None, :2])
    model = baseline(task, 0)
    model.fit((recording,), LabelledWindows(window, activity[None, 1:2]), BRIEF)
    return model


def test_lagged_correlations_go_from_the_earlier_neuron_to_the_later_one_within_the_mask():
    """Noise of neuron b reaches neuron a one step later, where it is all that the own decay of a leaves."""
    steps = 5_000
    activity = np.random.default_rng(0).uniform(size=(steps, 2))
    for t in range(1, steps):
        activity[t, 0] = 0.5 * activity[t - 1, 0] + 0.4 * activity[t - 1, 1]
    edges = fitted_to(activity, LaggedCorrelation, small_task(2)).edges()
    assert edges[0, 1] > 0.9
    assert abs(edges[1, 0]) < 0.1
    assert fitted_to(activity, LaggedCorrelation, small_task(2, np.eye(2, dtype=bool))).edges()[0, 1] == 0


def test_a_step_of_own_decay_goes_towards_the_level_of_the_neuron():
    """On the path a(t) = .9 a(t-1) + .02 the step from 1 leads to .92."""
    path = 0.2 + 0.8 * 0.9 ** np.arange(50)[:, None]
    assert fitted_to(path, OwnDecay, small_task(1)).step(np.ones((1, 1)), None) == pytest.approx(0.92)


def test_own_decay_of_a_leaky_neuron_is_its_leak():
    a = [1.0]
    for _ in range(50):
        a.append(0.9 * a[-1] + 0.02)
    before, after = np.array(a[:-1])[:, None], np.array(a[1:])[:, None]
    rate, constant = decay_of(before, after)
    np.testing.assert_allclose([rate, constant], [[0.9], [0.02]])
    assert decay_of(np.ones((5, 1)), np.ones((5, 1)))[0] == 0


def test_the_no_effect_control_is_at_the_floor(loaded_driven):
    m = judge_baseline("no_effect", loaded_driven, 0, BRIEF).metrics
    assert m["dynamics/impulse/error"] == 1
    assert m["intervention/error"] == 1
    assert m["connectivity/wiring/lift"] == 0
    assert m["connectivity/wiring/sign_accuracy"] == 0
    assert abs(m["forecast/id/skill_mean"]) < 1e-6


def test_the_mask_alone_finds_edges_better_than_chance_and_knows_no_signs(loaded_masked):
    result = judge_baseline("mask_only", loaded_masked, 0, BRIEF)
    assert 0.1 < result.metrics["connectivity/wiring/lift"] < 0.5
    assert "connectivity/wiring/sign_accuracy" not in result.metrics
    assert result.method.kind == "control"


def test_all_excitatory_says_nothing_of_signs_and_no_more_than_chance_of_edges(loaded_driven):
    m = judge_baseline("all_excitatory", loaded_driven, 0, BRIEF).metrics
    assert m["connectivity/cross/balanced_sign_accuracy"] == 0.5
    assert m["connectivity/cross/lift"] == pytest.approx(0, abs=1e-6)


def test_mean_chooses_the_window_that_validates_best(driven):
    model = fitted("mean", driven)
    target, context = driven.validation.target, driven.validation.inputs.context
    chosen = np.abs(model.forecast(context, driven.validation.inputs.drive) - target).mean()
    for length in (1, 2, 3, 16, 100, 256):
        level = context[:, -length:].mean(axis=1, keepdims=True)
        assert chosen <= np.abs(level - target).mean() + 1e-6


def test_linear_recovers_a_linear_system_exactly(driven):
    from dataclasses import replace

    rng = np.random.default_rng(0)
    spec = replace(driven.spec, neurons=("a", "b", "c"), groups=("g",) * 3, drive=("x", "y"))
    A = np.array([[0.9, 0.1, 0.0], [0.0, 0.8, -0.2], [0.1, 0.0, 0.7]])
    weights = rng.normal(size=(3, 2))
    drive = rng.normal(size=(3000, 2))
    activity = np.zeros((3000, 3))
    for t in range(1, 3000):
        activity[t] = A @ activity[t - 1] + weights @ drive[t]
    recording = Recording("c", activity.astype(np.float32), drive.astype(np.float32))
    window = Windows(("c",), recording.activity[None, :10], recording.drive[None, :30])
    validation = LabelledWindows(window, recording.activity[None, 10:30])

    class Tiny:
        pass

    task = Tiny()
    task.spec = spec
    model = plugins.load("baseline", "linear")(task, 0)
    model.fit((recording,), validation, BRIEF)
    np.testing.assert_allclose(
        model.forecast(window.context, window.drive), validation.target, atol=1e-3 * np.abs(validation.target).max()
    )


def test_linear_says_so_where_no_ridge_gives_a_stable_map(loaded_driven, monkeypatch):
    monkeypatch.setattr(Linear, "_solve", lambda self, *_: np.full_like(self._weights, 10.0))
    result = judge_baseline("linear", loaded_driven, 0, BRIEF)
    assert (result.status, result.metrics) == ("non_finite", {})
    assert result.notes == ("The linear map's validation forecasts diverge with every ridge.",)


def test_linear_reads_allowed_inputs_only(masked):
    model = fitted("linear", masked)
    context, drive = masked.validation.inputs.context[:1, -1:], masked.validation.inputs.drive[:1, 255:257]
    base = model.forecast(context, drive)[0, 0]
    for j in range(0, 54, 7):
        moved = context.copy()
        moved[0, -1, j] += 1.0
        changed = np.flatnonzero(model.forecast(moved, drive)[0, 0] != base)
        assert masked.spec.mask[changed, j].all()


def test_mirrored_training_data_change_what_is_learnt(driven):
    plain, mirrored = fitted("driven_mlp", driven), fitted("driven_mlp_mirrored", driven)
    inputs = driven.validation.inputs
    try:
        a = plain.forecast(inputs.context[:2], inputs.drive[:2])
        b = mirrored.forecast(inputs.context[:2], inputs.drive[:2])
        assert np.abs(a - b).max() > 1e-3
    finally:
        plain.close()
        mirrored.close()


def test_mirrored_training_keeps_the_recordings_and_adds_the_mirror_image_of_each(driven, monkeypatch):
    seen = []
    monkeypatch.setattr(ProgramModel, "fit", lambda self, train, *_: seen.extend(r.condition for r in train))
    plugins.load("baseline", "driven_mlp_mirrored")(driven, 0).fit(driven.train, driven.validation, BRIEF)
    assert seen == ["inward", "left", "right", "mirrored inward", "mirrored left", "mirrored right"]
