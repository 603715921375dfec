"""A blind random walk: the control for what a search owes to scores of any kind.

Its requests carry the hint `blind`: a proposer that heeds it (`grammar` does) draws its changes without blame and
without what it could have learnt from the history. Nothing but whether a program works has any influence.
"""

from __future__ import annotations

import numpy as np

from zfbench.discoverers.best_of_n import BestOfN
from zfbench.discoverers.settings import check_choice
from zfbench.records.evaluation import Evaluation, Request
from zfbench.records.hints import BLIND
from zfbench.records.program import Program

PARENTS = ("newest", "any")


class RandomWalk(BestOfN):
    """Mutates a program that it found, whatever its score.

    Args:
        seed: of the draws of parents.
        seed_program: where the walk begins, and whence it starts again while nothing works.
        parent: `newest`, the working program that was told last: a walk, as deep as it is long; `any`, a working
            program drawn uniformly: a random tree, whose depth grows with the logarithm of its size.

    Raises:
        ZfbenchError: a setting is out of its range.
    """

    def __init__(self, seed: int, seed_program: Program, parent: str = "newest") -> None:
        check_choice("A random walk", PARENTS, parent=parent)
        super().__init__(seed, seed_program)
        self._rng = np.random.default_rng(seed)
        self._parent = parent
        self._newest = seed_program.id

    def tell(self, request: Request, program: Program, evaluation: Evaluation) -> None:
        """Remember whether the program works, and go on from it if it does."""
        super().tell(request, program, evaluation)
        if program.source and evaluation.ok:
            self._newest = program.id

    def _next(self, number: int) -> Request:
        parent = self._newest
        if self._parent == "any" and (working := [program for program, ok in self._told.items() if ok]):
            parent = working[self._rng.integers(len(working))]
        return Request(number, "mutate", (parent,), (BLIND,))
