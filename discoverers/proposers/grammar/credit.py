"""An estimate, from the search so far, of how often changing each gene lowers the loss."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from zfbench.discoverers.proposers.grammar.genotype import BLOCK_GENES, Genotype
from zfbench.discoverers.proposers.grammar.render import parse
from zfbench.records.evaluation import Scored
from zfbench.records.recordings import TaskSpec


def gene_credit(history: Sequence[Scored], spec: TaskSpec) -> dict[str, float]:
    """Return the expected success rate of changing each gene, (1 + successes) / (2 + trials), a posterior mean.

    A trial is a program that differs in the gene from the last of its parents; it is a success if its loss is lower.
    Parents that failed, or that the grammar did not write, are not counted.
    """
    scored = {entry.program.id: entry for entry in history}
    trials, successes = dict.fromkeys(BLOCK_GENES, 0), dict.fromkeys(BLOCK_GENES, 0)
    for child in history:
        parent = scored.get(child.program.parents[-1]) if child.program.parents else None
        if parent is None or parent.evaluation.loss is None:
            continue
        before, after = _genotype(parent.program.source, spec), _genotype(child.program.source, spec)
        if before is None or after is None:
            continue
        better = child.evaluation.loss is not None and child.evaluation.loss < parent.evaluation.loss
        pairs = [(old, new) for (_, old), (_, new) in zip(before.blocks, after.blocks, strict=True)]
        for gene in BLOCK_GENES:
            if any(getattr(old, gene) != getattr(new, gene) for old, new in pairs):
                trials[gene] += 1
                successes[gene] += better
    return {gene: (1 + successes[gene]) / (2 + trials[gene]) for gene in BLOCK_GENES}


@lru_cache(maxsize=2048)
def _genotype(source: str, spec: TaskSpec) -> Genotype | None:
    """The genotype of a source; kept, since every proposal looks at the whole history."""
    return parse(source, spec)
