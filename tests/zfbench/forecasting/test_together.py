"""Seeds that are trained at once get what each gets alone."""

import math
import time

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import pytest

from zfbench.forecasting import together
from zfbench.forecasting.contract import TrainingChoice
from zfbench.forecasting.dynamics import Dynamics
from zfbench.forecasting.flax_step import trace_model
from zfbench.forecasting.together import BatchTrainer
from zfbench.forecasting.training import Material
from zfbench.records.program import CandidateError, Status
from zfbench.records.recordings import TaskSpec

pytestmark = pytest.mark.usefixtures("quick_compiler")


class Mixed(nn.Module):
    """a(t) = a(t-1) + rate (tanh(W [a, x]) - a(t-1)), with or without a trace of the activity beside it."""

    spec: TaskSpec
    memory: bool = False

    def initial_state(self, batch):
        return jnp.zeros((batch, len(self.spec.neurons))) if self.memory else ()

    @nn.compact
    def __call__(self, state, activity, drive):
        if self.memory:
            state = 0.9 * state + 0.1 * activity
        read = jnp.concatenate([activity, drive, *([state] if self.memory else [])], axis=-1)
        rate = self.param("rate", nn.initializers.constant(0.1), (len(self.spec.neurons),))
        return state, activity + rate * (jnp.tanh(nn.Dense(len(self.spec.neurons))(read)) - activity)


class Still(nn.Module):
    """Nothing changes, and nothing is trained."""

    spec: TaskSpec

    def initial_state(self, batch):
        return ()

    @nn.compact
    def __call__(self, state, activity, drive):
        return state, activity


class Lottery(Mixed):
    """Some seeds begin where the step is not finite."""

    @nn.compact
    def __call__(self, state, activity, drive):
        drawn = self.param("drawn", nn.initializers.uniform(2.0), ())
        return state, activity * jnp.sqrt(drawn - 1.0)


def trainer_of(system, model):
    dynamics = Dynamics.of(trace_model(model, system.unmasked))
    return BatchTrainer(dynamics, Material.of(system.train, 32, 8 if dynamics.recurrent else 1))


def alone(trainer, seed, updates, choice=None):
    return trainer.train(choice or TrainingChoice(), updates, math.inf, seed)


@pytest.mark.parametrize("memory", [False, True])
def test_seeds_trained_at_once_are_as_trained_alone_in_any_order(system, memory):
    trainer = trainer_of(system, Mixed(system.unmasked, memory))
    apart = {seed: alone(trainer, seed, 20) for seed in (3, 4, 5)}
    for order in ((3, 4, 5), (5, 3, 4)):
        batch = trainer.train_seeds(TrainingChoice(), 20, math.inf, order)
        for seed, found in zip(order, batch, strict=True):
            wanted = apart[seed]
            for name, value in wanted.params.items():
                np.testing.assert_allclose(found.params[name], value, rtol=1e-3, atol=1e-5)
            for curve in ("loss_curve", "selection_curve"):
                np.testing.assert_allclose(getattr(found.report, curve), getattr(wanted.report, curve), rtol=1e-3)
            kept = ("loss", "learning_rate", "parameters", "recurrent", "updates", "best_update", "stopped_early")
            assert all(getattr(found.report, name) == getattr(wanted.report, name) for name in kept)


def test_a_seed_that_fails_takes_no_other_with_it(system):
    trainer = trainer_of(system, Lottery(system.unmasked))
    seeds = range(8)
    batch = trainer.train_seeds(TrainingChoice(), 4, math.inf, seeds)
    for seed, found in zip(seeds, batch, strict=True):
        if isinstance(found, CandidateError):
            with pytest.raises(CandidateError) as wanted:
                alone(trainer, seed, 4)
            assert (found.status, found.message) == (wanted.value.status, wanted.value.message)
        else:
            np.testing.assert_allclose(found.params["drawn"], alone(trainer, seed, 4).params["drawn"], rtol=1e-3)
    assert {isinstance(found, CandidateError) for found in batch} == {False, True}


def test_a_program_without_parameters_is_trained_with_many_seeds(system):
    batch = trainer_of(system, Still(system.unmasked)).train_seeds(TrainingChoice(), 4, math.inf, (1, 2))
    assert [found.report.parameters for found in batch] == [0, 0]


def test_a_batch_is_no_larger_than_its_memory(system, monkeypatch):
    """A bound that holds two seeds splits five into batches of at most two, with the same results."""
    trainer, choice = trainer_of(system, Mixed(system.unmasked)), TrainingChoice()
    whole, sizes = trainer.train_seeds(choice, 4, math.inf, range(5)), []
    each = together.bytes_of_batch() // trainer.capacity(choice, 4)
    monkeypatch.setattr(together, "bytes_of_batch", lambda: 2.5 * each)
    assert trainer.capacity(choice, 4) == 2
    train = trainer._train_batch
    monkeypatch.setattr(trainer, "_train_batch", lambda *given: sizes.append(len(given[-1])) or train(*given))
    parts = trainer.train_seeds(choice, 4, math.inf, range(5))
    assert sizes == [2, 2]  # and one seed alone
    for one, other in zip(whole, parts, strict=True):
        for name, value in one.params.items():
            np.testing.assert_allclose(other.params[name], value, rtol=1e-3, atol=1e-5)


def test_a_program_too_large_for_the_bound_is_trained_one_seed_at_a_time(system, monkeypatch):
    monkeypatch.setattr(together, "bytes_of_batch", lambda: 1.0)
    assert trainer_of(system, Mixed(system.unmasked)).capacity(TrainingChoice(), 400) == 1


def test_a_passed_deadline_stops_all_seeds_and_is_reported(system):
    trainer = trainer_of(system, Mixed(system.unmasked))
    for found in trainer.train_seeds(TrainingChoice(), 400, time.monotonic() - 1, (0, 1)):
        assert found.report.stopped_early
        assert found.report.updates == 40


def test_all_seeds_that_fail_are_all_said_to(system):
    class Blast(Mixed):
        @nn.compact
        def __call__(self, state, activity, drive):
            state, following = Mixed.__call__(self, state, activity, drive)
            return state, following * jnp.inf

    found = trainer_of(system, Blast(system.unmasked)).train_seeds(TrainingChoice(), 400, math.inf, (0, 1))
    assert [error.status for error in found] == [Status.NON_FINITE] * 2
