"""What the search loop costs a candidate: ask, tell and three lines of the event log, on disk each; and a resume.

Processor time, so that other work on the machine does not count: the median of the latest candidates of a search of so
many. The limits are 1 ms at 500 programs and 5 ms at 5,000.

    python tests/benchmarks/bench_search.py [FOLDER]
    python tests/benchmarks/bench_search.py --sync [FOLDER]    # what fewer synchronisations with the disk would give
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from unittest.mock import patch

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


def synchronised(folder: str | None, size: int = 40, pairs: int = 5) -> dict[str, tuple[float, float]]:
    """Of ways to synchronise the log: processor milliseconds a candidate, and their ratio to the way it is, in pairs.

    Those that leave out events are no log that a power failure spares; they say what could be gained.
    """
    kinds, fsync, append = [""], os.fsync, EventLog.append

    def noted(log, kind, body):
        kinds[0] = kind
        return append(log, kind, body)

    def without(*left_out):
        return lambda descriptor: None if kinds[0] in left_out else fsync(descriptor)

    ways = {
        "every event, fsync": fsync,
        "every event, fdatasync": os.fdatasync,
        "proposals and evaluations": without("ask"),
        "evaluations": without("ask", "proposal"),
    }
    found = {way: [] for way in ways}
    for _ in range(pairs + 1):
        for way, function in ways.items():
            with (
                patch.object(os, "fsync", function),
                patch.object(EventLog, "append", noted),
                tempfile.TemporaryDirectory(dir=folder) as place,
                EventLog(Path(place) / "log") as log,
            ):
                began = time.process_time()
                options = {"spec": SPEC, "seed_program": SEED_PROGRAM, "seed": 0, "log": log}
                run_search(fresh("puct", size), Instant(), evaluate, budget=Budget(evaluations=size), **options)
                found[way].append(1e3 * (time.process_time() - began) / size)
    usual = found["every event, fsync"][1:]  # the first of each is not counted
    return {
        way: (median(times[1:]), median(a / b for a, b in zip(times[1:], usual, strict=True)))
        for way, times in found.items()
    }


if __name__ == "__main__":
    if "--sync" in sys.argv:
        for kind, (cost, share) in synchronised((sys.argv[2:] or [None])[0]).items():
            print(f"{kind}: {cost:.2f} ms a candidate, {share:.2f} of the usual")  # noqa: T201
        sys.exit()
    for number in SIZES:
        for name in METHODS:
            with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as folder:
                loop, resume = measure(Path(folder) / "log", name, number)
            print(f"{name}, {number} programs: {loop:.2f} ms a candidate; {resume:.2f} s to resume")  # noqa: T201
