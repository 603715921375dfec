import math
import time
from dataclasses import replace
from itertools import pairwise

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from zfbench.forecasting.contract import LOSSES, WINDOWS_PER_CALL, TrainingChoice
from zfbench.forecasting.dynamics import Dynamics
from zfbench.forecasting.flax_step import trace_model
from zfbench.forecasting.training import (
    BURN_IN,
    SCHEDULES,
    Material,
    Phase,
    Trainer,
    Units,
    advance_of,
    calls,
    draw,
    learning_rates,
    optimiser_of,
    pseudo_huber,
    squared,
)
from zfbench.records.program import CandidateError, Status
from zfbench.records.recordings import Recording, TaskSpec


class Leak(nn.Module):
    """a(t) = a(t-1) + rate (rest - a(t-1))."""

    spec: TaskSpec

    def initial_state(self, batch):
        return ()

    @nn.compact
    def __call__(self, state, activity, drive):
        n = len(self.spec.neurons)
        rate = self.param("rate", nn.initializers.constant(0.1), (n,))
        rest = self.param("rest", nn.initializers.zeros, (n,))
        return state, activity + rate * (rest - activity)


class Memory(nn.Module):
    """Next activity = a sum of what was read so far, weighted."""

    spec: TaskSpec

    def initial_state(self, batch):
        return jnp.zeros((batch, len(self.spec.neurons), 1))

    @nn.compact
    def __call__(self, state, activity, drive):
        weight = self.param("weight", nn.initializers.constant(0.5), ())
        state = weight * state + activity[..., None] + 0.1 * drive.sum(-1)[:, None, None]
        return state, 0.3 * state[..., 0]


def fit(model, system, updates=20, choice=None, deadline=math.inf, train=None):
    spec = system.unmasked
    dynamics = Dynamics.of(trace_model(model(spec), spec))
    material = Material.for_program(train or system.train, spec, dynamics.recurrent)
    return Trainer(dynamics, material).train(choice or TrainingChoice(), updates, deadline, seed=0)


def test_every_named_loss_has_a_schedule():
    assert SCHEDULES.keys() == LOSSES.keys()


def test_the_quick_curriculum_forgets_squared_gradients_sooner_and_fits_single_steps_for_longer():
    first, second = SCHEDULES["quick_curriculum"]
    assert (replace(first, second_moment=0.999, share=1), replace(second, share=1)) == SCHEDULES["curriculum"]
    assert first.second_moment == 0.95
    made = [(call.phase, call.done, call.stop) for call in calls("quick_curriculum", 0.03, 1_000)]
    assert max(stop for phase, _, stop in made if phase == first) == 700
    assert min(done for phase, done, _ in made if phase == second) == 700


def test_the_schedules_are_those_that_the_published_results_were_trained_by():
    """Steps, batch, unit, loss, rate, clip, beta_2, share."""
    one_step, rolled_out = (1, 256, "sd_change", squared, 1.0, 1.0, 0.999, 1), (32, 16, "sd_level", pseudo_huber)
    assert {loss: tuple(tuple(vars(phase).values()) for phase in phases) for loss, phases in SCHEDULES.items()} == {
        "curriculum": (one_step, (*rolled_out, 0.5, 1.0, 0.999, 1)),
        "quick_curriculum": (
            (1, 256, "sd_change", squared, 1.0, 1.0, 0.95, 7),
            (*rolled_out, 0.5, 1.0, 0.999, 3),
        ),
        "rollout": ((*rolled_out, 1.0, 1.0, 0.999, 1),),
        "one_step": (one_step,),
        "robust_curriculum": (
            (1, 256, "mean_change", pseudo_huber, 1.0, 1.0, 0.999, 1),
            (*rolled_out, 0.5, 1.0, 0.999, 1),
        ),
    }


def adam(gradients, clip, second_moment):
    """The changes by Adam's formulas (Kingma & Ba 2015), of gradients that are shortened to a norm."""
    m, v, changes = np.zeros(2), np.zeros(2), []
    for number, gradient in enumerate(gradients, 1):
        g = gradient * min(1.0, clip / np.linalg.norm(gradient))
        m, v = 0.9 * m + 0.1 * g, second_moment * v + (1 - second_moment) * g**2
        changes.append(m / (1 - 0.9**number) / (np.sqrt(v / (1 - second_moment**number)) + 1e-8))
    return changes


