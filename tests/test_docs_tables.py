"""What the page of results says of the table of the track without the mask is what its files say."""

import json

import numpy as np
import pytest
from genotype_cases import neighbours
from results_page import GENERALISATION, RESPONSES, ROOT, WIRING, WORDS, written
from scipy import stats

import zfbench
from zfbench.discoverers.proposers.rate.genotype import start
from zfbench.leaderboard.analyses.searches import AREA, LOSS, MEAN, comparisons, order_agreement
from zfbench.leaderboard.analyses.searches_report import read_races
from zfbench.leaderboard.certificates import certificate_of
from zfbench.leaderboard.statistics import Interval, seeds_needed
from zfbench.leaderboard.table_files import files_of
from zfbench.tasks.zfish.name import ZfishName
from zfbench.tasks.zfish.task import make_spec
from zfbench.tasks.zfish_table.family import EVALUATED_ON, ZFISH_TABLE
from zfbench.testbed.published import load as load_circuit

MASKED, DRIVEN = (files_of(f"zfish-table/{track}") for track in ("masked", "driven"))
SCORES = (GENERALISATION, WIRING, RESPONSES)
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
def table():
    return zfbench.load_task("zfish-table/driven").spec.table


@pytest.fixture(scope="module")
def lengths():
    return {row["updates"]: row for row in _read(DRIVEN.fidelity)["lengths"]}


@pytest.fixture(scope="module")
def live(measured):
    (only,) = (c for c in comparisons(measured) if c.task == "zfish-tiny/driven" and "family=rate" in c.proposer)
    return only


def _loss(value):
    return f"{value:.3f}".replace("0.", ".", 1)


def test_the_true_inputs_pay_beside_other_true_parts(shown, found):
    land, named = found["landscape"], found["landscape"]["named"]
    assert (
        f"has](table-driven.md) {land['programs']:,} programs, all screened with {found['made']['updates']:,} updates; "
        f"{land['trained in full']} were trained in full and judged."
    ) in shown
    true = {row["slot"]: (row["at the start"], row["at the truth"]) for row in land["choices"] if row["true"]}
    alone, together = true["inputs and capacity"]
    first, truth = named["start"]["loss"], named["truth"]["loss"]
    assert f"raise the loss from {_loss(first)} to {_loss(first + alone)}, in one training each" in shown
    assert alone < 2 * found["noise"]["sd by seed"]  # "the sign is not sure"
    assert f"they lower it from {_loss(truth - together)} to {_loss(truth)}." in shown
    scaled = true["MN synapses"]
    assert f"do likewise (+{_loss(scaled[0])} and {_loss(scaled[1])})" in shown
    linear = {row["choice"]: row["at the start"] for row in land["choices"] if row["slot"] == "SW and vSPN"}["linear"]
    others = [*(true[slot][0] for slot in ("AF", "PT slope", "BG")), linear]
    assert max(others) < 0
    assert "the other four true parts lower the loss alone too" in shown


def test_programs_of_equal_loss_differ_in_mechanism(shown, found):
    points = found["atlas"]["points"]
    every, true = ([p for p in points if p["codes"][-1] == choice] for choice in "01")
    low, high = min(p["loss"] for p in every), max(p["loss"] for p in true)
    every, true = ([p for p in own if low <= p["loss"] <= high] for own in (every, true))

    def spans(own):
        values = ([p[score] for p in own] for score in (RESPONSES, WIRING))
        responses, wiring = (f"{written(min(some))} to {written(max(some))}" for some in values)
        return f"have responses of {responses} and wiring of {wiring}"

    assert f"overlap from {written(low)} to {written(high)}." in shown
    assert f"the {len(true)} judged programs with the true inputs {spans(true)}; " in shown
    assert f"the {len(every)} that read all inputs {spans(every)}." in shown
    medians = [written(np.median([p[GENERALISATION] for p in own])) for own in (true, every)]
    assert "its medians are {} and {}".format(*medians) in shown


