import json

import numpy as np
import pytest

from zfbench.base.errors import DensityError, UnknownNameError
from zfbench.records.evaluation import Generation
from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError, Program, Status
from zfbench.runs.plan import Plan
from zfbench.runs.search import search
from zfbench.runs.tasks import load_judge, load_task
from zfbench.sandbox.choose import open_sandbox
from zfbench.search.budget import Budget
from zfbench.tasks.mixtures import model as mixtures
from zfbench.tasks.mixtures.family import MIXTURES, MixtureFamily
from zfbench.tasks.mixtures.model import MixtureModel
from zfbench.tasks.mixtures.task import models, task_name


@pytest.fixture(autouse=True)
def quick(tmp_path, monkeypatch):
    monkeypatch.setenv("ZFBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(mixtures, "DRAWS", dict.fromkeys(mixtures.MODES, 30))


def plan(mode="exact", discoverer="modelsmc", **changes):
    return Plan(
        **{
            "task": task_name(mode, 0),
            "discoverer": discoverer,
            "proposer": "finite",
            "budget": Budget(evaluations=12, updates=45),
            "seed": 0,
            "limits": Limits(updates=45),
            "finalists": 0,
            **changes,
        }
    )


def run(plan, folder):
    with open_sandbox("process") as box:
        return search(plan, folder, sandbox=box)


def test_task_gives_its_candidates_in_an_order_that_hides_the_target():
    first, second = load_task(task_name("exact", 0)), load_task(task_name("exact", 1))
    assert first.spec.candidates == second.spec.candidates
    assert sorted(first.spec.candidates) == sorted(model.source for model in models())
    assert first.spec.candidates[:5] != tuple(model.source for model in models()[:5])
    assert first.data_sha256 != second.data_sha256
    assert json.loads(json.dumps(first.spec.to_json()))["name"] == "mixtures/exact@target:0"


def test_unknown_mode_or_target_is_explained():
    for name in ("mixtures", "mixtures/exact", "mixtures/exakt@target:0", "mixtures/exact@target:5"):
        with pytest.raises(UnknownNameError):
            load_task(name)


def test_target_is_the_most_probable_of_some_candidates():
    task = load_task(task_name("exact", 0))
    evaluate = MIXTURES.evaluator(task, Limits(), None)
    target, *others = (evaluate(Program(model.source), 0) for model in models()[:6])
    assert target.log_likelihood == -target.loss
    assert target.log_likelihood > max(other.log_likelihood for other in others) + 500
    assert "nats" in target.feedback


def test_equal_programs_have_equal_evidence_whatever_the_seed_unless_refitted():
    evaluate = MIXTURES.evaluator(load_task(task_name("exact", 0)), Limits(), None)
    source = models()[3].source
    assert evaluate(Program(source), 1).loss == evaluate(Program(source + "\n# again"), 2).loss


def test_program_that_defines_no_mixture_is_invalid_and_explained():
    task = load_task(task_name("exact", 0))
    evaluation = MIXTURES.evaluator(task, Limits(), None)(Program("weights = open('/etc/passwd')"), 0)
    assert evaluation.status == "invalid"
    assert "line 1" in evaluation.feedback
    with pytest.raises(CandidateError, match="defines no mixture"):
        task.spec.check("import os")


def test_seed_program_works():
    task = load_task(task_name("exact", 0))
    assert MIXTURES.evaluator(task, Limits(), None)(Program(task.seed_program), 0).ok


def test_judge_scores_held_out_draws_of_the_target():
    judge = load_judge(task_name("exact", 0))
    assert not np.array_equal(judge.sealed.held_out, judge.sealed.selection)

    def scored(source):
        model = MixtureModel(source, "exact", 0)
        model.fit(Limits())
        return judge.score(model).metrics

    oracle, other = scored(judge.controls["oracle"]), scored(models()[1].source)
    assert (oracle["likelihood/target_found"], other["likelihood/target_found"]) == (1, 0)
    assert oracle["likelihood/log_marginal"] > other["likelihood/log_marginal"] + 500
    assert oracle["likelihood/surrogate_error_per_observation"] == 0


def test_judge_follows_the_target_through_generations():
    judge = load_judge(task_name("exact", 0))
    t, o = Program(judge.sealed.target).id, Program(models()[1].source).id
    scores = judge.score_generations([Generation((t, o, o, o), False), Generation((t, t, t, o), True)])
    assert scores.metrics["population/target_share"] == 0.75
    assert scores.curves["population/target_share"] == [0.25, 0.75]
    assert scores.metric_versions == {"population": 1}


@pytest.mark.parametrize("discoverer", ["best_of_n", "puct", "modelsmc", "n1", "funsearch"])
def test_every_discoverer_runs_on_it(discoverer, tmp_path):
    outcome, result = run(plan(discoverer=discoverer, budget=Budget(evaluations=6)), tmp_path / "run")
    assert outcome.spend.evaluations == 6
    assert outcome.counts.failed == 0
    assert result.status == "ok"
    assert result.task.track == "exact"
    assert "likelihood/log_marginal" in result.metrics


def test_population_jumps_to_the_target_in_the_first_generation(tmp_path):
    settings = {"particles": 40, "generations": 3, "start": "proposals"}
    whole = plan(settings=settings, proposer_settings={"in_turn": 40}, budget=Budget(evaluations=50), patience=1_000)
    outcome, result = run(whole, tmp_path / "run")
    share = result.curves["population/target_share"]
    assert share[0] == 2 / 40
    assert share[1] == pytest.approx(0.81, abs=0.25)
    assert result.curves["population/jumps"][0] == 1
    assert outcome.reason == "finished"
    assert outcome.spend.evaluations == 21  # duplicates are free
    resumed, again = run(whole, tmp_path / "run")
    assert again == result
    assert (resumed.evaluated, resumed.counts) == (outcome.evaluated, outcome.counts)


def test_a_winner_that_fails_before_the_judge_has_no_scores_of_its_population_either(tmp_path, monkeypatch):
    def fail(self, task, model, limits):
        raise CandidateError(Status.ERROR, "no fit")

    monkeypatch.setattr(MixtureFamily, "fit", fail)
    _, result = run(plan(discoverer="modelsmc", budget=Budget(evaluations=3)), tmp_path / "run")
    assert (result.status, result.metrics) == ("error", {})  # as every result that is read back must be


@pytest.mark.parametrize("mode", mixtures.MODES)
def test_a_density_that_cannot_be_learned_or_is_undefined_is_the_programs_failure(mode, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise DensityError("It is no density.")

    monkeypatch.setattr(mixtures, "fit_likelihood", fail)
    monkeypatch.setattr(mixtures, "log_marginal_prior", fail)
    outcome, result = run(plan(mode, "best_of_n", budget=Budget(evaluations=3, updates=45)), tmp_path / "run")
    assert result is None
    assert {s.evaluation.status for s in outcome.evaluated} == {Status.NON_FINITE}
    assert all("no density" in s.evaluation.feedback for s in outcome.evaluated)


@pytest.mark.torch
def test_cached_fits_once_and_refit_pays_for_every_copy(tmp_path, monkeypatch):
    pytest.importorskip("sbi")
    monkeypatch.setattr(mixtures, "SIMULATIONS", 300)
    fits = []
    learn = MixtureModel._learn
    monkeypatch.setattr(MixtureModel, "_learn", lambda self, seed: fits.append(seed) or learn(self, seed))
    few = {"particles": 3, "generations": 2, "alpha": 0.0, "start": "proposals"}
    source = tmp_path / "one.py"
    source.write_text(models()[0].source)
    only = {"proposer_settings": {"programs": [str(source)]}, "settings": few}
    cached, _ = run(plan("cached", **only), tmp_path / "cached")
    assert cached.spend.evaluations == 2
    assert len(fits) == 2  # the seed program and the one candidate; the judge's comes from disk
    fits.clear()
    refit, result = run(plan("refit", **only), tmp_path / "refit")
    assert refit.spend.evaluations == 1 + 3 * 3
    assert len(set(fits[:10])) == 10
    assert result.spend.evaluations == 10
    assert np.isfinite(result.metrics["likelihood/surrogate_error_per_observation"])
    events = (tmp_path / "refit" / "log.jsonl").read_text().splitlines()
    assert json.loads(events[0])["body"]["reevaluate"] is True
    for number, evaluated in enumerate(result.evaluated, 1):  # copies of one program, each of an evaluation before it
        assert all(parent < number for parent in evaluated.parents)


@pytest.mark.torch
def test_kept_estimate_is_the_one_that_was_fitted():
    pytest.importorskip("sbi")
    x = load_task(task_name("cached", 0)).observed[:5]
    fresh, kept = (MixtureModel(models()[0].source, "cached", seed) for seed in (0, 1))
    for model in (fresh, kept):
        model.fit(Limits(updates=45))
    once, again = fresh._likelihood(), kept._likelihood()
    theta = np.array([[1.0, 0, 0, 0, 0], [0.5, 1, 1, 1, 1]])
    assert np.array_equal(once.log_prob(x, theta), again.log_prob(x, theta))
    direct = fresh._learn(int(Program(models()[0].source).id[:8], 16))
    assert direct.log_prob(x, theta) == pytest.approx(again.log_prob(x, theta), abs=1e-4)
