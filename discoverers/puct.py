"""Flat PUCT: the tree search of ERA (Aygün et al. 2026, Nature 654, 909-916, doi:10.1038/s41586-026-10658-6).

The preprint is arXiv 2509.06503. Every program is a node. The next parent is the node with the highest value of

    rank_i + c P sqrt(sum_j n_j) / (1 + n_i),    P = 1 / number of nodes,

over all working nodes and not only over leaves, where rank_i in [0, 1] is the rank of the program's loss and n_i counts
the visits of the node and its descendants. It differs from the PUCT of AlphaZero, which descends from the root.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zfbench.discoverers.ranks import rank_scores
from zfbench.discoverers.settings import COUNT, NOT_NEGATIVE, SHARE
from zfbench.protocols.discoverer import Discoverer
from zfbench.records.evaluation import Evaluation, Request
from zfbench.records.program import Operator, Program, ProgramId


@dataclass
class Node:
    """A program in the tree.

    Attributes:
        parents: parents of the request that it answered.
        loss: its loss; None when it failed.
        visits: 1, plus 1 for every request that builds on it or on one of its descendants.
    """

    parents: tuple[ProgramId, ...]
    loss: float | None
    visits: int = 1


class Puct(Discoverer):
    """A discoverer that weighs good programs against programs that were rarely built on.

    A visit counts from the moment of the request, so that parallel workers do not all expand one node. A program that
    fails is repaired once, immediately. Afterwards it is a parent only if no program works.

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
        seed_program: Program,  # noqa: ARG002 (it arrives as the answer to the first request)
        c: float = 1.0,
        recombine: float = 0.25,
        rewrite: float = 0.1,
        nodes: int = 500,
    ) -> None:
        NOT_NEGATIVE.check("PUCT", c=c)
        SHARE.check("PUCT", recombine=recombine, rewrite=rewrite)
        COUNT.check("PUCT", nodes=nodes)
        self._rng = np.random.default_rng(seed)
        self._c, self._recombine, self._rewrite, self._limit = c, recombine, rewrite, nodes
        self._asked = 0
        self._nodes: dict[ProgramId, Node] = {}
        self._unrepaired: deque[ProgramId] = deque()  # programs that failed and were not repaired yet

    def ask(self) -> Request | None:
        """Return a request: first the seed program, then a repair if one is due, else an expansion of the best node.

        It is None once the search has finished, and while the seed program is being evaluated.
        """
        if self._asked >= self._limit or (self._asked and not self._nodes):
            return None
        operator, parents = self._choose() if self._asked else ("seed", ())
        request = Request(self._asked, operator, parents)
        self._visit(parents)
        self._asked += 1
        return request

    def tell(self, request: Request, program: Program, evaluation: Evaluation) -> None:
        """Add the program as a node.

        A missing answer and a program that is known add no node; the visit of the parents counts all the same. A known
        program that was evaluated again gets its latest loss; if it failed this time, it keeps its loss.

        Args:
            request: the request that was answered.
            program: the answer.
            evaluation: its evaluation.
        """
        if not program.source:
            return
        if program.id in self._nodes:
            if evaluation.ok:
                self._nodes[program.id].loss = evaluation.loss
            return
        self._nodes[program.id] = Node(request.parents, evaluation.loss)
        if not evaluation.ok and request.operator != "repair":
            self._unrepaired.append(program.id)

    def puct(self) -> NDArray[np.float64]:
        """Return the PUCT value of every node, in the order in which they were told: [nodes]."""
        visits = np.array([node.visits for node in self._nodes.values()])
        prior = 1 / len(visits)
        exploration = self._c * prior * math.sqrt(visits.sum()) / (1 + visits)
        return rank_scores([node.loss for node in self._nodes.values()]) + exploration

    def _choose(self) -> tuple[Operator, tuple[ProgramId, ...]]:
        if self._unrepaired:
            failed = self._unrepaired.popleft()
            return "repair", (*self._nodes[failed].parents[-1:], failed)
        ids, value = list(self._nodes), self.puct()
        works = np.array([node.loss is not None for node in self._nodes.values()])
        if works.any():
            value[~works] = -np.inf
        best, *others = np.argsort(-value, kind="stable")[: min(2, max(works.sum(), 1))]
        draw = self._rng.random()
        if others and draw < self._recombine:
            return "recombine", (ids[others[0]], ids[best])
        if draw >= 1 - self._rewrite or not works.any():
            return "rewrite", (ids[best],)
        return "mutate", (ids[best],)

    def _visit(self, parents: tuple[ProgramId, ...]) -> None:
        """Count a visit of the parents and of all their ancestors, each once."""
        waiting, seen = list(parents), set(parents)
        while waiting:
            node = self._nodes[waiting.pop()]
            node.visits += 1
            new = set(node.parents) - seen
            seen |= new
            waiting.extend(new)
