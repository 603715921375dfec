"""The black-box family as the proposer sees it."""

from __future__ import annotations

import numpy as np

from zfbench.discoverers.proposers.blackbox import genotype as genotypes
from zfbench.discoverers.proposers.blackbox import render
from zfbench.discoverers.proposers.blackbox.genotype import ALL_GENES, BlackBoxGenotype
from zfbench.discoverers.proposers.families.family import Blame, Credit, Family
from zfbench.records.recordings import TaskSpec


class BlackBoxFamily(Family[BlackBoxGenotype]):
    """See `Family`; a program is one network, so that blame of a neuron group has nothing to turn to."""

    name = "blackbox"
    genes = tuple(ALL_GENES)

    def start(self, spec: TaskSpec) -> BlackBoxGenotype:  # noqa: ARG002
        """A shared perceptron with one hidden layer of 64 units, whose output is added to the activity."""
        return BlackBoxGenotype()

    def draw(self, spec: TaskSpec, rng: np.random.Generator) -> BlackBoxGenotype:  # noqa: ARG002
        """Every gene uniformly from its choices."""
        return genotypes.draw(rng)

    def mutate(
        self,
        genotype: BlackBoxGenotype,
        spec: TaskSpec,  # noqa: ARG002
        blame: Blame,  # noqa: ARG002
        credit: Credit,
        rng: np.random.Generator,
    ) -> tuple[BlackBoxGenotype, str]:
        """Replace one gene."""
        odds = np.array([credit.get(gene, 1.0) for gene in ALL_GENES])
        gene = self.genes[rng.choice(len(odds), p=odds / odds.sum())]
        old = getattr(genotype, gene)
        others = [choice for choice in ALL_GENES[gene] if choice != old]
        new = others[rng.integers(len(others))]
        return genotype.with_gene(gene, new), f"{gene} {old} -> {new}"

    def cross(
        self,
        base: BlackBoxGenotype,
        other: BlackBoxGenotype,
        blame: Blame,  # noqa: ARG002
        rng: np.random.Generator,
    ) -> tuple[BlackBoxGenotype, str]:
        """Each gene from either parent, with equal odds."""
        taken = [gene for gene in ALL_GENES if rng.random() < 0.5]
        child = base
        for gene in taken:
            child = child.with_gene(gene, getattr(other, gene))
        return child, f"from the other parent: {', '.join(taken) or 'nothing'}"

    def changed(self, before: BlackBoxGenotype, after: BlackBoxGenotype) -> frozenset[str]:
        """The genes that differ."""
        return frozenset(gene for gene in ALL_GENES if getattr(before, gene) != getattr(after, gene))

    def render(self, genotype: BlackBoxGenotype) -> str:
        """See `render.render`."""
        return render.render(genotype)

    def parse(self, source: str, spec: TaskSpec) -> BlackBoxGenotype | None:
        """See `render.parse`."""
        return render.parse(source, spec)

    def settled(self, genotype: BlackBoxGenotype) -> BlackBoxGenotype:
        """Memory is trained by rollouts."""
        return genotype.settled()
