"""The best programs of a run are judged one by one, kept, and summed up."""

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest
from toy_table import NAME, family
from typer.testing import CliRunner

from zfbench.base.errors import ZfbenchError
from zfbench.cli.app import app
from zfbench.discoverers.proposers.table.proposer import TableProposer
from zfbench.discoverers.puct import Puct
from zfbench.records.reading import JUDGED, result_files
from zfbench.records.result import BENCHMARK_VERSION
from zfbench.runs import best_programs, replay, search
from zfbench.runs.best_programs import Judged, judge_best, quartiles, seen_by_search
from zfbench.runs.plan import Plan, events
from zfbench.runs.tasks import LoadedTask
from zfbench.search.budget import Budget

CONFINED = SimpleNamespace(name="toy", confined=True, device="cpu")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A finished run of 30 evaluations on a toy table, whose judge knows some of the programs."""
    loaded = LoadedTask(NAME, family(tmp_path / "tables"))
    for module in (search, best_programs):
        monkeypatch.setattr(module, "find_task", lambda name: loaded)
    monkeypatch.setattr(replay, "load_task", lambda name: loaded.task)
    plan = Plan(NAME, "puct", "table", Budget(evaluations=30, updates=400), 1, finalists=0)
    search.search(plan, tmp_path / "run", discoverer=Puct, proposer=TableProposer)
    return tmp_path / "run"


def one(rank, loss, **scores):
    metrics = {f"headline/{name}": value for name, value in scores.items()}
    return Judged(rank, loss, SimpleNamespace(metrics=metrics, status="ok"))


def test_the_best_programs_are_judged_in_the_order_of_the_search(run):
    judged = judge_best(run, 8, CONFINED)
    assert [program.rank for program in judged] == list(range(1, 9))
    losses = [program.loss for program in judged]
    assert losses == sorted(losses)
    outcome = replay.replay(run)
    assert [p.result.program.id for p in judged] == [s.program.id for s in outcome.top(8)]
    assert all(p.result.method.kind == "program" for p in judged)
    assert len(list((run / JUDGED).iterdir())) == 8
    assert [path.name for path in result_files(run)] == ["result.json"]  # they are no rows of the leaderboard
    assert len(result_files(run / JUDGED)) == 8
    own = run.parent / "study" / JUDGED  # a folder of that name beside no search is like any other
    shutil.copytree(run / JUDGED, own)
    assert len(result_files(own.parent)) == 8


def test_what_was_judged_is_not_judged_again_and_more_may_be_added(run, monkeypatch):
    first = judge_best(run, 4, CONFINED)
    calls = []
    real = best_programs.judge_program
    monkeypatch.setattr(best_programs, "judge_program", lambda *a, **k: calls.append(a[0]) or real(*a, **k))
    told = []
    again = judge_best(run, 6, CONFINED, progress=lambda done, total, text: told.append((done, total)))
    assert len(calls) == 2
    assert told == [(4, 6), (5, 6), (6, 6)]
    assert [p.result for p in again[:4]] == [p.result for p in first]


def test_what_was_judged_by_other_scores_or_on_other_data_is_judged_again(run, monkeypatch):
    first = judge_best(run, 3, CONFINED)
    changes = (
        {"benchmark_version": BENCHMARK_VERSION - 1},
        {"task": first[0].result.task.model_copy(update={"data_sha256": "cd" * 32})},
        {"metric_versions": {**first[2].result.metric_versions, "forecast": 0}},
    )
    for program, change in zip(first, changes, strict=True):
        (path,) = (run / JUDGED).glob(f"{program.result.program.id[:12]}*.json")
        program.result.model_copy(update=change).write(path)
    calls = []
    real = best_programs.judge_program
    monkeypatch.setattr(best_programs, "judge_program", lambda *a, **k: calls.append(a[0]) or real(*a, **k))
    again = judge_best(run, 3, CONFINED)
    assert len(calls) == 3
    assert [p.result.metric_versions for p in again] == [p.result.metric_versions for p in first]


def test_a_search_on_other_data_is_refused(run, monkeypatch):
    known = events(run)
    other = replace(known[0], body={**known[0].body, "data_sha256": "cd" * 32})
    monkeypatch.setattr(best_programs, "events", lambda folder: (other, *known[1:]))
    with pytest.raises(ZfbenchError, match="have changed since the search"):
        judge_best(run, 3, CONFINED)
    assert not (run / JUDGED).exists()


def test_programs_that_nobody_vouches_for_need_confinement_or_consent(run, monkeypatch):
    loose = SimpleNamespace(name="process", confined=False, device="cpu")
    assert judge_best(run, 1, loose)  # the proposer `table` is trusted
    monkeypatch.setattr(TableProposer, "trusted", False)
    with pytest.raises(ZfbenchError, match="read by nobody"):
        judge_best(run, 2, loose)
    assert judge_best(run, 2, loose, allow_unsafe=True)
    assert judge_best(run, 3, CONFINED)


def test_quartiles_and_what_the_search_believed_best():
    found = quartiles([one(k, 0.1 * k, wiring=k / 10) for k in range(1, 6)] + [one(6, 0.6)])
    assert found["headline/wiring"] == {
        "lower quartile": pytest.approx(0.2),
        "median": pytest.approx(0.3),
        "upper quartile": pytest.approx(0.4),
        "first": pytest.approx(0.1),
        "programs": 5,
    }
    assert "headline/responses" not in found


def test_a_search_that_sees_the_order_of_a_score_correlates_with_it_negatively():
    judged = [one(k, 0.1 * k, wiring=-k, responses=0.5, generalisation=k) for k in range(1, 7)]
    seen = seen_by_search(judged)
    assert seen["headline/wiring"] == pytest.approx(-1)
    assert seen["headline/generalisation"] == pytest.approx(1)
    assert seen["headline/responses"] is None  # a constant has no order
    assert seen_by_search(judged[:4])["headline/wiring"] is None


def test_the_command_prints_quartiles_or_json(run):
    shown = CliRunner().invoke(app, ["judge-run", str(run), "--top", "30"])
    assert shown.exit_code == 0, shown.output
    assert "median" in shown.output
    printed = CliRunner().invoke(app, ["judge-run", str(run), "--top", "30", "--json"])
    content = json.loads(printed.stdout)
    assert content["scores"]["headline/wiring"]["programs"] >= 1
    assert set(content["rank correlation with loss"]) == set(best_programs.SCORES)
