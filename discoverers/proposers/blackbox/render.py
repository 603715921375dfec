"""From a genotype of the black-box family to the source of a program, and back.

A trunk computes features [B, rows, F] of the inputs: one row for all neurons where no wiring is given, else one for
each neuron, of what it may read. Each neuron's output is a readout of its features.
"""

from __future__ import annotations

import json
import re

from zfbench.discoverers.proposers.blackbox.genotype import GENES, BlackBoxGenotype
from zfbench.records.program import normalise
from zfbench.records.recordings import TaskSpec

MARK = "# black-box genotype: "
INDENT = " " * 8
NARROW = 4  # a neuron's own perceptron has the width divided by this
HEADS = 2  # of the attention
KEYS = 16  # numbers in a query and a key
UNITS = 16  # of a GRU or gated memory
WINDOW = 0.1  # share by which the mean of a window moves each step

ACTIVATIONS = {"tanh": "jnp.tanh(h)", "relu": "nn.relu(h)", "silu": "nn.silu(h)", "gelu": "nn.gelu(h)"}
NORMS = {
    "layer": "(h - h.mean(-1, keepdims=True)) / jnp.sqrt(h.var(-1, keepdims=True) + 1e-6)",
    "rms": "h / jnp.sqrt((h**2).mean(-1, keepdims=True) + 1e-6)",
}
BOUNDS = {"free": "out", "sigmoid": "nn.sigmoid(out)", "tanh": "jnp.tanh(out)", "clip": "jnp.clip(out, 0, 1)"}
OUTPUTS = {
    "next": "out",
    "change": "own + out",
    "leak": "own + rate * (out - own)",
    "mix": "own + mix * (out - own)",
}

HEAD = '''\
"""A network of activity and drive, alike for all neurons."""

{mark}

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

training = dict(loss={loss}, learning_rate={learning_rate})


class Model(nn.Module):
    spec: Any

    def initial_state(self, batch):
        return {initial}

    def rows(self):
        """Rows of features: one for each neuron where the wiring is given, else one for all."""
        return 1 if self.spec.mask is None and self.spec.drive_mask is None else len(self.spec.neurons)

    def reads(self):
        """Which activity and drive each neuron may read: [N, N + D]."""
        N, D = len(self.spec.neurons), len(self.spec.drive)
        wiring = np.ones((N, N)) if self.spec.mask is None else self.spec.mask
        channels = np.ones((N, D)) if self.spec.drive_mask is None else self.spec.drive_mask
        return np.concatenate([wiring, channels], axis=1).astype(np.float32)

    def numbers(self, name, *shape):
        """Trainable numbers [..., inputs, outputs] with the spread that suits so many inputs."""
        return self.param(name, nn.initializers.normal(1 / np.sqrt(shape[-2])), shape)

    @nn.compact
    def __call__(self, state, activity, drive):
        zeros, constant = nn.initializers.zeros, nn.initializers.constant
        reads = self.reads()
        N, M = reads.shape
        inputs = jnp.concatenate([activity, drive], axis=-1)  # [B, M]
        mask = np.ones(N) if self.spec.mask is None else np.diagonal(self.spec.mask)
        own = activity * mask.astype(np.float32)  # [B, N]; zero where a neuron must not read itself
{body}\
        return {state}, {after}
'''


