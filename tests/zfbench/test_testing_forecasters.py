"""Forecasters that break their interface, each in one way: one sentence says which, and names the plug-in."""

from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest
from given_models import Still
from typer.testing import CliRunner

from zfbench import testing
from zfbench.base import plugins
from zfbench.base.errors import PluginError
from zfbench.baselines.last_value import LastValue
from zfbench.baselines.linear import Linear
from zfbench.baselines.mask_only import MaskOnly
from zfbench.cli.app import app
from zfbench.forecasting.answers import checked
from zfbench.protocols.chance import depends_on_seed
from zfbench.protocols.models import Baseline
from zfbench.records.clamp import Clamp
from zfbench.records.limits import Limits
from zfbench.runs.judge import judge_baseline

CLOCK = count()  # goes on between two forecasts, as a clock does


class NoKind:
    needs, requires, uses_drive, depends_on_seed = (), (), False, False

    def __init__(self, task, seed):
        pass


def still(task, seed):
    """A function that returns a model, and declares nothing."""
    return Still()


class Odd(LastValue):
    needs = ("weights",)


class Flat(LastValue):
    def forecast(self, context, drive):
        return super().forecast(context, drive)[:, 0]


class Short(LastValue):
    """Its one step would broadcast over the horizon."""

    def forecast(self, context, drive):
        return super().forecast(context, drive)[:, :1]


class Listed(LastValue):
    def forecast(self, context, drive):
        return super().forecast(context, drive).tolist()


class Double(LastValue):
    def forecast(self, context, drive):
        return super().forecast(context, drive).astype(np.float64)


class Undefined(LastValue):
    def forecast(self, context, drive):
        return super().forecast(context, drive) * np.float32(np.nan)


class Neighbours(LastValue):
    def forecast(self, context, drive):
        forecast = super().forecast(context, drive)
        return forecast - forecast.mean(axis=0)


class Noisy(LastValue):
    def forecast(self, context, drive):
        return super().forecast(context, drive) + np.float32(next(CLOCK))


class Unclamped(Linear):
    def rollout(self, context, drive, clamp=None):
        return super().rollout(context, drive)


class Frozen(Linear):
    def rollout(self, context, drive, clamp=None):
        held = super().rollout(context, drive, clamp)
        return held if clamp is None else np.full_like(held, clamp.value.max())


class TwoFaced(Linear):
    def forecast(self, context, drive):
        return super().forecast(context, drive) * np.float32(0.5)


class Blind(Linear):
    uses_drive = False


class Unfitted(LastValue):
    def fit(self, train, validation, limits):
        raise ZeroDivisionError("no data")


class Unmade(LastValue):
    def __init__(self, task, seed):
        raise KeyError(seed)


class Foreign(LastValue):
    requires = ("no_such_package",)


class OfAnyKind(LastValue):
    kind = "network"


class Mute(Baseline):
    """A baseline that does nothing."""

    depends_on_seed = False

    def __init__(self, task, seed):
        pass

    def fit(self, train, validation, limits):
        pass


class Unreported(LastValue):
    """Does not say that nothing is drawn, and nothing of its fit."""

    depends_on_seed = True


class Idler(Unreported):
    report = SimpleNamespace(updates=0)


class Halves(Unreported):
    report = SimpleNamespace(updates=0.5)


class Endless(Unreported):
    report = SimpleNamespace(updates=21)


class Counting(LastValue):
    report = SimpleNamespace(updates=3)


class Drawn(LastValue):
    """Says that nothing is drawn, and draws."""

    def __init__(self, task, seed):
        self.shift = np.random.default_rng(seed).normal()

    def step(self, activity, drive):
        return super().step(activity, drive) + self.shift


class WholeHorizon(Linear):
    """Its rollout knows one horizon."""

    def rollout(self, context, drive, clamp=None):
        path = super().rollout(context, drive, clamp)
        return np.stack([path[:, h] for h in range(256)], axis=1)


