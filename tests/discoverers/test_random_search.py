from collections import Counter

from zfbench.discoverers.random_search import RandomSearch
from zfbench.records.evaluation import Evaluation
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


def test_seed_program_comes_first_and_alone():
    discoverer = RandomSearch(0, SEED)
    first = discoverer.ask()
    assert (first.id, first.operator, first.parents) == (0, "seed", ())
    assert discoverer.ask() is None
    discoverer.tell(first, SEED, OK)
    assert [discoverer.ask().id for _ in range(5)] == [1, 2, 3, 4, 5]


def test_every_later_program_mutates_the_seed_program():
    requests = told(RandomSearch(0, SEED), [OK] * 10)
    assert all((r.operator, r.parents) == ("mutate", (SEED.id,)) for r in requests[1:])


def test_seed_program_is_mutated_even_when_it_fails():
    requests = told(RandomSearch(0, SEED, restarts=True), [FAILED, FAILED, FAILED])
    assert requests[2].parents == (SEED.id,)


def test_restarts_draw_working_programs_uniformly():
    discoverer = RandomSearch(0, SEED, restarts=True)
    told(discoverer, [OK, OK, FAILED, OK])
    parents = Counter(discoverer.ask().parents[0] for _ in range(3_000))
    assert parents.keys() == {SEED.id, Program("1").id, Program("3").id}
    assert all(abs(count - 1_000) < 130 for count in parents.values())  # five standard deviations


def test_missing_answers_and_duplicates_add_no_parents():
    discoverer = RandomSearch(0, SEED, restarts=True)
    told(discoverer, [OK, OK])
    discoverer.tell(discoverer.ask(), Program(""), Evaluation(Status.INVALID))
    for _ in range(8):
        discoverer.tell(discoverer.ask(), Program("1"), OK)
    parents = Counter(discoverer.ask().parents[0] for _ in range(2_000))
    assert parents.keys() == {SEED.id, Program("1").id}
    assert abs(parents[SEED.id] - 1_000) < 120


def test_equal_seeds_ask_alike():
    def asked(seed):
        return told(RandomSearch(seed, SEED, restarts=True), [OK] * 20)

    assert asked(1) == asked(1) != asked(2)
