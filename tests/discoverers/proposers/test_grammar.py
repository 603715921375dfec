from dataclasses import replace

import numpy as np
import pytest
from genotype_cases import SPECS, neighbours

from zfbench.base import plugins
from zfbench.base.errors import ZfbenchError
from zfbench.discoverers.proposers.blackbox.genotype import BlackBoxGenotype
from zfbench.discoverers.proposers.grammar.credit import gene_credit
from zfbench.discoverers.proposers.grammar.proposer import FAMILIES, GrammarProposer
from zfbench.discoverers.proposers.rate.family import RateFamily
from zfbench.discoverers.proposers.rate.genotype import start
from zfbench.forecasting.seed import SEED_PROGRAM
from zfbench.protocols.proposer import Context
from zfbench.records.evaluation import Evaluation, Request, Scored
from zfbench.records.hints import ANEW, BLIND
from zfbench.records.program import Program, Status
from zfbench.tasks.sir.task import SIR

SPEC = SPECS["driven"]
RATE, START = RateFamily(), start(SPEC)
BLACK, BOX = FAMILIES["blackbox"][0], BlackBoxGenotype()


def scored(genotype, loss=1.0, parent=None, family=RATE):
    parents = () if parent is None else (parent.program.id,)
    status = Status.ERROR if loss is None else Status.OK
    return Scored(Program(family.render(genotype), parents), Evaluation(status, loss))


def context(*parents, history=(), known=()):
    return Context(SPEC, parents, frozenset(known) | {p.program.id for p in parents}, history or parents)


def proposed(operator, ctx, seed=0, hints=(), family="rate"):
    """The genotype of a proposal, with its family and summary."""
    proposal = GrammarProposer(SPEC, family).propose(Request(0, operator, (), hints), ctx, np.random.default_rng(seed))
    for kind in FAMILIES["both"]:
        if (genotype := kind.parse(proposal.source, SPEC)) is not None:
            return genotype, kind.name, proposal.summary
    raise AssertionError("no family wrote this")


def test_it_is_registered_and_its_identity_says_which_family():
    assert plugins.load("proposer", "grammar") is GrammarProposer
    for family in FAMILIES:
        proposer = GrammarProposer(SPEC, family=family)
        assert (proposer.identity, proposer.trusted) == ({"family": family}, True)
    assert GrammarProposer(SPEC).identity == {"family": "rate"}


def test_unknown_families_and_tasks_without_recordings_are_refused():
    with pytest.raises(ZfbenchError, match=r"no family 'grey'; choose rate or blackbox or both"):
        GrammarProposer(SPEC, family="grey")
    with pytest.raises(ZfbenchError, match=r"models of recordings; 'sir'"):
        GrammarProposer(SIR.load("sir").spec)


@pytest.mark.parametrize(
    ("family", "names"), [("rate", {"rate"}), ("blackbox", {"blackbox"}), ("both", {"rate", "blackbox"})]
)
def test_programs_are_of_the_family_that_was_asked_for(family, names):
    foreign = Scored(Program(SEED_PROGRAM), Evaluation(Status.OK, 1.0))
    drawn = [proposed("mutate", context(foreign), seed, family=family)[1] for seed in range(40)]
    assert set(drawn) == names
    anew = [proposed("rewrite", context(foreign), seed, (ANEW,), family)[1] for seed in range(40)]
    assert set(anew) == names


def test_a_foreign_parent_counts_as_the_start_of_a_family():
    foreign = Scored(Program(SEED_PROGRAM), Evaluation(Status.OK, 1.0))
    for seed in range(10):
        child, _, _ = proposed("mutate", context(foreign), seed)
        assert child.settled() in {c.settled() for c, _ in neighbours(START, SPEC)}
        child, _, _ = proposed("mutate", context(foreign), seed, family="blackbox")
        assert 1 <= len(BLACK.changed(BOX, child)) <= 3  # memory changes the training too


def test_a_child_stays_in_its_parent_s_family():
    for seed in range(20):
        assert proposed("mutate", context(scored(START)), seed, family="both")[1] == "rate"
        assert proposed("mutate", context(scored(BOX, family=BLACK)), seed, family="both")[1] == "blackbox"


def test_parents_of_two_families_are_not_crossed():
    parents = scored(BOX, family=BLACK), scored(START)
    for seed in range(10):
        child, family, summary = proposed("recombine", context(*parents), seed, family="both")
        assert family == "rate"
        assert "other parent" not in summary
        assert child.settled() in {c.settled() for c, _ in neighbours(START, SPEC)}


