from dataclasses import replace

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zfbench.discoverers.proposers.grammar.genotype import (
    BLOCK_GENES,
    OPTIONAL_GENES,
    TRAINING_GENES,
    Block,
    Genotype,
    block_genes,
    default_genotype,
)
from zfbench.discoverers.proposers.grammar.operators import (
    crossover,
    group_odds,
    mutate,
    optional_parts,
    replace_everywhere,
    replace_gene,
    simplify,
)
from zfbench.discoverers.proposers.grammar.proposer import GrammarProposer
from zfbench.discoverers.proposers.grammar.render import parse, render
from zfbench.forecasting.contract import TrainingChoice
from zfbench.protocols.proposer import Context
from zfbench.records.evaluation import Evaluation, Request, Scored
from zfbench.records.program import Program, Status
from zfbench.records.recordings import TaskSpec
from zfbench.records.source import check_source

GROUPS = ("A", "A", "B", "C", "C", "B")
N, D, B = 6, 3, 5


def make_spec(D=D, masked=False):
    rng = np.random.default_rng(0)
    mask = drive_mask = None
    if masked:
        mask = rng.random((N, N)) < 0.4
        np.fill_diagonal(mask, [True, True, True, True, False, True])
        drive_mask = rng.random((N, D)) < 0.5
    neurons, drive = tuple(f"n{i}" for i in range(N)), tuple(f"d{i}" for i in range(D))
    return TaskSpec("toy", "", "", 1.0, 4, 4, neurons, GROUPS, drive, mask, drive_mask)


SPEC, MASKED, AUTONOMOUS = make_spec(), make_spec(masked=True), make_spec(D=0)

PLAIN = default_genotype(SPEC).with_gene("ABC", "form", "residual").with_gene("ABC", "nonlinearity", "identity")

blocks = st.builds(Block, **{gene: st.sampled_from(choices) for gene, choices in BLOCK_GENES.items()})
genotypes = st.builds(
    lambda blocks, loss, rate: Genotype(tuple(zip("ABC", blocks, strict=True)), loss, rate),
    st.tuples(blocks, blocks, blocks),
    st.sampled_from(TRAINING_GENES["loss"]),
    st.sampled_from(TRAINING_GENES["learning_rate"]),
)


def random_genotype(seed):
    rng = np.random.default_rng(seed)
    draw = lambda choices: choices[rng.integers(len(choices))]  # noqa: E731
    rows = [(g, Block(**{gene: draw(c) for gene, c in BLOCK_GENES.items()})) for g in "ABC"]
    return Genotype(tuple(rows), draw(TRAINING_GENES["loss"]), draw(TRAINING_GENES["learning_rate"]))


def load(source, spec):
    """The program's model and its training choice."""
    namespace = {"__name__": "candidate"}
    exec(compile(source, "candidate", "exec"), namespace)
    return namespace["Model"](spec=spec), namespace["training"]


def inputs(spec, seed=0):
    rng = np.random.default_rng(seed)
    activity = rng.uniform(-0.5, 1.5, (B, N)).astype(np.float32)
    return activity, rng.uniform(-0.5, 1.5, (B, len(spec.drive))).astype(np.float32)


