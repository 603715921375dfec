"""The landscape of a table: distances, traps, the worth of choices, noise, and the atlas of judged programs."""

import dataclasses
import statistics
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats
from toy_table import CODES, FAILS, NAME, TRUTH, family, judged, loss, make_table

from zfbench.base.errors import ZfbenchError
from zfbench.leaderboard.analyses.landscape import (
    atlas,
    correlation,
    descents,
    describe,
    downhill,
    landscape,
    noise,
    worth,
)
from zfbench.protocols.space import Slot
from zfbench.records.evaluation import Evaluation
from zfbench.records.program import Status
from zfbench.runs.tasks import LoadedTask


def made(losses):
    """A table of two slots with three choices each, and these losses in order; None fails."""
    codes = list(product(range(3), range(3)))
    evaluations = tuple(
        Evaluation(Status.ERROR, feedback="no") if value is None else Evaluation(Status.OK, float(value))
        for value in losses
    )
    slots = (Slot("one", ("a", "b", "c"), 2), Slot("two", ("x", "y", "z"), 2))
    sources = {c: f"program = {c}" for c in codes}
    return dataclasses.replace(
        make_table(), slots=slots, sources=sources, evaluations=evaluations, replicates={}, full={}
    )


# Every other choice is one step away, so a local optimum is the least of its row and of its column.
TRAP = made([5, 4, 3, 4, 1, 6, 3, 6, 2])  # (1, 1) is lowest, and (2, 2) a trap


def test_local_optima_and_descents_are_those_of_the_definition():
    found = landscape(TRAP)
    assert found["local optima"] == 2
    assert found["their losses"] == [1.0, 2.0]
    ends = dict(zip(TRAP.codes, descents(TRAP), strict=True))
    assert ends[0, 1] == ends[1, 0] == ends[1, 2] == ends[1, 1] == (1, 1)
    assert ends[0, 0] == ends[0, 2] == ends[2, 0] == (2, 2)  # from (0, 0) to the lowest neighbour, (0, 2)
    assert found["descents that reach the optimum"] == round(np.mean([end == (1, 1) for end in ends.values()]), 4)
    assert found["descent from the start"] == "22"
    assert [found["named"][name]["rank"] for name in ("start", "truth", "optimum")] == [7, 2, 1]


def test_losses_are_correlated_with_the_distance_from_the_optimum_and_not_from_the_truth():
    """Losses 1 to 9 at distances 0 1 1 1 2 2 1 2 2 from the lowest, (0, 0): their correlation is 12 / sqrt(60 * 4)."""
    assert landscape(made(range(1, 10)))["fitness-distance correlation"] == round(12 / np.sqrt(240), 3)


def test_steps_are_counted_with_and_without_the_loss():
    assert landscape(TRAP)["steps"] == {
        "start to truth": 2,
        "start to optimum": 2,
        "truth to optimum": 2,
        "downhill from start to truth": 2,
        "downhill from start to optimum": 2,
    }
    assert downhill(TRAP, (2, 2), (1, 1)) is None
    assert downhill(TRAP, (1, 1), (1, 1)) == 0


def test_a_program_that_fails_is_no_optimum_and_in_no_mean():
    table = made([5, 4, None, 4, 1, 6, 3, 6, 2])
    found = landscape(table)
    assert (found["failed"], found["programs"]) == (1, 9)
    assert (0, 2) not in descents(table)
    rows = {(row["slot"], row["choice"]): row for row in found["choices"]}
    assert rows["two", "z"]["mean"] == pytest.approx(np.mean([6 - 4, 2 - 3]))
    assert rows["two", "z"]["at the start"] is None


def test_choices_are_worth_differences_from_the_first():
    rows = {(row["slot"], row["choice"]): row for row in worth(make_table())}
    assert rows["unit", "sigmoid"]["mean"] == 0
    assert rows["unit", "linear"]["mean"] == pytest.approx(-0.30, rel=1e-3)
    assert rows["unit", "linear"]["true"]
    assert rows["synapse", "drive"]["at the truth"] == pytest.approx(-0.0999, rel=1e-3)
    exact = landscape(make_table())
    assert 0.9 < exact["explained by single choices"] < 1  # the loss is a sum, its logarithm nearly one
    assert exact["fitness-distance correlation"] > 0.6


def test_a_choice_that_is_the_same_function_makes_another_truth():
    table = make_table()
    slots = (dataclasses.replace(table.slots[0], same=(2,)), *table.slots[1:])
    table = dataclasses.replace(table, slots=slots, full={TRUTH: 0.2, (2, 2, 1, 1): 0.1, (0, 0, 0, 0): 0.15})
    assert table.truths == (TRUTH, (2, 2, 1, 1))
    named = landscape(table)["named"]
    other = named["truth with unit tanh"]
    assert (other["codes"], other["rank in full"], named["truth"]["rank in full"]) == ("2211", 1, 3)
    assert (named["start"]["rank in full"], named["optimum"]["rank in full"]) == (2, 1)
    assert landscape(table)["trained in full"] == 3
    steps = landscape(table)["steps"]
    assert table.optimum == (2, 2, 1, 1)
    assert (steps["start to truth"], steps["truth to optimum"]) == (4, 0)  # to the nearest
    true = {(row["slot"], row["choice"]) for row in worth(table) if row["true"]}
    assert {("unit", "linear"), ("unit", "tanh")} <= true
    points = {point["codes"]: point["true"] for point in atlas(table, judged(table))["points"]}
    assert {codes for codes, found in points.items() if found} == {"1211", "2211"}


