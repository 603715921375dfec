"""Proposers that vary the choices of a grammar with slots; they need no language model."""

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

DRAWS = 50  # attempts at a program that was not proposed before
REWRITES = 3  # slots that a rewrite changes


class SlotProposer(Proposer):
    """Varies programs of a grammar: `mutate` and `repair` change a slot, `rewrite` three, `recombine` crosses parents.

    A parent that the grammar did not write counts as its plainest program.

    Attributes:
        bound: nothing; the grammar is free.
        trusted: all its programs are known.
        identity: the slots.
    """

    bound = NOTHING
    trusted = True

    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar
        self.identity: Mapping[str, Any] = {"slots": {slot: list(a) for slot, a in grammar.slots.items()}}

    def propose(self, request: Request, context: Context, rng: np.random.Generator) -> Proposal:
        """A child of the parents that was not proposed before, unless none is found in a few draws."""
        grammar = self._grammar
        parents = [grammar.parse(p.program.source) or grammar.plainest for p in context.parents] or [grammar.plainest]
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
    """Compartment models for the task `sir`."""
    return SlotProposer(_for(spec, "sir", epidemics.GRAMMAR))


def channel_proposer(spec: Spec) -> SlotProposer:
    """Neurons with two further ion channels, for the task `hodgkin_huxley`."""
    return SlotProposer(_for(spec, "hodgkin_huxley", channels.GRAMMAR))


def _for(spec: Spec, family: str, grammar: Grammar) -> Grammar:
    """The grammar, if it was made for the task.

    Raises:
        ZfbenchError: it was not.
    """
    if not spec.name.startswith(family):
        raise ZfbenchError(f"This proposer writes programs for the task '{family}', not '{spec.name}'; take another.")
    return grammar
