"""Packing a table: complete stages alone, reproducible bytes, and the judge's scores in a file of their own."""

import dataclasses
import json
import lzma
from types import MappingProxyType, SimpleNamespace

import pytest

from zfbench.base.errors import ZfbenchError
from zfbench.protocols.space import Slot, Space
from zfbench.records.evaluation import Evaluation
from zfbench.records.program import Status
from zfbench.records.scores import Scores
from zfbench.runs import table_building
from zfbench.runs.table import EVALUATIONS, HEAD, Measurement
from zfbench.runs.table_judging import JUDGED
from zfbench.runs.table_packing import pack
from zfbench.tasks.zfish_table.family import folder_name
from zfbench.tasks.zfish_table.sealed import SealedTable
from zfbench.tasks.zfish_table.table import Table

NAME = "zfish-tiny/masked"


class Toy(Space):
    name = "toy"
    versions = MappingProxyType({"space": 1})
    slots = (Slot("unit", tuple("abcde"), 1, ("AF",)), Slot("form", tuple("abcde"), 1), Slot("inputs", ("x", "y"), 0))

    def source(self, codes):
        self.check(codes)
        return f"program = {codes}"


class Family:
    def evaluator(self, task, limits, sandbox):
        def measure(program, seed):
            value = float(sum(map(int, filter(str.isdigit, program.source)))) + 1 / 3 + seed / 2**40
            if "(4, 4" in program.source:
                return Evaluation(Status.ERROR, feedback="division by zero")
            return Evaluation(Status.OK, value, -value, {"mae": value / 7}, "told")

        return measure

    def candidate(self, task, source, seed, sandbox):
        return SimpleNamespace(source=source, report=None, close=lambda: None)

    def fit(self, task, model, limits): ...

    def selection_loss(self, task, model):
        return 0.5

    def score(self, model, progress, seed):
        metrics = {"headline/mean": 1 / 3, "forecast/id/mae": 0.1, "forecast/id/mae/group/AF": 0.1}
        return Scores(metrics, metric_versions={"headline": 1, "forecast": 1})


SPEC = SimpleNamespace(name=NAME, description="Some neurons.", contract="Define it.", groups=("AF", "PT"))


@pytest.fixture
def loaded():
    family = Family()
    return SimpleNamespace(
        name=NAME, family=family, task=SimpleNamespace(spec=SPEC, data_sha256="0" * 64), judge=family
    )


@pytest.fixture
def built(tmp_path, loaded):
    table_building.build(Measurement(loaded, Toy(), tmp_path / "out", 60), [1])
    return tmp_path / "out"


def test_a_packed_table_holds_what_was_measured(built, tmp_path):
    public, sealed = pack(built, SPEC, Toy(), tmp_path / "to")
    table = Table.read(public)
    assert table.codes == tuple(sorted(Toy().stage(1)))
    assert table.choices == ((0, 1, 2, 3, 4), (0, 1, 2, 3, 4), (0,))
    assert (table.truth, table.optimum) == ((1, 1, 0), (0, 0, 0))
    assert [str(e.status) for e in table.evaluations].count("error") == 1
    assert {len(found) for found in table.replicates.values()} == {25}
    assert set(table.replicates) == {2, 3}
    assert set(table.full.values()) == {0.5}
    assert (table.facts.task, table.facts.updates, table.facts.data_sha256) == (NAME, 1_000, "0" * 64)
    options = "--stage 1 --updates 1000"
    assert table.facts.command == (
        f"zfbench table build {NAME} {options}; zfbench table pack table/{folder_name(NAME)} {options}"
    )
    assert table.slots == Toy.slots
    found = SealedTable.read(sealed, table.sha256)
    assert set(found.judgements) == set(table.full)
    assert {tuple(j.metrics) for j in found.judgements.values()} == {("forecast/id/mae", "headline/mean")}
    assert "headline" not in lzma.decompress(public.read_bytes()).decode()


def test_a_table_of_another_length_holds_its_own_screenings_and_replicates(loaded, tmp_path):
    for updates in (500, 1_000):
        table_building.build(Measurement(loaded, Toy(), tmp_path / "out", 60), [1], ["screening"], updates=updates)
    table_building.build(Measurement(loaded, Toy(), tmp_path / "out", 60), [1], ["replicates"], updates=500)
    short, usual = (
        Table.read(pack(tmp_path / "out", SPEC, Toy(), tmp_path / str(n), updates=n)[0]) for n in (500, 1_000)
    )
    assert (short.facts.updates, usual.facts.updates) == (500, 1_000)
    assert (set(short.replicates), set(usual.replicates)) == ({2, 3}, set())