class Network:
    """Writes the lines of a program.

    Attributes:
        lines: so far.
        size: of the features h [B, rows, size] so far.
    """

    def __init__(self, genotype: BlackBoxGenotype) -> None:
        self._genotype = genotype
        self._neurons = genotype.trunk == "neurons"
        self.lines: list[str] = []
        self.size: int | str = "M"
        self._trunk()
        if genotype.recurrent:
            self._memory()
        self._output()

    @property
    def initial_state(self) -> str:
        """An expression of `batch`."""
        if not self._genotype.recurrent:
            return "()"
        rows = "self.rows()" if self._genotype.trunk == "shared" else "len(self.spec.neurons)"
        return f"jnp.zeros((batch, {rows}, {self._width if self._genotype.memory == 'window' else UNITS}))"

    @property
    def _width(self) -> int:
        return self._genotype.width // NARROW if self._neurons else self._genotype.width

    def _dense(self, x: str, name: str, inputs: int | str, outputs: int) -> str:
        """A linear layer of x [B, rows, inputs] as an expression."""
        bias = f'self.param("{name}_bias", zeros, ({"N, " if self._neurons else ""}{outputs},))'
        if self._neurons:
            return f'jnp.einsum("bnj,njk->bnk", {x}, self.numbers("{name}", N, {inputs}, {outputs})) + {bias}'
        return f'{x} @ self.numbers("{name}", {inputs}, {outputs}) + {bias}'

    def _trunk(self) -> None:
        g, write = self._genotype, self.lines.append
        if g.trunk == "attention":
            self._attention()
        elif g.trunk == "shared":
            write("# What may be read is the same for many neurons: each set of inputs is looked at once.")
            write("views, view = np.unique(reads, axis=0, return_inverse=True)")
            write("h = inputs[:, None] * views  # [B, R, M]")
        else:
            write("h = inputs[:, None] * reads  # [B, N, M]")
        for layer in range(g.depth):
            skips = g.skip == "add" and layer > 0
            if skips:
                write("before = h")
            write(f"h = {self._dense('h', f'layer{layer}', self.size, self._width)}")
            if g.normalisation != "none":
                write(f"h = {NORMS[g.normalisation]}")
            write(f"h = {ACTIVATIONS[g.activation]}")
            if skips:
                write("h = before + h")
            self.size = self._width
        if g.trunk == "shared":
            write("h = h[:, view.reshape(-1)] if self.rows() == N else h  # [B, rows, F]")

    def _attention(self) -> None:
        shape = f"{HEADS}, {KEYS}"
        self.lines += [
            f"# {HEADS} heads: each neuron asks, each input answers by what it is and by its value.",
            f'ask = self.param("ask", nn.initializers.normal(1.0), (N, {shape}))',
            f'kind = self.param("kind", nn.initializers.normal(0.3), (M, {shape}))',
            f'level = self.param("level", nn.initializers.normal(0.3), (M, {shape}))',
            'kind, level = jnp.einsum("nhk,mhk->nhm", ask, kind), jnp.einsum("nhk,mhk->nhm", ask, level)',
            "heard = kind + level * inputs[:, None, None]  # [B, N, heads, M]",
            "heard = nn.softmax(jnp.where(reads[:, None] > 0, heard, -1e9)) * reads[:, None]",
            f'value = self.param("value", nn.initializers.normal(1.0), (M, {shape}))',
            f'offset = self.param("offset", nn.initializers.normal(0.3), (M, {shape}))',
            "value = value * inputs[..., None, None] + offset  # [B, M, heads, k]",
            'h = jnp.einsum("bnhm,bmhk->bnhk", heard, value)',
            f"h = h.reshape(*h.shape[:2], {HEADS * KEYS})  # [B, N, F]",
        ]
        self.size = HEADS * KEYS

    def _memory(self) -> None:
        kind, F = self._genotype.memory, int(self.size)
        if kind == "window":
            self.lines += [
                "# The mean of the features over the last steps.",
                f"memory = state + {WINDOW} * (h - state)",
            ]
        else:
            gates = 2 * UNITS if kind == "gru" else UNITS
            self.lines += [
                "# Gated units on the features.",
                "both = jnp.concatenate([h, state], axis=-1)",
                f"gates = nn.sigmoid({self._dense('both', 'gates', F + UNITS, gates)})",
                f"kept, moved = gates[..., :{UNITS}], gates[..., -{UNITS}:]",  # one and the same with one gate
                "both = jnp.concatenate([h, kept * state], axis=-1)",
                f"memory = state + moved * (jnp.tanh({self._dense('both', 'candidates', F + UNITS, UNITS)}) - state)",
            ]
        self.lines.append("h = jnp.concatenate([h, memory], axis=-1)")
        self.size = 2 * F if kind == "window" else F + UNITS

    def _output(self) -> None:
        g = self._genotype
        self.lines += ["# Each neuron reads out the features.", *self._readout("out", "0.0")]
        if g.bound != "free":
            self.lines.append(f"out = {BOUNDS[g.bound]}")
        if g.output == "leak":
            self.lines.append('rate = nn.sigmoid(self.param("rate", constant(-2.0), (N,)))')
        elif g.output == "mix":
            self.lines += [*self._readout("mix", "-2.0"), "mix = nn.sigmoid(mix)"]

    def _readout(self, name: str, bias: str) -> list[str]:
        weights = f'self.param("{name}", nn.initializers.normal(0.05), (N, {self.size}))'
        return [f'{name} = (h * {weights}).sum(-1) + self.param("{name}_bias", constant({bias}), (N,))  # [B, N]']


def render(genotype: BlackBoxGenotype) -> str:
    """The source of the program, one text for each genotype."""
    network = Network(genotype)
    return HEAD.format(
        mark=MARK + genotype.to_json(),
        loss=json.dumps(genotype.loss),
        learning_rate=genotype.learning_rate,
        initial=network.initial_state,
        body="".join(f"{INDENT}{line}\n" for line in network.lines),
        state="memory" if genotype.recurrent else "state",
        after=OUTPUTS[genotype.output],
    )


def parse(source: str, spec: TaskSpec) -> BlackBoxGenotype | None:  # noqa: ARG001 (the programs fit every task)
    """The genotype that a source was rendered from; None when it was written otherwise.

    The comment alone is not believed: an edited program may carry the genotype of what it was before.
    """
    line = re.search(f"^{re.escape(MARK)}(.*)$", source, re.MULTILINE)
    if line is None:
        return None
    try:
        genotype = BlackBoxGenotype.from_json(line.group(1))
    except ValueError:
        return None
    return genotype if normalise(render(genotype)) == normalise(source) else None


# A choice without an expression would be lost in rendering.
assert tuple(ACTIVATIONS) == GENES["activation"]
assert ("none", *NORMS) == GENES["normalisation"]
assert (tuple(BOUNDS), tuple(OUTPUTS)) == (GENES["bound"], GENES["output"])
