"""Tasks on a table: the file, what a search may see of it, and what the judge alone opens."""

import json
import lzma
from dataclasses import replace
from itertools import pairwise

import pytest
from toy_table import CODES, FAILS, NAME, SLOTS, TRUTH, evaluation, family, judged, loss, make_table

from zfbench.base.errors import DamagedFileError, UnknownNameError, ZfbenchError
from zfbench.protocols.task import Candidate
from zfbench.records.evaluation import FITTED, STANDARDISED_MSE
from zfbench.records.identities import broken
from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError, Program, Status
from zfbench.tasks.zfish_table.family import EVALUATED_ON, ZFISH_TABLE, TableFamily, public_file, sealed_file
from zfbench.tasks.zfish_table.judge import NOT_JUDGED, NOTE
from zfbench.tasks.zfish_table.sealed import SealedTable
from zfbench.tasks.zfish_table.table import Table


@pytest.fixture
def tables(tmp_path):
    return family(tmp_path)


def test_a_table_reads_as_it_was_written_and_equal_tables_give_equal_bytes(tmp_path):
    table = make_table()
    for name in ("one", "two"):
        table.write(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    read = Table.read(tmp_path / "one")
    assert read.sha256 == table.sha256
    assert read.sources == table.sources
    assert (read.facts, read.slots) == (table.facts, table.slots)
    for found, codes in zip(read.evaluations, CODES, strict=True):
        true = evaluation(codes)
        assert found.status == true.status
        assert found.metrics == pytest.approx(true.metrics, rel=1e-5)
        if true.ok:
            assert (found.loss, found.log_likelihood) == pytest.approx(
                (true.loss, true.log_likelihood), rel=1e-5, abs=0.01
            )
        else:
            assert found.feedback == true.feedback
    assert read.replicates[3][0, 0, 0, 0] == pytest.approx(loss((0, 0, 0, 0)) + 0.003, rel=1e-5)
    assert read.full == pytest.approx(table.full, rel=1e-5)


def test_choices_that_can_be_the_truth_are_in_the_file_and_change_no_hash_where_there_are_none(tmp_path):
    table = make_table()
    slots = (replace(table.slots[0], same=(2,)), *table.slots[1:])
    named = replace(table, slots=slots)
    named.write(tmp_path / "table")
    read = Table.read(tmp_path / "table")
    assert (read.slots, read.sha256) == (slots, named.sha256)
    assert read.truths == (TRUTH, (2, *TRUTH[1:]))
    assert b'"same"' not in table.text()
    kept = {codes: source for codes, source in named.sources.items() if codes[0] != 1 and codes[1] != 2}
    assert replace(named, sources=kept).truths == ((2, 0, *TRUTH[2:]),)  # one that can be the truth, else the first
    assert read.sha256 != table.sha256


def test_a_table_knows_its_start_truth_optimum_and_neighbours():
    table = make_table()
    assert (table.start, table.truth) == ((0, 0, 0, 0), TRUTH)
    assert table.optimum == min((c for c in CODES if c != FAILS), key=loss)
    assert table.optimum != table.truth
    assert len(table.neighbours(table.start)) == 2 + 2 + 2 + 1
    assert all(sum(a != b for a, b in zip(table.start, n, strict=True)) == 1 for n in table.neighbours(table.start))
    assert all(a < b for a, b in pairwise(table.codes))


def test_the_public_file_holds_nothing_that_the_judge_says(tables, tmp_path):
    text = lzma.decompress(public_file(tmp_path, EVALUATED_ON[NAME]).read_bytes()).decode()
    assert "headline" not in text
    assert "forecast/ood" not in text
    assert {"left", "right"} <= {name.rpartition("/")[2] for name in json.loads(text)["metrics"]}


def test_a_missing_or_damaged_table_is_a_sentence(tmp_path):
    with pytest.raises(ZfbenchError, match=r"There is no table at .*; `zfbench table build` measures one"):
        TableFamily(tmp_path).load(NAME)
    path = public_file(tmp_path, EVALUATED_ON[NAME])
    path.write_bytes(b"no table")
    with pytest.raises(DamagedFileError, match="is damaged"):
        TableFamily(tmp_path).load(NAME)
    content = json.loads(make_table().text())
    for change in ({"format": 0}, {"loss": content["loss"][:-1]}, {"codes": content["codes"][:-1]}):
        path.write_bytes(lzma.compress(json.dumps(content | change).encode()))
        with pytest.raises(DamagedFileError, match="is no table of this version"):
            TableFamily(tmp_path).load(NAME)
    with pytest.raises(UnknownNameError, match="zfish-table/masked"):
        TableFamily(tmp_path).load("zfish-table/mask")


def test_an_evaluation_is_looked_up_whatever_the_limits_and_the_seed(tables):
    task = tables.load(NAME)
    program = Program(task.spec.candidates[7])
    answers = [
        tables.evaluator(task, Limits(updates=updates), None)(program, seed)
        for updates in (1, 2_000)
        for seed in (0, 9)
    ]
    assert all(answer == answers[0] for answer in answers)
    assert answers[0].loss == pytest.approx(loss(CODES[7]), rel=1e-5)
    assert (answers[0].spend.evaluations, answers[0].spend.device_seconds) == (1, 0)


def test_a_program_outside_the_table_is_invalid(tables):
    task = tables.load(NAME)
    answer = tables.evaluator(task, Limits(), None)(Program("x = 2"), 0)
    assert answer.status == Status.INVALID
    assert "none of the 54 of the table of 'zfish-table/masked'" in answer.feedback
    assert "x = 2" not in task.spec.candidates
    with pytest.raises(CandidateError, match="none of the 54"):
        task.spec.check("x = 2")
    task.spec.check(task.spec.candidates[0] + "\n\n")  # the same program


def test_the_task_has_what_every_task_has(tables):
    task = tables.load(NAME)
    assert task.seed_program == task.spec.table.sources[0, 0, 0, 0]
    assert task.spec.name == NAME
    assert json.loads(json.dumps(task.spec.to_json()))["table_sha256"] == task.data_sha256
    assert task.spec.facts()["slope"] == "fixed, drive, own"
    assert task.spec.facts()["capacity"] == "all, true"  # of what the table holds
    assert task.spec.slots == SLOTS
    assert tables.judge(NAME).sealed.data_sha256 == task.data_sha256
    assert isinstance(tables.candidate(task, task.seed_program, 0, None), Candidate)
    assert tables.future_drive(task, None) is None
    with pytest.raises(ZfbenchError, match="has no recordings that the baseline 'mean' could forecast"):
        tables.baseline(task, "mean", 0)


def test_squared_errors_are_there_and_likelihoods_at_fitted_parameters_are_not(tables):
    evaluator = tables.evaluator(tables.load(NAME), Limits(), None)
    assert evaluator.with_fitted(STANDARDISED_MSE) is evaluator
    with pytest.raises(ZfbenchError, match="needs log_fitted, which this task does not measure"):
        evaluator.with_fitted(FITTED)


def test_the_judge_looks_scores_up_and_says_where_there_are_none(tables, make):
    task, judge = tables.load(NAME), tables.judge(NAME)
    table = task.spec.table
    model = tables.candidate(task, table.sources[0, 0, 0, 0], 0, None)
    tables.fit(task, model, Limits())
    scores = judge.score(model)
    assert scores.metrics["headline/wiring"] == pytest.approx(1 - loss((0, 0, 0, 0)) / 2, rel=1e-5)
    assert (scores.notes, scores.metric_versions) == ([NOTE], {"table": 1, "headline": 1, "forecast": 1})
    result = make(metrics=scores.metrics, metric_versions=scores.metric_versions, notes=scores.notes)
    assert len(list(broken(result))) == 3  # such versions are no licence for a result on the larva
    on_table = result.model_copy(update={"task": result.task.model_copy(update={"tier": judge.sealed.tier})})
    assert list(broken(on_table)) == []  # its headline scores come without their parts
    other = judge.score(tables.candidate(task, table.sources[0, 0, 0, 1], 0, None))
    assert (other.metrics, other.notes) == ({}, [NOTE, NOT_JUDGED])
    with pytest.raises(CandidateError, match="none of the 54"):
        judge.score(tables.candidate(task, "x = 2", 0, None))
    with pytest.raises(CandidateError, match="The loss is not finite"):
        tables.fit(task, tables.candidate(task, table.sources[FAILS], 0, None), Limits())


def test_judgements_of_another_table_are_refused_and_no_search_opens_them(tables, tmp_path):
    path = sealed_file(tmp_path, EVALUATED_ON[NAME])
    assert SealedTable.read(path, make_table().sha256).judgements.keys() == make_table().full.keys()
    with pytest.raises(DamagedFileError, match="belongs to another table"):
        SealedTable.read(path, "0" * 64)
    path.unlink()
    task = tables.load(NAME)
    assert tables.evaluator(task, Limits(), None)(Program(task.seed_program), 0).ok
    with pytest.raises(ZfbenchError, match="There is no table at"):
        tables.judge(NAME).score(tables.candidate(task, task.seed_program, 0, None))


def test_equal_judgements_give_equal_bytes(tmp_path):
    for name in ("one", "two"):
        judged(make_table()).write(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_the_registered_family_looks_beside_the_leaderboard():
    assert ZFISH_TABLE.names() == (NAME, "zfish-table/driven")
    assert ZFISH_TABLE._folder.parts[-2:] == ("leaderboard", "tables")
