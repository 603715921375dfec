"""The rate family as the proposer sees it."""

from __future__ import annotations

import numpy as np

from zfbench.discoverers.proposers.families.family import Blame, Credit, Family
from zfbench.discoverers.proposers.rate import genotype as genotypes
from zfbench.discoverers.proposers.rate import operators, render
from zfbench.discoverers.proposers.rate.genotype import GENES, INPUTS, RateGenotype
from zfbench.records.recordings import TaskSpec


class RateFamily(Family[RateGenotype]):
    """See `Family`; a program has one typed block for each neuron group."""

    name = "rate"
    genes = (*GENES, *INPUTS)

    def start(self, spec: TaskSpec) -> RateGenotype:
        """Leaky sigmoid units that read everything that the wiring allows."""
        return genotypes.start(spec)

    def draw(self, spec: TaskSpec, rng: np.random.Generator) -> RateGenotype:
        """See `operators.draw`."""
        return operators.draw(spec, rng)

    def mutate(
        self, genotype: RateGenotype, spec: TaskSpec, blame: Blame, credit: Credit, rng: np.random.Generator
    ) -> tuple[RateGenotype, str]:
        """See `operators.mutate`."""
        return operators.mutate(genotype, spec, blame, credit, rng)

    def cross(
        self, base: RateGenotype, other: RateGenotype, blame: Blame, rng: np.random.Generator
    ) -> tuple[RateGenotype, str]:
        """See `operators.crossover`."""
        return operators.crossover(base, other, blame, rng)

    def changed(self, before: RateGenotype, after: RateGenotype) -> frozenset[str]:
        """The genes in which the blocks of any group differ."""
        pairs = [(old, new) for (_, old), (_, new) in zip(before.blocks, after.blocks, strict=True)]
        return frozenset(g for g in self.genes if any(getattr(old, g) != getattr(new, g) for old, new in pairs))

    def render(self, genotype: RateGenotype) -> str:
        """See `render.render`."""
        return render.render(genotype)

    def parse(self, source: str, spec: TaskSpec) -> RateGenotype | None:
        """See `render.parse`."""
        return render.parse(source, spec)

    def settled(self, genotype: RateGenotype) -> RateGenotype:
        """Memory is trained by rollouts."""
        return genotype.settled()
