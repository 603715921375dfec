from collections import Counter

from discoverers.funsearch import FunSearch
from zfbench.programs.contract import Status
from zfbench.search.types import Evaluation, Program

SEED = Program("seed")
FAILED = Evaluation(Status.ERROR)


def ok(loss, **metrics):
    return Evaluation(Status.OK, loss, metrics=metrics)


def begun(evaluation=None, **settings):
    search = FunSearch(0, SEED, **settings)
    search.tell(search.ask(), SEED, evaluation or ok(1.0))
    return search


def grow(search, name, evaluation):
    request = search.ask()
    search.tell(request, Program(name), evaluation)
    return request


def test_requests_in_a_row_share_their_parents():
    search = begun(samples=4, islands=3)
    for k in range(8):
        grow(search, f"{k}", ok(1 - k / 10))
    rows = [[search.ask().parents for _ in range(4)] for _ in range(5)]
    assert all(len(set(row)) == 1 for row in rows)
    assert len({row[0] for row in rows}) > 1


def test_parents_are_of_different_clusters_weakest_first():
    search = begun(islands=1, samples=1, parents=2)
    losses = {SEED.id: 1.0}
    for k in range(30):
        request = grow(search, f"{k}", ok(0.9 - 0.01 * (k % 7)))
        losses[Program(f"{k}").id] = 0.9 - 0.01 * (k % 7)
        values = [losses[parent] for parent in request.parents]
        assert values == sorted(values, reverse=True)
        assert len(set(values)) == len(values) == min(2, k + 1)


def test_better_clusters_are_drawn_more_often():
    search = begun(islands=1, samples=1, parents=1)
    for k, loss in enumerate((0.8, 0.6, 0.4, 0.2)):
        grow(search, f"{k}", ok(loss))
    parents = Counter(search.ask().parents[0] for _ in range(400))
    # ranks 1, 3/4, ... over T = 0.1: the best has a share of 1 / (1 + e^-2.5 + e^-5 + ...) = 0.918
    assert abs(parents[Program("3").id] / 400 - 0.918) < 0.07


def test_selection_does_not_depend_on_the_units_of_the_loss():
    def parents(scale):
        search = begun(ok(scale), islands=2, samples=1)
        return [grow(search, f"{k}", ok(scale * (1 - k / 50))).parents for k in range(30)]

    assert parents(1.0) == parents(1e-6)


def test_equal_rounded_test_scores_are_one_cluster():
    search = begun(islands=1, samples=1, parents=3, tests="test/")
    for k in range(20):
        grow(search, f"{k}", ok(0.5 + 1e-9 * k, **{"test/a": 0.1230 + 1e-6 * k, "test/b": 0.5}))
    assert len(search._islands[0].clusters) == 2  # the seed program, and all the others
    assert all(len(search.ask().parents) == 2 for _ in range(10))


def test_shorter_programs_of_a_cluster_are_likelier():
    search = begun(islands=1, samples=1, parents=1)
    grow(search, "short", ok(0.5))
    grow(search, "long" * 200, ok(0.5))
    parents = Counter(search.ask().parents[0] for _ in range(600))
    short, long = parents[Program("short").id], parents[Program("long" * 200).id]
    assert 1.8 < short / long < 3.8  # e^(1 - 5/800) = 2.7


def test_answers_join_the_island_that_was_asked_failures_none():
    search = begun(islands=4, samples=1)
    for k in range(24):
        grow(search, f"{k}", FAILED if k % 3 == 0 else ok(0.5 - k / 100))
    members = [m.id for island in search._islands for c in island.clusters.values() for m in c if m.id != SEED.id]
    assert sorted(members) == sorted(Program(f"{k}").id for k in range(24) if k % 3)


def test_reset_counts_evaluations_and_keeps_the_better_half():
    search = begun(islands=4, samples=1, reset_every=30)
    for k in range(28):
        grow(search, f"{k}", ok(0.9 - k / 100))
    before = sorted(island.best()[1].loss for island in search._islands)
    grow(search, "the thirtieth", FAILED)
    assert sum(island.added > 1 for island in search._islands) == 2
    after = sorted(island.best()[1].loss for island in search._islands)
    assert after[-1] <= before[1]
    assert after[0] == before[0]


def test_broken_seed_program_is_repaired():
    search = begun(FAILED, islands=2, samples=1)
    request = search.ask()
    assert (request.operator, request.parents) == ("repair", (SEED.id,))
