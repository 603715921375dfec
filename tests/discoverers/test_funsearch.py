from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from zfbench.base.errors import ZfbenchError
from zfbench.discoverers.funsearch import FunSearch
from zfbench.discoverers.funsearch_plus import FunSearchPlus
from zfbench.records.evaluation import Evaluation
from zfbench.records.program import Program, Status
from zfbench.records.spend import NOTHING, Spend

SEED = Program("seed")
PAID = Spend(evaluations=1)
FAILED = Evaluation(Status.ERROR, spend=PAID)


def ok(loss, **metrics):
    return Evaluation(Status.OK, loss, metrics=metrics, spend=PAID)


def begun(evaluation=None, method=FunSearch, **settings):
    search = method(0, SEED, **settings)
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


def test_parents_come_weakest_first_three_at_most():
    search = begun(islands=1, samples=1, temperature=10.0)
    losses, sizes = {SEED.id: 1.0}, Counter()
    for k in range(60):
        request = grow(search, f"{k}", ok(0.9 - 0.01 * (k % 7)))
        losses[Program(f"{k}").id] = 0.9 - 0.01 * (k % 7)
        values = [losses[parent] for parent in request.parents]
        assert values == sorted(values, reverse=True)
        assert len(set(request.parents)) == len(values) <= min(3, k + 1)
        sizes[len(values)] += 1
    assert sizes[3] > sizes[1] > 0


def test_clusters_are_drawn_with_replacement():
    """Three clusters of one program each and a high temperature: 3! / 27 of the requests show all, 3 / 27 only one."""
    search = begun(ok(0.5), islands=1, samples=1, temperature=1e9)
    for name in ("a", "b"):
        grow(search, name, ok(0.1 if name == "a" else 0.9))
    shown = Counter(len(search.ask().parents) for _ in range(2_700))
    for size, share in ((1, 3 / 27), (2, 18 / 27), (3, 6 / 27)):
        assert abs(shown[size] - 2_700 * share) < 5 * np.sqrt(2_700 * share * (1 - share))


def test_a_cluster_that_is_drawn_twice_may_show_two_of_its_programs():
    search = begun(islands=1, samples=1, temperature=1e-9)
    for name in ("a", "b"):
        grow(search, name, ok(0.5))
    assert {len(search.ask().parents) for _ in range(40)} == {1, 2}  # two draws of the one good cluster


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
    search = begun(islands=1, samples=1, tests="test/")
    for k in range(20):
        grow(search, f"{k}", ok(0.5 + 1e-9 * k, **{"test/a": 0.1230 + 1e-6 * k, "test/b": 0.5}))
    assert len(search._islands[0].clusters) == 2  # the seed program, and all the others


def test_shorter_programs_of_a_cluster_are_likelier():
    search = begun(islands=1, samples=1, parents=1)
    grow(search, "short", ok(0.5))
    grow(search, "long" * 200, ok(0.5))
    parents = Counter(search.ask().parents[0] for _ in range(600))
    short, long = parents[Program("short").id], parents[Program("long" * 200).id]
    assert 1.8 < short / long < 3.8  # e^(1 - 5/800) = 2.7


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_that_share_of_the_requests_with_several_parents_asks_to_combine_them(share):
    search = begun(islands=1, samples=1, temperature=1e9, recombine=share)
    for name in ("a", "b"):
        grow(search, name, ok(0.1 if name == "a" else 0.9))
    asked = Counter((len(request.parents) > 1, request.operator) for request in (search.ask() for _ in range(1_000)))
    several = asked[True, "mutate"] + asked[True, "recombine"]
    assert abs(asked[True, "recombine"] - several * share) <= 5 * np.sqrt(several * share * (1 - share))
    assert several > 500
    assert asked[False, "mutate"] == 1_000 - several > 50


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


@pytest.mark.parametrize("answer", [(SEED, replace(ok(1.0), spend=NOTHING)), (Program(""), Evaluation(Status.INVALID))])
def test_reset_does_not_count_duplicates_and_requests_without_an_answer(answer):
    search = begun(islands=4, samples=1, reset_every=20)
    for k in range(18):
        grow(search, f"{k}", ok(0.9 - k / 100))
    islands = list(search._islands)
    for _ in range(30):
        search.tell(search.ask(), *answer)
    assert all(a is b for a, b in zip(islands, search._islands, strict=True))
    grow(search, "the twentieth", ok(0.95))
    assert sum(a is b for a, b in zip(islands, search._islands, strict=True)) == 2
    again = list(search._islands)
    search.tell(search.ask(), *answer)
    assert all(a is b for a, b in zip(again, search._islands, strict=True))


