"""FunSearch: islands of clustered programs.

Romera-Paredes et al. (2024, doi:10.1038/s41586-023-06924-6), with the settings of Wahl et al. (2026, arXiv 2602.18266).
A request shows k programs of one island, weakest first. Programs with equal rounded test scores form a cluster. k
clusters are drawn with replacement by softmax(score / T) with T = T0 (1 - (n mod P) / P) after n programs on the
island; within a cluster shorter programs are more likely. From time to time the worse half of the islands is reset.

FunSearch's T0 = 0.1 assumes scores that differ by about one. Therefore scores are ranks within the island here, in [0,
1].
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from zfbench.discoverers.ranks import rank_scores
from zfbench.discoverers.settings import COUNT, POSITIVE, SHARE
from zfbench.protocols.discoverer import Discoverer
from zfbench.records.evaluation import Evaluation, Request
from zfbench.records.program import Operator, Program, ProgramId

Signature = tuple[str, ...]


@dataclass(frozen=True)
class Member:
    """A working program of an island.

    Attributes:
        id: id of the program.
        length: length of its source.
        loss: the number that it is ranked by.
    """

    id: ProgramId
    length: int
    loss: float


@dataclass
class Island:
    """A set of clusters of programs, with each program in one of them.

    Attributes:
        clusters: programs by signature.
        added: number of all programs since the island was last reset.
    """

    clusters: dict[Signature, list[Member]] = field(default_factory=dict)
    added: int = 0

    def add(self, signature: Signature, member: Member) -> None:
        """Register a program; one that is registered and was evaluated again counts with its latest score alone."""
        if member in self.clusters.get(signature, ()):
            return
        if not self._drop(member.id):
            self.added += 1
        self.clusters.setdefault(signature, []).append(member)

    def _drop(self, program: ProgramId) -> bool:
        """Remove a program, and return True if it was there."""
        for signature, cluster in self.clusters.items():
            left = [member for member in cluster if member.id != program]
            if len(left) < len(cluster):
                self.clusters[signature] = left
                if not left:
                    del self.clusters[signature]
                return True
        return False

    def best(self) -> tuple[Signature, Member]:
        """Return the program of lowest loss, with the signature of its cluster."""
        found = ((signature, member) for signature, members in self.clusters.items() for member in members)
        return min(found, key=lambda pair: pair[1].loss)


class FunSearch(Discoverer):
    """A discoverer whose programs live on separate islands, ranked by the loss that all methods share.

    Args:
        seed: seed of all draws.
        seed_program: the first program of every island.
        islands: number of islands.
        parents: k, number of draws for a request; a program that is drawn twice is shown once.
        samples: number of consecutive requests with the same parents.
        recombine: share of the requests with several parents that ask to combine them; the others ask for a change of
            the best one and show the others. A language model may do either, whatever it is asked.
        temperature: T0.
        period: P, in programs.
        reset_every: number of evaluations between two resets (4 hours in FunSearch).
        tests: prefix of the names of the metrics that are a program's test scores.
        digits: significant digits of the test scores that form a signature.

    Raises:
        ZfbenchError: a setting is out of its range.
    """

    def __init__(
        self,
        seed: int,
        seed_program: Program,
        islands: int = 10,
        parents: int = 3,
        samples: int = 4,
        recombine: float = 0.5,
        temperature: float = 0.1,
        period: int = 30_000,
        reset_every: int = 200,
        tests: str = "mae/condition/",
        digits: int = 2,
    ) -> None:
        COUNT.check("FunSearch", islands=islands, parents=parents, samples=samples, period=period)
        COUNT.check("FunSearch", reset_every=reset_every, digits=digits)
        SHARE.check("FunSearch", recombine=recombine)
        POSITIVE.check("FunSearch", temperature=temperature)
        self._rng = np.random.default_rng(seed)
        self._seed_id = seed_program.id
        self._parents, self._samples, self._recombine = parents, samples, recombine
        self._temperature, self._period, self._reset_every = temperature, period, reset_every
        self._tests, self._digits = tests, digits
        self._islands = [Island() for _ in range(islands)]
        self._island_of: dict[int, int] = {}  # island of each pending request
        self._asked = self._evaluated = 0
        self._seed_told = False  # True once the seed program was told
        self._prompt: tuple[int, tuple[ProgramId, ...]] = (0, ())  # island and parents of the request
        self._requests_left = 0  # number of requests that it is still used for

    def ask(self) -> Request | None:
        """Return a request: first the seed program, then `samples` requests with each drawn set of parents.

        It is None while the seed program is being evaluated.
        """
        if self._asked == 0:
            self._asked = 1
            return Request(0, "seed")
        if not self._seed_told:
            return None
        if self._requests_left == 0:
            self._prompt, self._requests_left = self._draw_prompt(), self._samples
        self._requests_left -= 1
        island, parents = self._prompt
        request = Request(self._asked, self._operator(parents), parents or (self._seed_id,))
        self._island_of[request.id] = island
        self._asked += 1
        return request

    def tell(self, request: Request, program: Program, evaluation: Evaluation) -> None:
        """Add a working program to the island that it was requested for; the seed program is added to all islands.

        A program that is evaluated again and fails this time keeps its place.

        Args:
            request: the request that was answered.
            program: the answer.
            evaluation: its evaluation.
        """
        self._seed_told = True
        homes = self._islands if request.id == 0 else [self._islands[self._island_of.pop(request.id)]]
        if program.source and evaluation.ok:
            member = Member(program.id, len(program.source), self._loss(evaluation))
            for island in homes:
                island.add(self._signature(evaluation), member)
        if evaluation.spend.evaluations:  # neither a repeated program nor a request without an answer
            self._evaluated += 1
            if self._evaluated % self._reset_every == 0:
                self._reset()

    def _loss(self, evaluation: Evaluation) -> float:
        """Return the number that a working program is ranked by; lower is better."""
        assert evaluation.loss is not None  # every working program has one
        return evaluation.loss

    def _operator(self, parents: tuple[ProgramId, ...]) -> Operator:
        if not parents:
            return "repair"  # of the seed program: nothing works on this island
        return "recombine" if len(parents) > 1 and self._rng.random() < self._recombine else "mutate"

    def _draw_prompt(self) -> tuple[int, tuple[ProgramId, ...]]:
        number = int(self._rng.integers(len(self._islands)))
        island = self._islands[number]
        clusters = list(island.clusters.values())
        losses = [min(member.loss for member in cluster) for cluster in clusters]
        temperature = self._temperature * (1 - (island.added % self._period) / self._period)
        if not clusters:
            return number, ()
        chosen = self._draw(rank_scores(losses) / temperature, min(self._parents, len(clusters)))
        members = [self._draw_member(clusters[k]) for k in chosen]
        weakest_first = sorted(members, key=lambda member: -member.loss)
        return number, tuple(dict.fromkeys(member.id for member in weakest_first))

    def _draw_member(self, cluster: list[Member]) -> Member:
        lengths = np.array([member.length for member in cluster], dtype=float)
        return cluster[self._draw(-(lengths - lengths.min()) / lengths.max(), 1)[0]]

    def _draw(self, logits: NDArray[np.float64], count: int) -> NDArray[np.intp]:
        """Draw entries by softmax(logits), with replacement: [count]."""
        return self._rng.choice(len(logits), size=count, p=softmax(logits))

    def _signature(self, evaluation: Evaluation) -> Signature:
        scores = [value for name, value in sorted(evaluation.metrics.items()) if name.startswith(self._tests)]
        scores = scores or [self._loss(evaluation)]
        return tuple(f"{score:.{self._digits - 1}e}" for score in scores)

    def _reset(self) -> None:
        """Reset the worse half of the islands, each to the best program of a random surviving island."""
        inhabited = [island for island in self._islands if island.clusters]
        survivors = sorted(inhabited, key=lambda island: island.best()[1].loss)[: (len(self._islands) + 1) // 2]
        if not survivors:
            return
        for number, island in enumerate(self._islands):
            if not any(island is survivor for survivor in survivors):
                founder = survivors[self._rng.integers(len(survivors))]
                self._islands[number] = Island()
                self._islands[number].add(*founder.best())
