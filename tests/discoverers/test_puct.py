"""PUCT as published, against a reference of our own that follows the paper's description step by step."""

import math
from collections import Counter
from functools import reduce

import numpy as np
import pytest

from zfbench.discoverers.puct import Puct, ordinal_ranks
from zfbench.records.evaluation import Evaluation, Request
from zfbench.records.program import Program, Status

SEED = Program("seed")
FAILED = Evaluation(Status.ERROR)


def ok(loss):
    return Evaluation(Status.OK, loss)


def begun(evaluation=None, **settings):
    search = Puct(0, SEED, **settings)
    search.tell(search.ask(), SEED, evaluation or ok(1.0))
    return search


def grow(search, name, evaluation):
    request = search.ask()
    search.tell(request, Program(name), evaluation)
    return request


def line_of(tree, node):
    """A node and its ancestors up to the root. A tree is a tuple of (parent, score), the root's parent None."""
    return () if node is None else (node, *line_of(tree, tree[node][0]))


def published_choice(tree, c):
    """The node that ERA's search expands next, from the whole tree anew.

    Every node but the root, once it is scored, sends one visit to itself and to all its ancestors.
    """
    size = len(tree)
    visits = reduce(lambda count, node: count + Counter(line_of(tree, node)), range(1, size), Counter())
    worst_first = sorted(range(size), key=lambda node: (tree[node][1], node))
    place = {node: 0.5 if size == 1 else k / (size - 1) for k, node in enumerate(worst_first)}
    explore = c * (1 / size) * math.sqrt(sum(visits.values()))
    return max(range(size), key=lambda node: (place[node] + explore / (1 + visits[node]), -node))


@pytest.mark.parametrize("c", [1.0, 5.0])
@pytest.mark.parametrize("failing", [0.1, 0.2, 0.5, 1.0])
def test_every_parent_is_that_of_the_published_search(c, failing):
    """1,200 requests: eight searches of 150 nodes, with failures, and with losses of which many are equal."""
    rng = np.random.default_rng(int(10 * failing + 100 * c))
    told, agreed = [Program("seed")], 0
    search = begun(FAILED if failing == 1.0 else ok(0.5), c=c)
    tree = ((None, -math.inf if failing == 1.0 else -0.5),)
    for k in range(150):
        request = search.ask()
        expected = published_choice(tree, c)
        agreed += request.operator == "mutate" and request.parents == (told[expected].id,)
        loss = math.inf if rng.random() < failing else round(float(np.exp(rng.normal(-0.02 * k))), 2)
        told.append(Program(f"{k}"))
        search.tell(request, told[-1], FAILED if math.isinf(loss) else ok(loss))
        tree = (*tree, (expected, -loss))
    assert agreed == 150
    assert any(math.isinf(score) for _, score in tree[1:])
    assert len({parent for parent, _ in tree}) > 5  # the searches branch


def test_the_first_choices_by_hand():
    search = begun()
    assert search.puct().tolist() == [0.5]  # alone, and nothing was visited
    grow(search, "better", ok(0.5))  # V: root 1, better 1
    assert search.puct() == pytest.approx([0 + 0.5 * math.sqrt(2) / 2, 1 + 0.5 * math.sqrt(2) / 2])
    assert grow(search, "worst", ok(2.0)).parents == (Program("better").id,)  # V: 2, 2, 1
    assert search.puct() == pytest.approx([1 / 2 + math.sqrt(5) / 9, 1 + math.sqrt(5) / 9, math.sqrt(5) / 6])


def test_ranks_put_failures_last_and_give_every_node_a_place_of_its_own():
    assert ordinal_ranks(np.array([0.2, np.nan, 0.1, 0.2, np.nan])).tolist() == [0.5, 0.0, 1.0, 0.75, 0.25]
    assert ordinal_ranks(np.array([np.nan])).tolist() == [0.5]


def test_a_failure_is_a_node_that_is_asked_for_a_change_like_any_other():
    search = begun(FAILED)
    asked = [grow(search, f"{k}", FAILED) for k in range(6)]
    assert {request.operator for request in asked} == {"mutate"}
    assert Program("0").id in asked[1].parents + asked[2].parents
    assert grow(search, "works", ok(3.0)).operator == "mutate"
    assert search.ask().parents == (Program("works").id,)


def test_a_program_that_comes_again_is_another_node():
    search = begun()
    for _ in range(3):
        grow(search, "same", ok(0.5))
    assert [node.program for node in search._nodes] == [SEED.id] + 3 * [Program("same").id]
    assert search._visits == [3, 3, 2, 1]  # each was built on the one before, the latest


def test_a_request_without_an_answer_counts_as_a_visit_and_adds_no_node():
    search = begun()
    search.tell(search.ask(), Program(""), Evaluation(Status.INVALID))
    assert search._visits == [1]


def test_pending_requests_count_as_visits():
    search = begun()
    siblings = [search.ask() for _ in range(4)]
    for request, loss in zip(siblings, (0.5, 0.5, 0.49, 0.48), strict=True):
        search.tell(request, Program(str(request.id)), ok(loss))
    assert search._visits[0] == 4
    asked = [search.ask() for _ in range(2)]
    assert search._visits[:1] == [6]
    assert asked[0].parents == (Program("4").id,)


def test_large_exploration_visits_all_nodes_alike():
    search = begun(c=1e6)
    parents = Counter(grow(search, f"{k}", ok(1.0 + k)).parents[0] for k in range(60))
    assert len(parents) > 25


def test_deep_trees_need_no_recursion():
    search = begun(c=0.0, nodes=2_500)
    for k in range(2_000):
        grow(search, f"{k}", ok(1.0 / (k + 2)))
    assert search._visits[0] == 2_000


def test_search_finishes_at_its_number_of_nodes():
    search = begun(nodes=3)
    assert isinstance(grow(search, "a", ok(1.0)), Request)
    grow(search, "b", ok(1.0))
    assert search.ask() is None
