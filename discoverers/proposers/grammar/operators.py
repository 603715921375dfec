"""How a child genotype comes of its parents: every operator returns the child and a line on what it did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zfbench.discoverers.proposers.grammar.genotype import BLOCK_GENES, INSERTED, TRAINING_GENES, Choice, Genotype

Genes = Mapping[str, tuple[Choice, ...]]
Credit = Mapping[str, float]  # relative odds of drawing each gene; 1 where none is given
Child = tuple[Genotype, str]

ATTENTION = 0.8  # share of the draws that go by blame; the rest are uniform, since blame can be wrong
KINDS = {"one group": 0.5, "all groups": 0.2, "simplify": 0.15, "training": 0.15}  # how often a mutation is of each


def mutate(
    genotype: Genotype, genes: Genes, blame: Mapping[str, float], credit: Credit, rng: np.random.Generator
) -> Child:
    """Replace one gene of one group, one gene of all groups, or a choice of the training; or take a part away."""
    kind = tuple(KINDS)[rng.choice(len(KINDS), p=tuple(KINDS.values()))]
    if kind == "all groups":
        return replace_everywhere(genotype, genes, credit, rng)
    if kind == "training":
        return change_training(genotype, rng)
    parts = inserted(genotype)
    if kind == "simplify" and parts:
        return simplify(genotype, parts, rng)
    return replace_gene(genotype, genes, blame, credit, rng)


def replace_gene(
    genotype: Genotype, genes: Genes, blame: Mapping[str, float], credit: Credit, rng: np.random.Generator
) -> Child:
    """Give one group another choice of one gene; groups to blame are drawn more often."""
    group = genotype.groups[rng.choice(len(genotype.groups), p=group_odds(genotype.groups, blame))]
    gene = _draw_gene(genes, credit, rng)
    old = getattr(genotype.block(group), gene)
    new = _draw([choice for choice in genes[gene] if choice != old], rng)
    return genotype.with_gene([group], gene, new), f"{group}: {gene} {old} -> {new}"


def replace_everywhere(genotype: Genotype, genes: Genes, credit: Credit, rng: np.random.Generator) -> Child:
    """Give all groups the same choice of one gene, one that at least one group did not have."""
    gene = _draw_gene(genes, credit, rng)
    present = {getattr(block, gene) for _, block in genotype.blocks}
    new = _draw([choice for choice in genes[gene] if present != {choice}], rng)
    return genotype.with_gene(genotype.groups, gene, new), f"all groups: {gene} -> {new}"


def inserted(genotype: Genotype) -> list[tuple[str, str]]:
    """The parts that a program could do without, as (group, gene)."""
    return [(g, gene) for g, block in genotype.blocks for gene in INSERTED if getattr(block, gene) != _without(gene)]


def simplify(genotype: Genotype, parts: Sequence[tuple[str, str]], rng: np.random.Generator) -> Child:
    """Take one of these parts out of its group."""
    group, gene = _draw(parts, rng)
    return genotype.with_gene([group], gene, _without(gene)), f"{group}: without {gene}"


def change_training(genotype: Genotype, rng: np.random.Generator) -> Child:
    """Choose another loss or another learning rate."""
    gene = _draw(tuple(TRAINING_GENES), rng)
    old = getattr(genotype, gene)
    new = _draw([choice for choice in TRAINING_GENES[gene] if choice != old], rng)
    changed: dict[str, Any] = {gene: new}
    return replace(genotype, **changed), f"training: {gene} {old} -> {new}"


def crossover(base: Genotype, other: Genotype, blame: Mapping[str, float], rng: np.random.Generator) -> Child:
    """Take each group's block from either parent, and the training of one of them.

    A group comes from `other` with odds of one half; when blame is known, in proportion to the group's share
    of the error of `base`, so that what works is kept.
    """
    odds = np.clip(0.5 * len(base.groups) * group_odds(base.groups, blame), 0.0, 0.9)
    taken = [group for group, p in zip(base.groups, odds, strict=True) if rng.random() < p]
    blocks = tuple((group, (other if group in taken else base).block(group)) for group in base.groups)
    trained = other if rng.random() < 0.5 else base
    return (
        Genotype(blocks, trained.loss, trained.learning_rate),
        f"from the other parent: {', '.join(taken) or 'no group'}",
    )


def group_odds(groups: tuple[str, ...], blame: Mapping[str, float]) -> NDArray[np.float64]:
    """Odds of drawing each group, summing to one; uniform where no known group is to blame."""
    uniform = np.full(len(groups), 1 / len(groups))
    shares = np.array([blame.get(group, 0.0) for group in groups])
    if shares.sum() == 0:
        return uniform
    return (1 - ATTENTION) * uniform + ATTENTION * shares / shares.sum()


def _without(gene: str) -> Choice:
    """The choice that leaves an inserted part out."""
    return BLOCK_GENES[gene][0]


def _draw_gene(genes: Genes, credit: Credit, rng: np.random.Generator) -> str:
    odds = np.array([credit.get(gene, 1.0) for gene in genes])
    return tuple(genes)[rng.choice(len(odds), p=odds / odds.sum())]


def _draw(choices: Any, rng: np.random.Generator) -> Any:
    return choices[rng.integers(len(choices))]
