"""What the black-box family varies: a network, its memory and its output, alike for all neurons; and the training.

No gene names a group or a neuron, and no part is made for neurons: there is no leak and no squash unless it is drawn.
The family does not contain the published circuit. That has linear and sigmoid neurons side by side, where a program of
this family gives all neurons one output, and motor neurons whose input is a product of activity and drive, which no
finite network of these activations computes exactly.

Where the wiring is given, the network is applied to the inputs that each neuron may read, so that a neuron depends on
no others; its weights are shared by all neurons unless the trunk is `neurons`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, cast

import numpy as np

from zfbench.discoverers.proposers.families.training import Choice, check_training, settled, training_genes

VERSION = 1  # rises when a genotype comes to mean another program, or equal draws to give another genotype


@dataclass(frozen=True)
class BlackBoxGenotype:
    """A point of the family.

    Attributes:
        trunk: `shared`, a perceptron of all inputs; `neurons`, a perceptron for each neuron with a quarter of the
            width; `attention`, two heads with which each neuron looks at the inputs, then a shared perceptron.
        depth: hidden layers of the perceptron.
        width: units of each layer.
        activation: of each layer.
        normalisation: before each activation: `none`, `layer` (Ba et al. 2016), or by the root mean square, `rms`
            (Zhang & Sennrich 2019).
        skip: whether a layer adds its input to its output, where both have one width.
        memory: `none`; `gru` (Cho et al. 2014) or `gated`, a GRU with one gate (Zhou et al. 2016), on the features; or
            `window`, the mean of the features over about ten steps.
        output: `next`, the activity itself; `change`, added to it; `leak`, what it leaks to at a trained rate; `mix`,
            what it moves to by a gate that the network computes.
        bound: of what the network puts out: `free`, `sigmoid`, `tanh`, or `clip` to [0, 1].
        loss: a key of the contract's `LOSSES`.
        learning_rate: one of the contract's `LEARNING_RATES`.
    """

    trunk: str = "shared"
    depth: int = 1
    width: int = 64
    activation: str = "tanh"
    normalisation: str = "none"
    skip: str = "none"
    memory: str = "none"
    output: str = "change"
    bound: str = "free"
    loss: str = "curriculum"
    learning_rate: float = 0.01

    @property
    def recurrent(self) -> bool:
        """Whether the program has hidden state."""
        return self.memory != "none"

    def settled(self) -> BlackBoxGenotype:
        """This genotype, with memory trained by rollouts."""
        loss, rate = settled(self.loss, self.learning_rate, self.recurrent)
        return replace(self, loss=loss, learning_rate=rate)

    def with_gene(self, gene: str, choice: Choice) -> BlackBoxGenotype:
        """This genotype with one gene replaced."""
        return replace(self, **cast("dict[str, Any]", {gene: choice}))

    def to_json(self) -> str:
        """One line of canonical JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> BlackBoxGenotype:
        """The inverse of `to_json`.

        Raises:
            ValueError: not the JSON of a genotype, or a choice that the family does not have.
        """
        content = json.loads(text)
        if not isinstance(content, dict) or list(content) != [field.name for field in fields(cls)]:
            raise ValueError("not a genotype of the black-box family: its genes are others")
        for gene, choices in GENES.items():
            if not any(content[gene] == choice and type(content[gene]) is type(choice) for choice in choices):
                raise ValueError(f"there is no {gene} {content[gene]!r}")
        check_training(content["loss"], content["learning_rate"])
        return cls(**content)


GENES: dict[str, tuple[Choice, ...]] = {
    "trunk": ("shared", "neurons", "attention"),
    "depth": (1, 2, 3, 4),
    "width": (16, 32, 64, 128),
    "activation": ("tanh", "relu", "silu", "gelu"),
    "normalisation": ("none", "layer", "rms"),
    "skip": ("none", "add"),
    "memory": ("none", "gru", "gated", "window"),
    "output": ("next", "change", "leak", "mix"),
    "bound": ("free", "sigmoid", "tanh", "clip"),
}
ALL_GENES = GENES | training_genes("curriculum")


def draw(rng: np.random.Generator) -> BlackBoxGenotype:
    """Every gene uniformly from its choices."""
    drawn: dict[str, Any] = {gene: choices[rng.integers(len(choices))] for gene, choices in ALL_GENES.items()}
    return BlackBoxGenotype(**drawn)


# Fields and genes are two views of one list; a gene added to one only would be lost in rendering.
assert tuple(ALL_GENES) == tuple(field.name for field in fields(BlackBoxGenotype))
