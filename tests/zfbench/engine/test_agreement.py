"""What is traced computes what the program computes: values and gradients, row by row."""

from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import zfbench.baselines.programs
from zfbench.discoverers.proposers.grammar.proposer import FAMILIES
from zfbench.engine.serialise import to_bytes
from zfbench.forecasting.dynamics import Dynamics, compiler_options
from zfbench.forecasting.flax_step import trace_model
from zfbench.forecasting.seed_program import __file__ as seed_file
from zfbench.forecasting.signature import read_step
from zfbench.records.recordings import TaskSpec
from zfbench.sandbox.worker import execute

pytestmark = pytest.mark.usefixtures("quick_compiler")

N, D, B = 6, 3, 5


def make_spec(masked=False, drive=D):
    rng = np.random.default_rng(0)
    masks = (rng.random((N, N)) < 0.6, rng.random((N, drive)) < 0.5) if masked else (None, None)
    neurons, channels = tuple(f"n{i}" for i in range(N)), tuple(f"d{i}" for i in range(drive))
    return TaskSpec("toy", "", "", 1.0, 4, 4, neurons, tuple("AABCCB"), channels, *masks)


DRIVEN, MASKED, AUTONOMOUS = make_spec(), make_spec(masked=True), make_spec(drive=0)


def flat(tree):
    paths = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {"/".join(str(entry.key) for entry in path): leaf for path, leaf in paths}


def inputs(spec, seed=0):
    rng = np.random.default_rng(seed)
    activity = rng.uniform(-0.5, 1.5, (B, N)).astype(np.float32)
    return activity, rng.uniform(-0.5, 1.5, (B, len(spec.drive))).astype(np.float32)


def dynamics_of(model, spec):
    """The program after a journey as bytes."""
    return Dynamics.of(read_step(to_bytes(trace_model(model, spec)), spec))


def assert_agrees(model, spec):
    """Initial parameters, two steps, and the derivative of a function of both by parameters and activity."""
    dynamics = dynamics_of(model, spec)
    activity, drive = inputs(spec)
    key = jax.random.key(1)
    own = jax.jit(model.init)(key, model.initial_state(1), activity[:1], drive[:1]).get("params", {})
    initial = dynamics.initialiser()(key)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), flat(own), initial)
    rng = np.random.default_rng(2)
    own = jax.tree.map(lambda p: p + rng.normal(0, 0.5, p.shape).astype(np.float32), own)
    weight = rng.normal(size=(B, N)).astype(np.float32)

    def loss(step, initial_state, params, activity):
        state, activity = step(params, initial_state(B), activity, drive)
        state, activity = step(params, state, activity, drive)
        memory = sum(jnp.sum(jnp.tanh(leaf)) for leaf in jax.tree.leaves(state))
        return jnp.sum(weight * activity) + memory, activity

    def direct(params, state, activity, drive):
        return model.apply({"params": params}, state, activity, drive)

    def both(step, initial_state, params):
        differ = jax.value_and_grad(lambda p, a: loss(step, initial_state, p, a), (0, 1), has_aux=True)
        compiled = jax.jit(differ, compiler_options=compiler_options(level=0))  # faster than operation by operation
        return compiled(params, jnp.asarray(activity))

    (_, expected), (by_params, by_activity) = both(direct, model.initial_state, own)
    (_, path), (got_params, got_activity) = both(dynamics.step, dynamics.initial_state, flat(own))
    np.testing.assert_allclose(path, expected, rtol=1e-5, atol=1e-5)
    scale = 1e-6 + max((float(jnp.abs(g).max()) for g in jax.tree.leaves(by_params) if g.size), default=0.0)
    for name, gradient in flat(by_params).items():
        np.testing.assert_allclose(got_params[name] / scale, gradient / scale, rtol=1e-4, atol=1e-5, err_msg=name)
    scale = 1e-6 + float(jnp.abs(by_activity).max())
    np.testing.assert_allclose(got_activity / scale, by_activity / scale, rtol=1e-4, atol=1e-5)


def drawn(seed, spec):
    """A program of the grammar, of one family and the other in turn."""
    family = FAMILIES["both"][seed % 2]
    return family.render(family.settled(family.draw(spec, np.random.default_rng(seed))))


def model_of(source, spec):
    return execute(source).Model(spec=spec)


@pytest.mark.parametrize("name", zfbench.baselines.programs.names())
def test_reference_programs_agree_with_their_traces(name):
    spec = MASKED if name.startswith("masked") else DRIVEN
    assert_agrees(model_of(zfbench.baselines.programs.source(name), spec), spec)


