import itertools
from dataclasses import replace

import jax
import numpy as np
import pytest
from genotype_cases import (
    GROUPS,
    SPECS,
    B,
    D,
    N,
    assert_has_the_shapes_of_the_contract,
    assert_rows_are_independent,
    assert_trains,
    begin,
    inputs,
    neighbours,
    noisy,
    reads,
    sigmoid,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from zfbench.discoverers.proposers.rate.genotype import (
    GENES,
    INPUTS,
    INSERTED,
    NEED_DRIVE,
    TRAINING_GENES,
    Block,
    RateGenotype,
    allowed,
    choices,
    names,
    start,
)
from zfbench.discoverers.proposers.rate.operators import KINDS, crossover, draw, group_odds, mutate
from zfbench.discoverers.proposers.rate.render import parse, render
from zfbench.records.program import Program
from zfbench.records.source import check_source

pytestmark = pytest.mark.usefixtures("quick_compiler")

DRIVEN, MASKED, AUTONOMOUS = SPECS.values()
seeds = st.integers(0, 10**6)


def drawn(seed, spec=DRIVEN):
    return draw(spec, np.random.default_rng(seed))


def covering(k):
    """A genotype that gives group number g the choice number k + g: three of them hold every choice there is."""
    rows = [
        (group, Block(**{gene: options[(k + 2 * g) % len(options)] for gene, options in GENES.items()}))
        for g, group in enumerate("ABC")
    ]
    return RateGenotype(tuple(rows))


COVERING = [covering(k).settled() for k in range(2)] + [covering(0).with_gene("ABC", "memory", "none")]


def test_the_covering_genotypes_hold_every_choice():
    for gene, options in GENES.items():
        assert {getattr(block, gene) for genotype in COVERING for _, block in genotype.blocks} == set(options)


# --- the source is the genotype


@settings(max_examples=100, deadline=None)
@given(seeds, st.sampled_from(list(SPECS.values())))
def test_genotype_travels_in_the_source(seed, spec):
    genotype = drawn(seed, spec)
    source = render(genotype)
    check_source(source)
    assert parse(source, spec) == genotype
    assert parse(source.replace("\n", "\r\n"), spec) == genotype
    assert RateGenotype.from_json(genotype.to_json()) == genotype


@settings(max_examples=5, deadline=None)
@given(seeds)
def test_one_change_is_another_program(seed):
    genotype = drawn(seed)
    children = [child for child, _ in neighbours(genotype, DRIVEN)]
    sources = {Program(render(child)).id for child in children} | {Program(render(genotype)).id}
    assert len(sources) == len(children) + 1


def test_foreign_edited_and_ill_fitting_sources_have_no_genotype():
    genotype = start(DRIVEN).with_gene("A", "sources", ("B",))
    source = render(genotype)
    assert parse(source, DRIVEN) == genotype
    assert parse("x = 1", DRIVEN) is None
    assert parse(source.replace("rate * (target - own)", "rate * target"), DRIVEN) is None
    assert parse(source.replace('"sigmoid"', '"step"'), DRIVEN) is None
    assert parse("# rate genotype: [1]", DRIVEN) is None
    assert parse("# rate genotype: {", DRIVEN) is None
    assert parse(source, replace(DRIVEN, groups=("A", "A", "B", "D", "D", "B"))) is None
    for wrong in (("Z",), ("B", "A"), ("A", "B", "C"), ("B", "B")):  # unknown, out of order, all of them, twice
        assert parse(render(genotype.with_gene("A", "sources", wrong)), DRIVEN) is None
    forbidden = next(c for c in MASKED.drive for g in "ABC" if c not in allowed(MASKED, g, "channels"))
    group = next(g for g in "ABC" if forbidden not in allowed(MASKED, g, "channels"))
    assert parse(render(start(MASKED).with_gene(group, "channels", (forbidden,))), MASKED) is None


def test_a_source_with_an_unknown_training_has_no_genotype():
    source = render(start(DRIVEN))
    assert parse(source.replace('"loss": "quick_curriculum"', '"loss": "magic"'), DRIVEN) is None
    assert parse(source.replace('"learning_rate": 0.03', '"learning_rate": 0.5'), DRIVEN) is None


# --- what a program computes


def moved(number, choice, x, A, a, others):
    """What a gene's own numbers make of the drive, of all activity, of own activity, or of something else."""
    readouts = {"drive": x, "activity": A}
    return readouts[choice] @ number if choice in readouts else number * {"own": a, **others}[choice]


def read_by(i, genotype, spec):
    """Which inputs a neuron reads, [N + D]."""
    block, read = genotype.block(GROUPS[i]), reads(spec)[i].copy()
    if block.sources is not None:
        read[:N] &= [g in block.sources for g in GROUPS]
    if block.channels is not None:
        read[N:] &= [c in block.channels for c in spec.drive]
    return read


def reference(genotype, spec, p, activity, drive, trace):
    """One step, neuron by neuron, from the formulas in `Block`: the activity [B, N] and the trace [B, N] after it."""
    both = np.concatenate([activity, drive], axis=1)
    wired, after, later = reads(spec), np.empty((B, N)), np.array(trace)
    for i in range(N):
        block = genotype.block(GROUPS[i])
        read = read_by(i, genotype, spec)
        v, A, x = both * read, activity * read[:N], drive * read[N:]
        a = activity[:, i] * (wired[i, i])

        def row(gene, choice, i=i):
            return [j for j in range(N) if getattr(genotype.block(GROUPS[j]), gene) == choice].index(i)

        u = v @ p["weights"][i]
        if block.synapse == "drive":
            u = u + np.einsum("bj,bd,jd->b", A, x, p["scaled_by_drive"][row("synapse", "drive")])
        elif block.synapse == "group":
            for k, group in enumerate(dict.fromkeys(GROUPS)):
                seen = [j for j in range(N) if GROUPS[j] == group and read[j]]
                if seen:
                    scale = activity[:, seen].mean(axis=1)
                    u = u + scale * (A @ p["scaled_by_groups"][row("synapse", "group")][:, k])
        elif block.synapse == "own":
            u = u + a * (v @ p["scaled_by_own"][i])
        elif block.synapse == "squared":
            u = u + v**2 @ p["squared"][i]
        if block.gate != "none":
            alike = [j for j in range(N) if genotype.block(GROUPS[j]).gate == block.gate]
            known = np.any([read_by(j, genotype, spec) for j in alike], axis=0)
            kept = [j for j in range(len(known)) if j == 0 or known[j]]  # the first keeps the array from being empty
            gain = p[f"gate_{block.gate}"][alike.index(i)]
            for (k, j), (m, other) in itertools.permutations(enumerate(kept), 2):
                f, s = v[:, j], v[:, other]
                gate = {
                    "min": np.minimum(f, s),
                    "product": f * s,
                    "ratio": f / (1 + s**2),
                    "contrast": (f - s) / (1 + abs(f) + abs(s)),
                }
                if read[j] and read[other] and (k < m or block.gate == "ratio"):
                    u = u + gain[k, m] * gate[block.gate]
        if block.hidden != "none":
            h = (v[:, None] * p["hidden"][i]).sum(-1) + p["offset"][i]
            h = {"tanh": np.tanh(h), "relu": np.maximum(h, 0), "sine": np.sin(h)}[block.hidden]
            u = u + h @ p["out"][i]
        if block.memory != "none":
            follows = u if block.memory == "delay" else a
            later[:, i] = trace[:, i] + sigmoid(p["trace_rate"][i]) * (follows - trace[:, i])
            t, strength = later[:, i], p["strength"][i]
            u = {
                "adaptation": u - strength * t,
                "facilitation": u * (1 + strength * t),
                "delay": u + strength * (t - u),
            }[block.memory]
        slope = np.full(B, p["slope"][i])
        if block.slope == "drive":
            slope = slope + x @ p["slope_drive"][i]
        elif block.slope == "activity":
            slope = slope + A @ p["slope_activity"][i]
        elif block.slope == "own":
            slope = slope + p["slope_own"][i] * a
        elif block.slope == "bounded":
            slope = slope * 2 * sigmoid(x @ p["slope_bounded"][i])
        z = slope * (u - p["bias"][i])
        target = {
            "sigmoid": sigmoid(z),
            "linear": z,
            "tanh": np.tanh(z),
            "softplus": np.log1p(np.exp(z)),
            "relu": np.maximum(z, 0),
            "clip": np.clip(z, 0, 1),
        }[block.unit]
        rate = np.full(B, sigmoid(p["rate"][i]))
        if block.rate != "fixed":
            number = p[f"rate_{block.rate}"][i]
            factor = moved(number, block.rate, x, A, a, {"rise": target > a})
            rate = np.clip(rate * (1 + factor), 0, 1)
        new = {
            "leak": a + rate * (target - a),
            "integrate": a + rate * target,
            "instant": target,
            "saturate": a + rate * target * (1 - a),
            "cubic": a + rate * (target - a**3),
        }[block.form]
        if block.reset != "none":
            number = p[f"reset_{block.reset}"][i]
            reset = moved(number, block.reset, x, A, a, {"constant": 1.0})
            new = (1 - np.clip(reset, 0, 1)) * new
        after[:, i] = new
    return after, later


def assert_follows_its_formulas(genotype, spec, seed):
    step, params, state = begin(render(genotype), spec)
    activity, drive = inputs(spec, seed)
    params = noisy(params, seed)
    p = {name: np.asarray(tree["values"], float) for name, tree in params.items()}
    trace = np.zeros((B, N))
    for _ in range(2):  # so that memory has something to tell
        state, after = step(params, state, activity, drive)
        expected, trace = reference(genotype, spec, p, activity.astype(float), drive.astype(float), trace)
        np.testing.assert_allclose(after, expected, rtol=2e-4, atol=2e-4)
        if genotype.recurrent:
            has = [genotype.block(g).memory != "none" for g in GROUPS]
            np.testing.assert_allclose(np.asarray(state["trace"])[:, has], trace[:, has], rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("spec", [DRIVEN, MASKED], ids=["driven", "masked"])
@pytest.mark.parametrize("k", range(3))
def test_every_choice_follows_its_formula(k, spec):
    assert_follows_its_formulas(COVERING[k], spec, k)


@settings(max_examples=3, deadline=None)
@given(seeds, st.sampled_from(list(SPECS.values())))
def test_drawn_programs_follow_their_formulas(seed, spec):
    assert_follows_its_formulas(drawn(seed, spec), spec, seed)


def test_slopes_and_biases_begin_where_rates_are():
    _, p, _ = begin(render(start(DRIVEN).with_gene("B", "unit", "linear")), DRIVEN)
    linear = np.array(GROUPS) == "B"
    np.testing.assert_allclose(p["slope"]["values"], np.where(linear, 1, np.e), rtol=1e-6)
    np.testing.assert_allclose(p["bias"]["values"], np.where(linear, 0, 0.3), rtol=1e-6)


@pytest.mark.parametrize("unit", ["sigmoid", "tanh", "softplus", "relu", "clip"])
def test_units_of_rates_begin_in_the_middle_of_their_range(unit):
    genotype = start(DRIVEN).with_gene("ABC", "unit", unit).with_gene("ABC", "form", "instant")
    step, params, state = begin(render(genotype), DRIVEN)
    after = step(params, state, np.zeros((B, N), np.float32), np.zeros((B, D), np.float32))[1]
    np.testing.assert_allclose(after, 0.3, atol=0.02)


INSERTIONS = [(gene, choice) for gene in INSERTED for choice in GENES[gene][1:]]


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize(("gene", "choice"), INSERTIONS)
def test_insertions_begin_without_effect_and_can_be_trained(gene, choice):
    activity, drive = inputs(DRIVEN)

    def second_step(genotype):
        step, params, state = begin(render(genotype), DRIVEN)
        return lambda p: step(p, step(p, state, activity, drive)[0], activity, drive)[1], params

    parent_step, parent = second_step(start(DRIVEN))
    child_step, child = second_step(start(DRIVEN).with_gene("B", gene, choice))
    shared = {name: child[name] for name in parent}
    jax.tree.map(np.testing.assert_array_equal, shared, parent)
    np.testing.assert_allclose(child_step(child), parent_step(parent), rtol=1e-5)
    gradient = jax.jit(jax.grad(lambda params: (child_step(params) ** 2).sum()))(child)
    assert any(np.abs(gradient[name]["values"]).max() > 0 for name in set(gradient) - set(shared))


# --- the contract


@settings(max_examples=10, deadline=None)
@given(seeds, st.sampled_from(list(SPECS.values())))
def test_every_program_has_the_shapes_of_the_contract(seed, spec):
    genotype = drawn(seed, spec)
    assert_has_the_shapes_of_the_contract(render(genotype), spec, genotype.recurrent)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_rows_of_a_batch_are_independent(spec):
    assert_rows_are_independent(render(drawn(2, spec)), spec)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("k", range(3))
def test_programs_with_every_choice_train_and_keep_to_the_wiring(k):
    assert_trains(render(COVERING[k]), MASKED)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("name", ["driven", "autonomous"])
def test_drawn_programs_train(name):
    assert_trains(render(drawn(1, SPECS[name]).settled()), SPECS[name])


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("name", SPECS)
def test_many_drawn_programs_train_and_keep_to_the_wiring(name):
    for seed in range(40):
        genotype = drawn(seed, SPECS[name]).settled()
        assert_trains(render(replace(genotype, learning_rate=0.003)), SPECS[name])


# --- the list of choices


TRUE = {  # of some group of the published circuit; see test_rate_truth.py
    "unit": {"sigmoid", "linear"},
    "form": {"leak", "integrate"},
    "rate": {"fixed", "drive"},
    "reset": {"none", "drive"},
    "slope": {"fixed", "drive"},
    "synapse": {"plain", "drive"},
    "gate": {"none", "min"},
    "memory": {"none"},
    "hidden": {"none"},
}


@pytest.mark.parametrize("gene", GENES)
def test_every_gene_has_three_choices_that_are_true_of_no_group(gene):
    assert len(set(GENES[gene]) - TRUE[gene]) >= 3


def test_without_drive_nothing_is_moved_by_it():
    for gene, options in GENES.items():
        assert set(options) - set(choices(gene, AUTONOMOUS)) == set(NEED_DRIVE.get(gene, ()))
        assert choices(gene, DRIVEN) == options


def test_allowed_inputs_are_those_that_some_neuron_of_the_group_may_read():
    for group in "ABC":
        rows = reads(MASKED)[[g == group for g in GROUPS]].any(axis=0)
        groups = {g for g, seen in zip(GROUPS, rows[:N], strict=True) if seen}
        assert set(allowed(MASKED, group, "sources")) == groups
        assert allowed(MASKED, group, "channels") == tuple(np.array(MASKED.drive)[rows[N:]])
        assert allowed(DRIVEN, group, "sources") == ("A", "B", "C")
        assert allowed(AUTONOMOUS, group, "channels") == ()


def test_a_set_of_inputs_has_one_form():
    assert names({"b", "a"}, ("a", "b", "c")) == ("a", "b")
    assert names("cba", ("a", "b", "c")) is None
    assert names((), ("a",)) == ()


# --- operators


def differences(a, b):
    blocks = sum(getattr(a.block(g), k) != getattr(b.block(g), k) for g in a.groups for k in (*GENES, *INPUTS))
    return blocks + (a.loss != b.loss) + (a.learning_rate != b.learning_rate)


@settings(max_examples=60, deadline=None)
@given(seeds, st.sampled_from(list(SPECS.values())))
def test_a_mutation_is_a_neighbour_and_a_neighbour_differs_in_one_thing(seed, spec):
    genotype = drawn(seed, spec)
    near = [child for child, _ in neighbours(genotype, spec)]
    assert len(set(near)) == len(near)
    assert all(differences(genotype, child) == 1 for child in near)
    child, summary = mutate(genotype, spec, {}, {}, np.random.default_rng(seed))
    assert child in near
    assert summary


def test_every_neighbour_is_drawn_sooner_or_later():
    genotype, rng = start(DRIVEN).with_gene("A", "gate", "contrast"), np.random.default_rng(0)
    near = {child for child, _ in neighbours(genotype, DRIVEN)}
    assert {mutate(genotype, DRIVEN, {}, {}, rng)[0] for _ in range(5_000)} == near


def test_neighbours_of_a_set_have_one_more_one_less_one_alone_none_or_all():
    genotype = start(DRIVEN).with_gene("A", "sources", ("A", "B"))
    sets = {child.block("A").sources for child, summary in neighbours(genotype, DRIVEN) if "A: sources" in summary}
    assert sets == {None, (), ("A",), ("B",), ("C",)}
    assert len({child.block("B").sources for child, said in neighbours(genotype, DRIVEN) if "B: sources" in said}) == 7


def test_no_mutation_touches_two_groups():
    rng = np.random.default_rng(0)
    for _ in range(300):
        child, _ = mutate(start(DRIVEN), DRIVEN, {}, {}, rng)
        assert sum(child.block(g) != start(DRIVEN).block(g) for g in "ABC") <= 1


def test_a_simplification_takes_an_inserted_part_away():
    genotype, rng = (
        start(DRIVEN).with_gene("A", "gate", "min").with_gene("C", "hidden", "sine"),
        np.random.default_rng(0),
    )
    children = [mutate(genotype, DRIVEN, {}, {}, rng) for _ in range(2_000)]
    simple = [child for child, summary in children if "without" in summary]
    assert len(simple) / 2_000 == pytest.approx(KINDS["simplify"], abs=0.03)
    parts = {
        ("A", "gate"): genotype.with_gene("A", "gate", "none"),
        ("C", "hidden"): genotype.with_gene("C", "hidden", "none"),
    }
    assert set(simple) == set(parts.values())


def test_credit_and_blame_turn_mutations():
    rng = np.random.default_rng(0)
    said = [mutate(start(DRIVEN), DRIVEN, {"B": 1.0}, {"gate": 100.0}, rng)[1] for _ in range(1_000)]
    genes = [s for s in said if not s.startswith("training")]
    assert np.mean([s.startswith("B:") for s in genes]) == pytest.approx(0.8 + 0.2 / 3, abs=0.05)
    assert np.mean([" gate " in s for s in genes]) == pytest.approx(100 / 110, abs=0.05)
    np.testing.assert_allclose(group_odds(("A", "B"), {"A": 3.0, "B": 1.0}), [0.7, 0.3])
    np.testing.assert_allclose(group_odds(("A", "B"), {"other": 1.0}), [0.5, 0.5])


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_crossover_takes_every_group_whole_from_one_parent(seed):
    rng = np.random.default_rng(seed)
    a, b = draw(DRIVEN, rng), draw(DRIVEN, rng)
    child, _ = crossover(a, b, {}, rng)
    assert all(child.block(g) in (a.block(g), b.block(g)) for g in a.groups)
    assert (child.loss, child.learning_rate) in {(a.loss, a.learning_rate), (b.loss, b.learning_rate)}


def test_crossover_replaces_the_groups_to_blame():
    base, rng = start(DRIVEN), np.random.default_rng(0)
    other = base.with_gene("ABC", "form", "instant")
    taken = [crossover(base, other, {"B": 1.0}, rng)[0].block("B").form == "instant" for _ in range(1_000)]
    assert np.mean(taken) == pytest.approx(0.9, abs=0.05)


def test_draws_are_uniform_over_choices_and_inputs():
    rng = np.random.default_rng(0)
    found = [draw(DRIVEN, rng) for _ in range(2_000)]
    for gene, options in GENES.items():
        shares = [np.mean([g.block("B").__dict__[gene] == option for g in found]) for option in options]
        np.testing.assert_allclose(shares, 1 / len(options), atol=0.05)
    reading = [g.block("B").sources is None or "A" in g.block("B").sources for g in found]
    assert np.mean(reading) == pytest.approx(0.5, abs=0.05)
    assert {g.loss for g in found} == set(TRAINING_GENES["loss"])
    assert {g.learning_rate for g in found} == set(TRAINING_GENES["learning_rate"])


def test_memory_is_trained_by_rollouts_at_no_more_than_their_rate():
    genotype = start(DRIVEN).with_gene("A", "memory", "delay")
    assert (genotype.settled().loss, genotype.settled().learning_rate) == ("rollout", 0.01)
    assert replace(genotype, learning_rate=0.003).settled().learning_rate == 0.003
    assert replace(genotype, loss="rollout").settled().learning_rate == 0.03
    assert start(DRIVEN).settled() == start(DRIVEN)