def test_a_phase_shortens_gradients_and_forgets_their_squares_as_it_says():
    gradients = [np.array([3.0, 4.0]), np.array([0.0, 1.0])]
    phase = Phase(1, 1, "sd_level", squared, clip=0.1, second_moment=0.5)
    optimiser, changes = optimiser_of(jnp.zeros(2), phase), []
    state = optimiser.init(jnp.zeros(2))
    for gradient in gradients:
        change, state = optimiser.update(jnp.asarray(gradient, jnp.float32), state)
        changes.append(change)
    np.testing.assert_allclose(changes, adam(gradients, 0.1, 0.5), rtol=1e-4)
    for other in (adam(gradients, math.inf, 0.5), adam(gradients, 0.1, 0.999)):
        assert np.abs(np.array(changes) - other).max() > 0.01


def test_segments_follow_from_the_number_of_the_update_and_not_from_that_of_the_call():
    key, starts = jax.random.key(0), jnp.arange(1_000)
    first, later = draw(key, starts, 0, 8), draw(key, starts, 1, 8)
    np.testing.assert_array_equal(later[:-1], first[1:])
    assert len({tuple(rows) for call in (first, draw(key, starts, 50, 8)) for rows in np.asarray(call).tolist()}) == 100


@pytest.mark.parametrize(
    ("loss", "updates", "unit", "elementwise"),
    [
        ("one_step", 1, lambda change: change.std(axis=0), lambda e: 0.5 * e**2),
        (
            "robust_curriculum",
            2,
            lambda change: np.abs(change).mean(axis=0),
            lambda e: 0.03 * (np.sqrt(1 + (e / 0.03) ** 2) - 1),
        ),
    ],
    ids=["squared error", "pseudo-Huber error"],
)
def test_the_first_loss_is_that_of_the_first_segments_in_the_unit_of_the_phase(
    system, loss, updates, unit, elementwise
):
    """A leak of .1 towards zero, before anything is learned."""
    kept = [recording.activity[:1_350].astype(float) for recording in system.train]
    scale = unit(np.concatenate([np.diff(activity, axis=0) for activity in kept]))
    pairs = [pair for activity in kept for pair in pairwise(activity)]
    key = jax.random.split(jax.random.key(0))[1]
    before, after = np.swapaxes([pairs[row] for row in draw(key, jnp.arange(len(pairs)), 0, 256)[0]], 0, 1)
    expected = elementwise((0.9 * before - after) / scale).mean()
    curve = fit(Leak, system, updates, TrainingChoice(loss)).report.loss_curve
    assert curve[0] == (1, pytest.approx(expected, rel=1e-4))


def test_no_gradient_reaches_the_steps_that_warm_up_a_hidden_state(system):
    """What the parameter does is over when a segment begins: it changes the loss, and is not learned."""

    class Early(nn.Module):
        spec: TaskSpec

        def initial_state(self, batch):
            return jnp.zeros((batch, 1)), jnp.zeros((batch, len(self.spec.neurons)))

        @nn.compact
        def __call__(self, state, activity, drive):
            steps, total = state
            weight = self.param("weight", nn.initializers.constant(0.5), ())
            total = jnp.where(steps < BURN_IN, total + weight * activity, total)
            return (steps + 1, total), 0.01 * total

    dynamics = Dynamics.of(trace_model(Early(system.unmasked), system.unmasked))
    material = Material.for_program(system.train, system.unmasked, recurrent=True)
    phase, rates = Phase(2, 4, "sd_level", squared), np.full(2, 0.1, np.float32)

    def updated(weight):
        """The parameter after two updates, and the mean loss of these."""
        params = {"weight": jnp.float32(weight)}
        optimiser = optimiser_of(params, phase)
        advance = jax.jit(advance_of(dynamics, material, phase, optimiser))
        rows = jnp.arange(8).reshape(2, 4)
        given = (params, optimiser.init(params), material.activity, material.drive, rates, rows, 2)
        params, _, loss = advance(*given)
        return float(params["weight"]), float(loss)

    assert updated(0.5)[0] == 0.5
    assert updated(0.5)[1] != pytest.approx(updated(1.0)[1], rel=0.01)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_named_loss_improves_the_forecasts(system, loss):
    report = fit(Leak, system, 60, TrainingChoice(loss, 0.03)).report
    first, last = report.selection_curve[0][1], report.selection_curve[-1][1]
    assert (report.loss, report.learning_rate, report.updates) == (loss, 0.03, 60)
    assert last < 0.9 * first
    assert not report.stopped_early