def test_the_seed_program_agrees_with_its_trace():
    assert_agrees(model_of(Path(seed_file).read_text(), DRIVEN), DRIVEN)


@pytest.mark.parametrize(("seed", "spec"), [(0, DRIVEN), (2, MASKED), (5, AUTONOMOUS)])
def test_programs_of_the_grammar_agree_with_their_traces(seed, spec):
    assert_agrees(model_of(drawn(seed, spec), spec), spec)


@pytest.mark.slow
@pytest.mark.timeout(7_200)
def test_three_hundred_programs_of_the_grammar_agree_with_their_traces():
    for seed in range(300):
        spec = (DRIVEN, MASKED, AUTONOMOUS)[seed % 3]
        assert_agrees(model_of(drawn(seed, spec), spec), spec)


class Everything(nn.Module):
    """Uses what programs use beyond the grammar: loops, branches, indices, sorting, softmax, relu at zero."""

    spec: TaskSpec

    def initial_state(self, batch):
        return {"memory": jnp.zeros((batch, N, 2)), "count": jnp.zeros((batch,), jnp.int32)}

    @nn.compact
    def __call__(self, state, activity, drive):
        w = self.param("w", nn.initializers.orthogonal(), (N, N))
        h = nn.softmax(activity @ w) + nn.softplus(activity) + nn.gelu(drive).sum(-1, keepdims=True)
        h = h + nn.relu(activity - activity[:, :1])  # zero exactly: where the derivative of relu is its own
        h = h.at[:, 2].add(activity[:, 0]).at[:, 3].set(jnp.max(activity, axis=-1))
        h = jax.lax.fori_loop(0, 3, lambda i, c: jnp.tanh(c + i * w[0]), h)
        _, summed = jax.lax.scan(lambda c, x: (c + x, c * x), h[:, 0], h.T)
        h = jax.lax.cond(jnp.float32(1) > w[0, 0], lambda a: jnp.sort(a, axis=1), lambda a: 2 * a, h + summed.T)
        h = h[:, jnp.array([5, 3, 1, 0, 2, 4])] + jnp.linalg.norm(activity, axis=-1, keepdims=True)
        h = jnp.clip(jnp.roll(h, 1, axis=1), -2, 2) + jnp.cumsum(activity, 1) / 7 + jax.nn.logsumexp(h, 1)[:, None]
        h = h + jax.checkpoint(jnp.sin)(activity) + jnp.einsum("bi,ij->bj", activity, w, precision="highest")
        memory = 0.9 * state["memory"] + jnp.stack([h, jax.lax.stop_gradient(h)], axis=-1)
        return {"memory": memory, "count": state["count"] + 1}, 0.1 * h + state["memory"].mean(-1)


def test_a_program_of_many_operations_agrees_with_its_trace():
    assert_agrees(Everything(DRIVEN), DRIVEN)


class Mixes(nn.Module):
    """Reads its neighbours in the batch in three ways."""

    spec: TaskSpec

    def initial_state(self, batch):
        return ()

    @nn.compact
    def __call__(self, state, activity, drive):
        neighbour = jnp.roll(activity, -1, axis=0)
        return state, activity + (activity - activity.mean(0)) + (neighbour - activity) + activity.shape[0] / 10


def test_a_row_has_no_neighbour_alone_or_in_a_batch_of_any_order():
    dynamics = dynamics_of(Mixes(DRIVEN), DRIVEN)
    activity, drive = inputs(DRIVEN)
    _, together = dynamics.step({}, (), activity, drive)
    np.testing.assert_allclose(together, activity + 0.1, rtol=1e-6)
    order = np.array([3, 1, 4, 0, 2])
    _, permuted = dynamics.step({}, (), activity[order], drive[order])
    np.testing.assert_array_equal(permuted, np.asarray(together)[order])
    _, alone = dynamics.step({}, (), activity[2:3], drive[2:3])
    np.testing.assert_array_equal(alone[0], together[2])


@pytest.mark.parametrize("name", ["masked_leaky_sigmoid", "driven_mlp"])
def test_rows_in_any_order_step_alike(name):
    model = model_of(zfbench.baselines.programs.source(name), DRIVEN)
    dynamics = dynamics_of(model, DRIVEN)
    params = dynamics.initialiser()(jax.random.key(0))
    activity, drive = inputs(DRIVEN)
    order = np.array([3, 1, 4, 0, 2])
    step = jax.jit(dynamics.step)
    _, together = step(params, (), activity, drive)
    _, permuted = step(params, (), activity[order], drive[order])
    np.testing.assert_array_equal(permuted, np.asarray(together)[order])
