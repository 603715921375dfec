"""A race: the loop of live searches on a table, measured against its optimum, with every pair tested."""

import dataclasses
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from toy_table import CODES, NAME, family, loss, make_table

from zfbench.base.errors import ZfbenchError
from zfbench.discoverers.best_of_n import BestOfN
from zfbench.leaderboard.analyses.race import BUDGETS, MEASURES, METHODS, Entrant, _measures, entrant, race
from zfbench.leaderboard.statistics import holm
from zfbench.records.evaluation import Evaluation, Request, Scored
from zfbench.records.program import Program, Status
from zfbench.runs.methods import make
from zfbench.runs.tasks import LoadedTask


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    return LoadedTask(NAME, family(tmp_path_factory.mktemp("tables")))


class Greedy(BestOfN):
    """Changes the best program that it was told: a discoverer that no package registers."""

    def __init__(self, seed, seed_program):
        super().__init__(seed, seed_program)
        self.best = (np.inf, seed_program.id)

    def tell(self, request, program, evaluation):
        super().tell(request, program, evaluation)
        if evaluation.ok:
            self.best = min(self.best, (evaluation.loss, program.id))

    def _next(self, number):
        return Request(number, "mutate", (self.best[1],))


def test_all_methods_race_and_scores_beat_blindness(loaded):
    found = race(loaded, METHODS, range(12), (10, 25))
    assert found.methods == METHODS
    assert found.budgets == (10, 25)
    for name in METHODS:
        for measure in MEASURES:
            assert found.values[name][measure].shape == (12, 2)
        regret, rank = found.values[name]["regret"], found.values[name]["rank"]
        assert (regret >= 0).all()
        assert (regret[:, 1] <= regret[:, 0]).all()
        assert ((rank == 1) == (regret == 0)).all()
        assert ((found.values[name]["optimum"] == 1) == (regret == 0)).all()
    assert found.mean("puct", "regret", 25).estimate < found.mean("random_walk", "regret", 25).estimate
    assert (found.values["uniform_draws"]["depth"] <= 1).all()
    assert found.mean("random_walk", "depth", 25).estimate > 3


def test_equal_seeds_give_equal_races_and_smaller_budgets_are_beginnings(loaded):
    one, again, longer = (race(loaded, ["puct_plus", "funsearch"], range(4), b) for b in ((12,), (12,), (12, 30)))
    assert one.to_json() == again.to_json()
    for name in one.methods:
        np.testing.assert_array_equal(one.values[name]["regret"][:, 0], longer.values[name]["regret"][:, 0])


def test_processes_change_nothing(loaded):
    here, there = (race(loaded, ["puct", "best_of_n"], range(3), (8,), workers).to_json() for workers in (1, 2))
    assert here == there


