"""The parts of a step, as lines of the program that is rendered from them.

Each part asks which groups chose it and is left out where none did. A part that can be inserted begins without effect,
with zeros where it meets the rest, so that a child begins where its parent did.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from zfbench.discoverers.proposers.rate.genotype import GENES, RateGenotype

EVERYONE = "everyone"

# Where slope and bias begin, so that the target of silent inputs is a rate of about 0.3, and the unit is not saturated.
SLOPE, BIAS = {"sigmoid": "np.e"}, {"sigmoid": "0.3", "linear": "0.0", "softplus": "1.0"}
OTHER_SLOPE, OTHER_BIAS = "1.0", "-0.3"

# What becomes of a variable by the choice of a gene. Half of the pairs are enough for gates that have one value, but
# for the sign, for (p, q) and (q, p).
GATES = {
    "min": "jnp.minimum(first, second)",
    "product": "first * second",
    "ratio": "first / (1 + second**2)",
    "contrast": "(first - second) / (1 + jnp.abs(first) + jnp.abs(second))",
}
HIDDEN = {"tanh": "jnp.tanh(hidden)", "relu": "nn.relu(hidden)", "sine": "jnp.sin(hidden)"}
MEMORIES = {
    "adaptation": "u - strength * trace",
    "facilitation": "u * (1 + strength * trace)",
    "delay": "u + strength * (trace - u)",
}
UNITS = {
    "sigmoid": "nn.sigmoid(z)",
    "linear": "z",
    "tanh": "jnp.tanh(z)",
    "softplus": "nn.softplus(z)",
    "relu": "nn.relu(z)",
    "clip": "jnp.clip(z, 0, 1)",
}
SLOPES = {
    "drive": "slope + moved",
    "activity": "slope + moved",
    "own": "slope + moved * own",
    "bounded": "slope * 2 * nn.sigmoid(moved)",
}
RATES = {
    "drive": "jnp.clip(rate * (1 + moved), 0, 1)",
    "activity": "jnp.clip(rate * (1 + moved), 0, 1)",
    "own": "jnp.clip(rate * (1 + moved * own), 0, 1)",
    "rise": "jnp.clip(rate * (1 + moved * (target > own)), 0, 1)",
}
# minimum and maximum, not clip: at zero, where a reset begins, half of the gradient comes through
RESETS = {
    "drive": "after * (1 - jnp.minimum(jnp.maximum(moved, 0), 1))",
    "activity": "after * (1 - jnp.minimum(jnp.maximum(moved, 0), 1))",
    "own": "after * (1 - jnp.minimum(jnp.maximum(moved * own, 0), 1))",
    "constant": "after * (1 - jnp.minimum(jnp.maximum(moved, 0), 1))",
}
# Numbers that read the drive or all activity: how many a neuron has, and the readout.
READOUTS = {"drive": ("D", "drive @ ({} * reads[:, N:]).T"), "activity": ("N", "activity @ ({} * reads[:, :N]).T")}
READS = {("slope", "bounded"): "drive"}
FORMS = {
    "leak": "own + rate * (target - own)",
    "integrate": "own + rate * target",
    "instant": "target",
    "saturate": "own + rate * target * (1 - own)",
    "cubic": "own + rate * (target - own**3)",
}


class Writer:
    """Writes lines for a genotype, and remembers the constants that they may name.

    Attributes:
        constants: text of each constant, a tuple of groups, by its name.
    """

    def __init__(self, genotype: RateGenotype) -> None:
        self._blocks = genotype.blocks
        self.constants: dict[str, str] = {}

    def who(self, gene: str, *choices: str) -> str:
        """Whom to name in the program: `EVERYONE`, a constant, or nothing where no group made one of the choices."""
        groups = [group for group, block in self._blocks if getattr(block, gene) in choices]
        if not groups or len(groups) == len(self._blocks):
            return EVERYONE if groups else ""
        name = f"{gene}_{choices[0] if len(choices) == 1 else 'any'}".upper()
        self.constants[name] = "(" + "".join(f"{json.dumps(group)}, " for group in groups).rstrip() + ")"
        return name

    def other(self, gene: str) -> tuple[str, ...]:
        """The choices of a gene but the first, which leaves its part out."""
        return GENES[gene][1:]

    def select(self, gene: str, variable: str, expressions: Mapping[str, str], unchanged: bool = False) -> list[str]:
        """Lines that set a variable to the expression of each neuron's choice.

        Args:
            gene: what is chosen.
            variable: what is set.
            expressions: of each choice.
            unchanged: whether the variable has a value that stays where no expression is given.
        """
        lines: list[str] = []
        for choice, expression in expressions.items():
            who = self.who(gene, choice)
            if who == EVERYONE or (who and not (unchanged or lines)):  # what is written first needs no mask
                lines.append(f"{variable} = {expression}")
            elif who:
                lines.append(f"{variable} = jnp.where(self.members({who}), {expression}, {variable})")
        return lines


def numbers(name: str, start: str, groups: str, *shape: int | str) -> str:
    """An expression of trainable numbers of the neurons in the groups: [N, *shape]."""
    return f'self.per_neuron("{name}", {", ".join((start, groups, *map(str, shape)))})'


@dataclass(frozen=True)
class Step:
    """One step of the program.

    Attributes:
        lines: from inputs [B, M], activity [B, N] and drive [B, D] to `after` [B, N].
        remembers: whether there is a trace to carry from step to step.
    """

    lines: list[str]
    remembers: bool


def step_lines(write: Writer) -> Step:
    """All parts that some group has, in the order of computing."""
    memory = _memory(write)
    lines = [
        "# A linear readout of the inputs.",
        f"u = inputs @ ({numbers('weights', 'small', EVERYONE, 'M')} * reads).T",
    ]
    for part in (_synapse, _gate, _hidden):
        lines += part(write)
    lines += memory
    for part in (_target, _rate, _form, _reset):
        lines += part(write)
    return Step(lines, bool(memory))


def _synapse(write: Writer) -> list[str]:
    lines: list[str] = []
    if who := write.who("synapse", "drive"):
        lines += [
            "# Synapses that each drive channel scales, without effect at first.",
            f"some = np.flatnonzero(self.members({who}))  # [K]",
            "both = reads[some, :N, None] * reads[some, None, N:]  # [K, N, D]",
            'scaled = Numbers(zeros, both.shape, name="scaled_by_drive")() * both',
            "pairs = activity[:, :, None] * drive[:, None, :]  # [B, N, D]",
            "u = u + jnp.einsum('bjd,kjd->bk', pairs, scaled) @ np.eye(N, dtype=np.float32)[some]",
        ]
    if who := write.who("synapse", "group"):
        lines += [
            "# Synapses that the mean rate of each group scales, without effect at first.",
            f"some = np.flatnonzero(self.members({who}))  # [K]",
            "share = reads[some, None, :N] * self.groups_of_neurons()  # [K, G, N]",
            "share = share / np.maximum(share.sum(-1, keepdims=True), 1)",
            "means = jnp.einsum('bj,kgj->bkg', activity, share)",
            "both = reads[some, :N, None] * (share.sum(-1) > 0)[:, None, :]  # [K, N, G]",
            'scaled = Numbers(zeros, both.shape, name="scaled_by_groups")() * both',
            "scaled = jnp.einsum('bj,kjg->bkg', activity, scaled)",
            "u = u + (scaled * means).sum(-1) @ np.eye(N, dtype=np.float32)[some]",
        ]
    if who := write.who("synapse", "own"):
        lines += [
            "# Synapses that own activity scales, without effect at first.",
            f"scaled = {numbers('scaled_by_own', 'zeros', who, 'M')} * reads",
            "u = u + own * (inputs @ scaled.T)",
        ]
    if who := write.who("synapse", "squared"):
        lines += [
            "# Synapses that transmit the square of their input, without effect at first.",
            f"u = u + inputs**2 @ ({numbers('squared', 'zeros', who, 'M')} * reads).T",
        ]
    return lines


def _gate(write: Writer) -> list[str]:
    """Gates of all pairs, rather than of two trained readouts: the gain of a pair is found from any beginning."""
    lines: list[str] = []
    for kind, expression in GATES.items():
        if who := write.who("gate", kind):
            lines += [
                f"# Gates of all pairs of inputs ({kind}), without effect at first.",
                f"some = np.flatnonzero(self.members({who}))  # [K]",
                "read = np.flatnonzero(reads[some].any(axis=0) | (np.arange(M) == 0))  # [R], never empty",
                "some_inputs = inputs @ np.eye(M, dtype=np.float32)[:, read]  # [B, R]",
                "first, second = some_inputs[:, :, None], some_inputs[:, None, :]",
                "pairs = reads[some][:, read, None] * reads[some][:, None, read]  # [K, R, R]",
                f"pairs = {'pairs * (1 - np.eye(len(read)))' if kind == 'ratio' else 'np.triu(pairs, 1)'}",
                f'gain = Numbers(zeros, pairs.shape, name="gate_{kind}")() * pairs',
                f"gated = jnp.einsum('bpq,kpq->bk', {expression}, gain)",
                "u = u + gated @ np.eye(N, dtype=np.float32)[some]",
            ]
    return lines


def _hidden(write: Writer) -> list[str]:
    if not (who := write.who("hidden", *write.other("hidden"))):
        return []
    return [
        "# Hidden units of each neuron's own, without effect at first.",
        f"hidden = {numbers('hidden', 'normal', who, 8, 'M')} * reads[:, None]",
        f"hidden = jnp.einsum('bm,nkm->bnk', inputs, hidden) + {numbers('offset', 'small', who, 8)}",
        *(line.replace("members(", "column(") for line in write.select("hidden", "units", HIDDEN)),
        f"u = u + jnp.einsum('bnk,nk->bn', units, {numbers('out', 'zeros', who, 8)})",
    ]


def _memory(write: Writer) -> list[str]:
    if not (who := write.who("memory", *write.other("memory"))):
        return []
    follows = {"delay": "u"} if write.who("memory", "delay") else {}
    return [
        "# A slow trace, whose strength begins at zero.",
        'trace = state["trace"]  # [B, N]',
        "followed = own",
        *write.select("memory", "followed", follows, unchanged=True),
        f"trace = trace + nn.sigmoid({numbers('trace_rate', 'constant(-3.0)', who)}) * (followed - trace)",
        f"strength = {numbers('strength', 'zeros', who)}",
        *write.select("memory", "u", MEMORIES, unchanged=True),
    ]


def _target(write: Writer) -> list[str]:
    lines = ["# The target, by slope and bias.", *_start(write, "slope", SLOPE, OTHER_SLOPE)]
    lines += _start(write, "bias", BIAS, OTHER_BIAS)
    lines += _moved(write, "slope", "slope", SLOPES)
    return [*lines, "z = slope * (u - bias)", *write.select("unit", "target", UNITS)]


def _start(write: Writer, name: str, starts: Mapping[str, str], otherwise: str) -> list[str]:
    """Lines that make the slope or bias, each neuron's beginning where its unit wants it."""
    present = {unit: starts.get(unit, otherwise) for unit in UNITS if write.who("unit", unit)}
    if len(set(present.values())) == 1:
        return [f"{name} = {numbers(name, f'constant({next(iter(present.values()))})', EVERYONE)}"]
    lines = [f"begin = np.full(N, {otherwise})"]
    for unit, value in present.items():
        if value != otherwise:
            lines.append(f"begin = np.where(self.members({write.who('unit', unit)}), {value}, begin)")
    return [*lines, f"{name} = {numbers(name, 'constant(begin)', EVERYONE)}"]


