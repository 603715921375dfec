import json
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import ClassVar

import pytest

from zfbench.base.errors import ZfbenchError
from zfbench.protocols.task import Evaluator as BaseEvaluator
from zfbench.records.evaluation import Evaluation
from zfbench.records.limits import Limits, bound
from zfbench.records.program import Program, Status
from zfbench.records.reading import load as read
from zfbench.records.result import Machine, ProgramRecord, Result, TaskRecord
from zfbench.records.scores import Scores
from zfbench.records.spend import Spend
from zfbench.runs import search as runs
from zfbench.runs import winner
from zfbench.runs.methods import make_proposer
from zfbench.runs.plan import Plan
from zfbench.runs.replay import check, replay, replay_finals
from zfbench.runs.search import search
from zfbench.search.budget import Budget
from zfbench.search.eventlog import read_log
from zfbench.search.replicates import FINALS, SCREENING, training_seed
from zfbench.tasks.zfish.family import ZfishFamily

PLAN = Plan("zfish-tiny/driven", "puct", "grammar", Budget(evaluations=12, updates=100), 3)
FULL = 2_000


class Judged:
    """Stands for the judge: keeps what it is given."""

    def __init__(self):
        self.sources, self.records = [], []

    def __call__(self, source, method, loaded, seed, limits, spend, progress, sandbox):
        self.sources.append(source)
        self.records.append(SimpleNamespace(method=method, spend=spend, limits=limits))
        return Result(
            task=TaskRecord(name="t", track="driven", tier="tiny", circuit="c", holdout="h", data_sha256="ab" * 32),
            method=method,
            seed=seed,
            spend=spend,
            metrics={"forecast/ood/mae": 0.5},
            metric_versions={"forecast": 1},
            program=ProgramRecord(id=Program(source).id, source=source),
            libraries={},
            machine=Machine.here("none", "none"),
        )


@pytest.fixture
def judged(monkeypatch, driven):
    """No training: the loss is a hash of the program, and full trainings turn the ranking round."""

    class Evaluator(BaseEvaluator):
        calls: ClassVar = []

        def __init__(self, limits, sandbox):
            self.limits = limits

        def __call__(self, program, seed):
            Evaluator.calls.append((program.id, self.limits.updates, seed))
            loss = int(program.id[:8], 16) / 2**32
            full = self.limits.updates == FULL
            spend = Spend(updates=self.limits.updates, device_seconds=1.0)
            return Evaluation(Status.OK, 1 - loss if full else loss, -loss, {"standardised_mse": loss}, spend=spend)

    judged = Judged()
    judged.evaluations = Evaluator.calls
    judged.evaluator = Evaluator
    monkeypatch.setattr(ZfishFamily, "load", lambda self, name: driven)
    about = {"track": "masked", "tier": "tiny", "circuit": "published", "holdout": "outward", "data_sha256": "0" * 64}
    sealed = SimpleNamespace(spec=SimpleNamespace(name=PLAN.task), **about)
    nothing = SimpleNamespace(sealed=sealed, score_generations=lambda generations: Scores())
    monkeypatch.setattr(ZfishFamily, "judge", lambda self, name: nothing)
    monkeypatch.setattr(ZfishFamily, "evaluator", lambda self, task, limits, sandbox: Evaluator(limits, sandbox))
    monkeypatch.setattr(runs, "open_sandbox", lambda: nullcontext(SimpleNamespace(name="none", confined=True)))
    monkeypatch.setattr(winner, "judge_program", judged)
    return judged


def test_the_result_holds_who_came_of_whom_and_what_was_spent_until_then(tmp_path, judged):
    outcome, result = search(PLAN, tmp_path)
    evaluated = outcome.evaluated
    assert [e.program for e in result.evaluated] == [s.program.id[:12] for s in evaluated]
    assert [e.loss for e in result.evaluated] == pytest.approx([s.evaluation.loss for s in evaluated], rel=1e-5)
    for entry, scored in zip(result.evaluated, evaluated, strict=True):
        assert [evaluated[n - 1].program.id for n in entry.parents] == list(scored.program.parents)
    assert result.evaluated[0].operator == "seed"
    assert any(entry.parents for entry in result.evaluated)
    assert [e.spend.evaluations for e in result.evaluated] == list(range(1, 10))
    assert [e.spend.device_seconds for e in result.evaluated] == [float(i) for i in range(1, 10)]
    walls = [e.spend.wall_seconds for e in result.evaluated]
    assert walls == sorted(walls)


