"""Flat PUCT: the tree search of ERA (Aygün et al. 2025, arXiv 2509.06503).

Every program is a node. The next parent is the node of highest

    rank_i + c P sqrt(sum_j n_j) / (1 + n_i),    P = 1 / number of nodes,

over all working nodes, not only over leaves, where rank_i in [0, 1] is the rank of its loss and n_i counts the
visits of the node and its descendants. It is not the PUCT of AlphaZero, which walks down from the root.
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
        parents: of the request that it answered.
        loss: None when it failed.
        visits: 1, and 1 for every request that builds on it or on a descendant.
    """

    parents: tuple[ProgramId, ...]
    loss: float | None
    visits: int = 1


class Puct(Discoverer):
    """A discoverer that weighs good programs against programs that were rarely built on.

    A visit counts from the moment of asking, so that parallel workers do not all expand one node. A program
    that fails is repaired once, at once, and is a parent never again unless nothing works.

    Args:
        seed: of the choice of operators.
        seed_program: the root.
        c: weight of exploration.
        recombine: share of the requests that join the two nodes of highest PUCT.
        rewrite: share of the requests that ask for more than a small change; joining goes before it.
        nodes: requests after which the search has finished.

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
        self._broken: deque[ProgramId] = deque()  # failed, not yet repaired

    def ask(self) -> Request | None:
        """The seed program; then a repair if one is due, else an expansion of the most promising node."""
        if self._asked >= self._limit or (self._asked and not self._nodes):
            return None
        operator, parents = self._choose() if self._asked else ("seed", ())
        request = Request(self._asked, operator, parents)
        self._visit(parents)
        self._asked += 1
        return request

    def tell(self, request: Request, program: Program, evaluation: Evaluation) -> None:
        """Add a node; a missing answer or a program that is known adds none, but has cost its parents a visit.

        A known program that was evaluated again counts with its latest loss; one that fails this time keeps its own.
        """
        if not program.source:
            return
        if program.id in self._nodes:
            if evaluation.ok:
                self._nodes[program.id].loss = evaluation.loss
            return
        self._nodes[program.id] = Node(request.parents, evaluation.loss)
        if not evaluation.ok and request.operator != "repair":
            self._broken.append(program.id)

    def puct(self) -> NDArray[np.float64]:
        """The criterion for every node, in the order in which they were told: [nodes]."""
        visits = np.array([node.visits for node in self._nodes.values()])
        prior = 1 / len(visits)
        exploration = self._c * prior * math.sqrt(visits.sum()) / (1 + visits)
        return rank_scores([node.loss for node in self._nodes.values()]) + exploration

    def _choose(self) -> tuple[Operator, tuple[ProgramId, ...]]:
        if self._broken:
            broken = self._broken.popleft()
            return "repair", (*self._nodes[broken].parents[-1:], broken)
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
        """Count a visit of the parents and all their ancestors, each once."""
        waiting, seen = list(parents), set(parents)
        while waiting:
            node = self._nodes[waiting.pop()]
            node.visits += 1
            new = set(node.parents) - seen
            seen |= new
            waiting.extend(new)
