"""A simulator task from its definition to a judged result, on a toy whose marginal likelihood is known."""

import json
import pickle
import time
from dataclasses import replace

import growth
import numpy as np
import pytest
from growth import CONSTANT, FAMILY, KnownGrowth, problem

from zfbench.base import plugins
from zfbench.base.errors import UnknownNameError, ZfbenchError
from zfbench.protocols.task import Sealed, SearchTask, Spec, TaskJudge
from zfbench.records.evaluation import FITTED, STANDARDISED_MSE
from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError, Program, Status
from zfbench.records.reading import add, load, load_folder
from zfbench.records.result import MethodRecord
from zfbench.runs.judge import judge_baseline, judge_program
from zfbench.runs.plan import Plan
from zfbench.runs.replay import replay
from zfbench.runs.search import search
from zfbench.runs.tasks import LoadedTask
from zfbench.sandbox.choose import open_sandbox
from zfbench.scoring.likelihood import MarginalLikelihood
from zfbench.search.budget import Budget
from zfbench.simulators import model as simulator_model
from zfbench.simulators.contract import EXAMPLE
from zfbench.simulators.evaluator import SimulatorEvaluator, feedback
from zfbench.simulators.family import SimulatorFamily
from zfbench.simulators.judge import SimulatorJudge
from zfbench.simulators.model import SimulatorModel, squared_error
from zfbench.simulators.problem import Observed, Parameter, SimulatorSpec
from zfbench.tasks.hodgkin_huxley import task as hodgkin_huxley

LIMITS = Limits(updates=60, seconds=60.0)


@pytest.fixture(scope="module")
def sandbox():
    with open_sandbox() as box:
        yield box


@pytest.fixture
def registered(monkeypatch):
    """The toy family in place of all plug-ins but the methods."""
    real = plugins.load
    families = {"growth": FAMILY, "exact": SimulatorFamily({"exact-growth": exact_problem})}
    monkeypatch.setattr(plugins, "load", lambda kind, name: families[name] if kind == "task" else real(kind, name))
    monkeypatch.setattr(plugins, "names", lambda kind: tuple(families))


def exact_problem():
    toy = problem("exact")
    return replace(toy, spec=replace(toy.spec, name="exact-growth"), exact={EXAMPLE: KnownGrowth(), CONSTANT: Still()})


class Still:
    """The population that does not grow."""

    def log_prob(self, x, theta, context=None):
        error = x - np.log(context)
        log_density = (-0.5 * (error / growth.NOISE) ** 2 - np.log(growth.NOISE * np.sqrt(2 * np.pi))).sum(axis=1)
        return np.repeat(log_density[:, None], len(theta), axis=1)


def test_it_keeps_the_contracts_of_every_task():
    task: SearchTask = FAMILY.load("growth-tiny")
    sealed: Sealed = FAMILY.seal("growth-tiny")
    judge: TaskJudge = SimulatorJudge(sealed)
    spec: Spec = task.spec
    assert spec == sealed.spec == judge.sealed.spec
    assert task.data_sha256 == sealed.data_sha256
    assert json.loads(json.dumps(spec.to_json()))["parameters"][0]["low"] == 0.0
    assert "rate ~ U[0, 1] (growth a step)" in spec.facts()["Parameters"]
    spec.check(task.seed_program)


def test_no_held_out_observation_is_in_reach_of_a_method():
    task, held_out = FAMILY.load("growth-tiny"), problem().held_out
    for name in task.__dataclass_fields__:
        value = getattr(task, name)
        arrays = [value.statistics, value.contexts] if isinstance(value, Observed) else []
        assert not any(np.isin(held_out.statistics, a).any() for a in arrays)
    assert not hasattr(task, "held_out")


def test_names_that_are_wrong_are_refused():
    with pytest.raises(UnknownNameError, match="growth-tiny"):
        FAMILY.load("growth")
    with pytest.raises(ZfbenchError, match="calls itself 'growth-tiny'"):
        SimulatorFamily({"other": problem}).load("other")


def test_the_data_hash_follows_every_number_that_decides_scores():
    toy = problem()
    changed = [
        replace(toy, draws=501),
        replace(toy, simulations=301),
        replace(toy, likelihood="exact"),
        replace(toy, estimator="nle-pfn"),
        replace(toy, evidence="importance"),
        replace(toy, spec=replace(toy.spec, parameters=(Parameter("rate", 0.0, 1.5),))),
        replace(toy, held_out=Observed(toy.held_out.contexts, toy.held_out.statistics + 1e-9)),
    ]
    assert len({toy.data_sha256, *(p.data_sha256 for p in changed)}) == 1 + len(changed)
    assert problem().data_sha256 == toy.data_sha256


