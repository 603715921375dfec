from dataclasses import replace

import jax
import numpy as np
import pytest
from grammar_cases import (
    AUTONOMOUS,
    MASKED,
    SPEC,
    B,
    N,
    genotypes,
    inputs,
    load,
    noisy,
    random_genotype,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from zfbench.discoverers.proposers.grammar.genotype import (
    BLOCK_GENES,
    OPTIONAL_GENES,
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
from zfbench.records.source import check_source


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
