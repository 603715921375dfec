"""Empty tasks per second through the Ray executor, on a local cluster of two nodes; needs the extra `ray`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from zfbench.records.evaluation import Evaluation
from zfbench.records.program import Program, Status
from zfbench.search.executors.ray import RayExecutor

TASKS, IN_FLIGHT = 500, 4


def make_evaluator() -> Callable[[Program, int], Evaluation]:
    """A closure, so that it travels by value."""

    def evaluate(program: Program, seed: int) -> Evaluation:
        return Evaluation(Status.OK, float(seed))

    return evaluate


def measure(address: str) -> float:
    """Tasks per second, with a few in flight at any moment; the first ones, which start workers, do not count."""
    pool = RayExecutor(make_evaluator(), IN_FLIGHT, address)
    for key in range(2 * IN_FLIGHT):
        pool.evaluate(key, Program(str(key)), key)
    for _ in range(IN_FLIGHT):
        pool.next_done()
    began = time.perf_counter()
    for key in range(TASKS):
        pool.evaluate(100 + key, Program(str(key)), key)
        pool.next_done()
    rate = TASKS / (time.perf_counter() - began)
    pool.close()
    return rate


if __name__ == "__main__":
    os.environ["RAY_AUTH_MODE"] = "disabled"
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    print(f"{measure(cluster.address):.0f} tasks per second")  # noqa: T201
    cluster.shutdown()
