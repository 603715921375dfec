"""What the rate family varies: one choice per gene for every neuron group, what each group reads, and the training.

A genotype holds no numbers that could be tuned: constants are trainable parameters of the rendered program.

The family contains the published circuit, and a search must not find it by picking from a list of true parts. So every
gene offers at least three choices that the circuit's equations have in no group beside each that some group has, and
whatever is chosen, it costs one change. (Some of them are the same function with other constants: docs/spaces.md.) The
list below was fixed before any program of the family was trained, but for `contrast`:

| gene | in the equations of some group | of none |
|---|---|---|
| unit | sigmoid, linear | tanh, softplus, relu, clip |
| form | leak, integrate | instant, saturate, cubic |
| rate | fixed, drive | activity, own, rise |
| reset | none, drive | activity, own, constant |
| slope | fixed, drive | activity, own, bounded |
| synapse | plain, drive | group, own, squared |
| gate | none, min | product, ratio, contrast |
| memory | none | adaptation, facilitation, delay |
| hidden | none | tanh, relu, sine |
| sources, channels | one set of groups, one of drive channels | all other sets |
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, cast

import numpy as np

from zfbench.discoverers.proposers.families.training import Choice, check_training, settled, training_genes
from zfbench.records.recordings import TaskSpec

VERSION = 2  # rises when a genotype comes to mean another program, or equal draws to give another genotype

Names = tuple[str, ...] | None  # None: all that the wiring allows


@dataclass(frozen=True)
class Block:
    """The model of one neuron group.

    With own activity a, drive x, the activity A of all neurons, and W a linear readout of what the group reads:

        u      = W (A, x) + synapse + gate + hidden, then memory
        target = f(slope (u - bias))
        a(t)   = (1 - reset) form(a, rate, target)

    A bias that the drive moves needs no gene: it is the readout of the drive in u.

    Attributes:
        unit: f, `sigmoid`, `linear`, `tanh`, `softplus`, `relu`, or `clip` to [0, 1].
        form: `leak` a + rate (target - a); `integrate` a + rate target; `instant` target; `saturate`
            a + rate target (1 - a); `cubic` a + rate (target - a^3).
        rate: `fixed`; scaled by one plus a readout of the `drive` or of all `activity`, or by one plus a multiple of
            the `own` activity; or scaled on the way up alone (`rise`). Scaled rates stay in [0, 1].
        reset: `none`; a readout of the `drive`, of all `activity`, a multiple of the `own` activity, or a `constant`,
            each kept in [0, 1].
        slope: `fixed`; plus a readout of the `drive` or of all `activity`, or plus a multiple of the `own` activity; or
            times a readout of the drive that is `bounded` to [0, 2].
        synapse: `plain`; or with further synapses that are scaled by each channel of the `drive`, by the mean rate of
            each `group`, or by the `own` activity; or that transmit the `squared` input.
        gate: `none`, or a weighted sum over all pairs of inputs p, q that it reads: of their `min` (and), `product`,
            `ratio` p / (1 + q^2) or `contrast` (p - q) / (1 + |p| + |q|). There is no `max`, which is p + q - min.
        memory: `none`; a slow trace of a is subtracted from u (`adaptation`) or scales it (`facilitation`); or part of
            u arrives through a slow trace of u (`delay`).
        hidden: `none`, or eight hidden units for each neuron: `tanh`, `relu` or `sine`.
        sources: the groups whose activity the group reads, in the task's order; None: all that the wiring allows.
        channels: the drive channels that it reads, likewise.
    """

    unit: str = "sigmoid"
    form: str = "leak"
    rate: str = "fixed"
    reset: str = "none"
    slope: str = "fixed"
    synapse: str = "plain"
    gate: str = "none"
    memory: str = "none"
    hidden: str = "none"
    sources: Names = None
    channels: Names = None


GENES: dict[str, tuple[str, ...]] = {
    "unit": ("sigmoid", "linear", "tanh", "softplus", "relu", "clip"),
    "form": ("leak", "integrate", "instant", "saturate", "cubic"),
    "rate": ("fixed", "drive", "activity", "own", "rise"),
    "reset": ("none", "drive", "activity", "own", "constant"),
    "slope": ("fixed", "drive", "activity", "own", "bounded"),
    "synapse": ("plain", "drive", "group", "own", "squared"),
    "gate": ("none", "min", "product", "ratio", "contrast"),
    "memory": ("none", "adaptation", "facilitation", "delay"),
    "hidden": ("none", "tanh", "relu", "sine"),
}
INPUTS = ("sources", "channels")
INSERTED = ("rate", "reset", "slope", "synapse", "gate", "memory", "hidden")  # parts that begin without effect
TRAINING_GENES = training_genes("quick_curriculum")
NEED_DRIVE = {"rate": ("drive",), "reset": ("drive",), "slope": ("drive", "bounded"), "synapse": ("drive",)}


@dataclass(frozen=True)
class RateGenotype:
    """A point of the family.

    Attributes:
        blocks: (group, block) in the task's order of groups.
        loss: a key of the contract's `LOSSES`.
        learning_rate: one of the contract's `LEARNING_RATES`.
    """

    blocks: tuple[tuple[str, Block], ...]
    loss: str = "quick_curriculum"
    learning_rate: float = 0.03

    @property
    def groups(self) -> tuple[str, ...]:
        """The neuron groups, in order."""
        return tuple(group for group, _ in self.blocks)

    @property
    def recurrent(self) -> bool:
        """Whether any neuron remembers more than its activity."""
        return any(block.memory != "none" for _, block in self.blocks)

    def settled(self) -> RateGenotype:
        """This genotype, with memory trained by rollouts."""
        loss, rate = settled(self.loss, self.learning_rate, self.recurrent)
        return replace(self, loss=loss, learning_rate=rate)

    def block(self, group: str) -> Block:
        """The model of a group."""
        return dict(self.blocks)[group]

    def with_gene(self, groups: Iterable[str], gene: str, choice: Choice | Names) -> RateGenotype:
        """This genotype with one gene of some groups replaced."""
        chosen, change = set(groups), cast("dict[str, Any]", {gene: choice})
        blocks = ((g, replace(b, **change) if g in chosen else b) for g, b in self.blocks)
        return replace(self, blocks=tuple(blocks))

    def to_json(self) -> str:
        """One line of canonical JSON."""
        blocks = {group: [getattr(block, gene) for gene in (*GENES, *INPUTS)] for group, block in self.blocks}
        return json.dumps({"blocks": blocks, "loss": self.loss, "learning_rate": self.learning_rate})

    @classmethod
    def from_json(cls, text: str) -> RateGenotype:
        """The inverse of `to_json`.

        Raises:
            ValueError: not the JSON of a genotype, or a choice that the family does not have.
        """
        try:
            content: dict[str, Any] = json.loads(text)
            pairs = [
                (group, dict(zip((*GENES, *INPUTS), row, strict=True))) for group, row in content["blocks"].items()
            ]
            for _, row in pairs:
                row |= {inputs: row[inputs] if row[inputs] is None else tuple(row[inputs]) for inputs in INPUTS}
            genotype = cls(
                tuple((group, Block(**row)) for group, row in pairs), content["loss"], content["learning_rate"]
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a genotype of the rate family: {error}") from error
        for gene, choices in GENES.items():
            for group, block in genotype.blocks:
                if getattr(block, gene) not in choices:
                    raise ValueError(f"{group} has no {gene} {getattr(block, gene)!r}")
        check_training(genotype.loss, genotype.learning_rate)
        return genotype


def start(spec: TaskSpec) -> RateGenotype:
    """Leaky sigmoid units that read everything that the wiring allows: where searches of the family begin."""
    return RateGenotype(tuple((group, Block()) for group in dict.fromkeys(spec.groups)))


def choices(gene: str, spec: TaskSpec) -> tuple[str, ...]:
    """What a gene may be in a task: without drive, nothing can be moved by it."""
    barred = () if spec.drive else NEED_DRIVE.get(gene, ())
    return tuple(choice for choice in GENES[gene] if choice not in barred)


def allowed(spec: TaskSpec, group: str, inputs: str) -> tuple[str, ...]:
    """The groups (`sources`) or drive channels (`channels`) of which a group may read at least one neuron."""
    members = spec.indices(group)
    if inputs == "channels":
        channels = range(len(spec.drive))
        return tuple(spec.drive[d] for d in channels if spec.drive_mask is None or spec.drive_mask[members, d].any())
    groups = dict.fromkeys(spec.groups)
    return tuple(g for g in groups if spec.mask is None or spec.mask[np.ix_(members, spec.indices(g))].any())


def names(chosen: Iterable[str], possible: Sequence[str]) -> Names:
    """The one form of a set of inputs: in the order of what is possible, and None where it is all of that."""
    kept = set(chosen)
    ordered = tuple(name for name in possible if name in kept)
    return None if len(ordered) == len(possible) else ordered


def fits(genotype: RateGenotype, spec: TaskSpec) -> bool:
    """Whether a genotype is one of this task: its groups, and inputs that these may read, in their one form."""
    if genotype.groups != tuple(dict.fromkeys(spec.groups)):
        return False
    return all(
        (chosen := getattr(block, inputs)) is None or chosen == names(chosen, allowed(spec, group, inputs))
        for group, block in genotype.blocks
        for inputs in INPUTS
    )


# Fields and genes are two views of one list; a gene added to one only would be lost in rendering.
assert (*GENES, *INPUTS) == tuple(field.name for field in fields(Block))