def test_a_program_with_memory_learns_through_rollouts_by_default(system):
    trained = fit(Memory, system, 30)
    assert trained.report.loss == "rollout"
    assert trained.report.recurrent
    assert float(trained.params["weight"]) != 0.5


def test_rollout_follows_the_time_convention_with_warm_up_and_clamp(system):
    spec = system.unmasked
    dynamics = Dynamics.of(trace_model(Memory(spec), spec))
    params = {"weight": jnp.float32(0.5)}
    context = system.context[:2]
    drive = np.random.default_rng(0).random(system.drive[:2].shape, np.float32)  # changes at every step
    mask = np.zeros((2, 6), bool)
    mask[1, 3] = True
    course = np.random.default_rng(1).random((2, drive.shape[1] - context.shape[1], 6), np.float32)
    path = dynamics.rollout(params, context, drive, mask, course)

    state, C = np.zeros((2, 6)), context.shape[1]
    for t in range(1, C):
        state = 0.5 * state + context[:, t - 1] + 0.1 * drive[:, t].sum(-1)[:, None]
    activity = context[:, -1]
    for h in range(drive.shape[1] - C):
        state = 0.5 * state + activity + 0.1 * drive[:, C + h].sum(-1)[:, None]
        activity = np.where(mask, course[:, h], 0.3 * state)
        np.testing.assert_allclose(path[:, h], activity, rtol=1e-5)


