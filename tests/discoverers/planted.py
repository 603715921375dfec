"""A landscape of programs on which depth pays, and its flat twin, on which nothing does.

A program has a number of right parts. A change adds one in a fifth of the cases, breaks one in two fifths, and else
changes nothing that counts; no writer knows which. On the planted landscape the worth of a program is its share of 30
right parts. Whoever builds on good programs gains a part with every fifth change, and who walks blindly loses more than
he gains. On the flat twin a program's worth is a number drawn for it alone, so that all methods are equally good. Every
change gives another program, and one in ten fails, on either.

Chances, budget, seeds and the methods' settings were fixed before any method ran on it; an earlier landscape was
dropped after methods had run on it (docs/methods.md).
"""

import hashlib
from dataclasses import dataclass

import numpy as np

from zfbench.records.evaluation import Evaluation
from zfbench.records.program import Program, Status
from zfbench.records.spend import Spend

PARTS = 30  # right parts of the best program
ADDS, BREAKS = 0.2, 0.4  # chances of a change
EVALUATIONS = 150  # of every search, the seed program included
FAILING = 0.1  # share of the programs that fail
NATS = 2.0  # by which the log likelihood rises with each right part
SEEDS = tuple(range(3_000, 3_020))  # of the searches that are compared
BLOCKS = tuple(tuple(range(4_000 + 20 * k, 4_020 + 20 * k)) for k in range(20))  # of those on the flat twin
SETTINGS = {  # the methods', with their defaults otherwise; the budget ends every search
    "puct": {},
    "modelsmc": {"generations": 10_000},
    "random_walk": {},  # the blind control
}
SEED_PROGRAM = Program("0 right parts")


def right_parts(program):
    """The number of right parts that a program has."""
    return int(program.source.split()[0])


def changed(program, rng):
    """The program after one change; its second line tells it from all others."""
    draw, parts = rng.random(), right_parts(program)
    parts += 1 if draw < ADDS else -1 if draw < ADDS + BREAKS else 0
    return Program(f"{min(max(parts, 0), PARTS)} right parts\n{rng.integers(2**62)}")


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
        return self._drawn("worth", program) if self.flat else right_parts(program) / PARTS

    def evaluate(self, program):
        if program != SEED_PROGRAM and self._drawn("failing", program) < FAILING:
            return Evaluation(Status.ERROR, spend=Spend(evaluations=1))
        worth = self.worth(program)
        metrics = {"mae/condition/all": 1 - worth}
        return Evaluation(Status.OK, 1 - worth, NATS * PARTS * worth, metrics, spend=Spend(evaluations=1))

    def _drawn(self, what, program):
        """A number in [0, 1) that belongs to the program."""
        digest = hashlib.sha256(f"{what} {self.seed} {program.id}".encode()).digest()
        return int.from_bytes(digest[:7], "big") / 2**56


def best_found(discoverer, landscape):
    """The worth of the best program that works, after `EVALUATIONS` of them."""
    programs, best = {}, 0.0
    for number in range(EVALUATIONS):
        request = discoverer.ask()
        assert request is not None, f"{type(discoverer).__name__} ended after {number} evaluations"
        rng = np.random.default_rng((landscape.seed, number))
        program = SEED_PROGRAM if request.operator == "seed" else changed(programs[request.parents[-1]], rng)
        programs[program.id] = program
        evaluation = landscape.evaluate(program)
        discoverer.tell(request, program, evaluation)
        best = max(best, landscape.worth(program) if evaluation.ok else 0.0)
    return best
