"""The table that comes with zfbench: it is of this version's programs and scores, and the page says what it says."""

import json
from pathlib import Path

import pytest

from zfbench import scoring
from zfbench.discoverers.proposers.rate.subspace import RateSubspace
from zfbench.leaderboard.analyses.race import METHODS
from zfbench.leaderboard.analyses.table_report import page, read, read_fidelity
from zfbench.records.result import BENCHMARK_VERSION
from zfbench.tasks.zfish.name import ZfishName
from zfbench.tasks.zfish.task import make_spec
from zfbench.tasks.zfish_table.family import EVALUATED_ON, FOLDER, ZFISH_TABLE, public_file
from zfbench.testbed.published import load as load_circuit

ROOT = Path(__file__).parents[2]
NAME = "zfish-table/masked"
RACE, LANDSCAPE, FIDELITY, PAGE = (
    FOLDER / "race.json",
    FOLDER / "landscape.json",
    FOLDER / "fidelity.json",
    ROOT / "docs" / "results" / "table.md",
)


@pytest.fixture(scope="module")
def table():
    if not public_file(FOLDER, EVALUATED_ON[NAME]).exists():
        pytest.skip("no table comes with this version")
    return ZFISH_TABLE.load(NAME).spec.table


def test_its_programs_are_those_that_the_space_writes_now(table):
    parts = ZfishName.parse(table.facts.task)
    spec = make_spec(parts, load_circuit(parts.circuit))
    space = RateSubspace(spec)
    assert dict(table.facts.versions) == dict(space.versions)
    assert table.slots == space.slots
    assert table.facts.groups == spec.groups
    for codes in (table.start, table.truth, table.optimum, *table.codes[:: max(1, len(table.codes) // 20)]):
        assert table.sources[codes] == space.source(codes)


def test_its_scores_are_of_this_version(table):
    assert table.facts.benchmark_version == BENCHMARK_VERSION
    versions = ZFISH_TABLE.judge(NAME).judgements.metric_versions
    assert all(scoring.VERSIONS[family] == version for family, version in versions.items())


def test_its_race_and_its_page_are_of_it(table):
    if not RACE.exists():
        pytest.skip("no race comes with this version")
    race, landscape = read(RACE), read(LANDSCAPE)
    assert race["table_sha256"] == landscape["table_sha256"] == table.sha256
    assert tuple(race["methods"]) == METHODS
    assert PAGE.read_text(encoding="utf-8") == page(race, landscape, read_fidelity(FIDELITY))
    assert json.loads(RACE.read_text())["programs"] == len(table.codes)
