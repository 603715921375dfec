from dataclasses import replace

import jax
import numpy as np
import pytest
from genotype_cases import (
    SPECS,
    B,
    N,
    assert_has_the_shapes_of_the_contract,
    assert_rows_are_independent,
    assert_trains,
    begin,
    inputs,
    noisy,
    reads,
    sigmoid,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from zfbench.discoverers.proposers.blackbox.family import BlackBoxFamily
from zfbench.discoverers.proposers.blackbox.genotype import ALL_GENES, GENES, BlackBoxGenotype
from zfbench.discoverers.proposers.blackbox.render import HEADS, KEYS, NARROW, UNITS, WINDOW, parse, render
from zfbench.records.program import Program
from zfbench.records.source import check_source

pytestmark = pytest.mark.usefixtures("quick_compiler")

DRIVEN, MASKED, AUTONOMOUS = SPECS.values()
FAMILY = BlackBoxFamily()
genotypes = st.builds(BlackBoxGenotype, **{gene: st.sampled_from(choices) for gene, choices in ALL_GENES.items()})


def covering(k):
    """Four of them hold every choice there is; small ones, for they are compiled."""
    rows = {gene: choices[(k + n) % len(choices)] for n, (gene, choices) in enumerate(GENES.items())}
    return BlackBoxGenotype(
        **{**rows, "width": (16, 32)[k % 2], "depth": k // 2 + 1, "trunk": GENES["trunk"][k % 3]}
    ).settled()


COVERING = [covering(k) for k in range(4)]


def test_the_covering_genotypes_hold_every_choice_but_sizes():
    for gene in set(GENES) - {"width", "depth"}:
        assert {getattr(genotype, gene) for genotype in COVERING} == set(GENES[gene]), gene


@settings(max_examples=200, deadline=None)
@given(genotypes, genotypes)
def test_genotype_travels_in_the_source(a, b):
    source = render(a)
    check_source(source)
    assert parse(source, DRIVEN) == a
    assert BlackBoxGenotype.from_json(a.to_json()) == a
    assert (Program(source).id == Program(render(b)).id) == (a == b)


def test_foreign_and_edited_sources_have_no_genotype():
    source = render(BlackBoxGenotype())
    assert parse(source.replace("\n", "\r\n"), DRIVEN) == BlackBoxGenotype()
    assert parse("x = 1", DRIVEN) is None
    assert parse(source.replace("own + out", "out"), DRIVEN) is None
    assert parse(source.replace('"depth": 1', '"depth": 9'), DRIVEN) is None
    assert parse(source.replace('"depth": 1', '"depth": true'), DRIVEN) is None
    assert parse(source.replace('"width": 64', '"width": 64.0'), DRIVEN) is None
    assert parse("# black-box genotype: [1]", DRIVEN) is None
    assert parse("# black-box genotype: {", DRIVEN) is None
    assert parse("# black-box genotype: {}", DRIVEN) is None
    assert parse(source.replace('"loss": "curriculum"', '"loss": "magic"'), DRIVEN) is None


@settings(max_examples=100)
@given(genotypes)
def test_no_part_is_made_for_neurons_unless_it_is_drawn(genotype):
    source = render(genotype)
    assert ("rate" in source.replace("learning_rate", "").replace("separate", "")) == (genotype.output == "leak")
    assert "groups" not in source
    if genotype.bound == "free" and genotype.output in ("next", "change") and genotype.memory in ("none", "window"):
        assert "sigmoid" not in source.partition("from typing")[2]


def test_the_start_is_a_shared_perceptron_with_a_free_output():
    genotype = FAMILY.start(DRIVEN)
    assert (genotype.trunk, genotype.depth, genotype.memory) == ("shared", 1, "none")
    assert (genotype.output, genotype.bound) == ("change", "free")


# --- what a program computes


def reference(g, spec, p, activity, drive, memory):
    """One step from the description of the genes: the activity [B, N], and each neuron's memory [B, N, k] after it."""
    both = np.concatenate([activity, drive], axis=1)
    wired, after, later = reads(spec), np.empty((B, N)), None if memory is None else np.array(memory)
    act = {
        "tanh": np.tanh,
        "relu": lambda x: np.maximum(x, 0),
        "silu": lambda x: x * sigmoid(x),
        "gelu": lambda x: np.asarray(jax.nn.gelu(x)),
    }[g.activation]
    for i in range(N):

        def dense(x, name, i=i):
            w, b = p[name], p[f"{name}_bias"]
            return x @ w[i] + b[i] if g.trunk == "neurons" else x @ w + b

        h = both * wired[i]
        if g.trunk == "attention":
            seen, found = np.flatnonzero(wired[i]), []
            for head in range(HEADS):
                ask, kind, level = p["ask"][i, head], p["kind"][:, head], p["level"][:, head]
                heard = np.exp((kind[seen] @ ask) + (level[seen] @ ask) * both[:, seen])  # [B, seen]
                heard = heard / heard.sum(axis=1, keepdims=True)
                value = p["value"][seen, head] * both[:, seen, None] + p["offset"][seen, head]  # [B, seen, k]
                found.append((heard[..., None] * value).sum(axis=1))
            h = np.concatenate(found, axis=1)
            assert h.shape == (B, HEADS * KEYS)
        for layer in range(g.depth):
            before = h
            h = dense(h, f"layer{layer}")
            if g.normalisation == "layer":
                h = (h - h.mean(1, keepdims=True)) / np.sqrt(h.var(1, keepdims=True) + 1e-6)
            elif g.normalisation == "rms":
                h = h / np.sqrt((h**2).mean(1, keepdims=True) + 1e-6)
            h = act(h)
            if g.skip == "add" and layer > 0:
                h = before + h
            assert h.shape[1] == (g.width // NARROW if g.trunk == "neurons" else g.width)
        if g.memory != "none":
            m = memory[:, i]
            if g.memory == "window":
                m = m + WINDOW * (h - m)
            else:
                gates = sigmoid(dense(np.concatenate([h, m], axis=1), "gates"))
                kept, moved = gates[:, :UNITS], gates[:, -UNITS:]
                assert gates.shape[1] == (2 * UNITS if g.memory == "gru" else UNITS)
                m = m + moved * (np.tanh(dense(np.concatenate([h, kept * m], axis=1), "candidates")) - m)
            later[:, i] = m
            h = np.concatenate([h, m], axis=1)
        out = h @ p["out"][i] + p["out_bias"][i]
        out = {"free": out, "sigmoid": sigmoid(out), "tanh": np.tanh(out), "clip": np.clip(out, 0, 1)}[g.bound]
        a = activity[:, i] * wired[i, i]
        if g.output == "leak":
            out = a + sigmoid(p["rate"][i]) * (out - a)
        elif g.output == "mix":
            out = a + sigmoid(h @ p["mix"][i] + p["mix_bias"][i]) * (out - a)
        after[:, i] = a + out if g.output == "change" else out
    return after, later


@pytest.mark.parametrize(
    ("k", "name"), [*((k, "masked") for k in range(6)), (0, "driven"), (3, "driven"), (2, "autonomous")]
)
def test_programs_follow_their_description(k, name):
    genotype = (
        COVERING[k] if k < 4 else replace(COVERING[k - 3], depth=3, skip="add", trunk=("shared", "neurons")[k - 4])
    )
    spec = SPECS[name]
    step, params, state = begin(render(genotype), spec)
    activity, drive = inputs(spec, k)
    params = noisy(params, k)
    p = {name: np.asarray(values, float) for name, values in params.items()}
    memory = None
    if genotype.memory != "none":
        memory = np.zeros((B, N, state.shape[2]))
    for _ in range(2):
        state, after = step(params, state, activity, drive)
        expected, memory = reference(genotype, spec, p, activity.astype(float), drive.astype(float), memory)
        np.testing.assert_allclose(after, expected, rtol=1e-3, atol=1e-3)


# --- the contract


@settings(max_examples=8, deadline=None)
@given(genotypes, st.sampled_from(list(SPECS.values())))
def test_every_program_has_the_shapes_of_the_contract(genotype, spec):
    assert_has_the_shapes_of_the_contract(render(genotype), spec, genotype.recurrent)


@pytest.mark.parametrize("k", range(4))
def test_rows_of_a_batch_are_independent(k):
    assert_rows_are_independent(render(COVERING[k]), (DRIVEN, MASKED)[k % 2])


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("k", range(4))
def test_programs_with_every_choice_train_and_keep_to_the_wiring(k):
    assert_trains(render(COVERING[k]), MASKED)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("name", SPECS)
def test_many_drawn_programs_train_and_keep_to_the_wiring(name):
    for seed in range(40):
        genotype = FAMILY.draw(SPECS[name], np.random.default_rng(seed)).settled()
        assert_trains(render(replace(genotype, learning_rate=0.003)), SPECS[name])


# --- operators


def differences(a, b):
    return [gene for gene in ALL_GENES if getattr(a, gene) != getattr(b, gene)]


@given(genotypes, st.integers(0, 10**6))
def test_a_mutation_replaces_one_gene(genotype, seed):
    child, summary = FAMILY.mutate(genotype, DRIVEN, {}, {}, np.random.default_rng(seed))
    (gene,) = differences(genotype, child)
    assert summary == f"{gene} {getattr(genotype, gene)} -> {getattr(child, gene)}"
    assert FAMILY.changed(genotype, child) == {gene}
    assert getattr(child, gene) in ALL_GENES[gene]


def test_mutations_reach_every_choice_and_follow_credit():
    rng, genotype = np.random.default_rng(0), BlackBoxGenotype()
    children = [FAMILY.mutate(genotype, DRIVEN, {}, {"width": 10.0}, rng)[0] for _ in range(4_000)]
    assert len(set(children)) == sum(len(choices) - 1 for choices in ALL_GENES.values())
    assert np.mean([child.width != 64 for child in children]) == pytest.approx(10 / 20, abs=0.04)


@given(genotypes, genotypes, st.integers(0, 10**6))
def test_crossing_takes_every_gene_from_one_parent(a, b, seed):
    child, summary = FAMILY.cross(a, b, {}, np.random.default_rng(seed))
    assert all(getattr(child, gene) in (getattr(a, gene), getattr(b, gene)) for gene in ALL_GENES)
    assert all(gene in summary for gene in differences(a, child))


def test_draws_are_uniform():
    rng = np.random.default_rng(0)
    found = [FAMILY.draw(DRIVEN, rng) for _ in range(2_000)]
    for gene, choices in ALL_GENES.items():
        shares = [np.mean([getattr(g, gene) == choice for g in found]) for choice in choices]
        np.testing.assert_allclose(shares, 1 / len(choices), atol=0.05)


def test_memory_is_trained_by_rollouts():
    genotype = BlackBoxGenotype(memory="gru", learning_rate=0.03)
    assert (genotype.settled().loss, genotype.settled().learning_rate) == ("rollout", 0.01)
    assert BlackBoxGenotype().settled() == BlackBoxGenotype()
