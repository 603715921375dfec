"""Flat PUCT: the tree search of ERA as published (Aygün et al. 2026, Nature 654, 909-916).

doi:10.1038/s41586-026-10658-6, preprint arXiv 2509.06503. Every answer is a node. The next parent is the node with the
highest value of

    rank_i + (c / N) sqrt(sum_j V_j) / (1 + V_i)

over all N nodes and not only over leaves. rank_i is the place of node i in the order of scores, from 0 for the worst to
1 for the best, and .5 for a node that is alone. V_i is the number of nodes that were made below node i, itself
included, and 0 at first for the root, which nobody made. It differs from the PUCT of AlphaZero, which descends from the
root. `puct_plus` adds operators and treats failures apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zfbench.discoverers.settings import COUNT, NOT_NEGATIVE
from zfbench.protocols.discoverer import Discoverer
from zfbench.records.evaluation import Evaluation, Request
from zfbench.records.program import Operator, Program, ProgramId


@dataclass(frozen=True)
class Node:
    """A node of the tree: an answer to a request.

    Attributes:
        program: the program that answered it.
        parents: numbers of the nodes that it was asked to build on.
    """

    program: ProgramId
    parents: tuple[int, ...]


class Puct(Discoverer):
    """A discoverer that weighs good programs against programs that were rarely built on.

    It has one operation, a change of one parent, whether that parent works or fails. A visit of the ancestors counts
    from the moment of the request, so that parallel workers do not all expand one node; with one worker this is ERA's
    order. A program that comes a second time is a node of its own, as in ERA.

    Args:
        seed: seed of nothing, since all randomness is the proposer's.
        seed_program: the root of the tree.
        c: weight of exploration.
        nodes: number of requests after which the search has finished.

    Raises:
        ZfbenchError: a setting is out of its range.
    """

    def __init__(
        self,
        seed: int,  # noqa: ARG002
        seed_program: Program,  # noqa: ARG002 (it arrives as the answer to the first request)
        c: float = 1.0,
        nodes: int = 500,
    ) -> None:
        NOT_NEGATIVE.check("PUCT", c=c)
        COUNT.check("PUCT", nodes=nodes)
        self._c, self._limit = c, nodes
        self._asked = 0
        self._nodes: list[Node] = []
        self._losses: list[float] = []  # of the nodes; NaN where the program failed
        self._visits: list[int] = []  # V of the nodes
        self._built_on: dict[int, tuple[int, ...]] = {}  # parents of each pending request

    def ask(self) -> Request | None:
        """Return a request: first the seed program, then an expansion of the best node.

        It is None once the search has finished, and while the seed program is being evaluated.
        """
        if self._asked >= self._limit or (self._asked and not self._nodes):
            return None
        operator, parents = self._choose() if self._asked else ("seed", ())
        request = Request(self._asked, operator, tuple(self._nodes[k].program for k in parents))
        self._built_on[request.id] = parents
        self._visit(parents)
        self._asked += 1
        return request

    def tell(self, request: Request, program: Program, evaluation: Evaluation) -> None:
        """Add the answer as a node; a request without an answer adds none, and its visits count all the same.

        Args:
            request: the request that was answered.
            program: the answer.
            evaluation: its evaluation.
        """
        parents = self._built_on.pop(request.id)
        if program.source:
            self._add(Node(program.id, parents), evaluation.loss, visits=1 if parents else 0)

    def puct(self) -> NDArray[np.float64]:
        """Return the PUCT value of every node, in the order in which they were told: [nodes]."""
        visits = np.array(self._visits)
        prior = 1 / len(visits)
        exploration = self._c * prior * math.sqrt(visits.sum()) / (1 + visits)
        return self._ranks(np.array(self._losses)) + exploration

    def _add(self, node: Node, loss: float | None, visits: int) -> None:
        self._nodes.append(node)
        self._visits.append(visits)
        self._losses.append(math.nan if loss is None else loss)

    def _ranks(self, losses: NDArray[np.float64]) -> NDArray[np.float64]:
        return ordinal_ranks(losses)

    def _choose(self) -> tuple[Operator, tuple[int, ...]]:
        """Return the operator of the next request, and the numbers of the nodes to build on."""
        return "mutate", (int(np.argmax(self.puct())),)

    def _visit(self, parents: Iterable[int]) -> None:
        """Count a visit of the nodes and of all their ancestors, each once."""
        waiting, seen = list(parents), set(parents)
        while waiting:
            number = waiting.pop()
            self._visits[number] += 1
            new = set(self._nodes[number].parents) - seen
            seen |= new
            waiting.extend(new)


def ordinal_ranks(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the places of losses in the order of their scores, scaled to [0, 1], 1 for the lowest loss: [n].

    Failures (NaN) come last. Equal losses, and failures among themselves, have places of their own: the later one
    ranks higher, as in ERA's code. A single loss has .5.
    """
    if len(losses) == 1:
        return np.array([0.5])
    scores = np.where(np.isnan(losses), -np.inf, -losses)
    ranks = np.empty(len(scores))
    ranks[np.argsort(scores, kind="stable")] = np.arange(len(scores))  # 0 for the worst
    return ranks / (len(scores) - 1)
