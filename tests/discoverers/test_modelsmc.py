import math
from collections import Counter

import numpy as np
import pytest

from zfbench.base.errors import ZfbenchError
from zfbench.discoverers.modelsmc import ModelSMC, effective_size, n1, systematic_resample
from zfbench.records.evaluation import Evaluation
from zfbench.records.hints import CRITIQUE, NO_NUMBERS
from zfbench.records.program import Program, Status

SEED = Program("seed")
FAILED = Evaluation(Status.ERROR)


def ok(log_likelihood, **metrics):
    return Evaluation(Status.OK, 1.0, log_likelihood, metrics)


def begun(evaluation=None, seed=0, **settings):
    search = ModelSMC(seed, SEED, **settings)
    search.tell(search.ask(), SEED, evaluation or ok(0.0))
    return search


def generation(search, answer):
    """Ask until the barrier, then tell all; the requests."""
    requests = []
    while (request := search.ask()) is not None:
        requests.append(request)
    for request in requests:
        search.tell(request, *answer(request))
    return requests


def numbered(log_likelihood):
    return lambda request: (Program(str(request.id)), ok(log_likelihood(request.id)))


def test_systematic_resampling_takes_floor_or_ceiling_of_the_expected_count():
    rng = np.random.default_rng(0)
    for _ in range(200):
        weights = rng.dirichlet(np.full(30, 0.3))
        counts = np.bincount(systematic_resample(weights, rng.random()), minlength=30)
        assert counts.sum() == 30
        assert (np.floor(30 * weights - 1e-9) <= counts).all()
        assert (counts <= np.ceil(30 * weights + 1e-9)).all()


def test_systematic_resampling_is_unbiased():
    weights = np.array([0.05, 0.61, 0.0, 0.34])
    grid = (np.arange(10_000) + 0.5) / 10_000
    mean = np.mean([np.bincount(systematic_resample(weights, u), minlength=4) for u in grid], axis=0)
    assert mean == pytest.approx(4 * weights, abs=1e-3)


def test_systematic_resampling_survives_weights_that_sum_to_less_by_rounding():
    assert systematic_resample(np.array([0.5, 0.5 - 1e-12, 0.0]), np.nextafter(1.0, 0)).max() == 2
    assert systematic_resample(np.full(3, 1 / 3 - 1e-17), np.nextafter(1.0, 0)).max() == 2


def test_effective_size_is_n_for_equal_weights_and_one_for_a_single_survivor():
    assert effective_size(np.full(8, 1 / 8)) == pytest.approx(8)
    assert effective_size(np.array([1.0, 0.0])) == 1


def test_generation_waits_for_its_last_program():
    search = begun(particles=4, alpha=0.0)
    requests = [search.ask() for _ in range(4)]
    assert search.ask() is None
    for request in reversed(requests[1:]):
        search.tell(request, Program(str(request.id)), ok(0.0))
    assert search.ask() is None
    search.tell(requests[0], Program("0"), ok(0.0))
    assert search.ask().id == 5


def test_search_has_k_generations_and_expects_to_write_the_share_that_is_not_kept():
    search = begun(particles=50, generations=15, alpha=0.8)
    written = sum(len(generation(search, numbered(lambda k: 0.0))) for _ in range(15))
    assert search.ask() is None
    assert abs(written - 150) < 5 * math.sqrt(750 * 0.2 * 0.8)


def test_clones_keep_their_weight_and_are_not_evaluated_again():
    search = begun(ok(-3.0), particles=30, generations=1, alpha=0.5)
    written = generation(search, numbered(lambda k: -1.0))
    kept = [weight for program, weight in search.population if program == SEED.id]
    new = [weight for program, weight in search.population if program != SEED.id]
    assert len(new) == len(written)
    assert len(kept) == 30 - len(written)
    assert new[0] / kept[0] == pytest.approx(math.exp(2.0))
    assert sum(kept) + sum(new) == pytest.approx(1.0)


def test_weights_are_full_likelihoods_each_time():
    search = begun(ok(0.0), particles=2, generations=9, alpha=0.0, threshold=0.0)
    for _ in range(3):
        generation(search, numbered(lambda k: 1.0 if k % 2 else 0.0))
    weights = sorted(weight for _, weight in search.population)
    assert weights[1] / weights[0] == pytest.approx(math.e)  # not e^3


def test_temperature_divides_the_log_weights():
    search = begun(particles=2, alpha=0.0, tau=4.0)
    generation(search, numbered(lambda k: float(k)))
    weights = [weight for _, weight in search.population]
    assert weights[1] / weights[0] == pytest.approx(math.exp(1 / 4))


