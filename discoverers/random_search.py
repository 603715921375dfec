"""Random search: the control without selection, which every guided search should beat.

Every program is a mutation of the seed program. With `restarts`, it is a mutation of a working program that is drawn
uniformly from all found so far. The choice of parents never depends on a score. A proposer may still learn from scores,
as the grammar does from hints and history, so this control isolates selection alone.
"""

from __future__ import annotations

import numpy as np

from zfbench.discoverers.settings import FLAG, check_choice
from zfbench.protocols.discoverer import Discoverer
from zfbench.records.evaluation import Evaluation, Request
from zfbench.records.program import Program, ProgramId


class RandomSearch(Discoverer):
    """A discoverer without selection.

    Args:
        seed: seed of the draws of parents.
        seed_program: the program that every search begins with.
        restarts: draw the parent from all working programs instead of taking the seed program.

    Raises:
        ZfbenchError: a setting is out of its range.
    """

    def __init__(self, seed: int, seed_program: Program, restarts: bool = False) -> None:
        check_choice("Random search", FLAG, restarts=restarts)
        self._rng = np.random.default_rng(seed)
        self._seed_id = seed_program.id
        self._restarts = restarts
        self._asked = 0
        self._told: dict[ProgramId, bool] = {}  # in the order of telling: True if the program works

    def ask(self) -> Request | None:
        """Return a request: the seed program first; once it is told, mutations, any number at a time."""
        if self._asked and self._seed_id not in self._told:
            return None
        request = Request(self._asked, "seed") if self._asked == 0 else self._mutation()
        self._asked += 1
        return request

    def tell(self, request: Request, program: Program, evaluation: Evaluation) -> None:  # noqa: ARG002
        """Remember the program as a possible parent.

        Args:
            request: the request that was answered.
            program: the answer.
            evaluation: its evaluation.
        """
        if program.source:
            self._told[program.id] = evaluation.ok

    def _mutation(self) -> Request:
        parent = self._seed_id
        working = [program for program, ok in self._told.items() if ok]
        if self._restarts and working:
            parent = working[self._rng.integers(len(working))]
        return Request(self._asked, "mutate", parents=(parent,))
