"""What docs/results says was not measured is not among the results, and its numbers are theirs."""

import re
from statistics import fmean

import pytest
from results_page import WORDS

from zfbench.discoverers.modelsmc import ModelSMC
from zfbench.leaderboard.analyses.searches import comparisons
from zfbench.leaderboard.shipped import FOLDER
from zfbench.leaderboard.table_files import file_of
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


def test_no_live_search_has_more_than_fifty_evaluations(missing, live):
    rate, black = live
    assert {r.search.budget["evaluations"] for r in (*rate, *black)} == {50}
    each = fmean(r.spend.device_seconds / r.spend.evaluations for r in rate)
    count = 200 * 6 * 2 * 10
    assert f"an evaluation of these searches took {each:.1f} s of device time" in missing
    assert f"{count:,} of them, would take about {count * each / 3600:.0f} hours." in missing
    search = ModelSMC.__init__.__defaults__
    assert search[:2] == (50, 15)
    assert "ModelSMC with 50 particles over 15 generations" in missing


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
