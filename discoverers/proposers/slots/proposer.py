"""Proposers that vary the choices of a grammar with slots, without a language model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zfbench.base.errors import ZfbenchError
from zfbench.discoverers.proposers.slots import channels, epidemics
from zfbench.discoverers.proposers.slots.grammar import Grammar
from zfbench.protocols.proposer import Context, Proposer
from zfbench.protocols.task import Spec
from zfbench.records.evaluation import Proposal, Request
from zfbench.records.program import Program
from zfbench.records.spend import NOTHING

DRAWS = 50  # number of attempts at a program that was not proposed before
REWRITES = 3  # number of slots that a rewrite changes


class SlotProposer(Proposer):
    """A proposer that varies the programs of a grammar with slots.

    The operators `mutate` and `repair` change one slot, `rewrite` changes three, and `recombine` takes each slot from
    one of two parents. A parent that the grammar did not write is replaced by its simplest program.

    Attributes:
        bound: nothing, because the grammar is free.
        trusted: True, because all its programs are known.
        identity: the slots and their alternatives.
    """

    bound = NOTHING
    trusted = True

    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar
        self.identity: Mapping[str, Any] = {"slots": {slot: list(a) for slot, a in grammar.slots.items()}}

    def propose(self, request: Request, context: Context, rng: np.random.Generator) -> Proposal:
        """Return a child of the parents that was not proposed before, or any child if a few draws find no new one.

        Args:
            request: the request.
            context: the parents, and the known programs.
            rng: generator of the draws.

        Returns:
            The program, with its changes as the summary.
        """
        grammar = self._grammar
        parents = [grammar.parse(p.program.source) or grammar.simplest for p in context.parents] or [grammar.simplest]
        for _ in range(DRAWS):
            child = self._vary(request.operator, parents, rng)
            source = grammar.render(child)
            if child not in parents and Program(source).id not in context.known:
                break
        return Proposal(source, grammar.difference(parents[-1], child))

    def _vary(self, operator: str, parents: list[tuple[str, ...]], rng: np.random.Generator) -> tuple[str, ...]:
        *others, base = parents
        if operator == "recombine" and others:
            child = self._grammar.cross(base, others[-1], rng)
            if child not in parents:
                return child
        return self._grammar.mutate(base, rng, REWRITES if operator == "rewrite" else 1)


def epidemic_proposer(spec: Spec) -> SlotProposer:
    """Make the proposer of compartment models for the task `sir`."""
    return SlotProposer(_for(spec, "sir", epidemics.GRAMMAR))


def channel_proposer(spec: Spec) -> SlotProposer:
    """Make the proposer of neurons with two further ion channels for the task `hodgkin_huxley`."""
    return SlotProposer(_for(spec, "hodgkin_huxley", channels.GRAMMAR))


def _for(spec: Spec, family: str, grammar: Grammar) -> Grammar:
    """Return the grammar if it was made for the task.

    Raises:
        ZfbenchError: it was made for another task.
    """
    if not spec.name.startswith(family):
        raise ZfbenchError(
            f"This proposer writes programs for the task '{family}', not '{spec.name}'; choose another proposer."
        )
    return grammar