def test_resampling_happens_below_the_threshold_alone():
    def survivors(log_ratio):
        search = begun(particles=10, generations=2, alpha=0.0)
        generation(search, numbered(lambda k: log_ratio if k == 1 else 0.0))
        return len({r.parents[-1] for r in generation(search, numbered(lambda k: 0.0))})

    assert survivors(math.log(3)) == 10  # ESS = 144 / 18 = 8
    assert survivors(50.0) == 1


@pytest.mark.parametrize(
    ("working", "particles", "threshold", "resampled"),
    [
        (2, 4, 0.5, False),  # ESS / N = threshold exactly: not below
        (15, 32, 0.5, True),
        (16, 32, 0.5, False),
        (11, 20, 0.6, True),
        (12, 20, 0.55, False),
    ],
)
def test_resampling_happens_strictly_below_the_threshold_relative_to_n(working, particles, threshold, resampled):
    """Of N particles, w work and weigh the same: ESS = w."""
    settings = {} if threshold == 0.5 else {"threshold": threshold}
    search = begun(particles=particles, generations=2, alpha=0.0, **settings)
    generation(search, lambda r: (Program(str(r.id)), ok(0.0) if r.id <= working else FAILED))
    search.ask()
    assert search.generations[-1].resampled is resampled


def test_requests_ask_for_a_critique_without_numbers_unless_told_otherwise():
    cases = (({}, (CRITIQUE, NO_NUMBERS)), ({"feedback": "metrics"}, ()), ({"feedback": "both"}, (CRITIQUE,)))
    for settings, hints in cases:
        search = begun(particles=3, generations=2, alpha=0.0, **settings)
        requests = generation(search, numbered(lambda k: 0.0)) + generation(search, numbered(lambda k: 0.0))
        assert [request.hints for request in requests] == [hints] * 6


def test_proposer_sees_the_last_three_of_a_line_oldest_first():
    search = begun(particles=1, alpha=0.0, generations=9)
    lines = [generation(search, numbered(lambda k: 0.0))[0].parents for _ in range(4)]
    names = [SEED, Program("1"), Program("2"), Program("3")]
    assert lines == [tuple(p.id for p in names[max(0, k - 3) : k]) for k in range(1, 5)]


def test_failures_weigh_nothing_and_are_repaired_when_nothing_is_resampled():
    search = begun(particles=4, generations=3, alpha=0.0, threshold=0.0)
    requests = generation(search, lambda r: (Program(str(r.id)), FAILED if r.id == 2 else ok(0.0)))
    weights = dict(search.population)
    assert weights[Program("2").id] == 0
    again = generation(search, numbered(lambda k: 0.0))
    assert [r.operator for r in again] == ["mutate", "repair", "mutate", "mutate"]
    assert len(requests) == 4


def test_a_failure_that_nobody_repaired_is_still_to_be_repaired():
    search = begun(particles=1, generations=9, alpha=0.0)
    generation(search, lambda r: (Program("broken"), FAILED))
    for _ in range(2):
        (request,) = generation(search, lambda r: (Program(""), FAILED))  # a model that did not answer
        assert (request.operator, request.parents[-1]) == ("repair", Program("broken").id)


def test_generation_of_failures_weighs_alike():
    search = begun(FAILED, particles=4, generations=3, alpha=0.0)
    generation(search, lambda r: (Program(str(r.id)), FAILED))
    assert [weight for _, weight in search.population] == [0.25] * 4
    assert len(generation(search, lambda r: (Program(""), FAILED))) == 4
    assert len({r.parents for r in generation(search, numbered(lambda k: 0.0))}) == 4  # the last that were written


def test_mean_squared_error_replaces_the_likelihood_in_the_ablation():
    search = begun(ok(0.0, standardised_mse=2.0), particles=2, generations=1, alpha=0.0, weights="mse")
    generation(search, lambda r: (Program(str(r.id)), ok(1e6 * r.id, standardised_mse=float(r.id))))
    weights = [weight for _, weight in search.population]
    assert weights[0] / weights[1] == pytest.approx(math.e)
    assert search.wants_fitted == "standardised_mse"  # at fitted parameters, which simulators must be asked for
    assert begun().wants_fitted is None


def test_tempering_resamples_late():
    def survivors(tempering):
        search = begun(particles=10, generations=20, alpha=0.0, tempering=tempering)
        generation(search, numbered(lambda k: 5.0 if k == 1 else 0.0))
        return len({r.parents[-1] for r in generation(search, numbered(lambda k: 0.0))})

    assert survivors(False) < survivors(True) == 10


