"""The controls: what they ask for, and that no score has any influence on it."""

from collections import Counter

import pytest

from zfbench.base.errors import ZfbenchError
from zfbench.discoverers.best_of_n import BestOfN
from zfbench.discoverers.random_walk import RandomWalk
from zfbench.discoverers.uniform_draws import UniformDraws
from zfbench.records.evaluation import Evaluation
from zfbench.records.hints import ANEW, BLIND
from zfbench.records.program import Program, Status

SEED = Program("seed")
OK = Evaluation(Status.OK, 1.0)
FAILED = Evaluation(Status.ERROR)


def told(discoverer, outcomes):
    """Ask and tell once per outcome; the k-th program after the seed is named k."""
    requests = []
    for number, evaluation in enumerate(outcomes):
        request = discoverer.ask()
        requests.append(request)
        discoverer.tell(request, Program(str(number)) if number else SEED, evaluation)
    return requests


@pytest.mark.parametrize("control", [BestOfN, RandomWalk, UniformDraws])
def test_seed_program_comes_first_and_alone(control):
    discoverer = control(0, SEED)
    first = discoverer.ask()
    assert (first.id, first.operator, first.parents) == (0, "seed", ())
    assert discoverer.ask() is None
    discoverer.tell(first, SEED, OK)
    assert [discoverer.ask().id for _ in range(5)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("control", [BestOfN, RandomWalk, UniformDraws, lambda s, p: RandomWalk(s, p, parent="any")])
def test_no_score_has_any_influence(control):
    low = told(control(7, SEED), [Evaluation(Status.OK, 1.0 / (1 + k)) for k in range(40)])
    high = told(control(7, SEED), [Evaluation(Status.OK, 1.0 + k) for k in range(40)])
    assert low == high


def test_best_of_n_mutates_the_seed_program_even_when_it_fails():
    requests = told(BestOfN(0, SEED), [FAILED, FAILED, OK, OK])
    assert all((r.operator, r.parents, r.hints) == ("mutate", (SEED.id,), ()) for r in requests[1:])


def test_a_walk_goes_on_from_the_newest_program_that_works():
    requests = told(RandomWalk(0, SEED), [OK, OK, FAILED, OK, OK])
    names = [[Program(name).id for name in ("seed", "1", "3")][k] for k in (0, 1, 1, 2)]
    assert [r.parents for r in requests[1:]] == [(name,) for name in names]
    assert all((r.operator, r.hints) == ("mutate", (BLIND,)) for r in requests[1:])


def test_a_walk_that_comes_back_to_a_program_goes_on_from_there():
    walk = RandomWalk(0, SEED)
    told(walk, [OK, OK, OK])
    walk.tell(walk.ask(), Program("1"), OK)
    assert walk.ask().parents == (Program("1").id,)


def test_a_missing_answer_moves_no_walk():
    walk = RandomWalk(0, SEED)
    told(walk, [OK, OK])
    walk.tell(walk.ask(), Program(""), Evaluation(Status.INVALID))
    assert walk.ask().parents == (Program("1").id,)


def test_a_random_tree_draws_its_parents_uniformly_from_what_works():
    tree = RandomWalk(0, SEED, parent="any")
    told(tree, [OK, OK, FAILED, OK])
    asked = [tree.ask() for _ in range(3_000)]
    parents = Counter(r.parents[0] for r in asked)
    assert parents.keys() == {SEED.id, Program("1").id, Program("3").id}
    assert all(abs(count - 1_000) < 130 for count in parents.values())  # five standard deviations
    assert {r.hints for r in asked} == {(BLIND,)}


def test_a_random_tree_begins_at_the_seed_program_even_when_it_fails():
    assert told(RandomWalk(0, SEED, parent="any"), [FAILED, FAILED])[1].parents == (SEED.id,)


def test_a_walk_refuses_other_parents():
    with pytest.raises(ZfbenchError, match=r"parent 'best'; choose newest or any"):
        RandomWalk(0, SEED, parent="best")


def test_uniform_draws_ask_for_whole_programs():
    requests = told(UniformDraws(0, SEED), [OK, OK, FAILED, OK])
    assert all((r.operator, r.parents, r.hints) == ("rewrite", (SEED.id,), (ANEW,)) for r in requests[1:])
