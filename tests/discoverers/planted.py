"""A landscape of programs with a known optimum, on which depth pays, and its flat twin, on which nothing does.

A program is a row of bits, 10 that count and 10 that do not. A change flips one bit, drawn uniformly; no writer knows
which ones count. On the planted landscape a program's worth is the number of bits that are set before the first one
that is not (LeadingOnes; Rudolph 1997), so the way to the optimum has ten steps in one order, and one step is found by
one change in twenty. On the flat twin a program's worth is a number drawn for it alone, so that no method can do better
than evaluate different programs. One change in ten fails on either.

The seeds below, the budget, the scale of the likelihood and the methods' settings were fixed before any method ran.
"""

import hashlib
from dataclasses import dataclass

import numpy as np

from zfbench.records.evaluation import Evaluation
from zfbench.records.program import Program, Status
from zfbench.records.spend import Spend

COUNTING, IDLE = 10, 10  # bits
EVALUATIONS = 150  # of different programs, of every search
ASKS = 20 * EVALUATIONS  # after which a search that only repeats itself ends
FAILING = 0.1  # share of the programs that fail
NATS = 2.0  # by which the log likelihood rises with each step
SEEDS = tuple(range(1_000, 1_020))  # of the searches that are compared
BLOCKS = tuple(tuple(range(2_000 + 20 * k, 2_020 + 20 * k)) for k in range(20))  # of those on the flat twin
SETTINGS = {  # the methods', with their defaults otherwise; the budget ends every search
    "puct": {},
    "modelsmc": {"generations": 10_000},
    "random_walk": {},  # the blind control
}
SEED_PROGRAM = Program("0" * (COUNTING + IDLE))


def drawn(seed, program):
    """A number in [0, 1) that belongs to a program, of one landscape."""
    digest = hashlib.sha256(f"{seed} {program.id}".encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def depth(program):
    """The number of bits that are set before the first one that is not: 0 to `COUNTING`."""
    bits = program.source.strip()[:COUNTING]
    return len(bits) - len(bits.lstrip("1"))


@dataclass(frozen=True)
class Landscape:
    """What a program is worth, from 0 to 1, and what an evaluation tells of it.

    Attributes:
        seed: of the programs that fail, and of the flat twin's worth.
        flat: True for the flat twin.
    """

    seed: int
    flat: bool = False

    def worth(self, program):
        return drawn(self.seed, program) if self.flat else depth(program) / COUNTING

    def evaluate(self, program):
        if program != SEED_PROGRAM and drawn(f"failing {self.seed}", program) < FAILING:
            return Evaluation(Status.ERROR, spend=Spend(evaluations=1))
        worth = self.worth(program)
        metrics = {"mae/condition/all": 1 - worth}
        return Evaluation(Status.OK, 1 - worth, NATS * COUNTING * worth, metrics, spend=Spend(evaluations=1))


def changed(program, rng):
    """The program with one bit flipped."""
    bits = list(program.source.strip())
    k = int(rng.integers(len(bits)))
    bits[k] = "1" if bits[k] == "0" else "0"
    return Program("".join(bits))


def best_found(discoverer, landscape):
    """The worth of the best program that works, after `EVALUATIONS` different ones."""
    told, sources = {}, {}
    for number in range(ASKS):
        request = discoverer.ask()
        if request is None:
            break
        rng = np.random.default_rng((landscape.seed, number))
        program = SEED_PROGRAM if request.operator == "seed" else changed(sources[request.parents[-1]], rng)
        known = told.get(program.id)
        if known is None:
            known = told[program.id] = landscape.evaluate(program)
            sources[program.id] = program
            discoverer.tell(request, program, known)
        else:
            discoverer.tell(request, program, Evaluation(known.status, known.loss, known.log_likelihood, known.metrics))
        if len(told) == EVALUATIONS:
            break
    assert len(told) == EVALUATIONS, f"{type(discoverer).__name__} evaluated only {len(told)} programs"
    return max(landscape.worth(sources[k]) for k, evaluation in told.items() if evaluation.ok)
