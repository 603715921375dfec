"""Toy tasks for programs that are written from genotypes, and what is done with such a program."""

import jax
import numpy as np

from zfbench.discoverers.proposers.rate.genotype import GENES, INPUTS
from zfbench.discoverers.proposers.rate.operators import changes, training_changes
from zfbench.forecasting.contract import TrainingChoice
from zfbench.forecasting.dynamics import Dynamics
from zfbench.forecasting.flax_step import trace_model
from zfbench.forecasting.mask_check import verify_mask
from zfbench.forecasting.training import Material, Trainer
from zfbench.records.recordings import Recording, TaskSpec

GROUPS = ("A", "A", "B", "C", "C", "B")
N, D, B = 6, 3, 5
CONTEXT, HORIZON = 12, 6


def make_spec(D=D, masked=False):
    rng = np.random.default_rng(0)
    mask = drive_mask = None
    if masked:
        mask = rng.random((N, N)) < 0.5
        np.fill_diagonal(mask, [True, True, True, True, False, True])
        drive_mask = rng.random((N, D)) < 0.5
    neurons, drive = tuple(f"n{i}" for i in range(N)), tuple(f"d{i}" for i in range(D))
    return TaskSpec("toy", "", "", 1.0, HORIZON, CONTEXT, neurons, GROUPS, drive, mask, drive_mask)


SPECS = {"driven": make_spec(), "masked": make_spec(masked=True), "autonomous": make_spec(D=0)}


def load(source, spec):
    """The program's model and its training choice."""
    namespace = {"__name__": "candidate"}
    exec(compile(source, "candidate", "exec"), namespace)
    return namespace["Model"](spec=spec), TrainingChoice.parse(namespace["training"])


def inputs(spec, seed=0):
    rng = np.random.default_rng(seed)
    activity = rng.uniform(-0.5, 1.5, (B, N)).astype(np.float32)
    return activity, rng.uniform(-0.5, 1.5, (B, len(spec.drive))).astype(np.float32)


def begin(source, spec, seed=0):
    """The program's step, compiled, of parameters, state, activity and drive; its first parameters and state."""
    model, _ = load(source, spec)
    activity, drive = inputs(spec)
    params = jax.jit(model.init)(jax.random.key(seed), model.initial_state(B), activity, drive)["params"]
    return jax.jit(lambda p, state, a, x: model.apply({"params": p}, state, a, x)), params, model.initial_state(B)


def noisy(params, seed=0):
    """Parameters away from their zero beginnings, so that every path through the program carries."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda p: np.asarray(p) + rng.normal(0, 0.5, p.shape).astype(np.float32), params)


def reads(spec):
    """What the wiring allows: [N, N + D]."""
    mask = np.ones((N, N), bool) if spec.mask is None else spec.mask
    drive_mask = np.ones((N, len(spec.drive)), bool) if spec.drive_mask is None else spec.drive_mask
    return np.concatenate([mask, drive_mask], axis=1)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def assert_has_the_shapes_of_the_contract(source, spec, recurrent):
    model, _ = load(source, spec)
    dynamics = Dynamics.of(trace_model(model, spec))  # checks them
    assert dynamics.recurrent == recurrent


def two_steps(source, spec, seed=0):
    """The step of a program with noisy parameters, from the state that a first step left."""
    step, params, state = begin(source, spec, seed)
    params = noisy(params, seed)
    return lambda a, x: np.asarray(step(params, step(params, state, a, x)[0], a, x)[1])


def assert_rows_are_independent(source, spec):
    step = two_steps(source, spec)
    activity, drive = inputs(spec)
    before = step(activity, drive)
    assert np.isfinite(before).all()
    activity[1:] += 1.0
    drive[1:] -= 1.0
    after = step(activity, drive)
    np.testing.assert_array_equal(after[0], before[0])
    assert (after[1:] != before[1:]).any()


def assert_trains(source, spec, updates=20):
    """Twenty updates on noise end well, and the trained program keeps to the wiring."""
    rng = np.random.default_rng(0)
    recordings = tuple(
        Recording(name, rng.random((300, N)).astype(np.float32), rng.random((300, len(spec.drive))).astype(np.float32))
        for name in ("one", "two")
    )
    model, choice = load(source, spec)
    dynamics = Dynamics.of(trace_model(model, spec))
    material = Material.for_program(recordings, spec, dynamics.recurrent)
    trained = Trainer(dynamics, material).train(choice, updates, np.inf, 0)
    assert trained.report.updates == updates
    assert all(np.isfinite(loss) for _, loss in trained.report.loss_curve)
    context, drive = rng.random((8, CONTEXT, N)), rng.random((8, CONTEXT + HORIZON, len(spec.drive)))
    if spec.masked:
        verify_mask(Fitted(trained), spec, np.float32(context), np.float32(drive), np.random.default_rng(0))
    else:
        path = Fitted(trained).rollout(np.float32(context), np.float32(drive))
        assert path.shape == (8, HORIZON, N)


class Fitted:
    """A trained program as a simulator, in this process."""

    def __init__(self, trained):
        self._trained = trained

    def rollout(self, context, drive, clamp=None):
        held = () if clamp is None else (clamp.mask, np.float32(clamp.course(drive.shape[1] - context.shape[1])))
        return np.asarray(self._trained.forecast(self._trained.params, context, drive, *held))


def neighbours(genotype, spec):
    """Every genotype of the rate family that one change leads to, with the change in words."""
    for group in genotype.groups:
        for gene in (*GENES, *INPUTS):
            yield from changes(genotype, spec, group, gene)
    yield from training_changes(genotype)
