"""A proposer for tables: it changes one slot, crosses two programs or draws one anew, as the grammar does live.

It heeds what the grammar heeds: blame turns it to the slots of these neuron groups, slots whose changes helped more
often so far are drawn more often, `blind` switches both off, and `anew` asks for a uniform draw of a whole program. It
never looks at an evaluation that the search was not told.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from zfbench.base.errors import ZfbenchError
from zfbench.discoverers.proposers.rate.operators import ATTENTION
from zfbench.protocols.proposer import Context, Proposer
from zfbench.protocols.space import Codes
from zfbench.protocols.spec import Spec
from zfbench.records.evaluation import Proposal, Request, Scored
from zfbench.records.hints import ANEW, BLIND, blame
from zfbench.records.program import ProgramId
from zfbench.records.spend import NOTHING
from zfbench.tasks.zfish_table.task import TableSpec

VERSION = 1  # rises when equal draws begin to give other programs
DRAWS = 20  # attempts at a program that was not proposed before
PATIENCE = 4  # attempts after which one slot more is changed
REWRITES = 3  # changes of a rewrite

Odds = NDArray[np.float64]
Edges = Sequence[float]  # sums of odds up to each slot


@dataclass(frozen=True, eq=False)
class Credit:
    """What changes of each slot have done in a history so far.

    Attributes:
        history: the programs that are counted, in order.
        losses: loss of each of them.
        trials: changes of each slot, of a parent that works: [slots].
        successes: those after which the loss was lower: [slots].
    """

    history: tuple[Scored, ...]
    losses: Mapping[ProgramId, float | None]
    trials: NDArray[np.int64]
    successes: NDArray[np.int64]

    @property
    def rates(self) -> Odds:
        """The expected rate of success of changing each slot: its posterior mean, [slots]."""
        rates: Odds = (1 + self.successes) / (2 + self.trials)
        return rates


class TableProposer(Proposer):
    """Varies the programs of a table.

    A parent that the table does not have counts as the start. `mutate` and `repair` change one slot, `rewrite` three,
    `recombine` crosses the last two parents. The rates by which slots are drawn are those of the grammar: a slot's
    credit is (1 + successes) / (2 + trials) of its changes, and four fifths of the draws go by blame, where a slot of
    all groups has the mean share of the others.

    A program of a live family has hundreds of neighbours and a search never meets them all; here they are about
    fifteen. So where a few draws in a row gave only programs that were proposed before, one slot more is changed, and
    then another.

    Args:
        spec: the task.

    Attributes:
        bound: nothing; the proposer is free.
        trusted: all its programs are listed.
        version: of its draws.

    Raises:
        ZfbenchError: the task is not on a table.
    """

    bound = NOTHING
    trusted = True
    version = VERSION

    def __init__(self, spec: Spec) -> None:
        if not isinstance(spec, TableSpec):
            raise ZfbenchError(
                f"The proposer 'table' writes the programs of a table such as zfish-table/masked; '{spec.name}' needs "
                "another."
            )
        self._table = spec.table
        self._open = np.array([len(some) > 1 for some in self._table.choices])  # slots that can change
        self._uniform: Odds = np.full(len(self._open), 1 / len(self._open))
        self._blamed = lru_cache(maxsize=4096)(self._share)  # kept, since a parent is blamed alike every time
        self._counted = self._nothing()

    def propose(self, request: Request, context: Context, rng: np.random.Generator) -> Proposal:
        """Return a child of the parents that was not proposed before, or any child if a few draws find no new one.

        Args:
            request: the request, with hints.
            context: the parents, the known programs and the history.
            rng: generator of the draws.

        Returns:
            The program, with its changes as the summary.
        """
        table = self._table
        parents = [self._codes(parent.program.id) for parent in context.parents] or [table.start]
        blamed, odds = self._odds(request, context)
        for attempt in range(DRAWS):
            codes = self._vary(request, parents, blamed, odds, rng)
            for _ in range(attempt // PATIENCE):
                codes = self._changed(codes, odds, rng)
            place = table.number[codes]
            if table.ids[place] not in context.known:
                break
        return Proposal(table.programs[place], self._summary(parents[-1], codes))

    def _vary(
        self, request: Request, parents: Sequence[Codes], blamed: Odds, odds: Edges, rng: np.random.Generator
    ) -> Codes:
        choices = self._table.choices
        if ANEW in request.hints:
            return tuple(some[rng.integers(len(some))] for some in choices)
        base = parents[-1]
        if request.operator == "recombine" and len(parents) > 1:
            taken = rng.random(len(base)) < np.clip(0.5 * len(base) * blamed, 0.0, 0.9)
            child = tuple(o if t else b for b, o, t in zip(base, parents[-2], taken, strict=True))
            if child not in parents:
                return child
        for _ in range(REWRITES if request.operator == "rewrite" else 1):
            base = self._changed(base, odds, rng)
        return base

    def _changed(self, codes: Codes, odds: Edges, rng: np.random.Generator) -> Codes:
        slot = bisect_right(odds, rng.random())
        others = [choice for choice in self._table.choices[slot] if choice != codes[slot]]
        return (*codes[:slot], others[int(rng.random() * len(others))], *codes[slot + 1 :])

    def _odds(self, request: Request, context: Context) -> tuple[Odds, Edges]:
        """Return the share of the draws that blame alone gives each slot, and the edges of the odds of a change."""
        if BLIND in request.hints:
            blamed, credit = self._uniform, np.ones(len(self._uniform))
        else:
            blamed, credit = self._blamed(request.hints), self._credit(context.history).rates
        weights = np.where(self._open, blamed * credit, 0.0)
        edges = np.cumsum(weights / weights.sum())
        edges[np.flatnonzero(self._open)[-1] :] = 1.0  # rounding must not lead beyond the last slot that can change
        return blamed, edges.tolist()

    def _share(self, hints: tuple[str, ...]) -> Odds:
        """Return the share of the draws that blame gives each slot."""
        shares = blame(hints)
        own = np.array([sum(shares.get(group, 0.0) for group in slot.groups) for slot in self._table.slots])
        local = np.array([bool(slot.groups) for slot in self._table.slots])
        if own.sum() == 0:
            return self._uniform
        own[~local] = own[local].mean()
        odds: Odds = (1 - ATTENTION) * self._uniform + ATTENTION * own / own.sum()
        return odds

    def _credit(self, history: tuple[Scored, ...]) -> Credit:
        """Return the credit of a history; the beginning that was counted for an earlier request is kept."""
        known = self._counted
        if history[: len(known.history)] != known.history:
            known = self._nothing()
        losses, trials, successes = dict(known.losses), known.trials.copy(), known.successes.copy()
        for child in history[len(known.history) :]:
            loss = losses[child.program.id] = child.evaluation.loss
            parent = child.program.parents[-1] if child.program.parents else ""
            before, places = (
                losses.get(parent),
                (self._table.place.get(parent), self._table.place.get(child.program.id)),
            )
            if before is None or places[0] is None or places[1] is None:
                continue
            pairs = zip(self._table.codes[places[0]], self._table.codes[places[1]], strict=True)
            changed = np.array([a != b for a, b in pairs])
            trials += changed
            successes += changed & (loss is not None and loss < before)
        self._counted = Credit(history, losses, trials, successes)
        return self._counted

    def _nothing(self) -> Credit:
        none = np.zeros(len(self._open), np.int64)
        return Credit((), {}, none, none)

    def _codes(self, program: ProgramId) -> Codes:
        place = self._table.place.get(program)
        return self._table.start if place is None else self._table.codes[place]

    def _summary(self, before: Codes, after: Codes) -> str:
        changes = [
            f"{slot.name}: {slot.choices[a]} -> {slot.choices[b]}"
            for slot, a, b in zip(self._table.slots, before, after, strict=True)
            if a != b
        ]
        return "; ".join(changes) or "no change"
