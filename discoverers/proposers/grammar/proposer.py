"""The grammar as a proposer: parse the parents, vary them, render the child. Needs no language model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zfbench.base.errors import ZfbenchError
from zfbench.discoverers.proposers.grammar.credit import gene_credit
from zfbench.discoverers.proposers.grammar.genotype import VERSION, Genotype, block_genes, default_genotype
from zfbench.discoverers.proposers.grammar.interpreter import GENES, Interpreter
from zfbench.discoverers.proposers.grammar.operators import Child, crossover, mutate, replace_gene
from zfbench.discoverers.proposers.grammar.render import count_numbers, parse, render
from zfbench.forecasting.interpreter import Interpretation
from zfbench.protocols.proposer import Context, Proposer
from zfbench.protocols.task import Spec
from zfbench.records.evaluation import Proposal, Request
from zfbench.records.hints import blame
from zfbench.records.program import Program
from zfbench.records.recordings import TaskSpec
from zfbench.records.spend import NOTHING

DRAWS = 20  # attempts at a program that was not proposed before
REWRITES = 3  # genes that a rewrite replaces


class GrammarProposer(Proposer):
    """Varies per-group blocks of rate models; proposes only valid programs.

    A parent that the grammar did not write counts as the default genotype. `mutate` and `repair` replace one
    gene or take a part away, `rewrite` replaces several genes, `recombine` crosses the last two parents group by
    group. Hints of the form `blame:MN=0.4,nMLF=0.3` turn its attention to these groups of the last parent; genes whose
    changes helped more often so far are drawn more often.

    Attributes:
        bound: nothing; the grammar is free.
        trusted: its blocks are all known.
        identity: nothing; it has no settings.
        version: of the grammar.
    """

    bound = NOTHING
    trusted = True
    version = VERSION

    def __init__(self, spec: Spec) -> None:
        if not isinstance(spec, TaskSpec):
            raise ZfbenchError(f"The proposer 'grammar' writes rate models of recordings; '{spec.name}' needs another.")
        self._spec = spec
        self._genes = block_genes(spec)
        self.identity: Mapping[str, Any] = {}
        self._interpreters = {recurrent: Interpreter(recurrent) for recurrent in (False, True)}

    def interpret(self, program: Program) -> Interpretation | None:
        """The program as genes of the interpreter; None when the grammar did not write it."""
        genotype = parse(program.source, self._spec)
        if genotype is None:
            return None
        interpreter = self._interpreters[genotype.recurrent]
        return Interpretation(
            interpreter.source,
            {GENES: interpreter.genes(genotype, self._spec)},
            {"loss": genotype.loss, "learning_rate": genotype.learning_rate},
            count_numbers(genotype, self._spec),
        )

    def propose(self, request: Request, context: Context, rng: np.random.Generator) -> Proposal:
        """A child of the parents that was not proposed before, unless none is found in a few draws."""
        default = default_genotype(self._spec)
        parents = [parse(p.program.source, self._spec) or default for p in context.parents] or [default]
        to_blame, credit = blame(request.hints), gene_credit(context.history, self._spec)
        for _ in range(DRAWS):
            child, summary = self._vary(request.operator, parents, to_blame, credit, rng)
            source = render(child.settled())
            if Program(source).id not in context.known:
                break
        return Proposal(source, summary)

    def _vary(
        self,
        operator: str,
        parents: list[Genotype],
        to_blame: dict[str, float],
        credit: dict[str, float],
        rng: np.random.Generator,
    ) -> Child:
        *others, base = parents
        if operator == "recombine" and others:
            child, summary = crossover(base, others[-1], to_blame, rng)
            if child not in parents:
                return child, summary
        if operator == "rewrite":
            child, summaries = base, []
            for _ in range(REWRITES):
                child, summary = replace_gene(child, self._genes, to_blame, credit, rng)
                summaries.append(summary)
            return child, "; ".join(summaries)
        return mutate(base, self._genes, to_blame, credit, rng)
