"""What the proposer needs to know of a family of programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeVar

import numpy as np

from zfbench.records.recordings import TaskSpec

Blame = Mapping[str, float]  # share of the error, by neuron group
Credit = Mapping[str, float]  # relative odds of changing each gene; 1 where none is given

G = TypeVar("G")


class Family(Protocol[G]):
    """A set of programs, each written from a genotype and read back from its source.

    Attributes:
        name: as in `--proposer-set family=NAME`.
        genes: the names of what one change can change.
    """

    name: str
    genes: tuple[str, ...]

    def start(self, spec: TaskSpec) -> G:
        """Where a search begins, and what a program of another origin counts as."""
        ...

    def draw(self, spec: TaskSpec, rng: np.random.Generator) -> G:
        """A genotype whose every gene is drawn uniformly from its choices."""
        ...

    def mutate(
        self, genotype: G, spec: TaskSpec, blame: Blame, credit: Credit, rng: np.random.Generator
    ) -> tuple[G, str]:
        """The genotype with one change, and the change in words.

        Args:
            genotype: to change.
            spec: the task.
            blame: which neuron groups to turn to; a family without groups takes no notice.
            credit: which genes to turn to.
            rng: draws the change.
        """
        ...

    def cross(self, base: G, other: G, blame: Blame, rng: np.random.Generator) -> tuple[G, str]:
        """A genotype whose every gene comes from one of the two, and what came from `other` in words."""
        ...

    def changed(self, before: G, after: G) -> frozenset[str]:
        """The genes in which two genotypes differ."""
        ...

    def render(self, genotype: G) -> str:
        """The source of the program, one text for each genotype."""
        ...

    def parse(self, source: str, spec: TaskSpec) -> G | None:
        """The genotype that a source was rendered from; None when it was written otherwise or for another task."""
        ...

    def settled(self, genotype: G) -> G:
        """The genotype with a training that fits it."""
        ...