def test_where_the_true_form_stands(shown, found, table, lengths):
    named = found["landscape"]["named"]
    linear, relu, first = named["truth"], named["truth with SW and vSPN relu"], named["optimum"]
    assert (linear["rank in full"], relu["rank in full"], first["rank in full"]) == (2, 1, 3)
    assert f"are 2nd and 1st of the {found['landscape']['trained in full']}" in shown
    assert f"{linear['rank']}th and {relu['rank']}th of {found['landscape']['programs']:,}" in shown
    assert sum(a != b for a, b in zip(first["codes"], relu["codes"], strict=True)) == 1
    assert "and first a program with one false part, which is 3rd after full training" in shown
    assert f"of the two losses is {written(lengths[1000]['full loss']['value'])}; with 400 updates" in shown
    with_mask = {row["updates"]: row for row in _read(MASKED.fidelity)["lengths"]}
    assert lengths[400]["full loss"]["value"] > with_mask[400]["full loss"]["value"]
    assert f"higher than with the mask ({written(lengths[400]['full loss']['value'])})" in shown


def test_what_the_page_on_certificates_says_of_the_length(lengths):
    text = " ".join((ROOT / "docs" / "identify.md").read_text(encoding="utf-8").split())
    short, long = (written(lengths[updates]["full loss"]["value"]) for updates in (400, 1000))
    assert f"a rank correlation of {short} with the full training, where 1,000 have {long}" in text


def test_how_much_a_seed_changes_the_lowest_losses(shown, found, table):
    again = [c for c in table.codes if all(c in replicate for replicate in table.replicates.values())]
    low = [c for c in again if table.losses[table.number[c]] < 0.11]
    x = np.array([[table.losses[table.number[c]], *(r[c] for r in table.replicates.values())] for c in low])
    rest = x - x.mean(axis=0) - x.mean(axis=1, keepdims=True) + x.mean()
    scatter = np.sqrt(np.square(rest).sum() / ((len(x) - 1) * 2))
    close = int((table.losses <= table.losses.min() + scatter).sum())
    assert (
        f"of the {len(low)} programs with a loss below .11 that were screened three times a seed changes the loss by "
        f"{_loss(scatter)} ({_loss(found['noise']['sd by seed'])} over all {len(again)}), and {WORDS[close]} programs "
        f"have a loss within {_loss(scatter)} of the lowest"
    ) in shown


def test_what_the_screening_tells(shown, found):
    atlas = found["atlas"]
    rows = {name: atlas[name]["with the judge"] for name in ("all", *HALVES)}
    assert f"has a rank correlation of {written(rows['all']['loss'][GENERALISATION]['value'])} with" in shown
    loss = {half: [rows[half]["loss"][score] for score in (RESPONSES, WIRING)] for half in HALVES}
    words = {half: " and ".join(written(value["value"]) for value in own) for half, own in loss.items()}
    assert f"{words[HALVES[0]]} among programs that read all inputs (the latter could be 0)" in shown
    assert loss[HALVES[0]][1]["low"] < 0 < loss[HALVES[0]][1]["high"]
    assert f"{words[HALVES[1]]} among those that read the true ones" in shown
    wired, responds = (written(rows["all"]["isolated_error"][score]["value"]) for score in (WIRING, RESPONSES))
    assert f"closer with wiring ({wired}) and responses ({responds}) over all of them" in shown
    for half in HALVES:
        for score in (WIRING, RESPONSES):
            assert abs(rows[half]["isolated_error"][score]["value"]) <= abs(rows[half]["loss"][score]["value"])
    assert "within either half it goes no closer than the loss" in shown