def noisy(params, seed=0):
    """Parameters away from their zero beginnings, so that every path through the program carries."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda p: np.asarray(p) + rng.normal(0, 0.5, p.shape).astype(np.float32), params)


def assert_travels(genotype):
    source = render(genotype)
    check_source(source)
    assert render(genotype) == source
    assert parse(source, SPEC) == genotype
    assert Genotype.from_json(genotype.to_json()) == genotype


@settings(max_examples=300)
@given(genotypes)
def test_genotype_travels_in_the_source(genotype):
    assert_travels(genotype)


@settings(max_examples=200)
@given(genotypes, genotypes)
def test_different_genotypes_are_different_programs(a, b):
    assert (Program(render(a)).id == Program(render(b)).id) == (a == b)


def assert_has_the_shapes_of_the_contract(genotype, spec):
    model, training = load(render(genotype), spec)
    assert TrainingChoice.parse(training) == TrainingChoice(genotype.loss, genotype.learning_rate)
    state = model.initial_state(B)
    assert bool(jax.tree.leaves(state)) == genotype.recurrent
    assert all(leaf.shape[:2] == (B, N) for leaf in jax.tree.leaves(state))
    activity, drive = inputs(spec)
    shapes = jax.eval_shape(model.init, jax.random.key(0), state, activity, drive)
    assert set(shapes) == {"params"}
    later, after = jax.eval_shape(model.apply, shapes, state, activity, drive)
    assert (after.shape, after.dtype) == ((B, N), np.float32)
    described = [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(state)]
    assert [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(later)] == described


@settings(max_examples=40, deadline=None)
@given(genotypes, st.sampled_from([SPEC, MASKED, AUTONOMOUS]))
def test_every_program_has_the_shapes_of_the_contract(genotype, spec):
    assert_has_the_shapes_of_the_contract(genotype, spec)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("spec", [SPEC, MASKED, AUTONOMOUS], ids=["driven", "masked", "autonomous"])
def test_thousands_of_programs_travel_in_their_source_and_have_the_shapes_of_the_contract(spec):
    for seed in range(1_000):
        genotype = random_genotype(seed)
        assert_travels(genotype)
        assert_has_the_shapes_of_the_contract(genotype, spec)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("spec", [MASKED, AUTONOMOUS, SPEC], ids=["masked", "autonomous", "driven"])
def test_step_is_finite_and_blind_to_forbidden_inputs(seed, spec):
    model, _ = load(render(random_genotype(seed)), spec)
    activity, drive = inputs(spec)
    params = noisy(model.init(jax.random.key(seed), model.initial_state(B), activity, drive))

    @jax.jit
    def step(a, d):
        """The second step, on the state that the first one left."""
        state = model.apply(params, model.initial_state(B), a, d)[0]
        return model.apply(params, state, a, d)[1]

    before = np.asarray(step(activity, drive))
    assert np.isfinite(before).all()
    mask = np.ones((N, N), bool) if spec.mask is None else spec.mask
    drive_mask = np.ones((N, len(spec.drive)), bool) if spec.drive_mask is None else spec.drive_mask
    allowed = np.concatenate([mask, drive_mask], axis=1)
    both = np.concatenate([activity, drive], axis=1)
    for source in range(allowed.shape[1]):
        changed = both.copy()
        changed[:, source] += 3.0
        moved = (np.asarray(step(changed[:, :N], changed[:, N:])) != before).any(axis=0)  # [N]
        assert not moved[~allowed[:, source]].any()


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


@given(genotypes, st.integers(0, 10**6))
def test_simplifying_takes_one_part_away(genotype, seed):
    parts = optional_parts(genotype)
    assert bool(parts) == any(getattr(b, g) != getattr(Block(), g) for _, b in genotype.blocks for g in OPTIONAL_GENES)
    if parts:
        child, summary = simplify(genotype, parts, np.random.default_rng(seed))
        assert differences(genotype, child) == 1
        assert len(optional_parts(child)) == len(parts) - 1
        assert "without" in summary


@given(genotypes)
def test_memory_is_trained_by_rollouts_at_no_more_than_their_rate(genotype):
    settled = genotype.with_suitable_training()
    assert settled.blocks == genotype.blocks
    if genotype.recurrent:
        assert settled.loss == "rollout"
        assert settled.learning_rate == genotype.learning_rate or settled.learning_rate <= 0.01
    else:
        assert settled == genotype


def test_foreign_edited_and_ill_fitting_sources_have_no_genotype():
    source = render(default_genotype(SPEC))
    assert parse("x = 1", SPEC) is None
    assert parse(source.replace("rate * (target - own)", "rate * target"), SPEC) is None
    assert parse(source.replace('"sigmoid"', '"step"'), SPEC) is None
    assert parse("# genotype: [1]", SPEC) is None
    assert parse("# genotype: {", SPEC) is None
    other = replace(SPEC, groups=("A", "A", "B", "D", "D", "B"))
    assert parse(source, other) is None
    assert parse(source.replace("\n", "\r\n"), SPEC) == default_genotype(SPEC)


def differences(a, b):
    blocks = sum(getattr(a.block(g), gene) != getattr(b.block(g), gene) for g in a.groups for gene in BLOCK_GENES)
    return blocks + (a.loss != b.loss) + (a.learning_rate != b.learning_rate)


@given(genotypes, st.integers(0, 10**6))
def test_operators_change_something_and_stay_in_the_grammar(genotype, seed):
    rng = np.random.default_rng(seed)
    genes = block_genes(SPEC)
    one, summary = replace_gene(genotype, genes, {}, {}, rng)
    assert differences(genotype, one) == 1
    assert "->" in summary
    everywhere, _ = replace_everywhere(genotype, genes, {}, rng)
    changed = [
        gene
        for gene in BLOCK_GENES
        if any(getattr(genotype.block(g), gene) != getattr(everywhere.block(g), gene) for g in genotype.groups)
    ]
    assert len(changed) == 1
    assert len({getattr(block, changed[0]) for _, block in everywhere.blocks}) == 1
    mutated, _ = mutate(genotype, genes, {}, {}, rng)
    assert mutated != genotype
    for child in (one, everywhere, mutated):
        assert Genotype.from_json(child.to_json()) == child


@given(genotypes, genotypes, st.integers(0, 10**6))
def test_crossover_takes_every_group_whole_from_one_parent(a, b, seed):
    child, _ = crossover(a, b, {}, np.random.default_rng(seed))
    assert all(child.block(g) in (a.block(g), b.block(g)) for g in a.groups)
    assert (child.loss, child.learning_rate) in {(a.loss, a.learning_rate), (b.loss, b.learning_rate)}


def test_crossover_replaces_the_groups_to_blame():
    base = default_genotype(SPEC)
    other = base.with_gene("ABC", "form", "residual")
    rng = np.random.default_rng(0)
    taken = dict.fromkeys("ABC", 0)
    for _ in range(1_000):
        child, _ = crossover(base, other, {"B": 1.0}, rng)
        for g in "ABC":
            taken[g] += child.block(g).form == "residual"
    assert taken["B"] > 850
    assert taken["A"] < 160
    assert taken["C"] < 160


def test_odds_follow_blame_but_leave_every_group_a_chance():
    np.testing.assert_allclose(group_odds(("A", "B"), {}), [0.5, 0.5])
    np.testing.assert_allclose(group_odds(("A", "B"), {"other": 1.0}), [0.5, 0.5])
    np.testing.assert_allclose(group_odds(("A", "B"), {"A": 3.0, "B": 1.0}), [0.7, 0.3])
    np.testing.assert_allclose(group_odds(("A", "B"), {"A": 2.0}), [0.9, 0.1])


def context(*sources, known=(), spec=SPEC):
    scored = tuple(Scored(Program(s), Evaluation(Status.OK, 1.0)) for s in sources)
    return Context(spec, scored, frozenset(known) | {s.program.id for s in scored})


def proposed(operator, ctx, seed=0, hints=(), spec=SPEC):
    proposal = GrammarProposer(spec).propose(Request(0, operator, (), hints), ctx, np.random.default_rng(seed))
    return parse(proposal.source, spec), proposal


def test_equal_generators_give_equal_proposals():
    ctx = context(render(default_genotype(SPEC)))
    assert proposed("mutate", ctx, seed=3)[1] == proposed("mutate", ctx, seed=3)[1]
    assert len({proposed("mutate", ctx, seed=s)[1].source for s in range(30)}) > 10


def test_children_begin_near_their_parent():
    parent = random_genotype(1).with_suitable_training()
    ctx = context(render(parent))
    for seed in range(40):
        child, _ = proposed("mutate", ctx, seed)
        assert child == child.with_suitable_training()
        changed = {
            g: [n for n in BLOCK_GENES if getattr(child.block(g), n) != getattr(parent.block(g), n)] for g in "ABC"
        }
        assert all(len(genes) <= 1 for genes in changed.values())
        assert 1 <= differences(parent, child) <= 3
    rewrites = [differences(parent, proposed("rewrite", ctx, seed)[0]) for seed in range(40)]
    assert max(rewrites) == 3
    assert min(rewrites) >= 1


def test_foreign_parent_counts_as_the_default_genotype():
    child, _ = proposed("mutate", context("x = 1"))
    assert differences(default_genotype(SPEC), child) in (1, 2, 3)


def test_known_programs_are_avoided():
    ctx = context(render(default_genotype(SPEC)))
    known = [Program(proposed("mutate", ctx, seed)[1].source).id for seed in range(10)]
    again = context(render(default_genotype(SPEC)), known=known)
    for seed in range(10):
        assert Program(proposed("mutate", again, seed)[1].source).id not in again.known


def test_last_draw_is_given_when_everything_is_known():
    class All(frozenset):
        def __contains__(self, item):
            return True

    ctx = replace(context("x = 1"), known=All())
    assert proposed("mutate", ctx)[0] is not None


def test_recombination_crosses_the_last_two_parents():
    a = default_genotype(SPEC)
    b = a.with_gene("ABC", "form", "residual").with_gene("ABC", "gate", "min")
    ctx = context(render(a.with_gene("ABC", "width", 8)), render(b), render(a))
    children = [proposed("recombine", ctx, seed)[0] for seed in range(40)]
    crossed = [c for c in children if all(c.block(g) in (a.block(g), b.block(g)) for g in "ABC")]
    assert len(crossed) > 20  # where every group came from one parent, the child is a mutation instead
    assert not {a, b} & set(children)


def test_recombination_of_equal_parents_mutates():
    source = render(default_genotype(SPEC))
    assert differences(default_genotype(SPEC), proposed("recombine", context(source, source))[0]) >= 1


def test_hints_turn_attention_to_the_groups_to_blame():
    ctx = context(render(default_genotype(SPEC)))
    touched = dict.fromkeys("ABC", 0)
    for seed in range(300):
        _, proposal = proposed("mutate", ctx, seed, hints=("blame:B=1.0",))
        for g in "ABC":
            touched[g] += proposal.summary.startswith(f"{g}:")
    assert touched["B"] > 4 * max(touched["A"], touched["C"]) > 0


def test_autonomous_tasks_have_no_modulation_gene():
    assert "modulation" in block_genes(SPEC)
    assert "modulation" not in block_genes(AUTONOMOUS)
    ctx = context(render(default_genotype(AUTONOMOUS)), spec=AUTONOMOUS)
    for seed in range(60):
        child, _ = proposed("rewrite", ctx, seed, spec=AUTONOMOUS)
        assert all(block.modulation == "none" for _, block in child.blocks)
