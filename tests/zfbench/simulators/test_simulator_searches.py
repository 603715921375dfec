"""Shipped simulator tasks from a search to a judged result: programs are really run, likelihoods learned."""

import json

import pytest

from zfbench.leaderboard.analyses.channels import table
from zfbench.records.limits import Limits
from zfbench.runs.plan import POPULATION, Plan
from zfbench.runs.replay import check, replay
from zfbench.runs.search import search
from zfbench.sandbox.choose import open_sandbox
from zfbench.search.budget import Budget

LIMITS = Limits(updates=5, seconds=120.0)


def searched(folder, task, proposer):
    settings = {"particles": 2, "generations": 50, "feedback": "metrics"}  # the budget ends it
    plan = Plan(task, "modelsmc", proposer, Budget(evaluations=2), 0, LIMITS, settings, finalists=0)
    with open_sandbox() as sandbox:
        return search(plan, folder, sandbox=sandbox)


def check_result(outcome, result, folder):
    assert outcome.best is not None
    assert result.status == "ok"
    assert result.program.source == outcome.best.program.source
    assert {"likelihood/log_marginal", "likelihood/evaluation_sd", "likelihood/optimism"} <= set(result.metrics)
    assert [evaluated.status for evaluated in result.evaluated].count("ok") >= 1
    assert len(result.evaluated) == result.spend.evaluations == 2
    assert check(replay(folder), result) is None


@pytest.mark.torch
def test_an_epidemic_is_searched_and_judged(tmp_path, monkeypatch):
    pytest.importorskip("sbi")
    monkeypatch.setattr("zfbench.simulators.judge.EXACT_DRAWS", 200)
    outcome, result = searched(tmp_path, "sir-tiny", "epidemics")
    check_result(outcome, result, tmp_path)
    assert result.task.name == "sir-tiny"
    assert "likelihood/exact_per_observation" in result.metrics


@pytest.mark.torch
@pytest.mark.slow
def test_a_neuron_is_searched_and_judged_and_its_channels_are_weighed(tmp_path):
    pytest.importorskip("sbi")
    outcome, result = searched(tmp_path, "hodgkin_huxley-tiny", "channels")
    check_result(outcome, result, tmp_path)
    weights = [row["weight"] for row in json.loads((tmp_path / POPULATION).read_text())]
    assert sum(weights) == pytest.approx(1)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table([tmp_path]).splitlines()[2:]]
    masses = {row[0]: float(row[1]) for row in rows}
    assert 1 <= sum(masses.values()) <= 2  # a program has one channel or two, or counts as `none`
    assert sum(int(row[2]) for row in rows) >= len(result.evaluated) - 1