def test_the_data_hash_of_a_shipped_task_changes_only_with_data_scoring_or_estimator():
    assert hodgkin_huxley.PROBLEMS["hodgkin_huxley"]().data_sha256.startswith("77f5a9df41cb")


def test_definitions_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="multiple"):
        SimulatorSpec("s", "", (), (), ("y",), ("k",), steps=3, every=2)
    with pytest.raises(ValueError, match="lower bound"):
        SimulatorSpec("s", "", (Parameter("a", 1.0, 1.0),), (), ("y",), ("k",), steps=2)
    with pytest.raises(ValueError, match="not finite"):
        Observed(np.zeros((1, 1)), np.full((1, 2), np.nan))
    with pytest.raises(ValueError, match="contexts and statistics"):
        replace(problem(), selection=Observed(np.zeros((2, 1)), np.zeros((2, 3))))
    with pytest.raises(ValueError, match="nothing to learn a posterior from"):
        replace(problem("exact"), evidence="importance")


def test_exact_evaluation_is_the_marginal_likelihood_of_the_selection_data():
    toy = exact_problem()
    evaluate = SimulatorEvaluator(replace(toy.task, draws=20_000), LIMITS)
    evaluation = evaluate(Program(EXAMPLE), 0)
    grid = np.linspace(0, 1, 20_001)[:, None]
    log_p = KnownGrowth().log_prob(toy.selection.statistics, grid, toy.selection.contexts)
    truth = np.log(np.exp(log_p).mean(axis=1)).sum()
    assert abs(evaluation.log_likelihood - truth) < 5 * evaluation.metrics["log_marginal_se"]
    assert evaluation.metrics["log_marginal_se"] < 0.5
    assert evaluation.loss == -evaluation.log_likelihood
    assert evaluate(Program(CONSTANT), 0).loss > evaluation.loss + 50
    assert evaluate(Program(EXAMPLE + "# unknown"), 0).status == Status.INVALID


@pytest.mark.parametrize("simulations", [100, 300, 1_000])
def test_a_limit_of_updates_is_kept_by_every_number_of_simulations(simulations, monkeypatch):
    trained = []
    monkeypatch.setattr(simulator_model, "fit_likelihood", lambda *_, training, **__: trained.append(training))
    arrays = np.zeros((simulations, 1)), np.zeros((simulations, 1)), np.zeros((simulations, 2))
    monkeypatch.setattr(SimulatorModel, "_simulate", lambda self, limits: arrays)
    model = SimulatorModel(EXAMPLE, FAMILY.load("growth-tiny"), 0)
    model.fit(LIMITS)
    trained_on = simulations - simulations // 10
    steps = trained_on // min(trained[0].batch, trained_on)
    assert model.report.updates == trained[0].epochs * steps == LIMITS.updates


def test_the_prior_is_uniform_within_its_bounds():
    spec = replace(problem().spec, parameters=(Parameter("a", -1.0, 1.0), Parameter("b", 0.0, 4.0)))
    inside, outside = np.array([[0.5, 4.0], [-1.0, 0.0]]), np.array([[0.5, 4.1], [-1.1, 1.0]])
    assert spec.log_prior(inside) == pytest.approx(np.log([1 / 8, 1 / 8]))
    assert (spec.log_prior(outside) == -np.inf).all()
    drawn = spec.draw_parameters(np.random.default_rng(0), 1_000)
    assert np.isfinite(spec.log_prior(drawn)).all()
    assert drawn.max(axis=0) == pytest.approx([1.0, 4.0], abs=0.05)


def grown(task, seed, n):
    """Parameters, contexts and statistics of the true program, without its process."""
    rng = np.random.default_rng(seed)
    theta, contexts = task.spec.draw_parameters(rng, n), growth.contexts(rng, n)
    noise = 0.1 * rng.standard_normal((n, growth.STEPS)).cumsum(axis=1)[:, 1::2]
    x = np.log(contexts) + theta * np.array([2.0, 4.0]) + noise + growth.NOISE * rng.standard_normal((n, 2))
    return theta, contexts, x


