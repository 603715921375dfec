"""From a genotype to the source of a program, and back.

The program computes all neurons at once and gives each group its choice by masks, so that it compiles as fast
as a program with one block for all. Only the choices that occur are written down, so that equal models have
equal sources.
"""

from __future__ import annotations

import json
import re

from discoverers.proposers.grammar.genotype import Choice, Genotype
from zfbench.search.types import normalise
from zfbench.tasks.task import TaskSpec

MARK = "# genotype: "

NONLINEARITIES = {
    "sigmoid": "nn.sigmoid(z)",
    "tanh": "jnp.tanh(z)",
    "softplus": "nn.softplus(z)",
    "relu": "nn.relu(z)",
    "identity": "z",
}
FORMS = {
    "leak": "own + rate * (target - own)",
    "residual": "own + step * target",
    "integrate_reset": "(1 - reset) * (own + rate * target)",
}
NAMES: dict[tuple[str, tuple[Choice, ...]], str] = {  # of constants; others are named after their choice
    ("coupling", ("full", "diagonal")): "DENSE",
    ("width", (8,)): "WIDE",
    ("gate", ("min", "product")): "GATED",
    ("gate", ("min",)): "MIN_GATED",
    ("gate", ("product",)): "PRODUCT_GATED",
    ("modulation", ("gain",)): "MODULATED",
    ("form", ("leak", "integrate_reset")): "RATED",
}
EVERYONE = "everyone"
PATTERNS = 4  # rank of a low-rank coupling
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

class Model(nn.Module):
    spec: Any

    def initial_state(self, batch):
        return ()

    def members(self, groups):
        """Whether each neuron belongs to one of the groups: [N]."""
        return np.isin(self.spec.groups, groups)

    def per_neuron(self, name, start, groups, *shape):
        """A parameter of the neurons in the groups, zero for all others: [N, *shape]."""
        rows = np.flatnonzero(self.members(groups))
        values = self.param(name, start, (len(rows), *shape))
        return jnp.zeros((len(self.spec.neurons), *shape)).at[rows].set(values)

    def reads(self):
        """Which activity and drive each neuron reads: [N, N + D]."""
        N, D = len(self.spec.neurons), len(self.spec.drive)
        wiring = np.ones((N, N)) if self.spec.mask is None else self.spec.mask
        drive_wiring = np.ones((N, D)) if self.spec.drive_mask is None else self.spec.drive_mask
{diagonal}        return np.concatenate([wiring, drive_wiring], axis=1).astype(np.float32)

    @nn.compact
    def __call__(self, state, activity, drive):
        everyone, zeros, small = self.spec.groups, nn.initializers.zeros, nn.initializers.normal(0.1)
        reads = self.reads()
        N, M = reads.shape
        inputs = jnp.concatenate([activity, drive], axis=-1)  # [B, M]
        own = activity * np.diag(reads)  # [B, N]; zero where a neuron must not read itself
