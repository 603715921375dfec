"""A proposer that varies programs of the grammar, without a language model."""

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

DRAWS = 20  # number of attempts at a program that was not proposed before
REWRITES = 3  # number of genes that a rewrite replaces


class GrammarProposer(Proposer):
    """A proposer that varies the blocks of rate models group by group; all its programs are valid.

    A parent that the grammar did not write is replaced by the default genotype. The operators `mutate` and `repair`
    replace one gene or remove a part, `rewrite` replaces several genes, and `recombine` takes the block of each group
    from one of the last two parents. Hints of the form `blame:MN=0.4,nMLF=0.3` give the groups' shares of the error of
    the last parent, and groups with a larger share are changed more often. Genes whose changes lowered the loss more
    often so far are drawn more often, too.

    Attributes:
        bound: nothing, because the grammar is free.
        trusted: True, because all its blocks are known.
        identity: nothing, because it has no settings.
        version: version of the grammar.
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
        """Return the program as genes of the interpreter; None if the grammar did not write it."""
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
        """Return a child of the parents that was not proposed before, or any child if a few draws find no new one.

        Args:
            request: the request, with hints.
            context: the parents, the known programs and the history.
            rng: generator of the draws.

        Returns:
            The program, with its changes as the summary.
        """
        default = default_genotype(self._spec)
        parents = [parse(p.program.source, self._spec) or default for p in context.parents] or [default]
        to_blame, credit = blame(request.hints), gene_credit(context.history, self._spec)
        for _ in range(DRAWS):
            child, summary = self._vary(request.operator, parents, to_blame, credit, rng)
            source = render(child.with_suitable_training())
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