def test_winner_is_the_best_of_the_finalists_at_full_length(tmp_path, judged):
    outcome, _ = search(PLAN, tmp_path)
    finalists = outcome.top(3)
    assert outcome.counts.evaluated == 9
    assert [c[0] for c in judged.evaluations if c[1] == FULL] == [s.program.id for s in finalists]
    assert judged.sources == [finalists[-1].program.source]  # the ranking was turned round
    assert (tmp_path / "best.py").read_text() == judged.sources[0]


def test_finalists_are_trained_with_a_seed_that_no_search_uses(tmp_path, judged):
    search(PLAN, tmp_path)
    used = {(updates, seed) for _, updates, seed in judged.evaluations}
    assert used == {(100, training_seed(PLAN.task, SCREENING)), (FULL, training_seed(PLAN.task, FINALS))}


def test_event_log_and_result_hold_the_version_of_the_proposer(tmp_path, judged, driven):
    _, result = search(PLAN, tmp_path)
    version = make_proposer(PLAN, driven.spec).version
    assert version is not None
    assert result.method.proposer_version == version
    assert read_log(tmp_path / "log.jsonl").events[0].body["proposer_version"] == version


def test_finals_are_paid_from_the_budget_and_stand_in_the_result(tmp_path, judged):
    outcome, result = search(PLAN, tmp_path)
    record = judged.records[0]
    assert record.spend.evaluations == 12
    assert record.spend.updates == 9 * 100 + 3 * FULL
    rows = result.finals
    assert [row["screened_loss"] for row in rows] == [s.evaluation.loss for s in outcome.top(3)]
    assert all(row["full_loss"] == pytest.approx(1 - row["screened_loss"]) for row in rows)
    assert [row["source"] for row in rows] == [s.program.source for s in outcome.top(3)]


def test_finals_hold_how_each_program_differs_from_the_one_it_was_made_from(tmp_path, judged):
    outcome, result = search(PLAN, tmp_path)
    sources = {s.program.id[:12]: s.program.source.splitlines() for s in outcome.evaluated}
    made = {entry.program: entry.parents for entry in result.evaluated}
    parents = {program: result.evaluated[numbers[-1] - 1].program for program, numbers in made.items() if numbers}
    for row in result.finals:
        name = row["program"][:12]
        changed = [line for line in row["change"].splitlines()[2:] if line[:1] in ("+", "-")]
        if name in parents:
            assert row["change"].startswith(f"--- {parents[name]}\n+++ {name}\n")
            assert all(line[1:] in sources[name if line[0] == "+" else parents[name]] for line in changed)
            assert changed
        else:
            assert row["change"] == ""


def test_results_without_the_sources_of_their_finalists_are_equal_to_those_with_them(tmp_path, judged):
    _, result = search(PLAN, tmp_path)
    bare = tuple({k: v for k, v in row.items() if k not in ("source", "change")} for row in result.finals)
    assert result.model_copy(update={"finals": bare}).comparable() == result.comparable()
    other = tuple({**row, "full_loss": 1.0} for row in result.finals)
    assert result.model_copy(update={"finals": other}).comparable() != result.comparable()


def test_finals_are_resumed_like_the_search(tmp_path, judged):
    search(PLAN, tmp_path)
    path = tmp_path / "finals.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-4]))  # the last finalist was in training
    (tmp_path / "result.json").unlink()
    judged.evaluations.clear()
    search(PLAN, tmp_path)
    assert len(judged.evaluations) == 1
    assert judged.sources[0] == judged.sources[1]


def test_finished_run_is_read_and_not_judged_again(tmp_path, judged):
    _, first = search(PLAN, tmp_path)
    judged.evaluations.clear()
    assert search(PLAN, tmp_path)[1] == first
    assert len(judged.sources) == 1
    assert judged.evaluations == []
    with pytest.raises(ZfbenchError, match="holds a search with"):
        search(replace(PLAN, limits=Limits(FULL + 1)), tmp_path)


def test_without_finals_the_best_of_the_screening_is_judged(tmp_path, judged):
    outcome, _ = search(replace(PLAN, finalists=0), tmp_path)
    assert outcome.counts.evaluated == 12
    assert judged.sources == [outcome.best.program.source]
    assert not (tmp_path / "finals.jsonl").exists()