def test_set_aside_targets_are_never_trained_on(system):
    numbered = tuple(
        Recording(r.condition, np.arange(o, o + 1_500, dtype=np.float32)[:, None] * np.ones(6, np.float32), r.drive)
        for o, r in zip((0, 1_500), system.train, strict=True)
    )
    material = Material.of(numbered, horizon=32, context=8)
    starts = np.asarray(material.segment_starts(33))
    trained_on = {int(row) for s in starts for row in range(s, s + 33)}
    assert trained_on == set(range(1_350)) | set(range(1_500, 2_850))
    context, drive, target = material.set_aside
    assert {int(row) for row in np.unique(target)}.isdisjoint(trained_on)
    assert (len(target), target.shape[1], drive.shape[1]) == (WINDOWS_PER_CALL, 32, 40)
    np.testing.assert_array_equal(context[:, -1] + 1, target[:, 0])
    assert {int(t) // 1_500 for t in target[:, 0, 0]} == {0, 1}


def test_segments_never_cross_from_one_recording_into_the_next(system):
    starts = np.asarray(Material.of(system.train, 32, 1).segment_starts(33))
    assert set(starts) == set(range(1_350 - 32)) | set(range(1_500, 2_850 - 32))


def test_units_measure_levels_and_changes_and_floor_silent_neurons():
    t = np.arange(200) % 2
    activity = np.stack([t, 4 * t, 0 * t], axis=1).astype(np.float32)
    units = Units.of([activity, activity])
    np.testing.assert_allclose(units.sd_level, [0.5, 2.0, 0.01 * 2.5 / 3], rtol=1e-5)
    np.testing.assert_allclose(units.mean_change, [1.0, 4.0, 0.01 * 5 / 3], rtol=1e-5)
    np.testing.assert_allclose(units.sd_change[:2], [1.0, 4.0], rtol=1e-3)


def test_pseudo_huber_is_quadratic_near_zero_and_linear_far_away():
    assert float(pseudo_huber(jnp.float32(1e-3))) == pytest.approx(0.5 * 1e-6 / 0.03, rel=1e-2)
    assert float(jax.grad(pseudo_huber)(10.0)) == pytest.approx(1.0, rel=1e-4)


@pytest.mark.parametrize("updates", [0, 1, 2, 60, 200])
def test_rates_are_a_warm_up_and_a_cosine_decay_to_two_percent(updates):
    schedule = optax.warmup_cosine_decay_schedule(0.0, 0.01, min(50, updates // 2), max(updates, 1), 0.0002)
    expected = [float(schedule(number)) for number in range(updates)]
    np.testing.assert_allclose(learning_rates(0.01, updates), expected, rtol=1e-5, atol=1e-9)


def test_a_second_training_by_the_same_trainer_is_as_by_a_new_one(system):
    def fresh():
        material = Material.of(system.train, system.unmasked.horizon, 1)
        return Trainer(Dynamics.of(trace_model(Leak(system.unmasked), system.unmasked)), material)

    used, choice = fresh(), TrainingChoice("one_step", 0.003)
    used.train(TrainingChoice("curriculum", 0.03), 70, math.inf, 1)
    again, new = (trainer.train(choice, 130, math.inf, 2) for trainer in (used, fresh()))
    jax.tree.map(np.testing.assert_array_equal, again.params, new.params)
    assert again.report.loss_curve == new.report.loss_curve


def test_the_parameters_that_forecast_best_are_kept(system):
    """A rate that starts at the truth of a constant system can only get worse."""
    steady = tuple(replace(r, activity=np.zeros_like(r.activity)) for r in system.train)
    trained = fit(Leak, system, 20, train=steady)
    assert trained.report.best_update == 0
    np.testing.assert_array_equal(trained.params["rate"], np.full(6, 0.1, np.float32))


def test_a_non_finite_loss_ends_training(system):
    class Blast(Leak):
        @nn.compact
        def __call__(self, state, activity, drive):
            state, following = Leak.__call__(self, state, activity, drive)
            return state, following * jnp.inf

    with pytest.raises(CandidateError, match="non-finite") as caught:
        fit(Blast, system)
    assert caught.value.status is Status.NON_FINITE


def test_a_program_without_parameters_trains(system):
    class Same(Leak):
        @nn.compact
        def __call__(self, state, activity, drive):
            return state, activity

    assert fit(Same, system, 4).report.parameters == 0


def test_a_passed_deadline_stops_training_and_is_reported(system):
    report = fit(Leak, system, 400, deadline=time.monotonic() - 1).report
    assert report.stopped_early
    assert report.updates == report.selection_curve[-1][0] == 40  # the first checkpoint


def test_training_in_the_masked_spec_needs_state_per_neuron(system):
    class Shared(Memory):
        def initial_state(self, batch):
            return jnp.zeros((batch, 4))

    with pytest.raises(CandidateError, match=r"\[B, N, k\].*float32\[3, 4\]"):
        Dynamics.of(trace_model(Shared(system.spec), system.spec))


def _returning(result):
    class Odd(nn.Module):
        spec: TaskSpec

        def initial_state(self, batch):
            return {"h": jnp.zeros((batch, 2))}

        @nn.compact
        def __call__(self, state, activity, drive):
            return result(self, state, activity)

    return Odd


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (lambda m, s, a: a, "pair"),
        (lambda m, s, a: (s, a[:, :-1]), r"\[3, 6\], got float32\[3, 5\]"),
        (lambda m, s, a: (s, a.astype(jnp.float16)), r"float32 .* got float16\[3, 6\]"),
        (lambda m, s, a: (s, (a, a)), "next_activity"),
        (
            lambda m, s, a: ({"h": s["h"][:, :1]}, a),
            r"\{'h': float32\[3, 2\]\}, got \{'h': float32\[3, 1\]\}",
        ),
        (lambda m, s, a: ((), a), "returned state"),
        (lambda m, s, a: (s, nn.BatchNorm(use_running_average=False)(a)), "'batch_stats'"),
    ],
)
def test_a_step_of_the_wrong_shape_is_invalid_and_names_both(system, result, said):
    with pytest.raises(CandidateError, match=said) as caught:
        Dynamics.of(trace_model(_returning(result)(system.unmasked), system.unmasked))
    assert caught.value.status is Status.INVALID
