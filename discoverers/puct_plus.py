"""PUCT with more operators than published: recombination, large rewrites, and repair of failures.

The criterion is that of `puct`. Unlike there, a share of the requests combines the two best nodes or asks for another
mechanism, a program that fails is repaired once and then left alone, only working programs are ranked, equal losses
share a rank, a program is one node however often it comes, and the root begins with one visit.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from zfbench.discoverers.puct import Node, Puct
from zfbench.discoverers.ranks import rank_scores
from zfbench.discoverers.settings import SHARE
from zfbench.records.evaluation import Evaluation, Request
from zfbench.records.program import Operator, Program, ProgramId


class PuctPlus(Puct):
    """PUCT over working programs, with three further operators.

    A program that fails is repaired once, immediately. Afterwards it is a parent only if no program works.

    Args:
        seed: seed of the choice of operators.
        seed_program: the root of the tree.
        c: weight of exploration.
        recombine: share of the requests that combine the two nodes with the highest PUCT value.
        rewrite: share of the requests that ask for more than a small change; recombination takes precedence.
        nodes: number of requests after which the search has finished.

    Raises:
        ZfbenchError: a setting is out of its range.
    """

    def __init__(
        self,
        seed: int,
        seed_program: Program,
        c: float = 1.0,
        recombine: float = 0.25,
        rewrite: float = 0.1,
        nodes: int = 500,
    ) -> None:
        super().__init__(seed, seed_program, c, nodes)
        SHARE.check("PUCT", recombine=recombine, rewrite=rewrite)
        self._rng = np.random.default_rng(seed)
        self._recombine, self._rewrite = recombine, rewrite
        self._number: dict[ProgramId, int] = {}  # of the node of each program
        self._unrepaired: deque[int] = deque()  # nodes that failed and were not repaired yet

    def tell(self, request: Request, program: Program, evaluation: Evaluation) -> None:
        """Add the program as a node.

        A missing answer and a program that is known add no node; the visit of the parents counts all the same. A known
        program that was evaluated again gets its latest loss; if it failed this time, it keeps its loss.

        Args:
            request: the request that was answered.
            program: the answer.
            evaluation: its evaluation.
        """
        parents = self._built_on.pop(request.id)
        if not program.source:
            return
        if program.id in self._number:
            if evaluation.loss is not None:
                self._losses[self._number[program.id]] = evaluation.loss
            return
        self._number[program.id] = len(self._nodes)
        self._add(Node(program.id, parents), evaluation.loss, visits=1)
        if not evaluation.ok and request.operator != "repair":
            self._unrepaired.append(self._number[program.id])

    def _ranks(self, losses: NDArray[np.float64]) -> NDArray[np.float64]:
        return rank_scores(losses)

    def _choose(self) -> tuple[Operator, tuple[int, ...]]:
        if self._unrepaired:
            failed = self._unrepaired.popleft()
            return "repair", (*self._nodes[failed].parents[-1:], failed)
        value = self.puct()
        works = ~np.isnan(self._losses)
        if works.any():
            value[~works] = -np.inf
        best = int(np.argmax(value))
        draw = self._rng.random()
        if works.sum() > 1 and draw < self._recombine:
            value[best] = -np.inf
            return "recombine", (int(np.argmax(value)), best)
        if draw >= 1 - self._rewrite or not works.any():
            return "rewrite", (best,)
        return "mutate", (best,)
