"""A run on a table is a run as everywhere: budget, event log, finals, judge, result; only that nothing is trained."""

import pytest
from toy_table import CODES, NAME, family

from zfbench.base import plugins
from zfbench.discoverers.proposers.table.proposer import TableProposer
from zfbench.discoverers.puct import Puct
from zfbench.records.consistency import contradictions
from zfbench.records.reading import load
from zfbench.runs import search, tasks
from zfbench.runs.plan import LOG, RESULT, Plan
from zfbench.runs.tasks import LoadedTask, family_name
from zfbench.search.budget import Budget
from zfbench.search.eventlog import read_log
from zfbench.tasks.zfish_table.judge import NOT_JUDGED, NOTE


@pytest.fixture
def run(tmp_path, monkeypatch):
    loaded = LoadedTask(NAME, family(tmp_path / "tables"))
    monkeypatch.setattr(search, "find_task", lambda name: loaded)

    def once(folder, seed=1, finalists=None):
        plan = Plan(NAME, "puct", "table", Budget(evaluations=20, updates=400), seed, finalists=finalists)
        return search.search(plan, tmp_path / folder, discoverer=Puct, proposer=TableProposer)

    return once


def test_a_run_writes_its_log_and_a_result_that_says_it_is_on_the_table(run, tmp_path):
    outcome, result = run("one")
    assert outcome.counts.evaluated == 17  # three of twenty are set aside for the finals
    assert result.task.name == NAME
    assert (result.task.track, result.task.tier) == ("masked", "table")
    assert NOTE in result.notes
    assert result.spend.evaluations == 20
    assert len(result.finals) == 3
    assert all(final["screened_loss"] == final["full_loss"] for final in result.finals)
    assert result.metrics["table/screening_loss"] == outcome.best.evaluation.loss
    assert list(contradictions(result)) == []
    assert load(tmp_path / "one" / RESULT) == result
    assert read_log(tmp_path / "one" / LOG).events[-1].kind == "judged"


def test_a_result_has_the_judges_scores_or_says_that_they_are_not_applicable(run):
    found = set()
    for seed in range(8):
        _, result = run(f"seed{seed}", seed, finalists=0)
        found.add("headline/wiring" in result.metrics)
        assert ("headline/wiring" in result.metrics) != (NOT_JUDGED in result.notes)
        if found == {True, False}:
            return
    assert found, "no run ended"


def test_equal_runs_are_equal_and_a_finished_run_is_not_repeated(run, tmp_path):
    first, again = run("one"), run("two")
    assert first[1].comparable() == again[1].comparable()
    log = (tmp_path / "one" / LOG).read_bytes()
    assert run("one")[1] == first[1]
    assert (tmp_path / "one" / LOG).read_bytes() == log


def test_a_family_is_found_by_its_whole_name_before_a_tier_is_cut_off(monkeypatch):
    known = ("zfish", "zfish-table", "sir")
    monkeypatch.setattr(plugins, "names", lambda kind: known)
    assert family_name(NAME) == "zfish-table"
    assert family_name("zfish-tiny/masked@holdout:left") == "zfish"
    assert family_name("sir-tiny") == "sir"
    assert family_name("zfish-table") == "zfish-table"
    assert tasks.family_name("unknown-tiny/x") == "unknown"


def test_every_evaluation_of_a_run_is_of_the_table(run, tmp_path):
    outcome, _ = run("one")
    ids = set(family(tmp_path / "again").load(NAME).spec.table.ids)
    assert {scored.program.id for scored in outcome.evaluated} <= ids
    assert len(ids) == len(CODES)