def test_noise_is_that_of_the_seed_and_not_of_a_shift_common_to_all():
    table = make_table()
    base = {c: loss(c) for c in CODES if c != FAILS}
    shifted = {2: {c: v + 0.01 for c, v in base.items()}, 3: {c: v - 0.01 for c, v in base.items()}}
    found = noise(dataclasses.replace(table, replicates=shifted))
    assert found["sd by seed"] < 1e-12
    assert found["shift of the mean by seed"] == [0.0, 0.01, -0.01] or np.allclose(
        found["shift of the mean by seed"], [0, 0.01, -0.01]
    )
    rng = np.random.default_rng(0)
    noisy = {k: {c: v + rng.normal(0, 0.02) for c, v in base.items()} for k in (2, 3)}
    exact = tuple(dataclasses.replace(e, loss=e.loss + rng.normal(0, 0.02)) if e.ok else e for e in table.evaluations)
    found = noise(dataclasses.replace(table, replicates=noisy, evaluations=exact))
    x = np.array([[exact[k].loss, noisy[2][c], noisy[3][c]] for k, c in enumerate(CODES) if c != FAILS])
    rest = [
        x[i, j] - x[i].mean() - x[:, j].mean() + x.mean() for i in range(53) for j in range(3)
    ]  # what neither a program nor a seed explains
    assert found["sd by seed"] == pytest.approx(np.sqrt(sum(r**2 for r in rest) / (52 * 2)), rel=1e-3)
    assert found["sd between programs"] == pytest.approx(statistics.stdev(x[:, 0]), rel=1e-3)
    assert found["ratio"] == pytest.approx(found["sd by seed"] / found["sd between programs"], rel=1e-3)
    pairs = [stats.spearmanr(x[:, 0], x[:, k]).statistic for k in (1, 2)]
    assert [one["value"] for one in found["rank correlation with another seed"]] == pytest.approx(pairs, abs=1e-3)
    assert found["programs"] == 53
    assert noise(made(range(1, 10))) is None


def test_a_correlation_is_spearmans_with_an_interval_that_covers():
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(200):
        x = rng.normal(size=60)
        y = 0.6 * x + 0.8 * rng.normal(size=60)
        found = correlation(x, y)
        assert found.value == pytest.approx(stats.spearmanr(x, y).statistic)
        covered += found.low < 6 / np.pi * np.arcsin(0.3) < found.high  # Spearman's rho of a normal pair
    assert covered > 180
    half = 1.959964 * np.sqrt((1 + found.value**2 / 2) / 57)
    bounds = np.tanh(np.arctanh(found.value) + np.array([-half, half]))
    assert (found.low, found.high) == pytest.approx(tuple(bounds))
    assert correlation(x[:9], y[:9]) is None
    assert correlation(x, np.ones(60)) is None
    assert correlation(x, np.where(x > 1, np.nan, x)).n == int((x <= 1).sum())


def test_the_atlas_relates_what_a_search_sees_to_what_the_judge_finds():
    table = make_table()
    found = atlas(table, judged(table))
    stages = {f"with {name}": sum(c[-1] == k for c in table.full) for k, name in enumerate(("all", "true"))}
    assert found["programs"] == {"all": 27, "best tenth": sum(c in table.full for c in best_tenth(table)), **stages}
    assert found["of"] == {"all": 54, "best tenth": 5, "with all": 27, "with true": 27}
    assert found["all"]["screening and full training"]["value"] == 1.0
    assert found["all"]["with the judge"]["loss"]["headline/wiring"]["value"] == -1.0
    assert found["all"]["with the judge"]["mae"]["forecast/ood/mae"]["value"] == 1.0
    assert found["all"]["with the judge"]["minus log likelihood"]["headline/wiring"]["value"] == -1.0
    assert found["best tenth"]["screening and full training"] is None  # too few
    assert found["judged"]["start"]["headline/wiring"] == pytest.approx(1 - loss((0, 0, 0, 0)) / 2, rel=1e-3)
    assert found["judged"]["truth"]["headline/wiring"] is None  # it was not judged


def best_tenth(table):
    return sorted(table.codes, key=lambda c: table.losses[table.number[c]])[:5]


def test_a_table_is_described_by_its_task(tmp_path):
    found = describe(LoadedTask(NAME, family(tmp_path)))
    assert set(found) == {"task", "table_sha256", "made", "landscape", "noise", "atlas"}
    facts = make_table().facts
    assert found["made"] == {"task": facts.task, "updates": facts.updates, "command": facts.command}
    assert found["landscape"]["named"]["truth"]["codes"] == "".join(map(str, TRUTH))
    live = SimpleNamespace(task=SimpleNamespace(spec=SimpleNamespace(name="zfish-tiny/masked")), judge=None)
    with pytest.raises(ZfbenchError, match="'zfish-tiny/masked' is not on a table"):
        describe(live)
