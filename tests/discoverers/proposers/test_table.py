"""The proposer of tables: one slot at a time, with the hints that the grammar heeds."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from toy_table import CODES, FAILS, NAME, family

from zfbench import testing
from zfbench.base.errors import ZfbenchError
from zfbench.discoverers.proposers.grammar.credit import gene_credit
from zfbench.discoverers.proposers.table.proposer import TableProposer
from zfbench.protocols.proposer import Context
from zfbench.records.evaluation import Request, Scored
from zfbench.records.hints import ANEW, BLIND
from zfbench.records.program import Program

MIDDLE = (1, 1, 0, 0)


@pytest.fixture
def table(tmp_path):
    return family(tmp_path).load(NAME).spec


def scored(spec, codes, parent=None):
    parents = () if parent is None else (Program(spec.table.sources[parent]).id,)
    return Scored(Program(spec.table.sources[codes], parents), spec.table.evaluations[spec.table.number[codes]])


def draws(spec, request, parents, count=400, known=(), history=()):
    """The choices of so many proposals, each with a generator of its own."""
    proposer = TableProposer(spec)
    entries = tuple(scored(spec, codes) for codes in parents)
    known = frozenset(Program(spec.table.sources[codes]).id for codes in known)
    context = Context(spec, entries, known, history)
    place = spec.table.place
    found = [proposer.propose(request, context, np.random.default_rng((3, k))) for k in range(count)]
    return [spec.table.codes[place[Program(p.source).id]] for p in found]


def slots(before, found):
    return Counter(tuple(k for k in range(4) if before[k] != codes[k]) for codes in found)


def test_a_mutation_changes_one_slot_to_any_of_its_other_choices(table):
    found = draws(table, Request(1, "mutate", ("x",)), [MIDDLE])
    assert set(slots(MIDDLE, found)) == {(0,), (1,), (2,), (3,)}
    assert set(found) == set(table.table.neighbours(MIDDLE))
    assert draws(table, Request(1, "mutate", ("x",)), [MIDDLE]) == found


def test_the_same_program_is_not_proposed_again_while_there_is_another(table):
    last = table.table.neighbours(MIDDLE)[-1]
    known = [codes for codes in CODES if codes != last]
    assert Counter(draws(table, Request(1, "mutate", ("x",)), [MIDDLE], 50, known))[last] > 40
    assert len(set(draws(table, Request(1, "mutate", ("x",)), [MIDDLE], 50, CODES))) > 1


def test_a_rewrite_changes_up_to_three_slots_and_anew_means_any_program(table):
    assert max(map(len, slots(MIDDLE, draws(table, Request(1, "rewrite", ("x",)), [MIDDLE])))) == 3
    assert set(draws(table, Request(1, "rewrite", ("x",), (ANEW,)), [MIDDLE], 800)) == set(CODES)


def test_a_crossing_takes_every_slot_from_one_of_two_parents(table):
    one, other = (0, 0, 0, 0), (1, 2, 1, 0)
    found = draws(table, Request(1, "recombine", ("x", "y")), [other, one])
    assert all(c[k] in (one[k], other[k]) for c in found if sum(map(len, slots(one, [c]))) > 1 for k in range(4))
    assert set(found) >= {(1, 0, 0, 0), (1, 2, 0, 0), (0, 0, 1, 0)}


def test_blame_turns_changes_to_a_group_and_blind_does_not(table):
    blamed = ("blame:MN=0.9,AF=0.1",)
    heeded = slots(MIDDLE, draws(table, Request(1, "mutate", ("x",), blamed), [MIDDLE]))
    assert heeded[2,] > 2 * heeded[0,] > 0
    assert heeded[3,] > 0  # a slot of all groups has the mean share
    blind = slots(MIDDLE, draws(table, Request(1, "mutate", ("x",), (*blamed, BLIND)), [MIDDLE]))
    assert all(60 < blind[k,] < 140 for k in range(4))


def test_a_slot_of_all_groups_has_the_mean_share_of_the_others_and_four_fifths_go_by_blame(table):
    """Blame .1, 0 and .9 with a mean of 1/3, which add up to 4/3; one fifth is shared out evenly."""
    share = TableProposer(table)._share(("blame:MN=0.9,AF=0.1",))
    assert share == pytest.approx([0.05 + 0.8 * blame / (4 / 3) for blame in (0.1, 0.0, 0.9, 1 / 3)])


def test_credit_is_that_of_the_grammar_however_it_is_counted(table):
    """The grammar's own count, over the slots as genes, is the reference."""

    class Slots:
        genes = tuple(range(4))

        def changed(self, before, after):
            return frozenset(k for k in range(4) if before[k] != after[k])

    rng = np.random.default_rng(0)
    history = [scored(table, (0, 0, 0, 0)), scored(table, FAILS)]
    for _ in range(30):
        parent = table.table.codes[table.table.place[history[rng.integers(len(history))].program.id]]
        around = table.table.neighbours(parent)
        history.append(scored(table, around[rng.integers(len(around))], parent))
    first = {}
    for entry in history:  # as a search keeps them: a program that comes again is not scored again
        first.setdefault(entry.program.id, entry)
    history = list(first.values())
    proposer = TableProposer(table)
    read = {Program(source).id: codes for codes, source in table.table.sources.items()}
    for end in (3, 8, 8, len(history), 5):  # also backwards
        some = tuple(history[:end])
        expected = gene_credit(some, Slots(), lambda source: read[Program(source).id])
        assert proposer._credit(some).rates.tolist() == [expected[k] for k in range(4)]


def test_what_helped_is_tried_more_often(table):
    start = (0, 0, 0, 0)
    helped = [scored(table, start), *(scored(table, (k, 0, 0, 0), start) for k in (1, 2))]
    harmless = [scored(table, (0, 0, 0, 1), start)]
    found = slots(start, draws(table, Request(1, "mutate", ("x",)), [start], 800, history=(*helped, *harmless)))
    assert found[0,] > found[1,]


def test_a_parent_of_another_origin_counts_as_the_start(table):
    proposer = TableProposer(table)
    strange = Scored(Program("x = 2"), table.table.evaluations[0])
    proposal = proposer.propose(
        Request(1, "mutate", ("x",)), Context(table, (strange,), frozenset()), np.random.default_rng(0)
    )
    assert Program(proposal.source).id in {
        table.table.ids[table.table.number[c]] for c in table.table.neighbours((0,) * 4)
    }
    assert " -> " in proposal.summary


def test_it_keeps_the_interface_of_all_proposers(tmp_path):
    rules = list(testing.proposer_rules(TableProposer, family(tmp_path).load(NAME), {}))
    assert len(rules) >= 3
    for _, check in rules:
        check()


def test_another_task_is_refused():
    with pytest.raises(ZfbenchError, match="'zfish-tiny/masked' needs another"):
        TableProposer(SimpleNamespace(name="zfish-tiny/masked"))
