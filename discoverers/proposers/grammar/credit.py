"""Rates at which changes of each gene have helped in a search so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from zfbench.discoverers.proposers.families.family import Family, G
from zfbench.records.evaluation import Scored


def gene_credit(history: Sequence[Scored], family: Family[G], parse: Callable[[str], G | None]) -> dict[str, float]:
    """Expected rate of success of changing each gene, (1 + successes) / (2 + trials): its posterior mean.

    A trial is a program of the family that differs in the gene from the last of its parents, a program of the family
    that works; it succeeds when its loss is lower.

    Args:
        history: every program that was evaluated, in order.
        family: whose genes are credited.
        parse: from a source to its genotype.
    """
    scored = {entry.program.id: entry for entry in history}
    trials, successes = dict.fromkeys(family.genes, 0), dict.fromkeys(family.genes, 0)
    for child in history:
        parent = scored.get(child.program.parents[-1]) if child.program.parents else None
        if parent is None or parent.evaluation.loss is None:
            continue
        before, after = parse(parent.program.source), parse(child.program.source)
        if before is None or after is None:
            continue
        better = child.evaluation.loss is not None and child.evaluation.loss < parent.evaluation.loss
        for gene in family.changed(before, after):
            trials[gene] += 1
            successes[gene] += better
    return {gene: (1 + successes[gene]) / (2 + trials[gene]) for gene in family.genes}
