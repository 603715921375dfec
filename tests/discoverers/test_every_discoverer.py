import pytest

from zfbench.base import plugins
from zfbench.records.evaluation import Evaluation, Proposal
from zfbench.records.program import Program, Status
from zfbench.records.recordings import TaskSpec
from zfbench.records.spend import NOTHING
from zfbench.search.budget import Budget
from zfbench.search.eventlog import EventLog
from zfbench.search.loop import run_search
from zfbench.testing import check_discoverer

NAMES = plugins.names("discoverer")
SEED = Program("seed")
SEEDLESS = (
    "best_of_n",
    "random_walk",
    "uniform_draws",
    "n1",
    "puct",
)  # all randomness is the proposer's


def make(name, seed=3):
    return plugins.load("discoverer", name)(seed, SEED)


def test_the_published_methods_are_registered():
    published = {"puct", "modelsmc", "n1", "funsearch"}
    controls = {"best_of_n", "random_walk", "uniform_draws"}
    assert published | controls | {"puct_plus", "funsearch_plus"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_discoverer_keeps_its_interface(name):
    check_discoverer(plugins.load("discoverer", name))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("pending", [1, 4])
@pytest.mark.parametrize("failing", [0.0, 0.3, 1.0])
def test_failures_and_the_order_of_answers_end_no_search_early(world, name, pending, failing):
    trace = world(make(name), 1, failing, pending).run(150)
    told = [entry for entry in trace if entry[0] == "tell"]
    finished = trace[-1][0] == "finished"
    assert len(told) == 150 or (finished and len(told) > 100)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in SEEDLESS])
def test_another_seed_is_another_search(world, name):
    assert world(make(name, 1), 1, 0.1).run(60) != world(make(name, 2), 1, 0.1).run(60)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("evaluations", [0, 1, 7])
def test_any_budget_is_spent_to_the_end(tmp_path, name, evaluations):
    class Counter:
        bound = NOTHING

        def propose(self, request, context, rng):
            return Proposal(f"program {request.id}", "")

    def evaluate(program, seed):
        loss = 1 / (1 + len(program.source) + seed % 7)
        metrics = {"mae/condition/left": loss, "standardised_mse": loss, "log_fitted": -loss}
        return Evaluation(Status.OK, loss, -loss, metrics)

    spec = TaskSpec("toy", "", "", 1.0, 4, 4, ("a",), ("A",), ())
    with EventLog(tmp_path / "log") as log:
        outcome = run_search(
            make(name),
            Counter(),
            evaluate,
            spec=spec,
            seed_program=SEED,
            budget=Budget(evaluations=evaluations),
            log=log,
            seed=0,
        )
    assert outcome.counts.evaluated == evaluations
    assert outcome.reason == "budget"
