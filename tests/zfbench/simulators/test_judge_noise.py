"""How sure the judge of simulators is: three evaluations that share no random number, and an error that says so."""

from dataclasses import replace
from types import SimpleNamespace

import growth
import numpy as np
import pytest
from growth import KnownGrowth, problem

from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError, Status
from zfbench.scoring.likelihood import MarginalLikelihood
from zfbench.simulators import model as simulator_model
from zfbench.simulators.contract import EXAMPLE
from zfbench.simulators.judge import SimulatorJudge
from zfbench.simulators.model import SimulatorModel
from zfbench.simulators.problem import SealedSimulator

LIMITS = Limits(updates=60, seconds=60.0)


def judge(likelihood="surrogate"):
    return SimulatorJudge(SealedSimulator(problem(likelihood), "tiny"))


class Measured:
    """A program whose k-th evaluation has a known total and standard error; those without one fail."""

    source = "x = 1"

    def __init__(self, known, number=0):
        self.known, self.number = known, number

    def refitted(self, number):
        return Measured(self.known, number)

    def log_marginal(self, observed):
        if self.number not in self.known:
            raise CandidateError(Status.TIMEOUT, "It took too long.")
        total, error = self.known[self.number]
        each = np.full(6, total / 6)
        return MarginalLikelihood(each, np.full(6, error), np.full(6, 10.0), total, error)


def test_the_standard_error_is_that_of_the_mean_of_independent_evaluations():
    m = judge().score(Measured({0: (-10.0, 1.0), 1: (-13.0, 2.0), 2: (-16.0, 2.0)})).metrics
    assert m["likelihood/log_marginal"] == pytest.approx(-13)
    assert m["likelihood/log_marginal_se"] == pytest.approx(np.sqrt(1 + 4 + 4) / 3)
    assert m["likelihood/evaluation_sd"] == pytest.approx(3)


def test_the_standard_error_counts_the_evaluations_that_worked():
    m = judge().score(Measured({0: (-10.0, 3.0), 2: (-12.0, 4.0)})).metrics
    assert m["likelihood/log_marginal"] == pytest.approx(-11)
    assert m["likelihood/log_marginal_se"] == pytest.approx(5 / 2)
    alone = judge().score(Measured({0: (-10.0, 3.0)})).metrics
    assert alone["likelihood/log_marginal_se"] == pytest.approx(3)


def test_all_three_evaluations_draw_afresh():
    """With an exact likelihood all that differs between evaluations are the draws from the prior."""
    toy = replace(problem("exact"), exact={EXAMPLE: KnownGrowth()})
    model = SimulatorModel(EXAMPLE, toy.task, 0)
    model.fit(LIMITS)
    m = SimulatorJudge(SealedSimulator(toy, "tiny")).score(model).metrics
    evaluations = [model, model.refitted(1), model.refitted(2)]
    totals = [evaluated.log_marginal(toy.held_out).total for evaluated in evaluations]
    assert len(set(totals)) == 3
    assert m["likelihood/log_marginal"] == pytest.approx(np.mean(totals))
    selected = [evaluated.log_marginal(toy.selection).total for evaluated in evaluations]
    assert m["likelihood/evaluation_sd"] == pytest.approx(np.std(selected, ddof=1))


class Uneven(Measured):
    """A program with a known exact likelihood, whose learned one is bad at the last two of twelve observations."""

    source = EXAMPLE

    def refitted(self, number):
        return self

    def log_marginal(self, observed):
        each = np.array([-1.0] * 10 + [-1_000.0] * 2)
        return MarginalLikelihood(each, np.zeros(12), np.full(12, 10.0), each.sum(), 0.0)


def test_learned_and_exact_likelihood_are_compared_on_the_same_ten_observations():
    toy = replace(problem(), held_out=growth.observe(2, 12))
    m = SimulatorJudge(SealedSimulator(toy, "tiny")).score(Uneven({})).metrics
    learned = m["likelihood/exact_per_observation"] + m["likelihood/surrogate_error_per_observation"]
    assert learned == pytest.approx(-1)


@pytest.fixture
def drawn(monkeypatch):
    """Parameters that a program is simulated under and its evidence averaged over, and all seeds handed on."""
    seen = SimpleNamespace(simulated=[], averaged=[], seeds=[])

    def simulate(source, spec, theta, contexts, limits, seed, sandbox):
        seen.simulated.append(theta)
        seen.seeds.append(seed)
        return np.ones((len(theta), growth.STEPS // 2 + 1, 1), np.float32)

    class Flat:
        def log_prob(self, x, theta, context=None):
            seen.averaged.append(theta)
            return np.zeros((len(x), len(theta)))

    def fit(theta, x, seed, context=None, training=None):
        seen.seeds.append(seed)
        return Flat()

    monkeypatch.setattr(simulator_model, "simulate_program", simulate)
    monkeypatch.setattr(simulator_model, "fit_likelihood", fit)
    return seen


def test_evidence_is_averaged_over_other_draws_than_the_likelihood_was_learned_from(drawn):
    task = problem().task
    model = SimulatorModel(EXAMPLE, task, 0)
    model.fit(LIMITS)
    for evaluated in (model, model.refitted(1), model.refitted(2)):
        evaluated.log_marginal(task.observed)
    assert len(np.unique(np.concatenate(drawn.simulated))) == 3 * task.simulations
    assert len(np.unique(np.concatenate(drawn.averaged))) == 3 * task.draws
    assert not np.isin(np.concatenate(drawn.averaged), np.concatenate(drawn.simulated)).any()
    assert len(set(drawn.seeds)) == len(drawn.seeds) == 6


def test_one_evaluation_scores_all_observations_with_the_same_draws(drawn):
    """So that held-out and selection data differ by the data alone, and a score can be repeated."""
    task = problem().task
    model = SimulatorModel(EXAMPLE, task, 0)
    model.fit(LIMITS)
    for observed in (task.observed, problem().held_out):
        model.log_marginal(observed)
    np.testing.assert_array_equal(*drawn.averaged)
