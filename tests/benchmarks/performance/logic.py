"""What is no candidate's work: the larva, and the search's own logic."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks import bench_search, bench_testbed
from tests.benchmarks.performance.meter import best_of, median
from zfbench.base import plugins
from zfbench.discoverers.random_walk import RandomWalk
from zfbench.records.evaluation import Evaluation
from zfbench.records.program import Program, Status
from zfbench.records.spend import Spend
from zfbench.search.budget import Budget
from zfbench.search.eventlog import EventLog, read_log
from zfbench.search.history import replay
from zfbench.search.loop import run_search
from zfbench.testbed import published
from zfbench.testbed.transition import rollout

NODES = (10, 100, 500, 5_000)
BATCHES = (1, 64, 512)
ON_DISK = 500  # nodes of the longest search whose log is written to the disk
MEMORY = Path("/dev/shm")  # where Linux keeps files in memory
LAST = 50  # asks and tells that a median is of
SEED = Program("seed")
LENGTHS = {
    "modelsmc": "generations",
    "n1": "generations",
    "puct": "nodes",
    "puct_plus": "nodes",
}  # that end one


def testbed(quick: bool) -> dict[str, Any]:
    """Microseconds per simulated millisecond: closed loop, replays, and f* over batches of larvae."""
    if quick:
        bench_testbed.STEPS = 2_000
    circuit = published.load("published")
    N, D = circuit.size
    rng, steps, batches = np.random.default_rng(0), 256, {}
    for B in BATCHES:
        activity, drive = rng.random((B, N)), rng.random((B, steps, D))
        taken = best_of(lambda activity=activity, drive=drive: rollout(circuit, activity, drive), 3 if quick else 5)
        batches[str(B)] = median([1e6 * seconds / (B * steps) for seconds in taken])
    return {"loop": bench_testbed.measure(), "batches": batches}


def search(quick: bool) -> dict[str, Any]:
    """Microseconds of an ask and a tell at so many nodes; milliseconds of the loop with its log, and of a replay."""
    nodes = NODES[:2] if quick else NODES
    methods = {name: _asks(name, nodes) for name in (*plugins.names("discoverer"),)}
    return {"nodes": list(nodes), "methods": methods, "log": {str(n): _logs(n) for n in nodes}}


def _asks(name: str, nodes: tuple[int, ...]) -> dict[str, list[float] | None]:
    """Median microseconds of the asks and tells just before each number of nodes; None where the method ended."""
    settings = {LENGTHS[name]: nodes[-1]} if name in LENGTHS else {}
    method = plugins.load("discoverer", name)(0, SEED, **settings)
    rng = np.random.default_rng(0)
    asks, tells, found = [], [], {}
    for number in range(1, nodes[-1] + 1):
        began = time.process_time()
        request = method.ask()
        asked = time.process_time()
        if request is None:
            break
        loss = float(rng.random())
        scores = {"standardised_mse": loss, "mae/condition/left": loss, "log_fitted": -loss}
        evaluation = Evaluation(Status.OK, loss, -loss, scores, spend=Spend(evaluations=1))
        program = Program(f"{request.id}") if request.id else SEED
        before = time.process_time()
        method.tell(request, program, evaluation)
        asks.append(1e6 * (asked - began))
        tells.append(1e6 * (time.process_time() - before))
        if number in nodes:
            found[str(number)] = [median(asks[-LAST:], 3), median(tells[-LAST:], 3)]
    return {str(n): found.get(str(n)) for n in nodes}


def _logs(nodes: int) -> dict[str, float | None]:
    """Milliseconds per candidate of a search of that many: the loop with its event log, and the log's replay.

    Where there is a file system in memory, long logs are written there alone: a disk makes every event wait.
    """
    on_disk = _log(nodes, None) if nodes <= ON_DISK or not MEMORY.is_dir() else None
    in_memory = _log(nodes, MEMORY) if MEMORY.is_dir() else None
    return {
        "loop, log on disk": on_disk and on_disk[0],
        "loop, log in memory": in_memory and in_memory[0],
        "replay": (in_memory or on_disk or (0.0, 0.0))[1],
    }


def _log(nodes: int, place: Path | None) -> tuple[float, float]:
    """Of one search whose log lies in a folder there, of its loop and of the replay."""
    with tempfile.TemporaryDirectory(dir=place) as folder:
        path = Path(folder) / "log"
        options = {"spec": bench_search.SPEC, "seed_program": bench_search.SEED_PROGRAM, "seed": 0}
        began = time.process_time()
        with EventLog(path) as log:
            run_search(
                *(RandomWalk(0, bench_search.SEED_PROGRAM, parent="any"), bench_search.Instant()),
                bench_search.evaluate,
                budget=Budget(evaluations=nodes),
                log=log,
                **options,
            )
        searched = time.process_time()
        fresh = RandomWalk(0, bench_search.SEED_PROGRAM, parent="any")
        replay(read_log(path).events, path, fresh, bench_search.SPEC)
        replayed = time.process_time()
    return 1e3 * (searched - began) / nodes, 1e3 * (replayed - searched) / nodes
