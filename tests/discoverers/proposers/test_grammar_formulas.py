import jax
import numpy as np
import pytest
from grammar_cases import MASKED, PLAIN, SPEC, B, D, N, inputs, load, noisy

from zfbench.discoverers.proposers.grammar.genotype import (
    BLOCK_GENES,
    OPTIONAL_GENES,
    default_genotype,
)
from zfbench.discoverers.proposers.grammar.render import render


@pytest.mark.parametrize("form", BLOCK_GENES["form"])
@pytest.mark.parametrize("spec", [MASKED, SPEC], ids=["masked", "driven"])
def test_full_coupling_uses_every_allowed_input(form, spec):
    genotype = default_genotype(spec).with_gene("ABC", "form", form).with_gene("ABC", "nonlinearity", "identity")
    model, _ = load(render(genotype), spec)
    activity, drive = inputs(spec)
    params = noisy(model.init(jax.random.key(0), (), activity, drive))
    jacobian = jax.jacobian(lambda u: model.apply(params, (), u[None, :N], u[None, N:])[1][0])
    moved = np.asarray(jacobian(np.concatenate([activity[0], drive[0]]))) != 0
    allowed = np.ones((N, N + D), bool)
    if spec.masked:
        allowed = np.concatenate([spec.mask, spec.drive_mask], axis=1)
    np.testing.assert_array_equal(moved, allowed)


def test_diagonal_coupling_reads_own_activity_and_drive_only():
    genotype = default_genotype(SPEC).with_gene("B", "coupling", "diagonal")
    model, _ = load(render(genotype), SPEC)
    activity, drive = inputs(SPEC)
    params = noisy(model.init(jax.random.key(0), (), activity, drive))
    jacobian = jax.jacobian(lambda a: model.apply(params, (), a[None], drive[:1])[1][0])(activity[0])
    moved = np.asarray(jacobian) != 0
    expected = np.ones((N, N), bool)
    expected[[2, 5]] = np.eye(N, dtype=bool)[[2, 5]]
    np.testing.assert_array_equal(moved, expected)


def step_of(genotype, activity, drive, seed=0, spec=SPEC):
    model, _ = load(render(genotype), spec)
    params = noisy(model.init(jax.random.key(0), (), activity, drive), seed)
    after = np.asarray(model.apply(params, (), activity, drive)[1])
    return {name: tree["values"] for name, tree in params["params"].items()}, after


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.log1p(np.exp(x))


@pytest.mark.parametrize(
    ("name", "f"),
    [
        ("sigmoid", sigmoid),
        ("tanh", np.tanh),
        ("softplus", softplus),
        ("relu", lambda x: np.maximum(x, 0)),
        ("identity", lambda x: x),
    ],
)
def test_each_form_and_nonlinearity_follow_their_formula(name, f):
    activity, drive = inputs(SPEC)
    u = np.concatenate([activity, drive], axis=1)
    genotype = default_genotype(SPEC).with_gene("ABC", "nonlinearity", name)
    genotype = genotype.with_gene("B", "form", "residual").with_gene("C", "form", "integrate_reset")
    p, after = step_of(genotype, activity, drive)
    target = f(u @ p["weights"].T + p["bias"])
    rate = sigmoid(p["rate"])
    a, b, c = [0, 1], [2, 5], [3, 4]
    expected = np.empty_like(after)
    expected[:, a] = (activity + rate * (target - activity))[:, a]
    expected[:, b] = (activity + p["step"] * target)[:, b]
    reset = sigmoid(u @ p["reset"].T + p["reset_bias"])
    expected[:, c] = ((1 - reset) * (activity + rate * target))[:, c]
    np.testing.assert_allclose(after, expected, rtol=1e-4, atol=1e-5)


def test_gates_gain_width_and_rank_follow_their_formula():
    activity, drive = inputs(SPEC)
    u = np.concatenate([activity, drive], axis=1)
    genotype = PLAIN.with_gene("A", "gate", "min").with_gene("B", "gate", "product")
    genotype = genotype.with_gene("C", "modulation", "gain").with_gene("C", "width", 8)
    genotype = genotype.with_gene("B", "coupling", "low_rank")
    p, after = step_of(genotype, activity, drive)
    a, b, c = [0, 1], [2, 5], [3, 4]
    z = u @ p["weights"].T
    z[:, b] = (u @ (p["mixing"] @ p["patterns"]).T)[:, b]
    z += p["bias"]
    hidden = np.tanh(np.einsum("bm,nkm->bnk", u, p["hidden"]) + p["offset"])
    z[:, c] += np.einsum("bnk,nk->bn", hidden, p["out"])[:, c]
    second = u @ p["second"].T + p["second_bias"]
    z[:, a] = np.minimum(z, z + second)[:, a]
    z[:, b] *= 1 + second[:, b]
    z[:, c] *= (1 + drive @ p["modulator"].T)[:, c]
    np.testing.assert_allclose(after, activity + p["step"] * z, rtol=1e-4, atol=1e-5)


