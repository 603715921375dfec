"""Microseconds of an ask and a tell for every registered discoverer, over searches of 500 programs."""

from __future__ import annotations

import time

import numpy as np

from zfbench import plugins
from zfbench.programs.contract import Status
from zfbench.search.types import Evaluation, Program

PROGRAMS = 500
SEED = Program("seed")


def measure(name: str) -> tuple[int, float, float]:
    """Asks made, and the median and the longest time of an ask with the tell that follows it, in microseconds."""
    settings = {"generations": PROGRAMS} if name in ("modelsmc", "n1") else {}
    search = plugins.load("discoverer", name)(0, SEED, **settings)
    rng = np.random.default_rng(0)
    taken, told = [], 0
    while told < PROGRAMS:
        loss = float(rng.random())
        evaluation = Evaluation(Status.OK, loss, -loss, {"standardised_mse": loss, "mae/condition/left": loss})
        start = time.perf_counter()
        request = search.ask()
        if request is None:
            break
        search.tell(request, Program(f"{request.id}") if request.id else SEED, evaluation)
        taken.append(time.perf_counter() - start)
        told += 1
    return told, float(np.median(taken)) * 1e6, max(taken) * 1e6


if __name__ == "__main__":
    for method in plugins.names("discoverer"):
        asks, median, longest = measure(method)
        print(f"{method}: {asks} asks, median {median:.0f} us, longest {longest:.0f} us")  # noqa: T201
