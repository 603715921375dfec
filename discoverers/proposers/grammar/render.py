"""From a genotype to the source of a program, and back.

The program computes all neurons at once and gives each group its choice by masks, so that it compiles as fast
as a program with one block for all. Only the choices that occur are written down, so that equal models have
equal sources. Numbers of one name start alike in all programs, whichever neurons they count for.
"""

from __future__ import annotations

import json
import math
import re

from zfbench.discoverers.proposers.grammar.blocks import EVERYONE, PATTERNS, Members, Size, step_lines
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
    """The source of the program, one text for each genotype."""
    training = f"training = dict(loss={json.dumps(genotype.loss)}, learning_rate={genotype.learning_rate})\n"
    return write(
        Choices(genotype),
        title="One step of every neuron, by the block of its group.",
        mark=MARK + genotype.to_json(),
        prologue=training,
        members=MEMBERS,
        opening=f"{INDENT}{EVERYONE} = self.spec.groups\n",
    )


def write(who: Members, title: str, mark: str, prologue: str, members: str, opening: str) -> str:
    """A whole program, from who makes which choice and from how it tells who does."""
    step = step_lines(who)
    head = HEAD.format(
        title=title,
        mark=mark,
        constants=prologue + "".join(f"{name} = {text}\n" for name, text in who.named.items()),
        state=step.initial_state,
        members=members,
        wiring="".join(f"{INDENT}{line}\n" for line in step.wiring),
        opening=opening,
    )
    body = "".join(f"{INDENT}{line}\n" for line in step.lines)
    return f"{head}{body}{INDENT}return {step.state}, after\n"


def count_numbers(genotype: Genotype, spec: TaskSpec) -> int:
    """How many trainable numbers the program has, those of neurons that they do not count for included."""
    who = Choices(genotype)
    step_lines(who)
    N, D = len(spec.neurons), len(spec.drive)
    sizes = {"M": N + D, "M - N": D}

    def length(size: Size) -> int:
        return size if isinstance(size, int) else sizes[size]

    shared = PATTERNS * (N + D) if who("coupling", "low_rank") else 0
    return shared + N * sum(math.prod(map(length, shape)) for shape in who.shapes.values())


class Choices(Members):
    """Who makes a choice in a genotype: everyone, a constant that lists the groups, or nobody."""

    def __init__(self, genotype: Genotype) -> None:
        super().__init__()
        self._blocks = genotype.blocks

    def find(self, gene: str, choices: tuple[Choice, ...]) -> str:
        """See `Members.find`."""
        groups = [group for group, block in self._blocks if getattr(block, gene) in choices]
        if len(groups) == len(self._blocks):
            return EVERYONE
        return "(" + "".join(f"{json.dumps(group)}, " for group in groups).rstrip() + ")" if groups else ""


def parse(source: str, spec: TaskSpec) -> Genotype | None:
    """The genotype that a source was rendered from; None when it was written otherwise or for other groups.

    The comment alone is not believed: an edited program may carry the genotype of what it was before.
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
