"""What docs/results says was not measured is not among the results, and its numbers are theirs."""

import math
import re
from statistics import fmean

import pytest
from results_page import ROOT, WORDS, written

from zfbench.discoverers.modelsmc import ModelSMC
from zfbench.leaderboard.analyses.searches import LOSS, comparisons
from zfbench.leaderboard.genotypes import parts
from zfbench.leaderboard.outcomes import outcome
from zfbench.leaderboard.shipped import FOLDER
from zfbench.leaderboard.table_files import file_of
from zfbench.records.reading import load_folder
from zfbench.tasks.zfish_table.family import EVALUATED_ON, ZFISH_TABLE

BLACK_BOX = {"family": "blackbox"}


@pytest.fixture(scope="module")
def missing(shown):
    return re.search(r"### What was not measured (.*?)### Claims", shown)[1]


@pytest.fixture(scope="module")
def live(measured):
    """The searches on the larva, over the rate family and over black boxes."""
    runs = [r for r in measured if r.search is not None and r.task.name.startswith("zfish-tiny/")]
    return (
        [r for r in runs if r.method.proposer_settings != BLACK_BOX],
        [r for r in runs if r.method.proposer_settings == BLACK_BOX],
    )


def test_no_published_live_search_has_more_than_fifty_evaluations(missing, live):
    rate, black = live
    assert {r.search.budget["evaluations"] for r in (*rate, *black)} == {50}
    each = fmean(r.spend.device_seconds / r.spend.evaluations for r in rate)
    count = 200 * 6 * 2 * 10
    assert f"an evaluation of these searches took {each:.1f} s of device time" in missing
    assert f"{count:,} of them, would take about {count * each / 3600:.0f} hours." in missing
    search = ModelSMC.__init__.__defaults__
    assert search[:2] == (50, 15)
    assert "ModelSMC with 50 particles over 15 generations" in missing


def test_what_one_search_found_with_four_times_the_budget(shown, measured):
    (long,) = load_folder(ROOT / "tests" / "benchmarks" / "results" / "puct-200")
    mine = [r for r in measured if (r.method.name, r.task.name) == ("puct", "zfish-tiny/masked")]
    (short,) = (r for r in mine if r.seed == long.seed)
    assert (long.method.name, long.task.name, long.search.budget["evaluations"]) == ("puct", "zfish-tiny/masked", 200)
    first, second = ([(entry.program, entry.loss) for entry in run.evaluated[:47]] for run in (long, short))
    assert first == second
    losses = {r.seed: outcome(r, LOSS) for r in mine}
    assert sorted(losses.values()).index(losses[long.seed]) == 1
    assert "which was the second best of the ten at 50 evaluations" in shown
    page = (ROOT / "docs" / "results" / "live.md").read_text(encoding="utf-8")
    for run, count in ((short, 50), (long, 200)):
        scores = [run.metrics[f"headline/{part}"] for part in ("generalisation", "wiring", "responses", "mean")]
        found = parts(run)
        lowest = min(entry.loss for entry in run.evaluated if entry.loss is not None)
        cells = [f"{lowest:.3f}", f"{math.exp(outcome(run, LOSS)):.3f}", *(f"{score:.2f}" for score in scores)]
        assert f"| {' | '.join([str(count), *cells, str(found.true), str(found.other)])} |" in page
    before, after = (f"{math.exp(outcome(run, LOSS)):.3f}"[1:] for run in (short, long))
    means = [written(run.metrics["headline/mean"]) for run in (short, long)]
    made = [parts(run) for run in (short, long)]
    assert made[0].true == made[1].true == 2
    assert (
        f"its loss after the finals falls from {before} to {after} and the mean of its headline scores rises from "
        f"{means[0]} to {means[1]}, while it has two of the ten choices as before, and {made[1].other} other changes "
        f"of form in place of {made[0].other}."
    ) in shown
    assert f"it took {written(long.spend.device_seconds / 3600)} hours of device time" in " ".join(page.split())


def test_which_methods_have_fewer_seeds(missing, live, measured):
    rate, black = live
    counts = {(c.task, name): len(runs) for c in comparisons(measured) for name, runs in c.runs.items()}
    assert {
        number for (task, name), number in counts.items() if (task, name) != ("zfish-tiny/driven", "random_walk")
    } == {10}
    assert f"`random_walk` has {WORDS[counts['zfish-tiny/driven', 'random_walk']]} without the mask" in missing
    assert {(r.task.name, r.method.name) for r in black} == {("zfish-tiny/driven", "puct")}
    assert f"black boxes {WORDS[len(black)]} (with `puct`, without the mask only)" in missing
    assert not {r.method.name for r in rate} & {"uniform_draws", "n1"}


def test_the_finite_spaces_hold_no_hidden_units(missing):
    for task in EVALUATED_ON:
        table = ZFISH_TABLE.load(task).spec.table
        assert len(table.codes) == 1_024
        used = {codes[-1] for codes in table.codes}
        assert not [choice for k, choice in enumerate(table.slots[-1].choices) if k in used and "eight" in choice]
    size = 1
    for slot in table.slots:
        size *= len(slot.choices)
    assert f"one of {size:,} programs; of each track {len(table.codes):,} were measured" in missing
    assert (FOLDER / "tables" / file_of("zfish-table/masked", "landscape")).exists()
    masked = ZFISH_TABLE.load("zfish-table/masked").spec.table
    assert f"{len(masked.full)} of 190 had one." in missing