@pytest.mark.torch
def test_evidence_by_importance_sampling_is_that_by_the_prior_and_shares_the_updates(monkeypatch):
    pytest.importorskip("sbi")
    by_prior = replace(problem(), simulations=1_000).task
    found = {}
    for evidence in ("prior", "importance"):
        task = replace(by_prior, evidence=evidence)
        monkeypatch.setattr(SimulatorModel, "_simulate", lambda self, limits, task=task: grown(task, 0, 1_000))
        model = SimulatorModel(EXAMPLE, task, 0)
        model.fit(Limits(updates=400))
        found[evidence] = model.log_marginal(task.observed)
        assert model.report.updates == 400
    x, contexts = by_prior.observed.statistics, by_prior.observed.contexts
    known = KnownGrowth().log_prob(x, np.linspace(0, 1, 2_001)[:, None], contexts)
    truth = np.log(np.exp(known).mean(axis=1))
    for marginal in found.values():
        assert marginal.log_evidence == pytest.approx(truth, abs=0.7)
    assert found["importance"].effective_size.mean() > 2 * found["prior"].effective_size.mean()


@pytest.mark.parametrize("evidence", ["prior", "importance"])
def test_tabpfn_is_asked_where_the_problem_chose_it_and_takes_no_updates(monkeypatch, evidence):
    task = replace(problem(), estimator="nle-pfn", evidence=evidence).task
    asked = []
    monkeypatch.setattr(SimulatorModel, "_simulate", lambda self, limits: grown(task, 0, 300))
    for name in ("pfn_likelihood", "pfn_posterior", "fit_likelihood", "fit_posterior"):
        monkeypatch.setattr(simulator_model, name, lambda *_, name=name, **__: asked.append(name))
    model = SimulatorModel(EXAMPLE, task, 0)
    model.fit(LIMITS)
    assert asked == (["pfn_likelihood", "pfn_posterior"] if evidence == "importance" else ["pfn_likelihood"])
    assert model.report.updates == 0


def test_no_candidate_pays_for_the_start_of_the_sandbox():
    class Slow:
        def start(self):
            time.sleep(0.3)

        def spawn(self, limits):
            raise CandidateError(Status.ERROR, "spawned")

    evaluation = SimulatorEvaluator(FAMILY.load("growth-tiny"), LIMITS, Slow())(Program(EXAMPLE), 0)
    assert evaluation.feedback == "spawned"
    assert evaluation.spend.device_seconds < 0.2


def test_an_evaluator_travels_to_another_process_without_its_sandbox(sandbox):
    evaluate = pickle.loads(pickle.dumps(SimulatorEvaluator(exact_problem().task, LIMITS)))
    assert evaluate(Program(CONSTANT), 0).ok


@pytest.mark.parametrize("value", [-5.0, 1_005.0])
def test_observations_below_and_above_all_simulations_are_told_to_be_outside(value):
    observed = Observed(np.ones((6, 1)), np.full((6, 1), value))
    marginal = MarginalLikelihood(np.zeros(6), np.zeros(6), np.ones(6), 0.0, 0.0)
    told = feedback(marginal, np.arange(1_000.0)[:, None], observed, ("size",))
    assert f"'size': 100% of the observations (median {value:.4g}) lie outside" in told


@pytest.mark.torch
def test_learned_likelihood_prefers_the_truth_and_says_what_does_not_fit(sandbox):
    pytest.importorskip("sbi")
    evaluate = FAMILY.evaluator(FAMILY.load("growth-tiny"), Limits(updates=200), sandbox)
    truth, still = evaluate(Program(EXAMPLE), 1), evaluate(Program(CONSTANT), 1)
    assert truth.log_likelihood > still.log_likelihood + 10
    assert truth.spend.evaluations == 1
    assert truth.spend.updates > 0
    assert "'log at the end'" in still.feedback
    assert "outside" in still.feedback
    assert evaluate(Program(EXAMPLE), 1).loss == truth.loss
    assert evaluate(Program(EXAMPLE), 2).loss != truth.loss