def test_a_script_without_a_guard_is_told_at_once(tmp_path):
    script = tmp_path / "unguarded.py"
    script.write_text(
        "from zfbench.leaderboard.analyses.race import race\n"
        "race('zfish-table/masked', ['best_of_n'], range(20), (5,), workers=2)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300, check=False)
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1
    assert last.startswith("zfbench.base.errors.ZfbenchError: A process of the race ended early")
    assert 'put that call below `if __name__ == "__main__":`' in last
    assert "bootstrapping" not in done.stderr


def test_a_discoverer_of_ones_own_races_without_being_registered(loaded):
    told = []
    found = race(
        loaded, [Entrant("mine", factory=Greedy), "random_walk"], range(25), (20,), progress=lambda *s: told.append(s)
    )
    difference = found.difference("mine", "random_walk", 20)
    assert difference.regret.high < 0
    assert difference.significant
    turned = found.difference("random_walk", "mine", 20)
    assert (turned.regret.low, turned.regret.high) == (-difference.regret.high, -difference.regret.low)
    assert [step[:2] for step in told] == [(10, 50), (20, 50), (25, 50), (35, 50), (45, 50), (50, 50)]


def test_measures_are_those_of_the_definition():
    table = make_table()
    start, truth, optimum = (table.number[c] for c in (table.start, table.truth, table.optimum))
    found = dict(zip(MEASURES, _measures(table, [start, truth, optimum], [0, 1, 2], (1, 2, 3, 5)), strict=True))
    best = loss(table.optimum)
    gaps = [loss(table.start) - best, loss(table.truth) - best, 0.0, 0.0, 0.0]
    np.testing.assert_allclose(found["regret"], [gaps[0], gaps[1], 0, 0])
    np.testing.assert_allclose(found["area"], [np.mean(gaps[:n]) for n in (1, 2, 3, 5)])
    works = sorted(value for c in CODES if (value := table.losses[table.number[c]]) < np.inf)
    assert found["rank"].tolist() == [1 + works.index(loss(table.start)), 1 + works.index(loss(table.truth)), 1, 1]
    assert found["optimum"].tolist() == [0, 0, 1, 1]
    assert found["truth"].tolist() == [0, 1, 1, 1]
    assert found["depth"].tolist() == [0, 1, 2, 2]


def test_the_depth_of_a_program_follows_the_last_of_its_parents(loaded, monkeypatch):
    """The optimum of this search has two parents: the start, and a program two changes away from it."""
    table, found = make_table(), []
    way = [(codes := table.start), (codes := table.neighbours(codes)[0]), table.neighbours(codes)[-1], table.optimum]
    for codes, parents in zip(way, ((), (0,), (1,), (0, 2)), strict=True):
        program = Program(table.sources[codes], tuple(found[k].program.id for k in parents))
        found.append(Scored(program, table.evaluations[table.number[codes]]))
    module = "zfbench.leaderboard.analyses.race.run_search"
    monkeypatch.setattr(module, lambda *_, **__: SimpleNamespace(evaluated=tuple(found)))
    assert race(loaded, ["best_of_n"], [0], (4,)).values["best_of_n"]["depth"].tolist() == [[3]]


def test_every_program_that_can_be_the_truth_counts_as_it():
    table = make_table()
    slots = (dataclasses.replace(table.slots[0], same=(2,)), *table.slots[1:])
    other = table.number[2, *table.truth[1:]]
    for slots_of, known in ((table.slots, 0), (slots, 1)):
        named = dataclasses.replace(table, slots=slots_of)
        found = dict(zip(MEASURES, _measures(named, [table.number[table.start], other], [0, 1], (1, 2)), strict=True))
        assert found["truth"].tolist() == [0, known]


def test_pairs_are_corrected_together(loaded):
    found = race(loaded, ["puct", "best_of_n", "random_walk"], range(8), (10,))
    pairs = found.differences(10)
    assert len(pairs) == 3
    assert [d.significant for d in pairs] == holm([d.p for d in pairs]).tolist()
    assert {(p["one"], p["other"]) for p in found.to_json()["pairs"]} == {(d.one, d.other) for d in pairs}


def test_one_seed_gives_means_without_intervals(loaded):
    found = race(loaded, ["puct", "best_of_n"], [5], (10,)).to_json()
    assert found["methods"]["puct"]["budgets"]["10"]["regret"]["high"] is None
    assert not found["pairs"][0]["significant"]


def test_settings_with_which_a_method_would_end_by_itself_are_raised():
    assert entrant("puct").settings == {"nodes": 10_000}
    assert entrant("funsearch").settings == {}


@pytest.mark.parametrize("name", [*METHODS, "n1"])
def test_no_method_ends_a_race_before_its_budget(name):
    seed = Program("x = 0")
    method = make("discoverer", name, entrant(name).settings, 0, seed)
    for number in range(max(BUDGETS)):
        request = method.ask()
        assert request is not None, number
        program = seed if request.operator == "seed" else Program(f"x = {number}", request.parents)
        method.tell(request, program, Evaluation(Status.OK, 1 + 1 / (1 + number), -1.0))


def test_what_cannot_be_raced_is_a_sentence(loaded):
    with pytest.raises(ZfbenchError, match="'zfish-tiny/masked' is not on a table"):
        race(SimpleNamespace(task=SimpleNamespace(spec=SimpleNamespace(name="zfish-tiny/masked"))), ["puct"], [0])
    with pytest.raises(ZfbenchError, match="Two methods of the race have the same name"):
        race(loaded, ["puct", "puct"], [0])
    with pytest.raises(ZfbenchError, match="at least one seed"):
        race(loaded, ["puct"], [])
    with pytest.raises(ZfbenchError, match="from 1 to 54, the number of its programs"):
        race(loaded, ["best_of_n"], [0], (0,))
    with pytest.raises(ZfbenchError, match="from 1 to 54, the number of its programs"):
        race(loaded, ["puct"], [0], (500,))
    assert race(loaded, ["best_of_n"], [0]).budgets == (27,)