def test_packing_twice_gives_the_same_bytes(built, tmp_path):
    first, second = (pack(built, SPEC, Toy(), tmp_path / name) for name in ("one", "two"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_an_incomplete_stage_is_refused_or_left_out(built, loaded, tmp_path):
    table_building.build(Measurement(loaded, Toy(), built, 60), [2], ["screening"], limit=5)  # a complete part
    assert len(Table.read(pack(built, SPEC, Toy(), tmp_path / "to")[0]).codes) == 25
    with pytest.raises(ZfbenchError, match="20 of the 25 programs of stage 2 are not screened yet"):
        pack(built, SPEC, Toy(), tmp_path / "to", [1, 2])
    for k in range(5):
        (built / EVALUATIONS / f"0{k}0__updates1000__replicate0.json").unlink()
        if k < 4:
            table = Table.read(pack(built, SPEC, Toy(), tmp_path / "to")[0])
            assert table.choices == ((0, 1, 2, 3, 4), tuple(range(k + 1, 5)), (0,))  # the parts that are complete
    next((built / EVALUATIONS).glob("?01__updates1000__replicate0.json")).unlink()  # of stage 2
    with pytest.raises(ZfbenchError, match="holds no complete part of a stage; run `zfbench table build` again"):
        pack(built, SPEC, Toy(), tmp_path / "to")


def test_parts_of_several_stages_are_a_table(loaded, tmp_path):
    folder, stages, choices = tmp_path / "out", [1, 2], (1, 3)
    work = Measurement(loaded, Toy(), folder, 60)
    table_building.build(work, stages, choices=choices, limit=19)
    with pytest.raises(ZfbenchError, match="1 of the 10 programs of stage 2 are not screened yet"):
        pack(folder, SPEC, Toy(), tmp_path / "to", stages, choices=choices)
    table_building.build(work, stages, choices=choices)
    table = Table.read(pack(folder, SPEC, Toy(), tmp_path / "to", stages, choices=choices)[0])
    assert table.choices == ((0, 1, 2, 3, 4), (1, 3), (0, 1))
    assert len(list((folder / EVALUATIONS).glob("*__updates1000__replicate0.json"))) == len(table.codes) == 20
    assert {codes[1] for codes in (*table.full, *table.replicates[2])} == {1, 3}
    options = "--stage 1 --stage 2 --choice 1 --choice 3 --updates 1000"
    assert table.facts.command.startswith(f"zfbench table build {NAME} {options}; zfbench table pack ")
    assert table.facts.command.endswith(options)
    table_building.build(work, stages)  # the other parts, which a table of these leaves out
    again = Table.read(pack(folder, SPEC, Toy(), tmp_path / "again", choices=choices)[0])
    assert again.codes == table.codes
    assert len(Table.read(pack(folder, SPEC, Toy(), tmp_path / "all", stages)[0]).codes) == 50


def test_what_was_judged_of_a_part_stays_when_the_stage_is_complete(loaded, tmp_path):
    folder = tmp_path / "out"
    for limit in (5, None):  # one part of five, then the stage
        table_building.build(Measurement(loaded, Toy(), folder, 60), [1], ["screening"], limit=limit)
        table_building.build(Measurement(loaded, Toy(), folder, 60), [1], ["judging", "replicates"])
    table = Table.read(pack(folder, SPEC, Toy(), tmp_path / "to")[0])
    assert len(table.full) == len(list((folder / JUDGED).iterdir()))
    assert {codes[1] for codes in table.full} > {0}


def test_a_table_without_replicates_and_judgements_can_be_packed(loaded, tmp_path):
    table_building.build(Measurement(loaded, Toy(), tmp_path / "out", 60), [1, 2], ["screening"])
    public, sealed = pack(tmp_path / "out", SPEC, Toy(), tmp_path / "to")
    table = Table.read(public)
    assert (len(table.codes), table.replicates, table.full) == (50, {}, {})
    assert not SealedTable.read(sealed, table.sha256).judgements


def test_a_folder_of_another_task_or_space_or_of_nothing_is_refused(built, tmp_path):
    with pytest.raises(ZfbenchError, match="holds no table"):
        pack(tmp_path / "nothing", SPEC, Toy(), tmp_path / "to")
    newer = Toy()
    newer.versions = {"space": 2}
    with pytest.raises(ZfbenchError, match=r"a table with versions = {'space': 1}, not {'space': 2}"):
        pack(built, SPEC, newer, tmp_path / "to")
    other = SimpleNamespace(**(vars(SPEC) | {"name": "zfish-tiny/driven"}))
    with pytest.raises(ZfbenchError, match="a table with task = zfish-tiny/masked, not zfish-tiny/driven"):
        pack(built, other, Toy(), tmp_path / "to")
    (built / HEAD).write_text("{")
    with pytest.raises(ZfbenchError, match="holds no table"):
        pack(built, SPEC, Toy(), tmp_path / "to")


def test_scores_of_two_versions_are_not_packed_together(built, tmp_path):
    path = sorted((built / JUDGED).glob("*.json"))[0]
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"metric_versions": {"headline": 2}}))
    with pytest.raises(ZfbenchError, match="has scores of another version"):
        pack(built, SPEC, Toy(), tmp_path / "to")


def test_numbers_keep_six_significant_digits(built, tmp_path):
    table = Table.read(pack(built, SPEC, Toy(), tmp_path / "to")[0])
    loss = table.evaluations[table.number[0, 1, 0]].loss
    assert loss == float(f"{loss:.6g}")
    assert loss == pytest.approx(4 / 3, rel=2e-3)
    assert dataclasses.asdict(table.facts)["groups"] == ("AF", "PT")