@pytest.mark.torch
def test_judge_measures_held_out_evidence_its_noise_and_the_surrogates_error(registered, sandbox):
    pytest.importorskip("sbi")
    loaded = LoadedTask("growth-tiny", FAMILY)
    result = judge_program(EXAMPLE, MethodRecord(name="p", kind="program"), loaded, 0, LIMITS, sandbox=sandbox)
    m = result.metrics
    assert result.status == "ok"
    assert m["likelihood/log_marginal"] == pytest.approx(6 * m["likelihood/log_marginal_per_observation"])
    assert m["likelihood/evaluation_sd"] > 0
    assert m["likelihood/log_marginal_selection"] != m["likelihood/log_marginal"]
    known = KnownGrowth().log_prob(
        problem().held_out.statistics, np.linspace(0, 1, 2_001)[:, None], problem().held_out.contexts
    )
    truth = np.log(np.exp(known).mean(axis=1)).mean()
    assert abs(m["likelihood/exact_per_observation"] - truth) < 5 * m["likelihood/exact_se_per_observation"]
    learned = m["likelihood/exact_per_observation"] + m["likelihood/surrogate_error_per_observation"]
    assert learned == pytest.approx(m["likelihood/log_marginal_per_observation"])
    assert result.program.training["simulations"] == 300
    assert result.task.track == "simulator"


def test_judged_program_that_fails_has_its_status(registered):
    loaded = LoadedTask("growth-tiny", FAMILY)
    result = judge_program("x = 1", MethodRecord(name="p", kind="program"), loaded, 0, LIMITS)
    assert result.status == "invalid"
    assert result.metrics == {}
    assert "initial_state" in result.notes[0]


@pytest.mark.torch
@pytest.mark.parametrize("x", [np.full((300, 2), 1e15), 1e38 * np.random.default_rng(0).normal(size=(300, 2))])
def test_simulations_that_no_density_can_be_learned_from_are_the_programs_failure(registered, monkeypatch, x):
    """Not the end of the search, nor of the judging."""
    pytest.importorskip("sbi")
    loaded = LoadedTask("growth-tiny", FAMILY)
    task = loaded.task
    rng = np.random.default_rng(0)
    simulated = rng.random((300, 1)), rng.random((300, 1)), x
    monkeypatch.setattr(SimulatorModel, "_simulate", lambda self, limits: simulated)
    evaluation = FAMILY.evaluator(task, LIMITS, None)(Program(EXAMPLE), 0)
    assert evaluation.status == Status.NON_FINITE
    assert "No density can be learned" in evaluation.feedback
    assert "\n" not in evaluation.feedback
    result = judge_program(EXAMPLE, MethodRecord(name="p", kind="program"), loaded, 0, LIMITS)
    assert (result.status, result.metrics) == ("non_finite", {})
    assert "No density" in result.notes[0]


@pytest.fixture
def fails_when_judged(monkeypatch):
    """A program that is fitted once and never again."""

    def fail(self, number):
        raise CandidateError(Status.TIMEOUT, "It took too long.")

    monkeypatch.setattr(SimulatorModel, "refitted", fail)
    return judge_program(
        EXAMPLE,
        MethodRecord(name="p", kind="program"),
        LoadedTask("exact-growth", SimulatorFamily({"exact-growth": exact_problem})),
        0,
        LIMITS,
    )


def test_a_program_that_fails_when_evaluated_again_leaves_a_file_that_can_be_read(fails_when_judged, tmp_path):
    notes = [f"evaluation {k} of 3 failed: It took too long." for k in (2, 3)]
    assert list(fails_when_judged.notes) == notes
    assert "likelihood/log_marginal" in fails_when_judged.metrics  # of the evaluation that worked
    assert "likelihood/evaluation_sd" not in fails_when_judged.metrics
    path = add(tmp_path, fails_when_judged)
    assert load_folder(tmp_path) == [load(path)]