def test_finalists_that_fail_at_full_length_leave_the_best_of_the_screening(tmp_path, judged, driven, monkeypatch):
    works = judged.evaluator.__call__

    def fail_when_full(self, program, seed):
        if self.limits.updates == FULL:
            return Evaluation(Status.TIMEOUT)
        return works(self, program, seed)

    monkeypatch.setattr(judged.evaluator, "__call__", fail_when_full)
    outcome, result = search(PLAN, tmp_path)
    assert judged.sources == [outcome.best.program.source]
    assert {row["status"] for row in result.finals} == {"timeout"}


def test_weighted_population_is_written_where_there_is_one(tmp_path, judged):
    search(replace(PLAN, discoverer="modelsmc", settings={"particles": 4}), tmp_path / "smc")
    rows = json.loads((tmp_path / "smc" / "population.json").read_text())
    assert len(rows) == 4
    assert sum(row["weight"] for row in rows) == pytest.approx(1)
    search(PLAN, tmp_path / "puct")
    assert not (tmp_path / "puct" / "population.json").exists()


def test_proposer_settings_and_ideas_identify_a_run(tmp_path, judged):
    search(replace(PLAN, ideas=("rebound",)), tmp_path)
    assert read_log(tmp_path / "log.jsonl").events[0].body["ideas"] == ["rebound"]
    with pytest.raises(ZfbenchError, match="holds a search with ideas"):
        search(PLAN, tmp_path)


def test_unknown_settings_are_named(tmp_path, judged):
    with pytest.raises(ZfbenchError, match="discoverer 'puct' does not take these settings"):
        search(replace(PLAN, settings={"cpuct": 2}), tmp_path)
    with pytest.raises(ZfbenchError, match="proposer 'grammar' does not take these settings"):
        search(replace(PLAN, proposer_settings={"x": 2}), tmp_path)


def test_event_log_and_result_name_the_prompts_by_their_hash(tmp_path, judged, monkeypatch):
    pytest.importorskip("openai")
    from zfbench.discoverers.proposers.llm.client import Client
    from zfbench.discoverers.proposers.llm.prompting import NAMES, Prompts
    from zfbench.discoverers.proposers.llm.reply import Reply

    monkeypatch.setenv("ZFBENCH_LLM_API_KEY", "a word")
    monkeypatch.setattr(Client, "ask", lambda *_: Reply("no program"))
    own = tmp_path / "prompts"
    own.mkdir()
    for name in NAMES:
        (own / f"{name}.txt").write_text(f"{Prompts.load().texts[name]}\n")
    settings = {"model": "toy", "prompts": str(own)}
    plan = replace(PLAN, proposer="llm", proposer_settings=settings, patience=2)
    _, result = search(plan, tmp_path / "run")
    sha256 = Prompts.load(str(own)).sha256
    assert sha256 != Prompts.load().sha256
    assert read_log(tmp_path / "run" / "log.jsonl").events[0].body["proposer_identity"]["prompts_sha256"] == sha256
    assert result.method.proposer_identity["prompts_sha256"] == sha256
    (own / "repair.txt").write_text("again, please")
    with pytest.raises(ZfbenchError, match="holds a search with proposer_identity"):
        search(plan, tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize("discoverer", ["best_of_n", "puct", "modelsmc", "n1", "funsearch"])
def test_every_discoverer_runs_from_the_task_to_a_result(tmp_path, data_cache, discoverer):
    plan = replace(PLAN, discoverer=discoverer, budget=Budget(evaluations=5, updates=40), limits=Limits(40, 300.0))
    _, result = search(plan, tmp_path)
    assert result.status == "ok"
    assert read(tmp_path / "result.json") == result


def test_replay_finds_the_winner_of_the_finals_without_running_a_program(tmp_path, judged):
    _, result = search(PLAN, tmp_path)
    judged.evaluations.clear()
    outcome = replay(tmp_path)
    final = replay_finals(tmp_path, outcome)
    assert judged.evaluations == []
    assert check(outcome, result, final) is None
    assert "best program" in check(outcome, result)  # the screening preferred another
    assert Plan.read(tmp_path) == PLAN


def test_what_is_set_aside_is_what_the_evaluator_keeps_to():
    plan = replace(PLAN, budget=Budget(device_seconds=5_000.0, wall_seconds=5_000.0, updates=100))
    assert plan.bound == bound(plan.candidate)
    screening, _ = plan.budgets
    full = bound(plan.limits)
    assert screening.device_seconds == 5_000.0 - 3 * full.device_seconds
    assert screening.wall_seconds == 5_000.0 - 3 * full.wall_seconds
