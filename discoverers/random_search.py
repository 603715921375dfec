"""Best of N under the name that committed results have for it, with the setting that they used.

Without `restarts` it is `best_of_n`, to the last request. It is no blind control: its requests carry blame, and a
proposer may learn from what helped.
"""

from __future__ import annotations

import numpy as np

from zfbench.discoverers.best_of_n import BestOfN
from zfbench.discoverers.settings import FLAG, check_choice
from zfbench.records.evaluation import Request
from zfbench.records.program import Program


class RandomSearch(BestOfN):
    """Best of N from the seed program; with `restarts`, from working programs drawn uniformly.

    Args:
        seed: seed of the draws of parents.
        seed_program: the program that every search begins with.
        restarts: draw the parent from all working programs instead of taking the seed program.

    Raises:
        ZfbenchError: a setting is out of its range.
    """

    def __init__(self, seed: int, seed_program: Program, restarts: bool = False) -> None:
        check_choice("Random search", FLAG, restarts=restarts)
        super().__init__(seed, seed_program)
        self._rng = np.random.default_rng(seed)
        self._restarts = restarts

    def _next(self, number: int) -> Request:
        working = [program for program, ok in self._told.items() if ok]
        if not (self._restarts and working):
            return super()._next(number)
        return Request(number, "mutate", parents=(working[self._rng.integers(len(working))],))
