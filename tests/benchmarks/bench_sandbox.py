"""The sandbox: start of the warm pool, cost of a candidate beside its own work, and what pinning two workers gains."""

from __future__ import annotations

import os
import statistics
import sys
import time

import numpy as np

from zfbench.forecasting.contract import EXAMPLE
from zfbench.forecasting.fit import fit_program
from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError, Program
from zfbench.records.recordings import Recording, TaskSpec
from zfbench.sandbox.bubblewrap import BubblewrapSandbox
from zfbench.search.executors import local as executors
from zfbench.search.executors.local import ProcessExecutor

N, D = 12, 3
SPEC = TaskSpec("toy", "", "", 1.0, 64, 8, tuple("abcdefghijkl"), ("all",) * N, tuple("xyz"))
NOTHING = EXAMPLE + "\nraise LookupError('done')\n"
UPDATES = 200


def recordings() -> tuple[Recording, ...]:
    """Noise to train on."""
    rng = np.random.default_rng(0)
    return (Recording("left", rng.random((4_000, N), np.float32), rng.random((4_000, D), np.float32)),)


TRAIN = recordings()


def start_seconds() -> float:
    """Until a pool can take its first candidate."""
    began = time.perf_counter()
    with BubblewrapSandbox() as sandbox:
        sandbox.start()
        return time.perf_counter() - began


def overhead_seconds(sandbox: BubblewrapSandbox) -> float:
    """From a source to its failure and the end of its process, for a program that fails at once."""
    began = time.perf_counter()
    try:
        fit_program(NOTHING, SPEC, TRAIN, Limits(), 0, sandbox)
    except CandidateError as error:
        seconds, message = time.perf_counter() - began, error.message
    if "done" not in message:
        raise AssertionError(message)
    return seconds


def pair_seconds(sandbox: BubblewrapSandbox, pinned: bool) -> float:
    """Two candidates at once, from the first's beginning to the last's end."""

    def train(program: Program, seed: int) -> float:  # stands for an evaluation
        fit_program(program.source, SPEC, TRAIN, Limits(updates=UPDATES), seed, sandbox).close()
        return 0.0

    pin = executors._pin
    if not pinned:
        executors._pin = lambda core: None
    pool = ProcessExecutor(train, 2)  # type: ignore[arg-type]
    began = time.perf_counter()
    for key in range(2):
        pool.evaluate(key, Program(EXAMPLE), key)
    for _ in range(2):
        pool.next_done()
    seconds = time.perf_counter() - began
    pool.close()
    executors._pin = pin
    return seconds


def median(values: list[float]) -> str:
    """With the quartiles."""
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.3f} ({low:.3f} .. {high:.3f})"


if __name__ == "__main__":
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    say = lambda text: sys.stdout.write(f"{text}   [load {os.getloadavg()[0]:.1f}]\n")  # noqa: E731
    say(f"pool start, s: {median([start_seconds() for _ in range(5)])}")
    with BubblewrapSandbox() as box:
        box.start()
        say(f"one candidate's overhead, s: {median([overhead_seconds(box) for _ in range(40)])}")
        seconds = [[pair_seconds(box, pinned) for pinned in (True, False)] for _ in range(pairs)]
        say(f"two candidates, pinned, s: {median([a for a, _ in seconds])}")
        say(f"two candidates, not pinned, s: {median([b for _, b in seconds])}")
        say(f"not pinned / pinned, pair by pair: {median([b / a for a, b in seconds])}")
