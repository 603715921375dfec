"""What the pages say of the parts that searches find, and of the schedules of families, is so in files and code."""

from collections import Counter
from statistics import fmean

import pytest
from genotype_cases import neighbours
from results_page import ROOT, WORDS, written

import zfbench
from zfbench.discoverers.proposers.blackbox.family import BlackBoxFamily
from zfbench.discoverers.proposers.blackbox.genotype import ALL_GENES
from zfbench.discoverers.proposers.rate.family import RateFamily
from zfbench.discoverers.proposers.rate.genotype import GENES, INPUTS, TRAINING_GENES, start
from zfbench.discoverers.proposers.rate.truth import true_genotype
from zfbench.leaderboard.analyses.composition import compositions
from zfbench.leaderboard.analyses.searches import comparisons
from zfbench.tasks.zfish.name import ZfishName
from zfbench.tasks.zfish.task import make_spec
from zfbench.testbed.published import load

TASKS = ("zfish-tiny/masked", "zfish-tiny/driven")


@pytest.fixture(scope="module")
def spec():
    return make_spec(ZfishName.parse("zfish-tiny/masked"), load("published"))


@pytest.fixture(scope="module")
def searches(measured):
    return {c.task: c for c in comparisons(measured) if "family=rate" in c.proposer}


@pytest.fixture(scope="module")
def found(searches):
    return {task: compositions(c) for task, c in searches.items()}


def test_how_much_of_the_circuit_the_winners_have(shown, found):
    assert set(found) == set(TASKS)
    programs = [program for methods in found.values() for own in methods.values() for program in own]
    assert {program.possible for program in programs} == {10}
    most = max(program.true for program in programs)
    assert f"the first program of the rate family lacks, the programs that won have at most {WORDS[most]};" in shown
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"The programs that searches chose have at most {WORDS[most]} of those ten choices of form." in readme
    means = {task: {name: fmean(p.true for p in own) for name, own in found[task].items()} for task in TASKS}
    masked, driven = (means[task] for task in TASKS)
    assert f"{masked['puct']:.1f}" == f"{masked['modelsmc']:.1f}"
    say = (f"{value:.1f}"[1:] for value in (masked["puct"], driven["puct"], driven["modelsmc"]))
    assert "`puct` and `modelsmc` have {} with the mask, and {} and {} without it.".format(*say) in shown
    others = [fmean(p.other for p in found[task]["puct"]) for task in TASKS]
    assert "the winners of `puct` have {:.1f} and {:.1f} other changes of form".format(*others) in shown
    groups = {program.groups for program in programs}
    assert groups == {17}
    assert f"Of 17 groups at most {max(p.reads for p in programs)} read exactly" in shown


def right(truth, group, gene, choice):
    """Whether a choice is the circuit's, or the same function in that group."""
    alike = {("unit", "relu"): ("linear", None), ("unit", "clip"): ("linear", "integrate")}
    unit, form = alike.get((gene, choice), (choice, None))
    block = truth.block(group)
    return getattr(block, gene) == unit and form in (None, block.form)


def parts_of(child, first, truth):
    """Number of choices of form that are the circuit's and not the start's."""
    return sum(
        right(truth, group, gene, getattr(block, gene))
        for group, block in child.blocks
        for gene in GENES
        if getattr(block, gene) != getattr(first.block(group), gene)
    )


def test_how_many_of_the_changes_are_the_circuits(shown, found, spec):
    own = found["zfish-tiny/masked"]["puct"]
    true, changes = sum(p.true for p in own), sum(p.true + p.other for p in own)
    first, truth = start(spec), true_genotype(load("published"), spec)
    blocks = dict(first.blocks)
    forms = [
        (group, gene, getattr(block, gene))
        for child, _ in neighbours(first, spec)
        for group, block in child.blocks
        for gene in GENES
        if getattr(block, gene) != getattr(blocks[group], gene)
    ]
    possible = sum(right(truth, *change) for change in forms)
    assert (
        f"with the mask, {true} of {changes} are the circuit's; of the {len(forms)} single changes of form of the "
        f"first program, {possible} are."
    ) in shown


def test_how_many_true_choices_even_draws_would_hold(shown, searches):
    assert {len(run.evaluated) for c in searches.values() for own in c.runs.values() for run in own} == {47}
    said = []
    for task in TASKS:
        spec = spec_of(task)
        first, truth = start(spec), true_genotype(load("published"), spec)
        near = [child for child, _ in neighbours(first, spec)]
        true = sum(parts_of(child, first, truth) for child in near)
        said.append(f"{47 * true / len(near):.1f}".replace("0.", ".", 1))
    assert "{} of them would have such a choice with the mask and {} without it.".format(*said) in shown
    near = [len(zfbench.load_task(f"zfish-table/{t}").spec.table.neighbours((0,) * 6)) for t in ("masked", "driven")]
    assert f"The finite spaces, with {WORDS[near[0]]} and {WORDS[near[1]]} neighbours, are" in shown


def test_what_the_winners_of_puct_change_most(shown, searches, spec):
    first, truth = start(spec), true_genotype(load("published"), spec)
    for task in TASKS:
        changed = Counter(
            gene
            for run in searches[task].runs["puct"]
            for group, block in RateFamily().parse(run.program.source, spec_of(task)).blocks
            for gene in GENES
            if getattr(block, gene) not in (getattr(first.block(group), gene), getattr(truth.block(group), gene))
        )
        assert {gene for gene, _ in changed.most_common(2)} == {"slope", "hidden"}
    assert "other changes of form, most often of the slope and hidden units." in shown


def spec_of(task):
    return make_spec(ZfishName.parse(task), load("published"))


def test_the_schedules_that_families_begin_with_and_offer(spec):
    live = " ".join((ROOT / "docs" / "results" / "live.md").read_text(encoding="utf-8").split())
    rate, black = RateFamily().start(spec), BlackBoxFamily().start(spec)
    assert (
        f"Programs of the rate family begin with the schedule `{rate.loss}` at a learning rate of "
        f"{written(rate.learning_rate)}, black boxes with `{black.loss}` at {written(black.learning_rate)}, and "
        "neither family offers the other's"
    ) in live
    assert black.loss not in TRAINING_GENES["loss"]
    assert rate.loss not in ALL_GENES["loss"]


def test_what_a_group_reads_is_not_form():
    assert not set(INPUTS) & set(GENES)