def test_every_gate_applies_once_where_nobody_goes_without():
    activity, drive = inputs(SPEC)
    u = np.concatenate([activity, drive], axis=1)
    genotype = PLAIN.with_gene("A", "gate", "min").with_gene("B", "gate", "product").with_gene("C", "gate", "max")
    genotype = genotype.with_gene("ABC", "modulation", "gate")
    p, after = step_of(genotype, activity, drive)
    z, second = u @ p["weights"].T + p["bias"], u @ p["second"].T + p["second_bias"]
    z[:, :2] = np.minimum(z, z + second)[:, :2]
    z[:, 3:5] = np.maximum(z, z + second)[:, 3:5]
    z[:, [2, 5]] *= 1 + second[:, [2, 5]]
    z *= 2 * sigmoid(drive @ p["modulator"].T)
    np.testing.assert_allclose(after, activity + p["step"] * z, rtol=1e-4, atol=1e-5)


def two_steps(genotype, activity, drive):
    """Parameters, state and activity after the second of two equal inputs; so memory has something to tell."""
    model, _ = load(render(genotype), SPEC)
    params = noisy(model.init(jax.random.key(0), model.initial_state(B), activity, drive), 0)
    state, _ = model.apply(params, model.initial_state(B), activity, drive)
    state, after = model.apply(params, state, activity, drive)
    return {name: tree["values"] for name, tree in params["params"].items()}, state, np.asarray(after)


def test_adaptation_subtracts_a_trace_and_gain_control_divides():
    activity, drive = inputs(SPEC)
    u = np.concatenate([activity, drive], axis=1)
    genotype = PLAIN.with_gene("A", "memory", "adaptation").with_gene("B", "memory", "gain_control")
    p, state, after = two_steps(genotype, activity, drive)
    z, rate = u @ p["weights"].T + p["bias"], sigmoid(p["trace_rate"])
    trace = rate * activity
    trace = trace + rate * (activity - trace)
    z[:, :2] -= (p["strength"] * trace)[:, :2]
    z[:, [2, 5]] *= 2 * sigmoid(-p["strength"] * trace)[:, [2, 5]]
    np.testing.assert_allclose(np.asarray(state["trace"])[:, :2], trace[:, :2], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(after, activity + p["step"] * z, rtol=1e-4, atol=1e-5)


def test_gated_units_and_the_oscillator_follow_their_formula():
    activity, drive = inputs(SPEC)
    u = np.concatenate([activity, drive], axis=1)
    genotype = PLAIN.with_gene("A", "memory", "gated").with_gene("B", "memory", "oscillator")
    p, _, after = two_steps(genotype, activity, drive)
    z = u @ p["weights"].T + p["bias"]
    units, wave = np.zeros((B, N, 4)), np.zeros((B, N), complex)
    for _ in range(2):
        gates = np.einsum("bm,nkm->bnk", u, p["unit_inputs"]) + np.einsum("bnj,nkj->bnk", units, p["unit_echoes"])
        gates = gates + p["unit_bias"]
        units = units + sigmoid(gates[..., :4]) * (np.tanh(gates[..., 4:]) - units)
        wave = sigmoid(p["damping"]) * np.exp(1j * p["frequency"]) * wave + u @ p["push"].T
    z[:, :2] += np.einsum("bnk,nk->bn", units, p["unit_out"])[:, :2]
    z[:, [2, 5]] += (wave.real * p["wave_out"][:, 0] + wave.imag * p["wave_out"][:, 1])[:, [2, 5]]
    np.testing.assert_allclose(after, activity + p["step"] * z, rtol=1e-4, atol=1e-5)


def test_without_lateral_coupling_a_group_reads_itself_neuron_by_neuron():
    genotype = PLAIN.with_gene("B", "coupling", "no_lateral").with_gene("C", "coupling", "low_rank")
    model, _ = load(render(genotype), SPEC)
    activity, drive = inputs(SPEC)
    params = noisy(model.init(jax.random.key(0), (), activity, drive))
    jacobian = jax.jacobian(lambda a: model.apply(params, (), a[None], drive[:1])[1][0])(activity[0])
    expected = np.ones((N, N), bool)
    expected[2, 5] = expected[5, 2] = False
    np.testing.assert_array_equal(np.asarray(jacobian) != 0, expected)


INSERTIONS = [(gene, choice) for gene in OPTIONAL_GENES for choice in BLOCK_GENES[gene][1:]]


@pytest.mark.parametrize(("gene", "choice"), INSERTIONS)
def test_insertions_begin_without_effect_and_can_be_trained(gene, choice):
    activity, drive = inputs(SPEC)

    def fresh(genotype):
        model, _ = load(render(genotype), SPEC)
        state = model.initial_state(B)
        params = model.init(jax.random.key(0), state, activity, drive)

        def second_step(params):
            return model.apply(params, model.apply(params, state, activity, drive)[0], activity, drive)[1]

        return params, second_step

    parent, parent_step = fresh(default_genotype(SPEC))
    child, child_step = fresh(default_genotype(SPEC).with_gene("B", gene, choice))
    shared = {name: child["params"][name] for name in parent["params"]}
    jax.tree.map(np.testing.assert_array_equal, shared, parent["params"])
    np.testing.assert_allclose(child_step(child), parent_step(parent), rtol=1e-6)
    gradient = jax.grad(lambda params: (child_step(params) ** 2).sum())(child)["params"]
    assert any(np.abs(gradient[name]["values"]).max() > 0 for name in set(gradient) - set(shared))
