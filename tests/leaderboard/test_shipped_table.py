"""The tables that come with zfbench: they are of this version's programs and scores, and pages say what they say."""

from pathlib import Path

import pytest

from zfbench import scoring
from zfbench.discoverers.proposers.rate.subspace import RateSubspace
from zfbench.leaderboard.analyses.race import METHODS, entrant
from zfbench.leaderboard.analyses.table_report import page, read, read_fidelity
from zfbench.leaderboard.table_files import files_of
from zfbench.records.result import BENCHMARK_VERSION
from zfbench.runs.table_judging import chosen
from zfbench.tasks.zfish.name import ZfishName
from zfbench.tasks.zfish.task import make_spec
from zfbench.tasks.zfish_table.family import EVALUATED_ON, ZFISH_TABLE
from zfbench.testbed.published import load as load_circuit

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", params=sorted(EVALUATED_ON))
def name(request):
    return request.param


@pytest.fixture(scope="module")
def table(name):
    return ZFISH_TABLE.load(name).spec.table


def test_its_programs_are_those_that_the_space_writes_now(table):
    parts = ZfishName.parse(table.facts.task)
    spec = make_spec(parts, load_circuit(parts.circuit))
    space = RateSubspace(spec)
    assert dict(table.facts.versions) == dict(space.versions)
    assert table.slots == space.slots
    assert table.facts.groups == spec.groups
    for codes in (table.start, table.truth, table.optimum, *table.codes[:: max(1, len(table.codes) // 20)]):
        assert table.sources[codes] == space.source(codes)


def test_the_document_says_how_many_programs_it_has_and_how_long_they_were_trained(name, table):
    text = (ROOT / "docs" / "table.md").read_text(encoding="utf-8")
    assert f"| `{name}` | {len(table.codes):,} | {table.facts.updates:,} |" in text


def test_the_document_says_how_many_of_those_that_were_chosen_were_trained_in_full():
    counts = {}
    for name, task in EVALUATED_ON.items():
        table = ZFISH_TABLE.load(name).spec.table
        parts = ZfishName.parse(task)
        space = RateSubspace(make_spec(parts, load_circuit(parts.circuit)))
        screened = dict(zip(table.codes, table.evaluations, strict=True))
        wanted = [codes for k in table.choices[-1] for codes in chosen(space, k + 1, screened)]
        assert set(table.full) <= set(wanted)
        counts[name] = (len(table.full), len(wanted))
    masked, driven = counts["zfish-table/masked"], counts["zfish-table/driven"]
    text = " ".join((ROOT / "docs" / "table.md").read_text(encoding="utf-8").split())
    assert driven[0] == driven[1]
    assert f"(in `driven` all {driven[1]} that were so chosen, in `masked` {masked[0]} of {masked[1]})" in text


def test_its_data_and_scores_are_of_this_version(name, table):
    assert table.facts.task == EVALUATED_ON[name]
    assert table.facts.benchmark_version == BENCHMARK_VERSION
    versions = ZFISH_TABLE.judge(name).judgements.metric_versions
    assert all(scoring.VERSIONS[family] == version for family, version in versions.items())


def test_its_race_and_its_page_are_of_it(name, table):
    files = files_of(name)
    race, landscape = read(ROOT / files.race), read(ROOT / files.landscape)
    assert race["task"] == landscape["task"] == name
    assert race["table_sha256"] == landscape["table_sha256"] == table.sha256
    assert (tuple(race["methods"]), race["programs"]) == (METHODS, len(table.codes))
    assert {m: dict(entrant(m).settings) for m in METHODS} == {m: row["settings"] for m, row in race["methods"].items()}
    assert (ROOT / files.page).read_text(encoding="utf-8") == page(
        race, landscape, read_fidelity(ROOT / files.fidelity)
    )