class AllSteps(Linear):
    """Its rollout is of the whole horizon, also where a shorter one is asked for."""

    def rollout(self, context, drive, clamp=None):
        missing = 256 + context.shape[1] - drive.shape[1]
        whole = np.pad(drive, ((0, 0), (0, max(missing, 0)), (0, 0)))
        return super().rollout(context, whole, None if missing > 0 else clamp)


class WholeContext(Linear):
    """Its rollout knows one context, and forgets that another would be shorter."""

    def rollout(self, context, drive, clamp=None):
        return super().rollout(context, drive, clamp) + 0 * context[:, 255, None]


class Constant(Linear):
    """Its clamp has one value."""

    def rollout(self, context, drive, clamp=None):
        if clamp is not None and clamp.value.ndim == 3:
            clamp = Clamp(clamp.mask, clamp.value[:, 0])
        return super().rollout(context, drive, clamp)


BROKEN = [
    (NoKind, "NoKind lacks kind; inherit from zfbench.protocols.models.Baseline"),
    (still, "still lacks kind, needs, .* make it a class that inherits from zfbench.protocols.models.Baseline"),
    (Odd, r"Odd\)? has needs = \('weights',\)"),
    (OfAnyKind, r"OfAnyKind\)? has kind = 'network', which is not allowed"),
    (MaskOnly, r"MaskOnly\)? needs mask, which the task 'zfish-tiny/driven' does not give; choose another task"),
    (Foreign, r"Foreign\)? needs no_such_package; install its extra"),
    (Unmade, r"Unmade failed in its construction \(KeyError: 0, test_testing_forecasters.py line"),
    (Unreported, "Unreported has no report of its fit, so that one run would stand for all seeds: declare"),
    (Idler, "Idler reports no updates of its fit, so that one run would stand for all seeds: declare"),
    (Halves, r"Halves failed in report.updates \(TypeError"),
    (WholeHorizon, r"WholeHorizon failed in rollout \(IndexError"),
    (AllSteps, r"AllSteps returned an array of shape \(\d+, 256, 54\) from rollout; return \(\d+, 1, 54\)"),
    (WholeContext, r"WholeContext failed in rollout \(IndexError"),
    (Flat, r"Flat returned an array of shape \(\d+, 54\) from forecast; return \(\d+, 256, 54\)"),
    (Short, r"Short returned an array of shape \(\d+, 1, 54\) from forecast"),
    (Listed, "Listed returned builtins.list from forecast; return a NumPy array"),
    (Unclamped, "Unclamped ignores the clamp of rollout: neuron 27 was to stay at 0.75"),
    (Frozen, "Frozen holds every neuron in rollout where one is clamped"),
    (Unfitted, r"Unfitted failed in fit \(ZeroDivisionError: no data"),
    (Mute, "Mute has neither forecast nor rollout"),
]
ALSO = [
    (Double, "Double returned float64; return float32"),
    (Undefined, "Undefined returned values that are not finite"),
    (Neighbours, "Neighbours forecasts a window differently when others are beside it"),
    (Noisy, "Noisy forecasts equal windows differently when asked twice"),
    (TwoFaced, "TwoFaced has a forecast that differs from its rollout"),
    (Counting, "Counting says depends_on_seed = False, but reports 3 updates"),
    (Drawn, "Drawn says depends_on_seed = False, but has other forecasts when it is made and fitted again"),
    (Constant, "Constant holds a neuron at one value where the clamp has a course"),
    (Endless, "Endless made 21 updates where 20 are allowed; stop at limits.updates"),
    (Blind, "Blind says uses_drive = False, but the drive of the horizon changes its forecast"),
]


@pytest.mark.parametrize(("factory", "sentence"), BROKEN + ALSO)
def test_a_forecaster_that_breaks_a_rule_is_named_with_the_rule(factory, sentence, data_cache):
    with pytest.raises(PluginError, match=sentence):
        testing.check_forecaster(factory, "zfish-tiny/driven")


class Restless(Still):
    def forecast(self, context, drive):
        return super().forecast(context, drive) + np.float32(next(CLOCK))


