"""Rendering of a genotype as the source of a program, and reading of a source as a genotype.

The program computes all neurons at once and selects the choice of each group with masks, so that it compiles as fast as
a program with one block for all. Only choices that occur are written, so that equal models have equal sources.
Parameters of one name have the same initial values in all programs, whichever neurons use them.
"""

from __future__ import annotations

import json
import math
import re

from zfbench.discoverers.proposers.grammar.blocks import EVERYONE, PATTERNS, GroupSelection, Size, step_lines
from zfbench.discoverers.proposers.grammar.genotype import Choice, Genotype
from zfbench.records.program import normalise
from zfbench.records.recordings import TaskSpec

MARK = "# genotype: "
INDENT = " " * 8

HEAD = '''\
"""{title}"""

{mark}

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

{constants}

class Numbers(nn.Module):
    """Trainable numbers that start alike whatever else the program has."""

    start: Any
    shape: tuple

    @nn.compact
    def __call__(self):
        return self.param("values", self.start, self.shape)


class Model(nn.Module):
    spec: Any

    def initial_state(self, batch):
        return {state}

{members}
    def per_neuron(self, name, start, groups, *shape):
        """Trainable numbers of the neurons in the groups, zero for all others: [N, *shape]."""
        keep = self.members(groups).reshape((-1,) + (1,) * len(shape))
        return Numbers(start, (len(self.spec.neurons), *shape), name=name)() * keep

    def reads(self):
        """Which activity and drive each neuron reads: [N, N + D]."""
        N, D = len(self.spec.neurons), len(self.spec.drive)
        wiring = np.ones((N, N)) if self.spec.mask is None else self.spec.mask
        drive_wiring = np.ones((N, D)) if self.spec.drive_mask is None else self.spec.drive_mask
{wiring}        return jnp.concatenate([wiring, drive_wiring], axis=1).astype(jnp.float32)

    @nn.compact
    def __call__(self, state, activity, drive):
{opening}        zeros, small, normal = nn.initializers.zeros, nn.initializers.normal(0.1), nn.initializers.normal(0.3)
        constant = nn.initializers.constant
        reads = self.reads()
        N, M = reads.shape
        inputs = jnp.concatenate([activity, drive], axis=-1)  # [B, M]
        own = activity * jnp.diagonal(reads)  # [B, N]; zero where a neuron must not read itself
'''
MEMBERS = '''\
    def members(self, groups):
        """Whether each neuron belongs to one of the groups: [N]."""
        return np.isin(self.spec.groups, groups)
'''


def render(genotype: Genotype) -> str:
    """Return the source of the program, one text for each genotype."""
    training = f"training = dict(loss={json.dumps(genotype.loss)}, learning_rate={genotype.learning_rate})\n"
    return write(
        GenotypeSelection(genotype),
        title="One step of every neuron, by the block of its group.",
        mark=MARK + genotype.to_json(),
        prologue=training,
        members=MEMBERS,
        opening=f"{INDENT}{EVERYONE} = self.spec.groups\n",
    )


def write(selection: GroupSelection, title: str, mark: str, prologue: str, members: str, opening: str) -> str:
    """Return a whole program.

    Args:
        selection: groups that make each choice.
        title: docstring of the program.
        mark: comment below the docstring.
        prologue: lines before the constants.
        members: source of the method that tells which neurons belong to groups.
        opening: first lines of the step.

    Returns:
        The source.
    """
    step = step_lines(selection)
    head = HEAD.format(
        title=title,
        mark=mark,
        constants=prologue + "".join(f"{name} = {text}\n" for name, text in selection.named.items()),
        state=step.initial_state,
        members=members,
        wiring="".join(f"{INDENT}{line}\n" for line in step.wiring),
        opening=opening,
    )
    body = "".join(f"{INDENT}{line}\n" for line in step.lines)
    return f"{head}{body}{INDENT}return {step.state}, after\n"


def count_numbers(genotype: Genotype, spec: TaskSpec) -> int:
    """Return the number of trainable numbers of the program, including those of neurons that do not use them."""
    selection = GenotypeSelection(genotype)
    step_lines(selection)
    N, D = len(spec.neurons), len(spec.drive)
    sizes = {"M": N + D, "M - N": D}

    def length(size: Size) -> int:
        return size if isinstance(size, int) else sizes[size]

    shared = PATTERNS * (N + D) if selection("coupling", "low_rank") else 0
    return shared + N * sum(math.prod(map(length, shape)) for shape in selection.shapes.values())


class GenotypeSelection(GroupSelection):
    """The groups that make a choice in a genotype, as constants that list their names."""

    def __init__(self, genotype: Genotype) -> None:
        super().__init__()
        self._blocks = genotype.blocks

    def find(self, gene: str, choices: tuple[Choice, ...]) -> str:
        """Return the text of a tuple with the names of the groups.

        It is `EVERYONE` for all groups, and empty for none.
        """
        groups = [group for group, block in self._blocks if getattr(block, gene) in choices]
        if len(groups) == len(self._blocks):
            return EVERYONE
        return "(" + "".join(f"{json.dumps(group)}, " for group in groups).rstrip() + ")" if groups else ""


def parse(source: str, spec: TaskSpec) -> Genotype | None:
    """Return the genotype that a source was rendered from; None if it was written otherwise or for other groups.

    The comment in the source is not trusted alone, because an edited program may carry the genotype of its earlier
    form.
    """
    line = re.search(f"^{re.escape(MARK)}(.*)$", source, re.MULTILINE)
    if line is None:
        return None
    try:
        genotype = Genotype.from_json(line.group(1))
    except ValueError:
        return None
    ours = genotype.groups == tuple(dict.fromkeys(spec.groups))
    return genotype if ours and normalise(render(genotype)) == normalise(source) else None