def test_tempering_raises_the_likelihood_to_the_share_of_the_generations_that_have_begun():
    """Before the second of two, weights are the whole likelihood: ESS = (e^3 + 9)^2 / (e^6 + 9) = 2.05 of ten."""
    search = begun(particles=10, generations=2, alpha=0.0, tempering=True)
    generation(search, numbered(lambda k: 3.0 if k == 1 else 0.0))
    search.ask()
    assert search.generations[-1].resampled


def test_missing_likelihood_and_unknown_weights_are_explained():
    with pytest.raises(ZfbenchError, match="weights=mse"):
        begun(Evaluation(Status.OK, 1.0))
    with pytest.raises(ZfbenchError, match="choose likelihood or mse"):
        ModelSMC(0, SEED, weights="loss")


def test_n1_builds_on_the_newest_whatever_it_is_worth():
    search = n1(0, SEED)
    search.tell(search.ask(), SEED, ok(0.0))
    parents = []
    for _ in range(150):
        request = search.ask()
        parents.append(request.parents[-1])
        search.tell(request, Program(str(request.id)), ok(-1.0 * request.id))
    assert parents == [SEED.id, *(Program(str(k)).id for k in range(1, 150))]
    assert search.ask() is None


MODELS, LOG_LIKELIHOOD, ALPHA, K = 6, np.array([0.0, -1.0, 0.5, -3.0, 0.2, -0.5]), 0.8, 4


def exact_measure():
    """The limit of many particles: mu_k ~ L (alpha mu_{k-1} + (1 - alpha) uniform), from model 0."""
    measure = np.eye(MODELS)[0]
    for _ in range(K):
        measure = np.exp(LOG_LIKELIHOOD) * (ALPHA * measure + (1 - ALPHA) / MODELS)
        measure /= measure.sum()
    return measure


def squared_error(particles, runs):
    """Mean squared distance of the weighted population from the exact measure, with exact likelihoods."""
    programs = [Program(f"model {k}") for k in range(MODELS)]
    number = {program.id: k for k, program in enumerate(programs)}
    errors = []
    for run in range(runs):
        rng = np.random.default_rng([particles, run])
        search = ModelSMC(run, programs[0], particles, K, ALPHA, threshold=1.1)  # always resampled
        request = search.ask()
        search.tell(request, programs[0], ok(LOG_LIKELIHOOD[0]))
        while (request := search.ask()) is not None:
            drawn = int(rng.integers(MODELS))
            search.tell(request, programs[drawn], ok(LOG_LIKELIHOOD[drawn]))
        measure = np.zeros(MODELS)
        for program, weight in search.population:
            measure[number[program]] += weight
        errors.append(((measure - exact_measure()) ** 2).sum())
    return np.mean(errors)


def test_weighted_population_converges_to_the_exact_measure_as_one_over_n():
    sizes = np.array([20, 80, 320])
    errors = [squared_error(size, 6_000 // size + 20) for size in sizes]
    slope = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert slope == pytest.approx(-1.0, abs=0.25)
    assert errors[-1] < 0.005


def test_population_counts_each_particle():
    search = begun(particles=12, generations=2, alpha=0.5)
    generation(search, numbered(lambda k: 0.0))
    counts = Counter(program for program, _ in search.population)
    assert sum(counts.values()) == 12


def test_first_population_may_be_proposals_that_are_not_a_generation():
    search = begun(particles=5, generations=2, alpha=0.5, start="proposals")
    first = generation(search, numbered(lambda k: 10.0 * (k == 1)))
    assert [r.parents for r in first] == [(SEED.id,)] * 5
    assert search.generations[0].programs == tuple(Program(str(r.id)).id for r in first)
    assert not search.generations[0].resampled
    later = generation(search, numbered(lambda k: 0.0))
    assert {r.parents[-1] for r in later} == {Program(str(first[0].id)).id}  # resampled before anything is written


def test_generations_are_remembered_with_what_was_resampled():
    search = begun(particles=8, generations=3, alpha=0.25)
    generation(search, numbered(lambda k: 50.0 if k == 1 else 0.0))
    generation(search, numbered(lambda k: 0.0))
    generation(search, numbered(lambda k: 0.0))
    assert search.ask() is None
    past = search.generations
    assert len(past) == 4
    assert past[0].programs == (SEED.id,) * 8
    assert [g.resampled for g in past[:3]] == [False, False, True]
    assert past[-1].programs == tuple(program for program, _ in search.population)


def test_unknown_start_is_explained():
    with pytest.raises(ZfbenchError, match="choose seed or proposals"):
        ModelSMC(0, SEED, start="random")