'''


def render(genotype: Genotype) -> str:
    """The source of the program, one text for each genotype."""
    members = _Members(genotype)
    steps = [*_readout(members), *_hidden(members), *_gates(members), *_gain(members), *_next(members)]
    if members("coupling", "diagonal") == EVERYONE:
        diagonal = f"{INDENT}wiring = wiring * np.eye(N)\n"
    elif some := members("coupling", "diagonal"):
        diagonal = f"{INDENT}wiring = np.where(self.members({some})[:, None], wiring * np.eye(N), wiring)\n"
    else:
        diagonal = ""
    head = HEAD.format(
        mark=MARK + genotype.to_json(),
        loss=json.dumps(genotype.loss),
        learning_rate=genotype.learning_rate,
        constants="".join(f"{name} = {groups}\n" for name, groups in members.named.items()),
        diagonal=diagonal,
    )
    return head + "".join(f"{INDENT}{step}\n" for step in steps) + f"{INDENT}return state, after\n"


class _Members:
    """Who makes a choice: `everyone`, the name of a constant that lists the groups, or nobody (empty).

    Attributes:
        named: the constants that were asked for, with the text of their tuples.
    """

    def __init__(self, genotype: Genotype) -> None:
        self._genotype = genotype
        self.named: dict[str, str] = {}

    def __call__(self, gene: str, *choices: Choice) -> str:
        blocks = self._genotype.blocks
        groups = [group for group, block in blocks if getattr(block, gene) in choices]
        if len(groups) == len(blocks):
            return EVERYONE
        if groups:
            name = NAMES.get((gene, choices), str(choices[0]).upper())
            self.named[name] = "(" + "".join(f"{json.dumps(group)}, " for group in groups).rstrip() + ")"
            return name
        return ""

    def select(self, gene: str, variable: str, expressions: dict[str, str]) -> list[str]:
        """Lines that set a variable to the expression of each neuron's choice."""
        lines: list[str] = []
        for choice, expression in expressions.items():
            who = self(gene, choice) if lines else self._anyone(gene, choice)
            if who and not lines:
                lines = [f"{variable} = {expression}"]
            elif who:
                lines.append(f"{variable} = jnp.where(self.members({who}), {expression}, {variable})")
        return lines

    def _anyone(self, gene: str, choice: Choice) -> bool:
        return any(getattr(block, gene) == choice for _, block in self._genotype.blocks)


def _readout(members: _Members) -> list[str]:
    lines, terms = ["# A linear readout of the inputs."], []
    if dense := members("coupling", "full", "diagonal"):
        lines.append(f'dense = self.per_neuron("weights", small, {dense}, M)')
        terms.append("dense")
    if shared := members("coupling", "low_rank"):
        lines.append(f'patterns = self.param("patterns", small, ({PATTERNS}, M))')
        start = "nn.initializers.normal(0.5)"
        lines.append(f'shared = self.per_neuron("mixing", {start}, {shared}, {PATTERNS}) @ patterns')
        terms.append("shared")
    weights = " + ".join(terms)
    weights = f"({weights})" if len(terms) > 1 else weights
    lines.append(f"weights = {weights} * reads  # [N, M]")
    lines.append('z = inputs @ weights.T + self.per_neuron("bias", zeros, everyone)  # [B, N]')
    return lines


def _hidden(members: _Members) -> list[str]:
    if not (wide := members("width", 8)):
        return []
    return [
        "# Hidden units of each neuron's own; their output begins at zero.",
        f'hidden = self.per_neuron("hidden", nn.initializers.normal(0.3), {wide}, 8, M) * reads[:, None]',
        f'hidden = jnp.einsum("bm,nkm->bnk", inputs, hidden) + self.per_neuron("offset", small, {wide}, 8)',
        f'z = z + jnp.einsum("bnk,nk->bn", jnp.tanh(hidden), self.per_neuron("out", zeros, {wide}, 8))',
    ]


def _gates(members: _Members) -> list[str]:
    if not (gated := members("gate", "min", "product")):
        return []
    lines = [
        "# A second readout, near one in the beginning, gates the first.",
        f'second = self.per_neuron("second", small, {gated}, M) * reads',
        f'second = 1 + inputs @ second.T + self.per_neuron("second_bias", zeros, {gated})',
    ]
    gates = {"none": "z", "min": "jnp.minimum(z, second)", "product": "z * second"}
    return lines + [line for line in members.select("gate", "z", gates) if line != "z = z"]


def _gain(members: _Members) -> list[str]:
    if not (modulated := members("modulation", "gain")):
        return []
    return [
        "# The drive changes the gain, which begins at one.",
        f'gain = self.per_neuron("gain", zeros, {modulated}, M - N) * reads[:, N:]',
        "z = z * (1 + drive @ gain.T)",
    ]


def _next(members: _Members) -> list[str]:
    lines = ["# The target, and the way towards it."]
    lines += members.select("nonlinearity", "target", NONLINEARITIES)
    if rated := members("form", "leak", "integrate_reset"):
        lines.append(f'rate = nn.sigmoid(self.per_neuron("rate", nn.initializers.constant(-2.0), {rated}))')
    if stepping := members("form", "residual"):
        lines.append(f'step = self.per_neuron("step", nn.initializers.constant(0.1), {stepping})')
    if resetting := members("form", "integrate_reset"):
        start = "nn.initializers.constant(-4.0)"
        lines.append(f'reset = self.per_neuron("reset", small, {resetting}, M) * reads')
        lines.append(f'threshold = self.per_neuron("reset_bias", {start}, {resetting})')
        lines.append("reset = nn.sigmoid(inputs @ reset.T + threshold)")
    return lines + members.select("form", "after", FORMS)


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
