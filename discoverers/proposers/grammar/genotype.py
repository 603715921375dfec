"""The genotype that the grammar varies: one choice per gene for every neuron group, and the training of the program.

A genotype contains no numbers that could be tuned, because constants are trainable parameters of the rendered program.
Searching over structure while constants are fitted found models ten times better than mutating the constants too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, cast

from zfbench.forecasting.contract import LEARNING_RATES, LOSSES, TrainingChoice
from zfbench.records.recordings import TaskSpec

Choice = str | int | float

VERSION = 2  # rises when a genotype begins to mean another program, or equal random draws give another genotype


@dataclass(frozen=True)
class Block:
    """The model of one neuron group.

    With own activity a, a readout z of the inputs, and a nonlinearity f:

    Attributes:
        form: `leak` a + rate (f(z) - a); `residual` a + step f(z); `integrate_reset`
            (1 - reset) (a + rate f(z)), where the reset is a sigmoid readout of its own.
        nonlinearity: f.
        coupling: what z reads: `full` all allowed inputs; `no_lateral` these without the others of its group;
            `low_rank` all allowed inputs through four patterns that all such groups share; `diagonal` own activity
            and allowed drive only.
        width: hidden tanh units per neuron that are added to the linear readout.
        gate: `none`; `min` (and), `max` (or) of z and of z plus a second linear readout; `product` of z and of one
            plus that readout.
        modulation: `none`; `gain` z times one plus a readout of the drive; `gate` z times twice the sigmoid of it.
        memory: `none`; `adaptation` a slow trace of a is subtracted from z; `gain_control` it divides z; `gated`
            units like those of a GRU, of the neuron's own, are added; `oscillator` a damped rotation that the inputs
            push is added.
    """

    form: str = "leak"
    nonlinearity: str = "sigmoid"
    coupling: str = "full"
    width: int = 0
    gate: str = "none"
    modulation: str = "none"
    memory: str = "none"


BLOCK_GENES: dict[str, tuple[Choice, ...]] = {
    "form": ("leak", "residual", "integrate_reset"),
    "nonlinearity": ("sigmoid", "tanh", "softplus", "relu", "identity"),
    "coupling": ("full", "no_lateral", "low_rank", "diagonal"),
    "width": (0, 8),
    "gate": ("none", "min", "max", "product"),
    "modulation": ("none", "gain", "gate"),
    "memory": ("none", "adaptation", "gain_control", "gated", "oscillator"),
}
OPTIONAL_GENES = ("width", "gate", "modulation", "memory")  # their first choice leaves a part out
TRAINING_GENES: dict[str, tuple[Choice, ...]] = {"loss": tuple(LOSSES), "learning_rate": LEARNING_RATES}
ROLLOUT_RATE = TrainingChoice(loss="rollout").resolve(recurrent=True, updates=0)[1]


@dataclass(frozen=True)
class Genotype:
    """A program of the grammar, as a block for each neuron group and the choices of its training.

    Attributes:
        blocks: (group, block) in the task's order of groups.
        loss: a key of the contract's `LOSSES`.
        learning_rate: one of the contract's `LEARNING_RATES`.
    """

    blocks: tuple[tuple[str, Block], ...]
    loss: str = "curriculum"
    learning_rate: float = 0.03

    @property
    def groups(self) -> tuple[str, ...]:
        """The neuron groups, in order."""
        return tuple(group for group, _ in self.blocks)

    @property
    def recurrent(self) -> bool:
        """True if any neuron has memory beyond its activity."""
        return any(block.memory != "none" for _, block in self.blocks)

    def with_suitable_training(self) -> Genotype:
        """Return this genotype, trained by rollouts at no more than their usual learning rate if it has memory.

        Training on single steps gives no gradient to memory, as `TrainingChoice.resolve` explains.
        """
        if not self.recurrent or self.loss == "rollout":
            return self
        return replace(self, loss="rollout", learning_rate=min(self.learning_rate, ROLLOUT_RATE))

    def block(self, group: str) -> Block:
        """Return the block of a group."""
        return dict(self.blocks)[group]

    def with_gene(self, groups: Iterable[str], gene: str, choice: Choice) -> Genotype:
        """Return this genotype with one gene of some groups replaced.

        Args:
            groups: the groups.
            gene: name of the gene.
            choice: the new choice.
        """
        chosen, change = set(groups), cast("dict[str, Any]", {gene: choice})
        blocks = ((g, replace(b, **change) if g in chosen else b) for g, b in self.blocks)
        return replace(self, blocks=tuple(blocks))

    def to_json(self) -> str:
        """Return one line of canonical JSON."""
        blocks = {group: [getattr(block, gene) for gene in BLOCK_GENES] for group, block in self.blocks}
        return json.dumps({"blocks": blocks, "loss": self.loss, "learning_rate": self.learning_rate})

    @classmethod
    def from_json(cls, text: str) -> Genotype:
        """Read the form that `to_json` returns.

        Raises:
            ValueError: the text is not the JSON of a genotype, or has a choice that the grammar does not have.
        """
        try:
            content: dict[str, Any] = json.loads(text)
            pairs = content["blocks"].items()
            blocks = tuple((g, Block(**dict(zip(BLOCK_GENES, row, strict=True)))) for g, row in pairs)
            genotype = cls(blocks, content["loss"], content["learning_rate"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a genotype: {error}") from error
        genotype._check()
        return genotype

    def _check(self) -> None:
        for gene, choices in BLOCK_GENES.items():
            for group, block in self.blocks:
                if getattr(block, gene) not in choices:
                    raise ValueError(f"{group} has no {gene} {getattr(block, gene)!r}")
        for gene, choices in TRAINING_GENES.items():
            if getattr(self, gene) not in choices:
                raise ValueError(f"there is no {gene} {getattr(self, gene)!r}")


def default_genotype(spec: TaskSpec) -> Genotype:
    """Return the genotype that searches start from: leaky sigmoid units that read all allowed inputs."""
    return Genotype(tuple((group, Block()) for group in dict.fromkeys(spec.groups)))


def block_genes(spec: TaskSpec) -> dict[str, tuple[Choice, ...]]:
    """Return the genes that have an effect in a task: without drive, modulation has none."""
    return {gene: choices for gene, choices in BLOCK_GENES.items() if gene != "modulation" or spec.drive}


# Fields and genes are two views of one list; a gene added to one only would be lost in rendering.
assert tuple(BLOCK_GENES) == tuple(field.name for field in fields(Block))