def test_default_resets_leave_a_search_of_forty_evaluations_alone():
    search = begun()
    islands = list(search._islands)
    for k in range(40):
        grow(search, f"{k}", ok(0.9 - k / 100))
    assert all(a is b for a, b in zip(islands, search._islands, strict=True))


@pytest.mark.parametrize(("period", "heat"), [(1_000, 0.996), (8, 0.5), (5, 0.2), (4, 1.0)])
def test_temperature_falls_with_the_programs_of_an_island_and_begins_anew_after_a_period(period, heat):
    search = begun(islands=1, samples=1, parents=1, temperature=1.0, period=period)
    for k, loss in enumerate((0.8, 0.6, 0.4)):  # with the seed program, n = 4
        grow(search, f"{k}", ok(loss))
    parents = Counter(search.ask().parents[0] for _ in range(2_000))
    logits = np.array([0, 1, 2, 3]) / 3 / heat
    expected = np.exp(logits[-1]) / np.exp(logits).sum()
    assert abs(parents[Program("2").id] / 2_000 - expected) < 5 * np.sqrt(expected * (1 - expected) / 2_000)


def test_programs_are_ranked_within_their_island():
    """An island of mediocre programs prefers its own best as clearly as any other island does."""
    search = begun(ok(100.0), islands=2, samples=1, parents=1, temperature=0.5)
    losses = {0: iter([1.0, 2.0, 3.0, 4.0]), 1: iter([50.0, 60.0])}
    while sum(island.added for island in search._islands) < 8:
        request = search.ask()
        loss = next(losses[search._island_of[request.id]], None)
        search.tell(request, Program(f"{loss}"), FAILED if loss is None else ok(loss))
    parents = Counter(search.ask().parents[0] for _ in range(2_000))
    good, worse, seed = (parents[program.id] for program in (Program("50.0"), Program("60.0"), SEED))
    assert good / worse == pytest.approx(np.exp(0.5 / 0.5), rel=0.25)
    assert good + worse + seed > 900


def test_program_that_is_evaluated_again_belongs_to_its_island_once_with_its_latest_score():
    search = begun(islands=1, samples=1, parents=1)
    for loss in (0.5, 0.9, 0.3):
        grow(search, "a", ok(loss))
    grow(search, "a", FAILED)
    (island,) = search._islands
    members = [member for cluster in island.clusters.values() for member in cluster]
    assert sorted((m.id, m.loss) for m in members) == sorted([(SEED.id, 1.0), (Program("a").id, 0.3)])
    assert island.added == 2
    assert all(island.clusters.values())


def test_program_that_is_evaluated_again_leaves_its_cluster_to_the_others():
    search = begun(islands=1, samples=1, parents=1)
    for name, loss in (("a", 0.5), ("b", 0.5), ("a", 0.3)):
        grow(search, name, ok(loss))
    members = [[m.id for m in cluster] for cluster in search._islands[0].clusters.values()]
    assert sorted(members) == sorted([[SEED.id], [Program("b").id], [Program("a").id]])


def test_funsearch_plus_ranks_by_the_fitted_score():
    def parents(method):
        search = begun(ok(1.0, log_fitted=-9.0), method, islands=1, samples=1, parents=1, temperature=1e-3)
        grow(search, "small loss", ok(0.1, log_fitted=-5.0))
        grow(search, "fits well", ok(0.5, log_fitted=-1.0))
        return {search.ask().parents for _ in range(20)}

    assert parents(FunSearch) == {(Program("small loss").id,)}
    assert parents(FunSearchPlus) == {(Program("fits well").id,)}
    assert FunSearchPlus.wants_fitted == "log_fitted"


def test_fitted_score_makes_the_clusters_too():
    search = begun(ok(1.0, log_fitted=-9.0), FunSearchPlus, islands=1, samples=1)
    for k in range(4):
        grow(search, f"{k}", ok(0.1 * k, log_fitted=-5.0))
    assert len(search._islands[0].clusters) == 2


def test_fitted_score_that_the_task_does_not_measure_is_explained():
    with pytest.raises(ZfbenchError, match="run `funsearch` on it"):
        begun(ok(1.0), FunSearchPlus)


def test_broken_seed_program_is_repaired():
    search = begun(FAILED, islands=2, samples=1)
    request = search.ask()
    assert (request.operator, request.parents) == ("repair", (SEED.id,))
