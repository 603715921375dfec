from dataclasses import replace
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner
from zfbench.discoverers.study import Grid, Run, run_study, summary

from zfbench.base.errors import ZfbenchError
from zfbench.cli import analyses as cli
from zfbench.cli.analyses import _settings
from zfbench.discoverers import study
from zfbench.records.evaluation import Evaluation, Scored
from zfbench.records.program import Program, Status
from zfbench.records.spend import NOTHING
from zfbench.runs.plan import Plan
from zfbench.search.budget import Budget
from zfbench.search.outcome import Counts, SearchOutcome

PLAN = Plan("zfish-tiny/masked", "", "", Budget(evaluations=4), 0)


def outcome(*losses):
    evaluated = tuple(
        Scored(Program(str(k)), Evaluation(Status.ERROR) if loss is None else Evaluation(Status.OK, loss))
        for k, loss in enumerate(losses)
    )
    failed = sum(loss is None for loss in losses)
    return SearchOutcome(evaluated, Counts(len(losses), len(losses), failed, 0, 0), NOTHING, NOTHING, "budget")


def run(discoverer, seed, *losses, **metrics):
    plan = Plan("t", discoverer, "grammar", Budget(evaluations=4), seed)
    return Run(plan, outcome(*losses), SimpleNamespace(metrics={"forecast/id/mae": 0.5, **metrics}))


def cells(table, method):
    row = next(line for line in table.splitlines() if f"| {method} +" in line)
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_grid_goes_seed_by_seed_over_all_pairs(tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr(study, "search", lambda plan, folder: (ran.append((plan, folder)), (None, None))[1])
    run_study(Grid(PLAN, ["a", "b"], ["p", "q"], range(2)), tmp_path)
    assert [(p.seed, p.proposer, p.discoverer) for p, _ in ran] == [
        (s, q, d) for s in range(2) for q in "pq" for d in "ab"
    ]
    assert len({folder for _, folder in ran}) == 8
    assert all(plan.budget == PLAN.budget for plan, _ in ran)


def test_settings_reach_their_own_discoverer_alone():
    settings = _settings(["a.particles=10", "a.tempering=true"], ["a", "b"])
    plans = {plan.discoverer: plan for plan in Grid(PLAN, ["a", "b"], ["p"], [0], settings).plans()}
    assert plans["a"].settings == {"particles": 10, "tempering": True}
    assert plans["b"].settings == {}
    for wrong, message in (
        ("particles=1", "not of the form"),
        ("c.x=1", "no discoverer in this study"),
        ("a.x=y", "JSON"),
    ):
        with pytest.raises(ZfbenchError, match=message):
            _settings([wrong], ["a", "b"])


@pytest.fixture
def studied(monkeypatch, tmp_path):
    """Runs the command without any search; returns the plans that would have been run."""

    def call(*arguments):
        plans = []
        monkeypatch.setattr(study, "run_study", lambda grid, folder, started: plans.extend(grid.plans()))
        monkeypatch.setattr(study, "summary", lambda runs: "")
        app = typer.Typer()
        app.command()(cli.study)
        done = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path)])
        if done.exception is not None:
            raise done.exception
        return plans

    return call


def test_settings_of_the_proposer_reach_every_run(studied):
    arguments = ["--proposer", "llm", "--proposer-set", "model=toy", "--proposer-set", "temperature=0.5"]
    plans = studied(*arguments, "--seeds", "2", "--discoverer", "puct", "--discoverer", "n1")
    assert len(plans) == 4
    assert all(plan.proposer_settings == {"model": "toy", "temperature": 0.5} for plan in plans)
    assert [plan.proposer_settings for plan in studied("--seeds", "1", "--discoverer", "n1")] == [{}]


def test_settings_of_one_proposer_are_not_given_to_another(studied):
    with pytest.raises(ZfbenchError, match="needs a single --proposer"):
        studied("--proposer", "llm", "--proposer", "grammar", "--proposer-set", "model=toy")
    with pytest.raises(ZfbenchError, match="not of the form NAME=VALUE"):
        studied("--proposer", "llm", "--proposer-set", "toy")


def test_incumbent_is_the_lowest_loss_so_far():
    cell = run("puct", 0, None, 0.4, 0.6, 0.1)
    assert [cell.incumbent(n) for n in (1, 2, 3, 4)] == [float("inf"), 0.4, 0.4, 0.1]


def test_table_shows_median_and_range_wins_and_failures():
    runs = [run("random_search", s, 0.9, 0.5, 0.5, 0.40) for s in range(3)]
    runs += [run("puct", s, 0.8, None, 0.5, last) for s, last in enumerate((0.3, 0.35, 0.45))]
    table = summary(runs)
    assert cells(table, "puct") == [
        "puct + grammar",
        "3",
        "0.8000 [0.8000, 0.8000]",
        "0.8000 [0.8000, 0.8000]",
        "0.3500 [0.3000, 0.4500]",
        "2 of 3",
        "3",
        "0.5000 [0.5000, 0.5000]",
    ]
    assert cells(table, "random_search")[5] == "-"
    assert table.index("puct +") < table.index("random_search +")  # the better median first


def test_the_best_median_comes_first_whatever_its_sign_and_digits():
    """Losses of simulator tasks are nats: as texts, 1000 would come before 20, and -5 before -9."""
    medians = {"a": 1000.0, "b": 20.0, "c": -5.0, "d": -9.0, "e": None}
    table = summary([run(method, 0, loss) for method, loss in medians.items()])
    assert sorted(medians, key=lambda method: table.index(f"| {method} +")) == ["d", "c", "b", "a", "e"]


def test_method_is_compared_with_random_search_of_its_own_seed_alone():
    table = summary([run("random_search", 0, 0.5), run("puct", 0, 0.4), run("puct", 1, 0.9)])
    assert cells(table, "puct")[3] == "1 of 1"


@pytest.mark.parametrize("losses", [(), (None,)])
def test_runs_in_which_nothing_works_are_shown(losses):
    assert "inf" in summary([run("puct", 0, *losses), run("n1", 0, 0.5)])


def test_on_a_simulator_task_the_table_shows_evidence_and_optimism():
    searched = replace(
        run("puct", 0, 0.5),
        result=SimpleNamespace(metrics={"likelihood/log_marginal": -3.0, "likelihood/optimism": 2.0}),
    )
    table = summary([searched])
    assert cells(table, "puct")[-3:] == ["0", "-3.0000 [-3.0000, -3.0000]", "2.0000 [2.0000, 2.0000]"]
    assert "ID MAE" not in table


def test_a_score_that_only_some_have_is_a_dash_for_the_others():
    one = replace(run("puct", 0, 0.5), result=SimpleNamespace(metrics={"likelihood/exact_per_observation": -3.0}))
    other = replace(run("n1", 0, 0.5), result=SimpleNamespace(metrics={}))
    table = summary([one, other])
    assert [cells(table, method)[-1] for method in ("puct", "n1")] == ["-3.0000 [-3.0000, -3.0000]", "-"]