def test_no_quantity_tells_the_mechanism_best(shown):
    named = {"mae": "MAE", "standardised_mse": "the standardised squared error", "loss": "the loss"}
    named |= {"minus log likelihood": "minus the log likelihood", "isolated_error": "the isolated error"}
    atlases = [_read(table.landscape) for table in (MASKED, DRIVEN)]
    rows = [found["atlas"]["best tenth"]["with the judge"] for found in atlases]
    assert set(rows[0]) == set(rows[1]) == {*named, "full loss"}

    def value(row, quantity, score):
        return row[quantity][score]["value"]

    closest = {s: [min(named, key=lambda q: value(row, q, s)) for row in rows] for s in SCORES}
    said = {s: [written(value(row, q, s)) for row, q in zip(rows, own, strict=True)] for s, own in closest.items()}
    assert closest[RESPONSES] == ["minus log likelihood", "mae"]
    by_loss = [written(value(row, "loss", RESPONSES)) for row in rows]
    less = written(value(rows[1], "minus log likelihood", RESPONSES))
    assert (
        f"the closest with responses is minus the log likelihood with the mask (rank correlation {said[RESPONSES][0]}; "
        f"the loss {by_loss[0]}) and the MAE without it ({said[RESPONSES][1]}; the loss {by_loss[1]}, minus the log "
        f"likelihood {less})."
    ) in shown
    words = {s: " and ".join(f"{named[q]} ({v})" for q, v in zip(closest[s], said[s], strict=True)) for s in SCORES}
    assert f"The closest with generalisation are {words[GENERALISATION]}, the closest with" in shown
    assert f"the closest with wiring {words[WIRING]}." in shown
    full = {s: [value(row, "full loss", s) for row in rows] for s in SCORES}
    better = {s: [v < value(row, q, s) for v, row, q in zip(full[s], rows, closest[s], strict=True)] for s in SCORES}
    assert sum(map(sum, better.values())) == 4
    assert not any(better[WIRING])
    masked, driven = (" and ".join(written(full[s][k]) for s in (GENERALISATION, RESPONSES)) for k in (0, 1))
    assert "In four of these six cases the loss after a full training, which a search sees in its finals, goes" in shown
    assert f"goes closer ({masked} with the mask, {driven} without it, with generalisation and responses)" in shown
    assert "it does not tell the wiring ({} and {})".format(*map(written, full[WIRING])) in shown
    short = [found["made"]["updates"] for found in atlases]
    assert "Screenings have {:,} updates with the mask and {:,} without".format(*short) in shown
    counts = [found["atlas"]["best tenth"]["screening and full training"]["n"] for found in atlases]
    assert "there are {} and {} of these programs".format(*counts) in shown


def test_the_same_form_with_the_other_schedule(shown):
    short = certificate_of("zfish-tiny/driven").found[0].standings[0]
    assert short.updates == 1000
    assert f"with it the same form has a loss of {_loss(short.medians['removed: S: gate min'])}." in shown


def test_methods_separate_there(shown, found, race, table):
    pairs = [pair for pair in race["pairs"] if pair["budget"] == 50]
    apart = [pair for pair in pairs if pair["significant"]]
    (same,) = [{pair["one"], pair["other"]} for pair in pairs if not pair["significant"]]
    assert same == {"puct", "puct_plus"}
    first, last = race["seeds"]
    assert f"{len(apart)} of {len(pairs)} pairs of methods differ over {last - first + 1} seeds" in shown
    early, later = ({name: of["budgets"][b] for name, of in race["methods"].items()} for b in ("50", "150"))
    share = {name: 100 * own["truth"]["mean"] for name, own in early.items()}
    assert (
        f"in {share['puct']:.0f} % of the seeds of `puct`, {share['modelsmc']:.0f} % of `modelsmc`, "
        f"{share['uniform_draws']:.0f} % of uniform draws and none of `best_of_n`."
    ) in shown
    assert share["best_of_n"] == 0
    assert {later[name]["optimum"]["mean"] for name in ("puct", "puct_plus", "modelsmc")} == {1}
    assert table.optimum not in table.truths
    area = {name: own["area"]["mean"] for name, own in early.items()}
    assert sorted(area, key=area.__getitem__)[:3] == ["uniform_draws", "puct_plus", "puct"]
    numbers = ("uniform_draws", "puct_plus", "puct")
    assert "(.{}, `puct_plus` .{}, `puct` .{})".format(*(f"{area[n]:.3f}"[2:] for n in numbers)) in shown
    steps, near = found["landscape"]["steps"]["start to truth"], len(table.neighbours(table.start))
    assert f"the truth is {WORDS[steps]} such changes from the start, which has {near} neighbours" in shown