def _rate(write: Writer) -> list[str]:
    lines = ["# The way towards it.", f"rate = nn.sigmoid({numbers('rate', 'constant(-2.0)', EVERYONE)})"]
    return lines + _moved(write, "rate", "rate", RATES)


def _form(write: Writer) -> list[str]:
    return write.select("form", "after", FORMS)


def _reset(write: Writer) -> list[str]:
    lines = _moved(write, "reset", "after", RESETS)
    return ["# A reset, which begins at zero.", *lines] if lines else []


def _moved(write: Writer, gene: str, variable: str, expressions: Mapping[str, str]) -> list[str]:
    """Lines that change a variable by `moved`: a readout, or what the neuron's own numbers make of its state."""
    lines: list[str] = []
    for choice, expression in expressions.items():
        if who := write.who(gene, choice):
            size, source = READOUTS.get(READS.get((gene, choice), choice), ("", ""))
            own = numbers(f"{gene}_{choice}", "zeros", who, *filter(None, [size]))
            lines += [f"moved = {own}", *([f"moved = {source.format('moved')}"] if source else [])]
            lines += write.select(gene, variable, {choice: expression}, unchanged=True)
    return lines


# A choice without an expression would be lost in rendering.
for _gene, _expressions in (
    ("unit", UNITS),
    ("form", FORMS),
    ("rate", RATES),
    ("reset", RESETS),
    ("slope", SLOPES),
    ("gate", GATES),
    ("memory", MEMORIES),
    ("hidden", HIDDEN),
):
    assert tuple(_expressions) == tuple(c for c in GENES[_gene] if c not in ("none", "fixed")), _gene
