"""Simulators in numpy that keep to the wiring, or break it in ways that a careless check would miss."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

import zfbench.baselines.programs
from zfbench.forecasting.fit import fit_program
from zfbench.forecasting.mask_check import verify_mask
from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError, Status


@dataclass
class Stepper:
    """A simulator from a step (state, a, x) -> (state, a); the state starts at None."""

    step: Callable
    rows: int = 0

    def rollout(self, context, drive, clamp=None):
        self.rows += len(context)
        C, state = context.shape[1], None
        for t in range(1, C):
            state, _ = self.step(state, context[:, t - 1], drive[:, t])
        a, path = context[:, -1], []
        course = None if clamp is None else clamp.course(drive.shape[1] - C)
        for t in range(C, drive.shape[1]):
            state, a = self.step(state, a, drive[:, t])
            if clamp is not None:
                a = np.where(clamp.mask, course[:, t - C], a)
            path.append(a)
        return np.stack(path, axis=1)


def check(model, system, seed=0, spec=None):
    verify_mask(model, spec or system.spec, system.context, system.drive, np.random.default_rng(seed))


def caught(model, system, seed=0):
    with pytest.raises(CandidateError) as error:
        check(model, system, seed)
    assert error.value.status is Status.MASK_VIOLATION
    return error.value.message


def honest(system):
    return lambda state, a, x: (state, system.step(a, x))


def leaking(system, leak):
    """The truth, with `leak(state, a, x)` added to neuron u, which may read neither y, z nor r."""

    def step(state, a, x):
        following = system.step(a, x)
        following[:, 0] += leak(a, x)
        return state, following

    return step


def test_the_truth_complies_and_costs_few_rollouts(system):
    model = Stepper(honest(system))
    for seed in range(5):
        model.rows = 0
        check(model, system, seed)
        assert model.rows <= 2 * 6 * (256 + 4) + 3 * 6 * 4


def test_without_masks_everything_is_allowed(system):
    model = Stepper(lambda state, a, x: (state, a.mean(1, keepdims=True) + 0 * a))
    check(model, system, spec=system.unmasked)
    assert model.rows == 0


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("leak", "names"),
    [
        (lambda a, x: 1e-6 * a[:, 5], "'u' .* 'z' alone"),
        (lambda a, x: 0.1 * x[:, 2], "'u' .* 'r' alone"),
        (lambda a, x: 0.1 * np.maximum(a[:, 4] - 0.99, 0), "'u' .* 'y' alone"),
        (lambda a, x: np.where((a[:, 1] > 0.9) & (a[:, 0] < 0.1), a[:, 5], 0), "'u' .* 'z' alone"),
        (lambda a, x: np.where((a[:, 5] > 0.6) & (a[:, 4] > 0.6), 0.1, 0), "'u' .* (alone|together)"),
    ],
    ids=["tiny", "from drive", "above the recorded range", "opened by allowed inputs", "by two together"],
)
def test_a_leak_is_found_and_named(system, leak, names, seed):
    message = caught(Stepper(leaking(system, leak)), system, seed)
    assert re.search(names, message), message


def test_a_mask_that_forbids_a_neuron_its_own_past_is_meant_literally(system):
    spec = replace(system.spec, mask=system.spec.mask & ~np.eye(6, dtype=bool))
    with pytest.raises(CandidateError, match=r"'(\w)' .* '\1' alone"):
        check(Stepper(honest(system)), system, spec=spec)


def hidden(system, read):
    """Per-neuron hidden state of the neuron's own input sum; neuron u adds what `read(state)` returns."""

    def step(state, a, x):
        state = 0.0 if state is None else state
        allowed = a @ system.spec.mask.T.astype(float) + x @ system.spec.drive_mask.T.astype(float)
        state = 0.8 * state + 0.2 * allowed  # [B, N]
        following = system.step(a, x) + 0.01 * state
        following[:, 0] += 0.01 * read(state)
        return state, following

    return step


def test_hidden_state_of_a_neurons_own_allowed_past_complies(system):
    for seed in range(3):
        check(Stepper(hidden(system, lambda state: state[:, 0])), system, seed)


@pytest.mark.parametrize("other", [1, 5], ids=["of an allowed neighbour", "of a forbidden neuron"])
def test_reading_the_hidden_state_of_another_neuron_is_found(system, other):
    assert "Neuron 'u'" in caught(Stepper(hidden(system, lambda state: state[:, other])), system)


def test_a_leak_that_opens_only_late_in_a_forecast_is_found(system):
    def step(state, a, x):
        clock = 1 if state is None else state + 1
        following = system.step(a, x)
        if clock > 30:  # eight steps of context, so some 20 steps into the forecast
            following[:, 0] += 0.1 * a[:, 5]
        return clock, following

    message = caught(Stepper(step), system)
    assert "Neuron 'u'" in message
    assert "within one step" not in message


@pytest.mark.parametrize("seed", range(3))
def test_a_leak_that_opens_only_while_the_program_follows_its_own_predictions_is_found(system, seed):
    def step(predicted, a, x):
        following = system.step(a, x)
        if predicted is not None:
            own = (predicted[:, 5] == a[:, 5]) & (predicted[:, 0] == a[:, 0])  # of the forbidden neuron and of its own
            following[:, 0] += np.where(own, 0.1 * a[:, 5], 0)
        return following, following

    assert "Neuron 'u'" in caught(Stepper(step), system, seed)


def test_every_context_length_that_is_asked_for_is_tested(system):
    lengths = []

    class Counts(Stepper):
        def rollout(self, context, drive, clamp=None):
            lengths.append((context.shape[1], drive.shape[1] - context.shape[1]))
            return super().rollout(context, drive, clamp)

    model = Counts(honest(system))
    verify_mask(model, system.spec, system.context, system.drive, np.random.default_rng(0), lengths=(8, 3))
    assert set(lengths) == {(8, 1), (8, 32), (3, 32)}


@pytest.mark.parametrize("name", ["masked_mlp", "masked_leaky_sigmoid"])
def test_reference_programs_comply_exactly_when_they_run_in_their_process(system, name):
    source = zfbench.baselines.programs.source(name) + "\ntraining = {'loss': 'one_step'}\n"
    with fit_program(source, system.spec, system.train, Limits(4, 120), 0) as fitted:
        check(fitted, system)


def test_a_dense_program_violates_the_wiring(system):
    with fit_program(
        zfbench.baselines.programs.source("driven_mlp"), system.spec, system.train, Limits(1, 120), 0
    ) as f:
        assert "which its wiring forbids" in caught(f, system)