def test_recombination_crosses_the_last_two_parents():
    other = START.with_gene("ABC", "form", "instant")
    elder = START.with_gene("ABC", "unit", "tanh")
    ctx = context(scored(elder), scored(other), scored(START))
    children = [proposed("recombine", ctx, seed) for seed in range(30)]
    crossed = [child for child, _, summary in children if "other parent" in summary]
    assert len(crossed) > 10  # where every group came from one parent, the child is a mutation instead
    assert all(child.block(g).form in ("leak", "instant") for child in crossed for g in "ABC")
    assert all(child.block(g).unit == "sigmoid" for child in crossed for g in "ABC")
    assert START not in crossed
    assert other not in crossed


def test_recombination_of_equal_parents_mutates():
    _, _, summary = proposed("recombine", context(scored(START), scored(START)))
    assert "other parent" not in summary


def test_a_rewrite_makes_three_changes():
    for seed in range(20):
        assert proposed("rewrite", context(scored(START)), seed)[2].count("; ") == 2


def test_equal_generators_give_equal_proposals():
    ctx = context(scored(START))
    assert proposed("mutate", ctx, 3) == proposed("mutate", ctx, 3)
    assert len({proposed("mutate", ctx, seed)[2] for seed in range(30)}) > 20


def test_known_programs_are_avoided():
    ctx = context(scored(BOX, family=BLACK))
    near = [BLACK.mutate(BOX, SPEC, {}, {}, np.random.default_rng(s))[0] for s in range(300)]
    known = {
        Program(BLACK.render(child.settled())).id
        for child in near
        if BLACK.changed(BOX, child) <= {"trunk", "output", "bound"}
    }
    assert len(known) > 5
    for seed in range(40):
        child, _, _ = proposed("mutate", replace(ctx, known=frozenset(known)), seed, family="blackbox")
        assert Program(BLACK.render(child)).id not in known


def test_last_draw_is_given_when_everything_is_known():
    class All(frozenset):
        def __contains__(self, item):
            return True

    assert proposed("mutate", replace(context(scored(START)), known=All()))[1] == "rate"


def test_hints_turn_attention_to_the_groups_to_blame_unless_it_is_blind():
    def share(*hints):
        said = [proposed("mutate", context(scored(START)), seed, hints)[2] for seed in range(200)]
        return np.mean([s.startswith("B:") for s in said if not s.startswith("training")])

    assert share("blame:B=1.0") > 0.7
    assert share("blame:B=1.0", BLIND) < 0.5


def history():
    """Gates helped every time, other units never did."""
    root = scored(START)
    better = [scored(START.with_gene(g, "gate", c), 0.5, root) for g in "ABC" for c in ("min", "contrast", "product")]
    worse = [scored(START.with_gene(g, "unit", c), None, root) for g in "ABC" for c in ("tanh", "relu", "clip")]
    return (root, *better, *worse)


def test_proposals_follow_what_helped_unless_they_are_blind():
    def shares(*hints):
        ctx = context(history()[0], history=history())
        said = [proposed("mutate", ctx, seed, hints)[2] for seed in range(300)]
        return [np.mean([f": {gene} " in s for s in said]) for gene in ("gate", "unit")]

    gate, unit = shares()
    blind_gate, blind_unit = shares(BLIND)
    assert gate > 5 * unit
    assert abs(blind_gate - blind_unit) < 0.08


def test_credit_is_the_posterior_mean_of_the_rate_of_success():
    credit = gene_credit(history(), RATE, lambda source: RATE.parse(source, SPEC))
    assert set(credit) == set(RATE.genes)
    assert (credit["gate"], credit["unit"], credit["form"]) == (10 / 11, 1 / 11, 1 / 2)


def test_parents_that_are_missing_failed_or_of_another_family_teach_nothing():
    box, failed = scored(BOX, family=BLACK), scored(START, None)
    children = [
        scored(START.with_gene("A", "gate", "min"), 0.1, parent) for parent in (box, failed, scored(START, 3.0))
    ]
    credit = gene_credit((box, failed, *children), RATE, lambda source: RATE.parse(source, SPEC))
    assert set(credit.values()) == {0.5}


def test_anew_draws_whole_genotypes_whatever_the_parents():
    ctx = context(scored(START))
    drawn = [proposed("rewrite", ctx, seed, (ANEW,)) for seed in range(100)]
    assert {summary for _, _, summary in drawn} == {"a draw from the family 'rate'"}
    shares = [np.mean([child.block(g).unit == "sigmoid" for child, _, _ in drawn]) for g in "ABC"]
    np.testing.assert_allclose(shares, 1 / 6, atol=0.12)


def test_programs_are_proposed_with_a_training_that_fits_them():
    remembering = START.with_gene("A", "memory", "delay")
    for seed in range(10):
        child, _, _ = proposed("mutate", context(scored(remembering)), seed)
        assert child == child.settled()