def test_misshapen_statistics_are_the_tasks_fault_and_not_the_programs(monkeypatch):
    toy = replace(problem(), statistics=lambda path, contexts, rng: np.zeros((len(path), 3)))
    path = np.ones((300, growth.STEPS // 2 + 1, 1), np.float32)
    monkeypatch.setattr(simulator_model, "simulate_program", lambda *_: path)
    with pytest.raises(ZfbenchError, match=r"`statistics` of the task 'growth-tiny' .* \(300, 3\); .* \(300, 2\)"):
        SimulatorEvaluator(toy.task, LIMITS)(Program(EXAMPLE), 0)


def test_a_misshapen_exact_likelihood_is_the_tasks_fault_and_one_without_a_value_the_programs():
    class Answers:
        def __init__(self, answer):
            self.answer = answer

        def log_prob(self, x, theta, context=None):
            return self.answer

    toy = exact_problem()
    short, undefined = (Answers(a) for a in (np.zeros((1, 1)), np.full((len(toy.selection), toy.draws), np.nan)))
    with pytest.raises(ZfbenchError, match="answered with shape"):
        SimulatorEvaluator(replace(toy.task, exact={EXAMPLE: short}), LIMITS)(Program(EXAMPLE), 0)
    evaluation = SimulatorEvaluator(replace(toy.task, exact={EXAMPLE: undefined}), LIMITS)(Program(EXAMPLE), 0)
    assert evaluation.status == Status.NON_FINITE
    assert "is nan" in evaluation.feedback


def test_controls_are_the_tasks_own_and_forecasters_are_refused(registered):
    loaded = LoadedTask("growth-tiny", FAMILY)
    with pytest.raises(ZfbenchError, match="no recordings"):
        judge_baseline("mask_only", loaded, 0, LIMITS)
    exact = LoadedTask("exact-growth", SimulatorFamily({"exact-growth": exact_problem}))
    oracle = judge_baseline("oracle", exact, 0, LIMITS)
    assert oracle.method.kind == "program"
    expected = KnownGrowth().log_prob(
        growth.observe(2).statistics, np.linspace(0, 1, 2_001)[:, None], growth.observe(2).contexts
    )
    truth = np.log(np.exp(expected).mean(axis=1)).sum()
    assert oracle.metrics["likelihood/log_marginal"] == pytest.approx(truth, abs=3)


@pytest.mark.parametrize("discoverer", ["best_of_n", "modelsmc", "n1", "funsearch", "puct"])
def test_every_discoverer_searches_it_and_its_optimism_is_measured(registered, tmp_path, discoverer):
    """With exact likelihoods and `finite` proposals, so that nothing has to be trained."""
    for name, source in (("grows", EXAMPLE), ("broken", "x = 1")):
        (tmp_path / f"{name}.py").write_text(source)
    settings = {"modelsmc": {"particles": 3, "generations": 4, "alpha": 0.2}, "n1": {"generations": 30}}
    plan = Plan(
        "exact-growth",
        discoverer,
        "finite",
        Budget(evaluations=3),
        0,
        LIMITS,
        settings=settings.get(discoverer, {}),
        proposer_settings={"programs": str(tmp_path)},
        finalists=0,
    )
    outcome, result = search(plan, tmp_path / "run")
    assert outcome.best.program.id == Program(EXAMPLE).id
    believed = outcome.best.evaluation.log_likelihood
    gap = believed - result.metrics["likelihood/log_marginal_selection"]
    assert result.metrics["likelihood/optimism"] == pytest.approx(gap)
    assert search(plan, tmp_path / "run")[1] == result  # a second time nothing is run


def test_supports_are_the_boxes_of_the_priors():
    spec = replace(problem().spec, parameters=(Parameter("a", 0.0, 1.0), Parameter("b", -2.0, 5.0)))
    theta = np.array([[0.0, 5.0], [0.5, 0.0], [1.1, 0.0], [0.5, -2.1], [np.nan, 0.0]])
    assert spec.supports(theta).tolist() == [True, True, False, False, False]


@pytest.mark.torch
def test_fitted_score_is_the_likelihood_at_fitted_parameters_beside_unchanged_scores(sandbox):
    pytest.importorskip("sbi")
    task = FAMILY.load("growth-tiny")
    plain = FAMILY.evaluator(task, Limits(updates=200), sandbox)
    evaluate = FAMILY.evaluator(task, Limits(updates=400), sandbox).with_fitted(FITTED)  # two networks share the limit
    usual, truth = plain(Program(EXAMPLE), 1), evaluate(Program(EXAMPLE), 1)
    fitted = truth.metrics[FITTED]
    assert truth.metrics == {**usual.metrics, FITTED: fitted}
    assert (truth.loss, truth.feedback) == (usual.loss, usual.feedback)
    assert truth.spend.updates == 2 * usual.spend.updates
    known = KnownGrowth().log_prob(
        problem().selection.statistics, np.linspace(0, 1, 1_001)[:, None], problem().selection.contexts
    )
    assert fitted == pytest.approx(known.max(axis=1).sum(), abs=6)  # of six observations
    assert truth.log_likelihood < fitted
    assert evaluate(Program(EXAMPLE), 1).metrics == truth.metrics
    assert pickle.loads(pickle.dumps(evaluate))(Program(EXAMPLE), 1).metrics == truth.metrics


@pytest.mark.torch
def test_funsearch_plus_searches_by_the_fitted_score(registered, tmp_path):
    pytest.importorskip("sbi")
    (tmp_path / "grows.py").write_text(EXAMPLE)
    plan = Plan(
        "growth-tiny",
        "funsearch_plus",
        "finite",
        Budget(evaluations=2, updates=60),
        0,
        LIMITS,
        settings={"islands": 1},
        proposer_settings={"programs": str(tmp_path)},
        finalists=0,
    )
    outcome, result = search(plan, tmp_path / "run")
    assert result.status == "ok"
    seed, grows = (scored.evaluation.metrics[FITTED] for scored in outcome.evaluated)
    assert grows > seed
    assert replay(tmp_path / "run").evaluated == outcome.evaluated


@pytest.mark.parametrize("name", ["exact-growth", "mixtures/exact@target:0", "zfish-tiny/masked"])
def test_fitted_score_is_refused_where_nothing_is_simulated_to_fit_by(request, tmp_path, name):
    request.getfixturevalue("registered" if name == "exact-growth" else "data_cache")
    proposer, settings = ("grammar", {}) if name.startswith("zfish") else ("finite", {"programs": str(tmp_path)})
    (tmp_path / "grows.py").write_text(EXAMPLE)
    budget = Budget(evaluations=2)
    plan = Plan(name, "funsearch_plus", proposer, budget, 0, LIMITS, proposer_settings=settings, finalists=0)
    with pytest.raises(ZfbenchError, match="use `funsearch`"):
        search(plan, tmp_path / "run")


def test_fitted_score_is_refused_without_parameters():
    task = FAMILY.load("growth-tiny")
    bare = replace(task, spec=replace(task.spec, parameters=()))
    with pytest.raises(ZfbenchError, match="fits no parameters"):
        FAMILY.evaluator(bare, LIMITS, None).with_fitted(FITTED)


def test_squared_error_is_in_units_of_each_statistics_variance():
    x = np.array([[0.0, 10.0, 1.0], [2.0, 30.0, 1.0]])  # variances 1 and 100; the last does not vary
    assert squared_error(x + np.array([1.0, 10.0, 50.0]), x) == pytest.approx(1.0)
    assert squared_error(x + np.array([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]]), x) == pytest.approx(4 / 4)
    assert squared_error(x, np.ones((2, 3))) is None


class RateOfEachObservation:
    """A posterior that knows the rate: what is seen at the end, over the steps, give or take a little."""

    def sample(self, x, n, seed, context=None):
        rate = (x[1] - np.log(context[0])) / 4
        return np.random.default_rng(seed).normal(rate, 0.02, (n, 1))

    def log_prob(self, theta, x, context=None):
        return -np.abs(theta[:, 0] - (x[1] - np.log(context[0])) / 4)


def test_squared_error_is_that_of_simulations_at_the_parameters_fitted_to_each_observation(monkeypatch, sandbox):
    """Its statistics then differ from the observed ones by noise alone; from the prior they would be far apart."""
    monkeypatch.setattr(simulator_model, "fit_likelihood", lambda *_, **__: KnownGrowth())
    monkeypatch.setattr(simulator_model, "fit_posterior", lambda *_, **__: RateOfEachObservation())
    fitted = []
    simulate = simulator_model.simulate_program
    monkeypatch.setattr(simulator_model, "simulate_program", lambda *given: fitted.append(given[2]) or simulate(*given))
    evaluate = FAMILY.evaluator(FAMILY.load("growth-tiny"), LIMITS, sandbox).with_fitted(STANDARDISED_MSE)
    found = evaluate(Program(EXAMPLE), 1)
    seen = problem().selection
    rate = (seen.statistics[:, 1] - np.log(seen.contexts[:, 0])) / 4
    assert fitted[-1][:, 0] == pytest.approx(rate, abs=1e-3)
    # steps of noise .1, noise of observation .1, and half way the observation's own: in units of each variance
    half, end = 0.01 * 2 + 0.01, 0.01 * 4 + 0.01
    expected = (2 * half / seen.statistics[:, 0].var() + end / seen.statistics[:, 1].var()) / 2
    assert set(found.metrics) == {"log_marginal_se", STANDARDISED_MSE}
    assert expected / 4 < found.metrics[STANDARDISED_MSE] < 4 * expected
