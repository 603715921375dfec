import threading
import time
from functools import partial

import numpy as np
import pytest

from zfbench.base.errors import ZfbenchError
from zfbench.discoverers.best_of_n import BestOfN
from zfbench.records.evaluation import Evaluation, Proposal
from zfbench.records.program import Program, Status
from zfbench.records.recordings import TaskSpec
from zfbench.records.spend import NOTHING, Spend
from zfbench.search.budget import Budget
from zfbench.search.eventlog import EventLog, read_log
from zfbench.search.executors.ray import RayExecutor
from zfbench.search.history import replay
from zfbench.search.loop import run_search

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]
ray = pytest.importorskip("ray")

SPEC = TaskSpec("toy", "", "", 1.0, 4, 4, ("a", "b"), ("A", "B"), ())
SEED_PROGRAM = Program("0")


@pytest.fixture
def cluster(monkeypatch):
    """Two nodes of one CPU each; yields the cluster and the node that does not hold this process."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    other = nodes.add_node(num_cpus=1)
    nodes.wait_for_nodes()
    yield nodes, other
    ray.shutdown()
    nodes.shutdown()


class Counter:
    """Programs are numbers: the request's."""

    bound = NOTHING

    def propose(self, request, context, rng):
        return Proposal(str(request.id), "")


def make_evaluator(begun, seconds):
    """A closure, so that it travels by value; it notes in a folder what it begins, and on which node."""
    data = np.ones(500_000)  # 4 MB: above what Ray would send along with every task

    def evaluate(program, seed):
        import ray

        node = ray.get_runtime_context().get_node_id()
        (begun / f"{program.source}-{node}").touch()
        time.sleep(seconds)
        metrics = {"writable": float(data.flags.writeable), "sum": float(data.sum())}
        spend = Spend(device_seconds=seconds)
        return Evaluation(Status.OK, 1 / (1 + int(program.source)), metrics=metrics, feedback=node, spend=spend)

    return evaluate


def search(folder, evaluate, address, evaluations, on_event=None):
    with EventLog(folder / "log") as log:
        return run_search(
            BestOfN(0, SEED_PROGRAM),
            Counter(),
            evaluate,
            spec=SPEC,
            seed_program=SEED_PROGRAM,
            budget=Budget(evaluations=evaluations, device_seconds=1_000.0),
            bound=Spend(device_seconds=5.0),
            log=log,
            seed=0,
            workers=None,
            executor=partial(RayExecutor, address=address),
            on_event=on_event,
        )


def nodes_of(outcome):
    return [scored.evaluation.feedback for scored in outcome.evaluated]


def test_search_uses_both_nodes_and_its_replay_is_its_outcome(cluster, tmp_path):
    nodes, _ = cluster
    begun = tmp_path / "begun"
    begun.mkdir()
    outcome = search(tmp_path, make_evaluator(begun, 0.3), nodes.address, 12)
    assert outcome.counts.evaluated == 12 == outcome.spend.evaluations == len(list(begun.iterdir()))
    assert len(set(nodes_of(outcome))) == 2
    assert {s.evaluation.metrics["sum"] for s in outcome.evaluated} == {500_000.0}
    assert {s.evaluation.metrics["writable"] for s in outcome.evaluated} == {0.0}  # the node's one shared copy
    events = read_log(tmp_path / "log").events
    again = replay(events, tmp_path / "log", BestOfN(0, SEED_PROGRAM), SPEC, clock=lambda: 0.0).outcome()
    assert again.evaluated == outcome.evaluated


def test_candidates_of_a_killed_node_are_queued_again_and_paid_once(cluster, tmp_path):
    nodes, other = cluster
    begun = tmp_path / "begun"
    begun.mkdir()
    doomed = other.node_id
    killed = threading.Event()

    def kill_when_busy():
        while not killed.is_set():
            running = [f.name for f in begun.glob(f"*-{doomed}")]
            if len(running) >= 2:  # of one CPU: the first has ended, the second has just begun
                nodes.remove_node(other, allow_graceful=False)
                killed.set()
            time.sleep(0.02)

    killer = threading.Thread(target=kill_when_busy, daemon=True)
    killer.start()
    outcome = search(tmp_path, make_evaluator(begun, 1.0), nodes.address, 10)
    assert killed.is_set()
    begun_programs = [f.name.partition("-")[0] for f in begun.iterdir()]
    assert len(begun_programs) > len(set(begun_programs)) == 10  # something was begun twice
    assert outcome.counts.evaluated == 10 == outcome.spend.evaluations
    assert outcome.spend.device_seconds == pytest.approx(10.0)
    assert outcome.counts.duplicates == outcome.counts.failed == 0
    assert nodes_of(outcome)[-1] != doomed


@pytest.mark.parametrize(
    ("address", "message"), [("127.0.0.1:9", r"No Ray cluster answers at 127\.0\.0\.1:9"), ("auto", "HOST:PORT")]
)
def test_address_without_a_cluster_is_one_sentence(address, message):
    with pytest.raises(ZfbenchError, match=message):
        RayExecutor(len, 1, address)


@pytest.mark.slow
def test_real_candidates_train_on_a_cluster(cluster, tmp_path):
    from zfbench.records.limits import Limits
    from zfbench.runs.plan import Plan
    from zfbench.runs.search import search

    nodes, _ = cluster
    plan = Plan("zfish-tiny/masked", "best_of_n", "grammar", Budget(evaluations=3, updates=20), 0, Limits(updates=20))
    outcome, result = search(plan, tmp_path, 2, executor=partial(RayExecutor, address=nodes.address))
    assert outcome.counts.evaluated == 3
    assert result is not None