def test_pairs_that_differ_there_are_not_told_apart_live(shown, race, live):
    both = set(live.runs) & set(race["methods"])
    pairs = [p for p in race["pairs"] if p["budget"] == 50 and {p["one"], p["other"]} <= both]
    assert all(pair["significant"] for pair in pairs)
    gaps = [Interval(p["regret"]["mean"], p["regret"]["low"], p["regret"]["high"], 200) for p in pairs]
    needed = sorted(seeds_needed(gap) for gap in gaps)
    assert (
        f"Of the {WORDS[len(both)]} methods with published live searches without the mask, all {WORDS[len(pairs)]} "
        f"pairs differ on the finite space, and a test of one of them needs {needed[0]} to {needed[-1]} seeds;"
    ) in shown
    found = [(p.one, p.other, p.measure) for p in live.pairs if p.significant and p.measure in (LOSS, AREA, MEAN)]
    assert found == [("modelsmc", "random_walk", LOSS), ("funsearch", "random_walk", AREA)]
    common = {pair.gap.n for pair in live.pairs}
    assert f"live, with {WORDS[min(common)]} to {WORDS[max(common)]} common seeds, two differ, by other" in shown


def test_the_orders_here_and_live(shown, measured, live):
    races = read_races(ROOT / "leaderboard" / "tables")
    (masked,) = (c for c in comparisons(measured) if c.task == "zfish-tiny/masked" and "family=rate" in c.proposer)
    orders = {c.task: order_agreement(c, races[c.task][50]) for c in (masked, live)}
    (one, here, _), (other, less, _) = orders.values()
    assert all(order[1][:2] == ["puct", "modelsmc"] and order[2][0] == "puct" for order in orders.values())
    assert [order[2][1] for order in orders.values()] == ["modelsmc", "random_walk"]
    assert {order[1][-1] for order in orders.values()} == {"random_walk"}
    assert f"is {written(one)} with the mask and {written(other)} without it, over" in shown
    chances = []
    for c, (tau, names, _) in zip((masked, live), orders.values(), strict=True):
        areas = [np.mean(list(c.by_seed(name, AREA).values())) for name in names]
        found = stats.kendalltau(areas, [races[c.task][50][name] for name in names])
        assert found.statistic == pytest.approx(tau)
        chances.append(found.pvalue)
    p = " and ".join(map(written, chances))
    assert f"over {WORDS[len(here)]} and {WORDS[len(less)]} methods (p = {p})" in shown
    for task, race in races.items():
        assert race[50]["uniform_draws"] < race[50]["modelsmc"], task
    assert "Uniform draws are ahead of `modelsmc` by this measure on both finite spaces, and last live:" in shown
    assert not any("uniform_draws" in c.runs for c in (masked, live))


def test_how_many_neighbours_the_start_of_live_searches_has(shown):
    counts = {}
    for track in ("masked", "driven"):
        name = ZfishName.parse(f"zfish-tiny/{track}")
        spec = make_spec(name, load_circuit(name.circuit))
        counts[track] = sum(1 for _ in neighbours(start(spec), spec))
    spaces = " ".join((ROOT / "docs" / "spaces.md").read_text(encoding="utf-8").split())
    assert f"The start has {counts['masked']:,} neighbours in `masked` and {counts['driven']:,} in `driven`." in spaces
    assert f"neighbours there, and {counts['masked']:,} where live searches begin" in shown
    assert f"the truth is 66 changes away, and the start has {counts['driven']:,} neighbours" in shown
    assert "of `zfish-tiny/driven` 66, 10 and 56." in spaces


def test_the_readme_says_who_finds_the_lowest_loss_most_often():
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert "`puct` and its variant `puct_plus` find the lowest loss of a short training most often within 50 " in text
    assert "On two spaces of 1,024 programs that were all trained beforehand" in text
    assert "in neither is that program the true form." in text
    for task in EVALUATED_ON:
        race, table = _read(files_of(task).race), ZFISH_TABLE.load(task).spec.table
        assert len(table.codes) == 1_024
        assert table.optimum not in table.truths
        share = {name: of["budgets"]["50"]["optimum"]["mean"] for name, of in race["methods"].items()}
        assert set(sorted(share, key=share.__getitem__)[-2:]) == {"puct", "puct_plus"}
        assert f"]({files_of(task).page})" in text
        assert race["seeds"] == [0, 199]
