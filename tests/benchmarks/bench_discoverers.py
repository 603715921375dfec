"""Microseconds of an ask for every registered discoverer, over searches of 500 programs, beside the limit of 1 ms.

Processor time, so that other work on the machine does not count; tells are not in it.
"""

from __future__ import annotations

import time

import numpy as np

from zfbench.base import plugins
from zfbench.records.evaluation import Evaluation
from zfbench.records.program import Program, Status
from zfbench.records.spend import Spend

PROGRAMS = 500
LIMIT = 1_000  # microseconds
SEED = Program("seed")


def measure(name: str) -> list[float]:
    """Processor time of each ask, in microseconds."""
    settings = {"generations": PROGRAMS} if name in ("modelsmc", "n1") else {}
    search = plugins.load("discoverer", name)(0, SEED, **settings)
    rng = np.random.default_rng(0)
    taken: list[float] = []
    for _ in range(PROGRAMS):
        start = time.process_time()
        request = search.ask()
        taken.append((time.process_time() - start) * 1e6)
        if request is None:
            break
        loss = float(rng.random())
        scores = {"standardised_mse": loss, "mae/condition/left": loss, "log_fitted": -loss}
        evaluation = Evaluation(Status.OK, loss, -loss, scores, spend=Spend(evaluations=1))
        search.tell(request, Program(f"{request.id}") if request.id else SEED, evaluation)
    return taken


if __name__ == "__main__":
    for method in plugins.names("discoverer"):
        asks = measure(method)
        figures = f"median {np.median(asks):.0f} us, largest {max(asks):.0f} us"
        print(f"{method}: {len(asks)} asks, {figures} (limit {LIMIT} us)")  # noqa: T201
