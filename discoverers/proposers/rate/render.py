"""From a genotype of the rate family to the source of a program, and back.

The program computes all neurons at once and gives each group its choice by masks, so that it compiles as fast as a
program with one block for all. Only the choices that occur are written down, so that equal models have equal sources.
Numbers of one name begin alike in all programs, whichever neurons they count for.
"""

from __future__ import annotations

import json
import re

from zfbench.discoverers.proposers.rate.genotype import RateGenotype, fits
from zfbench.discoverers.proposers.rate.parts import EVERYONE, Writer, step_lines
from zfbench.records.program import normalise
from zfbench.records.recordings import TaskSpec

MARK = "# rate genotype: "
INDENT = " " * 8

HEAD = '''\
"""One step of every neuron, by the block of its group."""

{mark}

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

training = dict(loss={loss}, learning_rate={learning_rate})
{constants}

class Numbers(nn.Module):
    """Trainable numbers that begin alike whatever else the program has."""

    start: Any
    shape: tuple

    @nn.compact
    def __call__(self):
        return self.param("values", self.start, self.shape)


class Model(nn.Module):
    spec: Any

    def initial_state(self, batch):
        return {initial}

    def members(self, groups):
        """Whether each neuron belongs to one of the groups: [N]."""
        return np.isin(self.spec.groups, groups)

{helpers}\
    def per_neuron(self, name, start, groups, *shape):
        """Trainable numbers of the neurons in the groups, zero for all others: [N, *shape]."""
        keep = self.members(groups).reshape((-1,) + (1,) * len(shape))
        return Numbers(start, (len(self.spec.neurons), *shape), name=name)() * keep

    def reads(self):
        """Which activity and drive each neuron reads: [N, N + D]."""
        N, D = len(self.spec.neurons), len(self.spec.drive)
        wiring = np.ones((N, N)) if self.spec.mask is None else self.spec.mask
        channels = np.ones((N, D)) if self.spec.drive_mask is None else self.spec.drive_mask
{inputs}\
        return np.concatenate([wiring, channels], axis=1).astype(np.float32)

    @nn.compact
    def __call__(self, state, activity, drive):
        {everyone} = self.spec.groups
        zeros, small, normal = nn.initializers.zeros, nn.initializers.normal(0.1), nn.initializers.normal(0.3)
        constant = nn.initializers.constant
        reads = self.reads()
        N, D, M = len(self.spec.neurons), len(self.spec.drive), reads.shape[1]
        inputs = jnp.concatenate([activity, drive], axis=-1)  # [B, M]
        mask = np.ones(N) if self.spec.mask is None else np.diagonal(self.spec.mask)
        own = activity * mask.astype(np.float32)  # [B, N]; zero where a neuron must not read itself
{body}\
        return {state}, after
'''
COLUMN = '''\
    def column(self, groups):
        """`members` of hidden units: [N, 1]."""
        return self.members(groups)[:, None]

'''
GROUPS = '''\
    def groups_of_neurons(self):
        """Which neurons each group has: [G, N]."""
        names = np.asarray(list(dict.fromkeys(self.spec.groups)))
        return (names[:, None] == np.asarray(self.spec.groups)).astype(np.float32)

'''
NARROWED = {
    "SOURCES": """\
        for group, sources in SOURCES.items():
            wiring = wiring * ~(self.members(group)[:, None] & ~self.members(sources))
""",
    "CHANNELS": """\
        for group, names in CHANNELS.items():
            channels = channels * ~(self.members(group)[:, None] & ~np.isin(self.spec.drive, names))
""",
}


def render(genotype: RateGenotype) -> str:
    """The source of the program, one text for each genotype."""
    write = Writer(genotype)
    step = step_lines(write)
    body = "".join(f"{INDENT}{line}\n" for line in step.lines)
    narrowed = {
        "SOURCES": {group: block.sources for group, block in genotype.blocks if block.sources is not None},
        "CHANNELS": {group: block.channels for group, block in genotype.blocks if block.channels is not None},
    }
    used = {name: text for name, text in write.constants.items() if re.search(rf"\b{name}\b", body)}
    constants = "".join(f"{name} = {text}\n" for name, text in used.items())
    for name, of in narrowed.items():
        if of:
            lines = "".join(f"    {json.dumps(group)}: {_listed(names)},\n" for group, names in of.items())
            constants += f"{name} = {{  # of the groups that do not read everything\n{lines}}}\n"
    return HEAD.format(
        mark=MARK + genotype.to_json(),
        loss=json.dumps(genotype.loss),
        learning_rate=genotype.learning_rate,
        constants=constants,
        initial='{"trace": jnp.zeros((batch, len(self.spec.neurons)))}' if step.remembers else "()",
        helpers=(COLUMN if "self.column(" in body else "") + (GROUPS if "self.groups_of_neurons(" in body else ""),
        inputs="".join(text for name, text in NARROWED.items() if narrowed[name]),
        everyone=EVERYONE,
        body=body,
        state='{"trace": trace}' if step.remembers else "state",
    )


def _listed(names: tuple[str, ...]) -> str:
    """A list on one line, or one name a line where it is long."""
    line = json.dumps(names)
    return line if len(line) < 80 else "[\n" + "".join(f"        {json.dumps(n)},\n" for n in names) + "    ]"


def parse(source: str, spec: TaskSpec) -> RateGenotype | None:
    """The genotype that a source was rendered from; None when it was written otherwise or for another task.

    The comment alone is not believed: an edited program may carry the genotype of what it was before.
    """
    line = re.search(f"^{re.escape(MARK)}(.*)$", source, re.MULTILINE)
    if line is None:
        return None
    try:
        genotype = RateGenotype.from_json(line.group(1))
    except ValueError:
        return None
    return genotype if fits(genotype, spec) and normalise(render(genotype)) == normalise(source) else None
