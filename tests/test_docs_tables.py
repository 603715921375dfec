"""What the page of results says of the table of the track without the mask is what its files say."""

import json

import pytest
from genotype_cases import neighbours
from results_page import GENERALISATION, RESPONSES, ROOT, WIRING, WORDS, written

import zfbench
from zfbench.discoverers.proposers.rate.genotype import start
from zfbench.leaderboard.analyses.searches import comparisons, order_agreement
from zfbench.leaderboard.analyses.searches_report import read_races
from zfbench.leaderboard.statistics import Interval, seeds_needed
from zfbench.leaderboard.table_files import files_of
from zfbench.tasks.zfish.name import ZfishName
from zfbench.tasks.zfish.task import make_spec
from zfbench.tasks.zfish_table.family import EVALUATED_ON
from zfbench.testbed.published import load as load_circuit

DRIVEN = files_of("zfish-table/driven")
HALVES = ("with all inputs, no hidden units", "with the true inputs, no hidden units")


def _read(path):
    return json.loads((ROOT / path).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def found():
    return _read(DRIVEN.landscape)


@pytest.fixture(scope="module")
def race():
    return _read(DRIVEN.race)


@pytest.fixture(scope="module")
def worth(found):
    """What a choice is worth at the start and at the truth, by slot and choice."""
    rows = {(row["slot"], row["choice"]): row for row in found["landscape"]["choices"]}
    return {key: (row["at the start"], row["at the truth"]) for key, row in rows.items()}


def _loss(value):
    return f"{value:.3f}".replace("0.", ".")


def test_the_parts_of_the_truth_pay_together(shown, found, worth):
    named = found["landscape"]["named"]
    assert (
        f"has {found['landscape']['programs']:,} programs, all screened with {found['made']['updates']:,} updates; "
        f"{found['landscape']['trained in full']} were trained in full and judged"
    ) in shown
    alone, together = worth["inputs and capacity", "the true inputs, no hidden units"]
    start, truth = named["start"]["loss"], named["truth"]["loss"]
    scatter = found["noise"]["sd by seed"]
    assert abs(alone) < 2 * scatter
    assert f"(a loss of {_loss(start + alone)} in place of {_loss(start)}, where a training seed scatters" in shown
    assert f"scatters by {_loss(scatter)})" in shown
    losses = zfbench.load_task("zfish-table/driven").spec.table.losses
    close = int((losses <= losses.min() + scatter).sum())
    assert f"{WORDS[close]} programs have a loss within {_loss(scatter)} of the lowest" in shown
    assert f"they take the loss from {_loss(truth - together)} to {_loss(truth)}" in shown


def test_where_the_true_form_stands(shown, found):
    named = found["landscape"]["named"]
    linear, relu, first = named["truth"], named["truth with SW and vSPN relu"], named["optimum"]
    assert (linear["rank in full"], relu["rank in full"], first["rank in full"]) == (2, 1, 3)
    assert f"are 2nd and 1st of the {found['landscape']['trained in full']}" in shown
    assert f"{linear['rank']}th and {relu['rank']}th of {found['landscape']['programs']:,}" in shown
    assert sum(a != b for a, b in zip(first["codes"], relu["codes"], strict=True)) == 1
    assert "and first a program with one false part, which is 3rd after full training" in shown


def test_what_the_screening_tells(shown, found):
    atlas = found["atlas"]
    whole, best = (
        [atlas[name]["screening and full training"]["value"]]
        + [atlas[name]["with the judge"]["loss"][score]["value"] for score in (GENERALISATION, RESPONSES, WIRING)]
        for name in ("all", "best tenth")
    )
    full, generalises, responds, wired = map(written, whole)
    assert f"of the two losses is {full}, that of the screening's loss with generalisation {generalises}" in shown
    assert f"with responses {responds} and with wiring {wired};" in shown
    assert "it is {}, {}, {} and {}.".format(*map(written, best)) in shown


def test_why_the_isolated_error_goes_closer(shown, found):
    atlas = found["atlas"]
    wired, responds = (atlas["all"]["with the judge"]["isolated_error"][s]["value"] for s in (WIRING, RESPONSES))
    assert f"The isolated error goes closer with wiring ({written(wired)}) and responses ({written(responds)})" in shown
    for half in HALVES:
        rows = atlas[half]["with the judge"]
        for score in (WIRING, RESPONSES):
            assert abs(rows["isolated_error"][score]["value"]) <= abs(rows["loss"][score]["value"])
    assert "within either half it goes no closer than the loss" in shown


def test_methods_separate_there(shown, found, race):
    pairs = [pair for pair in race["pairs"] if pair["budget"] == 50]
    apart = [pair for pair in pairs if pair["significant"]]
    (same,) = [{pair["one"], pair["other"]} for pair in pairs if not pair["significant"]]
    assert same == {"puct", "puct_plus"}
    first, last = race["seeds"]
    assert f"{len(apart)} of {len(pairs)} pairs of methods differ over {last - first + 1} seeds" in shown
    share = {name: 100 * of["budgets"]["50"]["truth"]["mean"] for name, of in race["methods"].items()}
    assert (
        f"in {share['puct']:.0f} % of the seeds of `puct`, {share['modelsmc']:.0f} % of `modelsmc`, "
        f"{share['uniform_draws']:.0f} % of uniform draws and none of `best_of_n`."
    ) in shown
    assert share["best_of_n"] == 0
    assert share["puct_plus"] > 95
    after = {name: of["budgets"]["150"]["optimum"]["mean"] for name, of in race["methods"].items()}
    assert after["puct"] == after["modelsmc"] == 1
    gaps = [Interval(p["regret"]["mean"], p["regret"]["low"], p["regret"]["high"], last - first + 1) for p in apart]
    needed = [seeds_needed(gap) for gap in gaps]
    assert f"So pairs that {WORDS[min(needed)]} to {max(needed)} seeds tell apart there" in shown
    steps, table = found["landscape"]["steps"], zfbench.load_task("zfish-table/driven").spec.table
    near = len(table.neighbours(table.start))
    assert f"is {WORDS[steps['start to truth']]} changes from the truth there and has {near} neighbours" in shown


def test_the_orders_here_and_live(shown, measured):
    (live,) = (c for c in comparisons(measured) if c.task == "zfish-tiny/driven" and "family=rate" in c.proposer)
    tau, here, there = order_agreement(live, read_races(ROOT / "leaderboard" / "tables")[live.task][50])
    assert f"with the mask and {written(tau)} without it" in shown
    assert here[:2] == there[:2] == ["puct", "modelsmc"]


def test_how_many_neighbours_the_start_of_live_searches_has(shown):
    counts = {}
    for track in ("masked", "driven"):
        name = ZfishName.parse(f"zfish-tiny/{track}")
        spec = make_spec(name, load_circuit(name.circuit))
        counts[track] = sum(1 for _ in neighbours(start(spec), spec))
    spaces = " ".join((ROOT / "docs" / "spaces.md").read_text(encoding="utf-8").split())
    assert f"The start has {counts['masked']:,} neighbours in `masked` and {counts['driven']:,} in `driven`." in spaces
    assert f"neighbours there, and {counts['masked']:,} where live searches begin" in shown
    assert f"live it is 66 changes away and has {counts['driven']:,}" in shown
    assert "of `zfish-tiny/driven` 66, 10 and 56." in spaces


def test_the_readme_says_who_reaches_the_lowest_loss_soonest():
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert "`puct` and `puct_plus` reach the lowest loss of a short training soonest" in text
    for task in EVALUATED_ON:
        race = _read(files_of(task).race)
        share = {name: of["budgets"]["50"]["optimum"]["mean"] for name, of in race["methods"].items()}
        assert set(sorted(share, key=share.__getitem__)[-2:]) == {"puct", "puct_plus"}
        assert f"]({files_of(task).page})" in text
        assert race["seeds"] == [0, 199]
