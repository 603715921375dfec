import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfbench.base.errors import ZfbenchError
from zfbench.discoverers.proposers.slots import channels, epidemics
from zfbench.discoverers.proposers.slots.proposer import SlotProposer, channel_proposer, epidemic_proposer
from zfbench.protocols.proposer import Context
from zfbench.records.evaluation import Evaluation, Request, Scored
from zfbench.records.limits import Limits
from zfbench.records.program import Program, Status
from zfbench.sandbox.choose import open_sandbox
from zfbench.simulators.simulate import simulate_program
from zfbench.tasks.sir.task import PROBLEMS, draw_contexts

GRAMMARS = [epidemics.GRAMMAR, channels.GRAMMAR]
SPEC = PROBLEMS["sir-tiny"]().spec


@pytest.fixture(scope="module")
def sandbox():
    with open_sandbox() as box:
        yield box


def choices(grammar):
    return st.tuples(*(st.sampled_from(alternatives) for alternatives in grammar.slots.values()))


@pytest.mark.parametrize("grammar", GRAMMARS)
@given(data=st.data())
def test_every_program_keeps_the_contract_and_is_read_back(grammar, data):
    chosen = data.draw(choices(grammar))
    source = grammar.render(chosen)
    SPEC.check(source)
    assert grammar.parse(source) == grammar.canonical(chosen)
    assert grammar.render(grammar.canonical(chosen)) == source
    assert grammar.parse(source.replace("return", "return  ", 1)) is None
    assert grammar.parse(SPEC.contract) is None


@pytest.mark.parametrize("grammar", GRAMMARS)
@given(data=st.data(), seed=st.integers(0, 999), genes=st.integers(1, 3))
def test_a_mutation_changes_at_most_so_many_slots_and_a_cross_takes_from_both(grammar, data, seed, genes):
    first, second = (grammar.canonical(data.draw(choices(grammar))) for _ in range(2))
    rng = np.random.default_rng(seed)
    child = grammar.mutate(first, rng, genes)
    assert grammar.canonical(child) == child
    changed = sum(a != b for a, b in zip(first, child, strict=True))
    assert changed <= genes + 4  # a slot that is emptied loses its gates too
    crossed = grammar.cross(first, second, rng)
    assert crossed == grammar.canonical(crossed)


def test_proposals_are_new_as_long_as_new_ones_are_near():
    proposer, rng = epidemic_proposer(SPEC), np.random.default_rng(0)
    known: set[str] = set()
    for k in range(20):
        context = Context(SPEC, (), frozenset(known))
        proposal = proposer.propose(Request(k, "rewrite"), context, rng)
        assert Program(proposal.source).id not in known
        known.add(Program(proposal.source).id)


@pytest.mark.parametrize("grammar", GRAMMARS)
@given(seed=st.integers(0, 999))
def test_a_child_differs_from_a_parent_that_the_grammar_did_not_write(grammar, seed):
    """Such a parent counts as the simplest program; to propose that again would pay twice for one model."""
    parent = Scored(Program(SPEC.contract), Evaluation(Status.OK, 1.0))
    context = Context(SPEC, (parent,), frozenset())
    child = SlotProposer(grammar).propose(
        Request(1, "mutate", (parent.program.id,)), context, np.random.default_rng(seed)
    )
    assert grammar.parse(child.source) not in (None, grammar.simplest)


def test_recombination_joins_the_last_two_parents():
    proposer = SlotProposer(epidemics.GRAMMAR)
    sources = [
        epidemics.GRAMMAR.render(c)
        for c in (
            ("frequency", "none", "none", "none", "expected"),
            ("none", "rate", "none", "none", "expected"),
        )
    ]
    parents = tuple(Scored(Program(s), Evaluation(Status.OK, 1.0)) for s in sources)
    found = set()
    for seed in range(20):
        request = Request(1, "recombine", tuple(p.program.id for p in parents))
        proposal = proposer.propose(request, Context(SPEC, parents, frozenset()), np.random.default_rng(seed))
        found.add(epidemics.GRAMMAR.parse(proposal.source)[:2])
    assert ("frequency", "rate") in found


def test_a_grammar_for_another_task_is_refused():
    from dataclasses import replace

    with pytest.raises(ZfbenchError, match="for the task 'sir'"):
        epidemic_proposer(replace(SPEC, name="mixtures"))
    with pytest.raises(ZfbenchError, match="for the task 'hodgkin_huxley'"):
        channel_proposer(SPEC)


def test_families_of_a_program_are_those_of_its_slots():
    source = channels.GRAMMAR.render(("M", "1", "bell", "Ih", "2", "constant"))
    assert channels.families(source) == {"M", "Ih"}
    assert channels.families(channels.GRAMMAR.render(channels.GRAMMAR.simplest)) == frozenset()
    assert channels.families("x = 1") is None


def test_the_grammar_holds_the_hidden_current_and_the_base_model():
    from zfbench.tasks.hodgkin_huxley.programs import SEED_PROGRAM, TRUTH

    def body(source):
        return source.partition("\n\n")[2].strip().replace("(V - (-35))", "(V + 35)").replace("/ (10)", "/ 10")

    hidden = channels.GRAMMAR.render(("none", "1", "bell", "M", "1", "bell"))
    assert body(hidden).replace("gate**1", "gate") == body(TRUTH)
    assert body(channels.GRAMMAR.render(channels.GRAMMAR.simplest)) == body(SEED_PROGRAM)


@pytest.mark.parametrize(
    "choices",  # together every alternative of every slot
    [
        ("none", "rate", "none", "none", "binomial"),
        ("frequency", "crowded", "third", "slow", "binomial"),
        ("density", "none", "fast", "none", "expected"),
        ("constant", "rate", "none", "slow", "expected"),
        ("saturating", "rate", "third", "none", "binomial"),
    ],
)
def test_epidemics_run_and_nobody_is_lost_or_made(sandbox, choices):
    infection, recovery, incubation, waning, chance = choices
    rng = np.random.default_rng(0)
    theta, contexts = SPEC.draw_parameters(rng, 20), draw_contexts(rng, 20)
    source = epidemics.GRAMMAR.render(choices)
    path = simulate_program(source, SPEC, theta, contexts, Limits(seconds=120), 0, sandbox)  # [20, 61, 3]
    people, S, R = path.sum(axis=2), path[..., 0], path[..., 2]
    assert (path >= 0).all()
    assert (people <= contexts.sum(axis=1)[:, None] + 1e-3).all()
    assert np.allclose(people, contexts.sum(axis=1)[:, None], atol=1e-3) == (incubation == "none")
    assert (S[:, -1] < S[:, 0]).any() == (infection != "none")
    assert (R > 0).any() == (recovery != "none")
    assert (np.diff(R) < 0).any() == (waning != "none")
    assert (path == path.round()).all() == (chance == "binomial")
