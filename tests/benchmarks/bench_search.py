"""What the search loop itself costs per candidate, every line on disk, and how long a resume takes to catch up."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from zfbench.discoverers.random_search import RandomSearch
from zfbench.records.evaluation import Evaluation, Proposal
from zfbench.records.program import Program, Status
from zfbench.records.recordings import TaskSpec
from zfbench.records.spend import NOTHING
from zfbench.search.budget import Budget
from zfbench.search.eventlog import EventLog, read_log
from zfbench.search.history import replay
from zfbench.search.loop import run_search

SPEC = TaskSpec("toy", "", "", 1.0, 4, 4, ("a", "b"), ("A", "B"), ())
SEED_PROGRAM = Program("0")
EVALUATIONS = 500
SOURCE = "x = 1  # as long as a usual candidate\n" * 150


class Instant:
    bound = NOTHING

    def propose(self, request, context, rng):
        return Proposal(f"{SOURCE}# {request.id}", "")


def evaluate(program, seed):
    return Evaluation(Status.OK, 1.0, metrics={f"mae/{k}": 0.1 for k in range(20)}, feedback="word " * 120)


def fresh():
    return RandomSearch(0, SEED_PROGRAM, restarts=True)


def measure(path: Path, workers: int) -> tuple[float, float]:
    """Seconds of the loop per candidate, and of reading and replaying its log."""
    began = time.perf_counter()
    with EventLog(path) as log:
        options = {"spec": SPEC, "seed_program": SEED_PROGRAM, "seed": 0, "workers": workers}
        run_search(fresh(), Instant(), evaluate, budget=Budget(evaluations=EVALUATIONS), log=log, **options)
    searched = time.perf_counter()
    replay(read_log(path).events, path, fresh(), SPEC)
    return (searched - began) / EVALUATIONS, time.perf_counter() - searched


if __name__ == "__main__":
    for workers in (1, 2):
        with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as folder:
            loop, resume = measure(Path(folder) / "log", workers)
        figures = f"{1e3 * loop:.1f} ms a candidate; {resume:.2f} s to catch up with {EVALUATIONS}"
        print(f"{workers} workers: {figures}")  # noqa: T201
