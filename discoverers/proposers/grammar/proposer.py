"""Genotypes as a proposer: parse the parents, vary them, render the child. Needs no language model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np

from zfbench.base.errors import ZfbenchError
from zfbench.discoverers.proposers.blackbox import genotype as blackbox
from zfbench.discoverers.proposers.blackbox.family import BlackBoxFamily
from zfbench.discoverers.proposers.families.family import Family
from zfbench.discoverers.proposers.grammar.credit import gene_credit
from zfbench.discoverers.proposers.rate import genotype as rate
from zfbench.discoverers.proposers.rate.family import RateFamily
from zfbench.discoverers.settings import check_choice
from zfbench.protocols.proposer import Context, Proposer
from zfbench.protocols.task import Spec
from zfbench.records.evaluation import Proposal, Request
from zfbench.records.hints import ANEW, BLIND, blame
from zfbench.records.program import Program
from zfbench.records.recordings import TaskSpec
from zfbench.records.spend import NOTHING

DRAWS = 20  # attempts at a program that was not proposed before
REWRITES = 3  # changes of a rewrite
FAMILIES: dict[str, tuple[Family[Any], ...]] = {
    "rate": (RateFamily(),),
    "blackbox": (BlackBoxFamily(),),
    "both": (RateFamily(), BlackBoxFamily()),
}


class GrammarProposer(Proposer):
    """Varies programs of one family or of both; proposes only valid programs.

    A parent that no family wrote counts as the start of a family, drawn anew for each child. A child is of its last
    parent's family. `mutate` and `repair` change one thing, `rewrite` three, `recombine` crosses the last two parents,
    if these are of one family. Hints of the form `blame:MN=0.4,nMLF=0.3` turn its attention to these groups; genes
    whose changes helped more often so far are drawn more often. With the hint `blind` it takes no notice of either;
    with the hint `anew` it draws a whole genotype of a family drawn with equal odds.

    Args:
        spec: the task.
        family: `rate`, `blackbox` or `both`.

    Attributes:
        bound: nothing; the proposer is free.
        trusted: all its programs are known.
        version: of both families.
        identity: the family.

    Raises:
        ZfbenchError: the task has no recordings, or there is no such family.
    """

    bound = NOTHING
    trusted = True
    version = rate.VERSION + blackbox.VERSION - 1

    def __init__(self, spec: Spec, family: str = "rate") -> None:
        if not isinstance(spec, TaskSpec):
            raise ZfbenchError(f"The proposer 'grammar' writes models of recordings; '{spec.name}' needs another.")
        check_choice("The proposer 'grammar'", tuple(FAMILIES), family=family)
        self._spec, self._families = spec, FAMILIES[family]
        self.identity: Mapping[str, Any] = {"family": family}
        # kept, since every proposal looks at the whole history
        self._readers = {f.name: lru_cache(maxsize=4096)(partial(f.parse, spec=spec)) for f in self._families}

    def propose(self, request: Request, context: Context, rng: np.random.Generator) -> Proposal:
        """Return a child of the parents that was not proposed before, or any child if a few draws find no new one.

        Args:
            request: the request, with hints.
            context: the parents, the known programs and the history.
            rng: generator of the draws.

        Returns:
            The program, with its changes as the summary.
        """
        sources = [parent.program.source for parent in context.parents]
        for _ in range(DRAWS):
            family, genotype, summary = self._vary(request, sources, context, rng)
            source = family.render(family.settled(genotype))
            if Program(source).id not in context.known:
                break
        return Proposal(source, summary)

    def _vary(
        self, request: Request, sources: Sequence[str], context: Context, rng: np.random.Generator
    ) -> tuple[Family[Any], Any, str]:
        family = self._family(sources, rng)
        if ANEW in request.hints:
            family = self._families[rng.integers(len(self._families))]
            return family, family.draw(self._spec, rng), f"a draw from the family '{family.name}'"
        parents = [genotype for source in sources if (genotype := self._parse(family, source)) is not None]
        base = parents[-1] if parents else family.start(self._spec)
        to_blame: Mapping[str, float] = {}
        credit: Mapping[str, float] = {}
        if BLIND not in request.hints:
            to_blame = blame(request.hints)
            credit = gene_credit(context.history, family, lambda source: self._parse(family, source))
        if request.operator == "recombine" and len(parents) > 1:
            child, summary = family.cross(base, parents[-2], to_blame, rng)
            if child not in parents:
                return family, child, summary
        summaries = []
        for _ in range(REWRITES if request.operator == "rewrite" else 1):
            base, summary = family.mutate(base, self._spec, to_blame, credit, rng)
            summaries.append(summary)
        return family, base, "; ".join(summaries)

    def _family(self, sources: Sequence[str], rng: np.random.Generator) -> Family[Any]:
        """The family of the last parent; where none wrote it, one of those that there are."""
        for family in self._families:
            if sources and self._parse(family, sources[-1]) is not None:
                return family
        return self._families[rng.integers(len(self._families))]

    def _parse(self, family: Family[Any], source: str) -> Any:
        return self._readers[family.name](source)
