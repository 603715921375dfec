import math
from collections import Counter

import pytest

from zfbench.discoverers.puct_plus import PuctPlus
from zfbench.records.evaluation import Evaluation
from zfbench.records.program import Program, Status

SEED = Program("seed")
FAILED = Evaluation(Status.ERROR)


def ok(loss):
    return Evaluation(Status.OK, loss)


def begun(evaluation=None, **settings):
    search = PuctPlus(0, SEED, **{"recombine": 0.0, "rewrite": 0.0, **settings})
    search.tell(search.ask(), SEED, evaluation or ok(1.0))
    return search


def grow(search, name, evaluation):
    request = search.ask()
    search.tell(request, Program(name), evaluation)
    return request


def test_criterion_is_rank_and_exploration():
    search = begun()
    grow(search, "a", ok(0.5))  # a child of the seed program: visits seed 2, a 1
    assert search.puct() == pytest.approx([0 + 0.5 * math.sqrt(3) / 3, 1 + 0.5 * math.sqrt(3) / 2])


def test_visits_reach_every_ancestor_once():
    search = begun(c=0.0)
    for depth, name in enumerate("abc"):
        grow(search, name, ok(0.5 - 0.1 * depth))
    assert search._visits == [4, 3, 2, 1]


def test_two_lines_that_meet_count_their_common_ancestor_once():
    search = begun(recombine=1.0, c=0.0)
    grow(search, "a", ok(0.5))
    assert grow(search, "b", ok(0.6)).parents == (SEED.id, Program("a").id)  # the seed program is also a's parent
    assert search._visits == [3, 2, 1]
    assert grow(search, "c", ok(0.9)).parents == (Program("b").id, Program("a").id)
    assert search._visits == [4, 3, 2, 1]


def test_without_exploration_the_best_is_always_the_parent():
    search = begun(c=0.0)
    for k in range(20):
        request = grow(search, f"{k}", ok(1.0 - 0.01 * k if k % 2 else 2.0))
    assert request.parents == (Program("17").id,)


def test_large_exploration_visits_all_nodes_alike():
    search = begun(c=1e6)
    parents = Counter(grow(search, f"{k}", ok(1.0 + k)).parents[0] for k in range(60))
    assert len(parents) > 25


def test_pending_requests_count_as_visits():
    search = begun()
    siblings = [search.ask() for _ in range(3)]
    for request in siblings:
        search.tell(request, Program(str(request.id)), ok(1.0))
    parents = [search.ask().parents[0] for _ in range(6)]
    assert sorted(parents[:3]) == sorted(parents[3:]) == sorted(Program(str(k)).id for k in (1, 2, 3))


@pytest.mark.parametrize("c", [1.0, 1e6])
def test_failure_is_repaired_once_and_then_left_alone(c):
    search = begun(c=c)
    grow(search, "broken", FAILED)
    repair = grow(search, "still broken", FAILED)
    assert (repair.operator, repair.parents) == ("repair", (SEED.id, Program("broken").id))
    later = [grow(search, f"{k}", ok(2.0 + k)) for k in range(40)]
    broken = {Program("broken").id, Program("still broken").id}
    assert all(r.operator == "mutate" and not broken & set(r.parents) for r in later)


def test_search_goes_on_when_nothing_works():
    search = begun(FAILED)
    operators = [grow(search, f"{k}", FAILED).operator for k in range(12)]
    assert operators[0] == "repair"
    assert "rewrite" in operators


def test_recombination_joins_the_two_nodes_of_highest_puct_best_last():
    search = begun(recombine=1.0, c=0.0)
    assert grow(search, "a", ok(0.3)).operator == "mutate"  # one node cannot be joined with itself
    grow(search, "b", ok(0.6))
    request = search.ask()
    assert (request.operator, request.parents) == ("recombine", (Program("b").id, Program("a").id))


def test_operators_come_in_their_shares():
    search = begun(recombine=0.25, rewrite=0.1)
    grow(search, "a", ok(1.0))
    counts = Counter(search.ask().operator for _ in range(400))
    assert abs(counts["recombine"] - 100) < 44  # five standard deviations
    assert abs(counts["rewrite"] - 40) < 30


def test_deep_trees_need_no_recursion():
    search = begun(c=0.0, nodes=4_000)
    for k in range(3_000):
        grow(search, f"{k}", ok(1.0 / (k + 2)))
    assert search._visits[0] == 3_001


def test_node_that_is_evaluated_again_counts_with_its_latest_loss():
    search = begun(c=0.0)
    grow(search, "a", ok(0.5))
    grow(search, "b", ok(0.4))
    assert search.ask().parents == (Program("b").id,)
    grow(search, "b", ok(0.9))
    assert search.ask().parents == (Program("a").id,)
    grow(search, "a", FAILED)
    assert search.ask().parents == (Program("a").id,)  # one that fails when it is evaluated again is not repaired
    assert len(search._nodes) == 3  # the seed program, a and b


def test_search_finishes_at_its_number_of_nodes():
    search = begun(nodes=3)
    grow(search, "a", ok(1.0))
    grow(search, "b", ok(1.0))
    assert search.ask() is None