class Undeclared(Still):
    depends_on_seed = True
    fitted = False

    def fit(self, train, validation, limits):
        self.fitted = True


class Idle:
    def fit(self, train, validation, limits):
        pass


def test_what_can_be_judged_can_be_checked(loaded_driven, data_cache):
    from zfbench.api import _judge_object

    for model in (Still, Still()):
        testing.check_forecaster(model, "zfish-tiny/driven")
    with pytest.raises(PluginError, match="Restless forecasts equal windows differently when asked twice"):
        testing.check_forecaster(Restless(), "zfish-tiny/driven")
    with pytest.raises(PluginError, match="An object of class Idle cannot be judged: it needs the methods fit"):
        _judge_object(Idle(), None, loaded_driven, 0, Limits())
    with pytest.raises(PluginError, match=r"A class cannot be judged, only an object of it; give Still\(...\)"):
        _judge_object(Still, None, loaded_driven, 0, Limits())


def test_a_model_that_may_depend_on_its_seed_and_does_not_say_is_refused_before_it_is_fitted(loaded_driven, data_cache):
    from zfbench.api import _judge_object

    given = Undeclared()
    for refuse in (
        lambda: testing.check_forecaster(given, "zfish-tiny/driven"),
        lambda: _judge_object(given, None, loaded_driven, 0, Limits()),
    ):
        with pytest.raises(PluginError, match="Undeclared has no report of its fit"):
            refuse()
    assert not given.fitted
    result = _judge_object(Still(), None, loaded_driven, 0, Limits())
    assert (result.status, result.spend.updates) == ("ok", 0)


@pytest.mark.parametrize(("factory", "sentence"), BROKEN)
def test_a_broken_forecaster_is_not_judged(factory, sentence, loaded_driven, monkeypatch):
    monkeypatch.setattr(plugins, "load", lambda kind, name: factory)
    with pytest.raises(PluginError, match=sentence):
        judge_baseline("broken", loaded_driven, 0, Limits(updates=1))


class WithoutMechanism(Linear):
    rollout = None


class Moody(LastValue):
    @property
    def hidden_state(self):
        raise KeyError("mood")


class Unsure(Still):
    depends_on_seed = None


def test_a_part_that_a_class_switches_off_is_not_asked_for():
    assert not hasattr(checked(WithoutMechanism), "rollout")
    assert hasattr(checked(Linear), "rollout")


def test_a_property_that_raises_is_one_sentence(loaded_driven):
    with pytest.raises(PluginError, match=r"Moody failed in hidden_state \(KeyError: 'mood'"):
        checked(Moody(loaded_driven.task, 0))


def test_a_declaration_that_is_neither_true_nor_false_is_refused():
    with pytest.raises(PluginError, match=r"Unsure has depends_on_seed = None; declare True or False"):
        depends_on_seed(Unsure())


def test_an_unsuitable_baseline_is_named_as_it_is_registered(loaded_driven):
    with pytest.raises(PluginError, match=r"The baseline 'masked_mlp' \(.*ReferenceMethod\) needs mask, which"):
        judge_baseline("masked_mlp", loaded_driven, 0, Limits(updates=1))


def test_a_task_without_recordings_is_no_ground_to_check_a_forecaster_on():
    with pytest.raises(PluginError, match=r"The task 'sir-tiny' has no recordings for .*LastValue to forecast"):
        testing.check_forecaster(LastValue, "sir-tiny")


def call(*arguments):
    return CliRunner().invoke(app, ["check-plugin", *arguments])


@pytest.mark.parametrize("entry", [still, NoKind, Unmade, OfAnyKind])
def test_the_command_prints_sentences_for_an_entry_that_cannot_be_made(entry, monkeypatch, data_cache):
    load = plugins.load
    monkeypatch.setattr(plugins, "load", lambda kind, name: entry if kind == "baseline" else load(kind, name))
    done = call("last_value", "--kind", "baseline")
    assert done.exit_code == 1
    assert type(done.exception) is SystemExit
    assert done.stdout.count("  FAIL  ") >= 9
