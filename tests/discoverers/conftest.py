"""A world without models: programs are words, and a rule says how each fares."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from zfbench.records.evaluation import Evaluation
from zfbench.records.program import Program, Status
from zfbench.records.spend import NOTHING, Spend

SEED = Program("seed")
PAID = Spend(evaluations=1)


def scored(loss):
    """A working evaluation with all that a discoverer may ask for."""
    metrics = {"mae/condition/left": loss, "mae/condition/right": 2 * loss, "standardised_mse": loss**2}
    metrics |= {"log_fitted": -loss}
    return Evaluation(Status.OK, loss, -100 * loss, metrics, spend=PAID)


FAILED = Evaluation(Status.ERROR, feedback="it broke", spend=PAID)


@dataclass
class World:
    """Asks a discoverer and answers it, in an order and with failures drawn from a seed.

    Attributes:
        failing: share of the answers that fail; as many again find no program, or one that is known.
        pending: most requests at once.
        insistent: how often a refused ask is repeated.
    """

    discoverer: object
    seed: int
    failing: float = 0.0
    pending: int = 1
    insistent: int = 0
    asked: list = field(default_factory=list)
    told: dict = field(default_factory=dict)  # evaluation by program id

    def run(self, evaluations):
        """Ask until so many answers are told; the trace of requests, and of what was told, in order."""
        rng = np.random.default_rng(self.seed)
        waiting, trace = [], []
        for _ in range(evaluations):
            while len(waiting) < self.pending and (request := self.discoverer.ask()) is not None:
                self._check(request)
                waiting.append(request)
                trace.append(("ask", request))
            if len(waiting) < self.pending:
                assert all(self.discoverer.ask() is None for _ in range(self.insistent))
            if not waiting:
                trace.append(("finished", None))
                break
            request = waiting.pop(int(rng.integers(len(waiting))))
            program, evaluation = self._answer(request, rng)
            self.discoverer.tell(request, program, evaluation)
            trace.append(("tell", request, program, evaluation))
            if program.source:
                self.told[program.id] = evaluation
        return trace

    def _check(self, request):
        assert request.id == len(self.asked)
        assert (request.operator == "seed") == (request.id == 0)
        assert set(request.parents) <= self.told.keys()
        assert request.parents or request.id == 0
        self.asked.append(request)

    def _answer(self, request, rng):
        draw, loss = rng.random(3), float(np.exp(rng.normal()))
        if request.operator == "seed":
            return SEED, FAILED if draw[0] < self.failing else scored(loss)
        if draw[1] < self.failing / 2:
            return Program("", request.parents, request.operator), Evaluation(Status.INVALID)
        if draw[1] > 1 - self.failing / 2:
            known = list(self.told)[int(rng.integers(len(self.told)))]
            source = "seed" if known == SEED.id else self._source(known)
            return Program(source, request.parents, request.operator), replace(self.told[known], spend=NOTHING)
        program = Program(f"program {request.id}", request.parents, request.operator)
        return program, FAILED if draw[0] < self.failing else scored(loss)

    def _source(self, known):
        return next(f"program {k}" for k in range(len(self.asked)) if Program(f"program {k}").id == known)


@pytest.fixture
def world():
    return World
