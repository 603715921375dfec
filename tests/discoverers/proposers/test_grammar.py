from dataclasses import replace

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discoverers.proposers.grammar.genotype import (
    BLOCK_GENES,
    TRAINING_GENES,
    Block,
    Genotype,
    block_genes,
    default_genotype,
)
from discoverers.proposers.grammar.operators import (
    crossover,
    group_odds,
    mutate,
    replace_everywhere,
    replace_gene,
)
from discoverers.proposers.grammar.proposer import GrammarProposer
from discoverers.proposers.grammar.render import parse, render
from zfbench.programs.contract import Status, TrainingChoice, check_source
from zfbench.search.proposer import Context
from zfbench.search.types import Evaluation, Program, Request, Scored
from zfbench.tasks.task import TaskSpec

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


@settings(max_examples=300)
@given(genotypes)
def test_genotype_travels_in_the_source(genotype):
    source = render(genotype)
    check_source(source)
    assert render(genotype) == source
    assert parse(source, SPEC) == genotype
    assert Genotype.from_json(genotype.to_json()) == genotype


@settings(max_examples=200)
@given(genotypes, genotypes)
def test_different_genotypes_are_different_programs(a, b):
    assert (Program(render(a)).id == Program(render(b)).id) == (a == b)


@settings(max_examples=40, deadline=None)
@given(genotypes, st.sampled_from([SPEC, MASKED, AUTONOMOUS]))
def test_every_program_has_the_shapes_of_the_contract(genotype, spec):
    model, training = load(render(genotype), spec)
    assert TrainingChoice.parse(training) == TrainingChoice(genotype.loss, genotype.learning_rate)
    state = model.initial_state(B)
    assert jax.tree.leaves(state) == []
    activity, drive = inputs(spec)
    shapes = jax.eval_shape(model.init, jax.random.key(0), state, activity, drive)
    assert set(shapes) == {"params"}
    _, after = jax.eval_shape(model.apply, shapes, state, activity, drive)
    assert (after.shape, after.dtype) == ((B, N), np.float32)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("spec", [MASKED, AUTONOMOUS, SPEC], ids=["masked", "autonomous", "driven"])
def test_step_is_finite_and_blind_to_forbidden_inputs(seed, spec):
    model, _ = load(render(random_genotype(seed)), spec)
    activity, drive = inputs(spec)
    params = noisy(model.init(jax.random.key(seed), (), activity, drive))
    step = jax.jit(lambda a, d: model.apply(params, (), a, d)[1])
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
    return params["params"], np.asarray(model.apply(params, (), activity, drive)[1])


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
    rate = sigmoid(p["rate"])  # of the neurons of A and C in their order: 0, 1, 3, 4
    a, b, c = [0, 1], [2, 5], [3, 4]
    expected = np.empty_like(after)
    expected[:, a] = activity[:, a] + rate[:2] * (target[:, a] - activity[:, a])
    expected[:, b] = activity[:, b] + p["step"] * target[:, b]
    reset = sigmoid(u @ p["reset"].T + p["reset_bias"])
    expected[:, c] = (1 - reset) * (activity[:, c] + rate[2:] * target[:, c])
    np.testing.assert_allclose(after, expected, rtol=1e-4, atol=1e-5)


def test_gates_gain_width_and_rank_follow_their_formula():
    activity, drive = inputs(SPEC)
    u = np.concatenate([activity, drive], axis=1)
    genotype = default_genotype(SPEC).with_gene("ABC", "form", "residual").with_gene("ABC", "nonlinearity", "identity")
    genotype = genotype.with_gene("A", "gate", "min").with_gene("B", "gate", "product")
    genotype = genotype.with_gene("C", "modulation", "gain").with_gene("C", "width", 8)
    genotype = genotype.with_gene("B", "coupling", "low_rank")
    p, after = step_of(genotype, activity, drive)
    a, b, c = [0, 1], [2, 5], [3, 4]
    z = np.empty((B, N))
    z[:, [0, 1, 3, 4]] = u @ p["weights"].T
    z[:, b] = u @ (p["mixing"] @ p["patterns"]).T
    z += p["bias"]
    hidden = np.tanh(np.einsum("bm,nkm->bnk", u, p["hidden"]) + p["offset"])
    z[:, c] += np.einsum("bnk,nk->bn", hidden, p["out"])
    second = 1 + u @ p["second"].T + p["second_bias"]  # neurons 0, 1, 2, 5
    z[:, a] = np.minimum(z[:, a], second[:, :2])
    z[:, b] *= second[:, 2:]
    z[:, c] *= 1 + drive @ p["gain"].T
    np.testing.assert_allclose(after, activity + p["step"] * z, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("gene", "choice"), [("width", 8), ("modulation", "gain")])
def test_insertions_begin_without_effect(gene, choice):
    activity, drive = inputs(SPEC)

    def fresh(genotype):
        model, _ = load(render(genotype), SPEC)
        params = model.init(jax.random.key(0), (), activity, drive)
        return params, model

    parent, parent_model = fresh(default_genotype(SPEC))
    child, child_model = fresh(default_genotype(SPEC).with_gene("ABC", gene, choice))
    merged = {"params": {**child["params"], **parent["params"]}}
    np.testing.assert_allclose(
        child_model.apply(merged, (), activity, drive)[1],
        parent_model.apply(parent, (), activity, drive)[1],
        rtol=1e-6,
    )


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
    ctx = context(GrammarProposer(SPEC).seed_source())
    assert proposed("mutate", ctx, seed=3)[1] == proposed("mutate", ctx, seed=3)[1]
    assert len({proposed("mutate", ctx, seed=s)[1].source for s in range(30)}) > 10


def test_children_begin_near_their_parent():
    parent = random_genotype(1)
    ctx = context(render(parent))
    for seed in range(40):
        child, _ = proposed("mutate", ctx, seed)
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
    ctx = context(GrammarProposer(SPEC).seed_source())
    known = [Program(proposed("mutate", ctx, seed)[1].source).id for seed in range(10)]
    again = context(GrammarProposer(SPEC).seed_source(), known=known)
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
    ctx = context(GrammarProposer(SPEC).seed_source())
    touched = dict.fromkeys("ABC", 0)
    for seed in range(300):
        _, proposal = proposed("mutate", ctx, seed, hints=("blame:B=1.0",))
        for g in "ABC":
            touched[g] += proposal.summary.startswith(f"{g}:")
    assert touched["B"] > 4 * max(touched["A"], touched["C"]) > 0


def test_autonomous_tasks_have_no_modulation_gene():
    assert "modulation" in block_genes(SPEC)
    assert "modulation" not in block_genes(AUTONOMOUS)
    ctx = context(GrammarProposer(AUTONOMOUS).seed_source(), spec=AUTONOMOUS)
    for seed in range(60):
        child, _ = proposed("rewrite", ctx, seed, spec=AUTONOMOUS)
        assert all(block.modulation == "none" for _, block in child.blocks)
