"""What the search loop costs a candidate: ask, tell and three lines of the event log, on disk each; and a resume.

Processor time, so that other work on the machine does not count: the median of the latest candidates of a search of so
many. The limits are 1 ms at 500 programs and 5 ms at 5,000.

    python tests/benchmarks/bench_search.py [FOLDER]
"""

from __future__ import annotations

import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from statistics import median

from zfbench.base import plugins
from zfbench.records.evaluation import Evaluation, Proposal
from zfbench.records.program import Program, Status
from zfbench.records.recordings import TaskSpec
from zfbench.records.spend import NOTHING, Spend
from zfbench.search.budget import Budget
from zfbench.search.eventlog import EventLog, read_log
from zfbench.search.history import replay
from zfbench.search.loop import run_search

METHODS = ("best_of_n", "random_walk", "puct", "puct_plus", "modelsmc", "funsearch")
SIZES = (500, 5_000)
LATEST = 100  # candidates at the end of a search that are measured
SPEC = TaskSpec("toy", "", "", 1.0, 4, 4, ("a", "b"), ("A", "B"), ())
SEED_PROGRAM = Program("0")
SOURCE = "x = 1  # as long as a usual candidate\n" * 150


class Instant:
    bound = NOTHING

    def propose(self, request, context, rng):
        return Proposal(f"{SOURCE}# {request.id} {rng.random()}", "")


def evaluate(program, seed):
    loss = int(program.id[:8], 16) / 2**32  # as good as random, and the same each time
    metrics = {f"mae/{k}": 0.1 for k in range(20)} | {"mae/condition/left": loss}
    return Evaluation(Status.OK, loss, -loss, metrics, "word " * 120, Spend(evaluations=1))


def fresh(method: str, size: int):
    settings = {"modelsmc": {"generations": size}, "puct": {"nodes": size}, "puct_plus": {"nodes": size}}
    return plugins.load("discoverer", method)(0, SEED_PROGRAM, **settings.get(method, {}))


def measure(path: Path, method: str, size: int) -> tuple[float, float]:
    """Processor milliseconds of the loop for a late candidate, and seconds of reading and replaying its log."""
    told = []

    def note(event):
        if event.kind == "evaluation":
            told.append(time.process_time())

    with EventLog(path) as log:
        options = {"spec": SPEC, "seed_program": SEED_PROGRAM, "seed": 0, "workers": 1, "on_event": note}
        run_search(fresh(method, size), Instant(), evaluate, budget=Budget(evaluations=size), log=log, **options)
    searched = time.process_time()
    replay(read_log(path).events, path, fresh(method, size), SPEC)
    last = told[-LATEST - 1 :]
    late = median(after - before for before, after in pairwise(last))
    return 1e3 * late, time.process_time() - searched


if __name__ == "__main__":
    for number in SIZES:
        for name in METHODS:
            with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as folder:
                loop, resume = measure(Path(folder) / "log", name, number)
            print(f"{name}, {number} programs: {loop:.2f} ms a candidate; {resume:.2f} s to resume")  # noqa: T201
