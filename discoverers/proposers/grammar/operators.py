"""Operators that make a child genotype from its parents; each returns the child and a line on the change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zfbench.discoverers.proposers.grammar.genotype import BLOCK_GENES, OPTIONAL_GENES, TRAINING_GENES, Choice, Genotype

Genes = Mapping[str, tuple[Choice, ...]]
Credit = Mapping[str, float]  # relative odds of drawing each gene; 1 if none is given
Child = tuple[Genotype, str]

BLAME_SHARE = 0.8  # share of the draws in proportion to the groups' errors; the rest are uniform
MUTATION_ODDS = {
    "one group": 0.5,
    "all groups": 0.2,
    "simplify": 0.15,
    "training": 0.15,
}  # how often a mutation is of each


def mutate(
    genotype: Genotype, genes: Genes, blame: Mapping[str, float], credit: Credit, rng: np.random.Generator
) -> Child:
    """Replace a gene of one group, a gene of all groups, or a choice of the training; or remove an optional part.

    Args:
        genotype: the parent.
        genes: choices of each gene.
        blame: share of the error by group; empty if it is unknown.
        credit: relative odds of drawing each gene.
        rng: generator of the draws.

    Returns:
        The child, and a description of the change.
    """
    kind = tuple(MUTATION_ODDS)[rng.choice(len(MUTATION_ODDS), p=tuple(MUTATION_ODDS.values()))]
    if kind == "all groups":
        return replace_everywhere(genotype, genes, credit, rng)
    if kind == "training":
        return change_training(genotype, rng)
    parts = optional_parts(genotype)
    if kind == "simplify" and parts:
        return simplify(genotype, parts, rng)
    return replace_gene(genotype, genes, blame, credit, rng)


def replace_gene(
    genotype: Genotype, genes: Genes, blame: Mapping[str, float], credit: Credit, rng: np.random.Generator
) -> Child:
    """Give one group another choice of one gene; groups with a larger share of the error are drawn more often.

    Args:
        genotype: the parent.
        genes: choices of each gene.
        blame: share of the error by group; empty if it is unknown.
        credit: relative odds of drawing each gene.
        rng: generator of the draws.

    Returns:
        The child, and a description of the change.
    """
    group = genotype.groups[rng.choice(len(genotype.groups), p=group_odds(genotype.groups, blame))]
    gene = _draw_gene(genes, credit, rng)
    old = getattr(genotype.block(group), gene)
    new = _draw([choice for choice in genes[gene] if choice != old], rng)
    return genotype.with_gene([group], gene, new), f"{group}: {gene} {old} -> {new}"


def replace_everywhere(genotype: Genotype, genes: Genes, credit: Credit, rng: np.random.Generator) -> Child:
    """Give all groups the same choice of one gene, one that at least one group did not have.

    Args:
        genotype: the parent.
        genes: choices of each gene.
        credit: relative odds of drawing each gene.
        rng: generator of the draws.

    Returns:
        The child, and a description of the change.
    """
    gene = _draw_gene(genes, credit, rng)
    present = {getattr(block, gene) for _, block in genotype.blocks}
    new = _draw([choice for choice in genes[gene] if present != {choice}], rng)
    return genotype.with_gene(genotype.groups, gene, new), f"all groups: {gene} -> {new}"


def optional_parts(genotype: Genotype) -> list[tuple[str, str]]:
    """Return the optional parts that a genotype has, as (group, gene)."""
    return [
        (g, gene) for g, block in genotype.blocks for gene in OPTIONAL_GENES if getattr(block, gene) != _without(gene)
    ]


def simplify(genotype: Genotype, parts: Sequence[tuple[str, str]], rng: np.random.Generator) -> Child:
    """Remove one of these parts from its group.

    Args:
        genotype: the parent.
        parts: optional parts, as (group, gene).
        rng: generator of the draw.

    Returns:
        The child, and a description of the change.
    """
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

    A group comes from `other` with a probability of one half. If the shares of the error are known, the probability is
    proportional to the group's share of the error of `base`, so that good blocks are kept.

    Args:
        base: the parent to start from.
        other: the other parent.
        blame: share of the error of `base` by group; empty if it is unknown.
        rng: generator of the draws.

    Returns:
        The child, and a description of the change.
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
    """Return the odds of drawing each group, which sum to one; uniform if the shares of the error are unknown."""
    uniform = np.full(len(groups), 1 / len(groups))
    shares = np.array([blame.get(group, 0.0) for group in groups])
    if shares.sum() == 0:
        return uniform
    return (1 - BLAME_SHARE) * uniform + BLAME_SHARE * shares / shares.sum()


def _without(gene: str) -> Choice:
    """The choice that leaves an inserted part out."""
    return BLOCK_GENES[gene][0]


def _draw_gene(genes: Genes, credit: Credit, rng: np.random.Generator) -> str:
    odds = np.array([credit.get(gene, 1.0) for gene in genes])
    return tuple(genes)[rng.choice(len(odds), p=odds / odds.sum())]


def _draw(choices: Any, rng: np.random.Generator) -> Any:
    return choices[rng.integers(len(choices))]
