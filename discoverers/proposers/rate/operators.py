"""One change of a genotype of the rate family, the crossing of two, and draws of whole genotypes.

No operator gives all groups a part at once: what a program can do grows group by group.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zfbench.discoverers.proposers.families.family import Blame, Credit
from zfbench.discoverers.proposers.rate.genotype import (
    GENES,
    INPUTS,
    INSERTED,
    TRAINING_GENES,
    Block,
    Names,
    RateGenotype,
    allowed,
    choices,
    names,
)
from zfbench.records.recordings import TaskSpec

Child = tuple[RateGenotype, str]

ATTENTION = 0.8  # share of the draws that go by blame; the rest are uniform, since blame can be wrong
KINDS = {"gene": 0.7, "simplify": 0.15, "training": 0.15}  # how often a mutation is of each


def mutate(genotype: RateGenotype, spec: TaskSpec, blame: Blame, credit: Credit, rng: np.random.Generator) -> Child:
    """Change one gene of one group, what one group reads, or the training; or take a part away.

    Args:
        genotype: to change.
        spec: the task.
        blame: groups to blame are drawn more often.
        credit: relative odds of the genes.
        rng: draws the change.
    """
    kind = tuple(KINDS)[rng.choice(len(KINDS), p=tuple(KINDS.values()))]
    if kind == "training":
        return _draw(list(training_changes(genotype)), rng)
    parts = list(simplifications(genotype))
    if kind == "simplify" and parts:
        return _draw(parts, rng)
    group = genotype.groups[rng.choice(len(genotype.groups), p=group_odds(genotype.groups, blame))]
    genes = [gene for gene in (*GENES, *INPUTS) if next(changes(genotype, spec, group, gene), None)]
    odds = np.array([credit.get(gene, 1.0) for gene in genes])
    gene = genes[rng.choice(len(genes), p=odds / odds.sum())]
    return _draw(list(changes(genotype, spec, group, gene)), rng)


def changes(genotype: RateGenotype, spec: TaskSpec, group: str, gene: str) -> Iterator[Child]:
    """Every other choice of a gene of a group that is one change away.

    What a group reads changes by one input more or less, to one input alone, to nothing, or to all that is allowed.
    """
    old = getattr(genotype.block(group), gene)
    if gene in INPUTS:
        for chosen in _sets(old, allowed(spec, group, gene)):
            yield genotype.with_gene([group], gene, chosen), f"{group}: {gene} {_said(old)} -> {_said(chosen)}"
    else:
        for new in choices(gene, spec):
            if new != old:
                yield genotype.with_gene([group], gene, new), f"{group}: {gene} {old} -> {new}"


def simplifications(genotype: RateGenotype) -> Iterator[Child]:
    """Every genotype that lacks one of the inserted parts."""
    for group, block in genotype.blocks:
        for gene in INSERTED:
            if (old := getattr(block, gene)) != GENES[gene][0]:
                yield genotype.with_gene([group], gene, GENES[gene][0]), f"{group}: without {gene} {old}"


def training_changes(genotype: RateGenotype) -> Iterator[Child]:
    """Every other loss and every other learning rate."""
    for gene, possible in TRAINING_GENES.items():
        old = getattr(genotype, gene)
        for new in possible:
            if new != old:
                changed: dict[str, Any] = {gene: new}
                yield replace(genotype, **changed), f"training: {gene} {old} -> {new}"


def crossover(base: RateGenotype, other: RateGenotype, blame: Blame, rng: np.random.Generator) -> Child:
    """Take each group's block from either parent, and the training of one of them.

    A group comes from `other` with odds of one half; when blame is known, in proportion to the group's share of the
    error of `base`, so that what works is kept.
    """
    odds = np.clip(0.5 * len(base.groups) * group_odds(base.groups, blame), 0.0, 0.9)
    taken = [group for group, p in zip(base.groups, odds, strict=True) if rng.random() < p]
    blocks = tuple((group, (other if group in taken else base).block(group)) for group in base.groups)
    trained = other if rng.random() < 0.5 else base
    child = RateGenotype(blocks, trained.loss, trained.learning_rate)
    return child, f"from the other parent: {', '.join(taken) or 'no group'}"


def draw(spec: TaskSpec, rng: np.random.Generator) -> RateGenotype:
    """Every gene of every group uniformly from its choices, every input read with odds of one half."""
    blocks = []
    for group in dict.fromkeys(spec.groups):
        block: dict[str, Any] = {gene: _draw(choices(gene, spec), rng) for gene in GENES}
        for inputs in INPUTS:
            possible = allowed(spec, group, inputs)
            block[inputs] = names([name for name in possible if rng.random() < 0.5], possible)
        blocks.append((group, Block(**block)))
    training: dict[str, Any] = {gene: _draw(possible, rng) for gene, possible in TRAINING_GENES.items()}
    return RateGenotype(tuple(blocks), **training)


def group_odds(groups: tuple[str, ...], blame: Blame) -> NDArray[np.float64]:
    """Odds of drawing each group, summing to one; uniform where no known group is to blame."""
    uniform = np.full(len(groups), 1 / len(groups))
    shares = np.array([blame.get(group, 0.0) for group in groups])
    if shares.sum() == 0:
        return uniform
    return (1 - ATTENTION) * uniform + ATTENTION * shares / shares.sum()


def _sets(old: Names, possible: Sequence[str]) -> list[Names]:
    """The other sets of inputs that are one change away, each once."""
    now = set(possible if old is None else old)
    candidates = [now ^ {name} for name in possible] + [{name} for name in possible] + [set(), set(possible)]
    return [new for new in dict.fromkeys(names(candidate, possible) for candidate in candidates) if new != old]


def _said(chosen: Names) -> str:
    return "all" if chosen is None else "+".join(chosen) or "nothing"


def _draw(options: Sequence[Any], rng: np.random.Generator) -> Any:
    return options[int(rng.integers(len(options)))]
