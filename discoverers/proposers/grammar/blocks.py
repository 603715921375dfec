"""The parts of a step, as lines of the program that is rendered from them.

Each part asks who makes its choice and is left out where nobody does. A part that can be inserted begins without
effect, with zeros where it meets the rest, so that a child begins near its parent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zfbench.discoverers.proposers.grammar.genotype import BLOCK_GENES, Choice

Size = int | str

EVERYONE = "everyone"
PATTERNS = 4  # rank of a low-rank coupling
UNITS = 4  # gated units of a neuron

NAMES: dict[tuple[str, tuple[Choice, ...]], str] = {  # of constants; others are named after their choice
    ("coupling", ("full", "no_lateral", "diagonal")): "DENSE",
    ("width", (8,)): "WIDE",
    ("gate", ("min", "max", "product")): "GATED",
    ("gate", ("min",)): "MIN_GATED",
    ("gate", ("max",)): "MAX_GATED",
    ("gate", ("product",)): "PRODUCT_GATED",
    ("modulation", ("gain", "gate")): "MODULATED",
    ("modulation", ("gain",)): "GAIN_MODULATED",
    ("modulation", ("gate",)): "GATE_MODULATED",
    ("memory", ("adaptation", "gain_control")): "TRACED",
    ("memory", ("gated",)): "REMEMBERING",
    ("form", ("leak", "integrate_reset")): "RATED",
}

# What becomes of a variable by the choice of a gene.
COUPLINGS = {
    "full": "wiring",
    "low_rank": "wiring",
    "no_lateral": "wiring * (np.eye(N) + (groups[:, None] != groups))",
    "diagonal": "wiring * np.eye(N)",
}
GATES = {
    "none": "z",
    "min": "jnp.minimum(z, z + second)",
    "max": "jnp.maximum(z, z + second)",
    "product": "z * (1 + second)",
}
MODULATIONS = {"none": "z", "gain": "z * (1 + modulator)", "gate": "z * 2 * nn.sigmoid(modulator)"}
TRACES = {
    "none": "z",
    "adaptation": "z - strength * trace",
    "gain_control": "z * 2 * nn.sigmoid(-strength * trace)",
}
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


class Members:
    """Who makes a choice: `everyone`, the name of a constant, or nobody (empty).

    Attributes:
        named: the constants that were asked for, with their text.
        shapes: of the numbers that each neuron has, by name; N and M - N count neurons and drive channels.
    """

    def __init__(self) -> None:
        self.named: dict[str, str] = {}
        self.shapes: dict[str, tuple[Size, ...]] = {}

    def find(self, gene: str, choices: tuple[Choice, ...]) -> str:
        """The text of the constant; `EVERYONE` or nothing where none is needed."""
        raise NotImplementedError

    def __call__(self, gene: str, *choices: Choice) -> str:
        """Whom to name in the program."""
        text = self.find(gene, choices)
        if text in ("", EVERYONE):
            return text
        name = NAMES.get((gene, choices), str(choices[0]).upper())
        self.named[name] = text
        return name

    def numbers(self, name: str, start: str, groups: str, *shape: Size) -> str:
        """An expression of trainable numbers of the neurons in the groups: [N, *shape]."""
        self.shapes[name] = shape
        return f'self.per_neuron("{name}", {", ".join((start, groups, *map(str, shape)))})'

    def select(self, gene: str, variable: str, expressions: Mapping[str, str], axes: str = "") -> list[str]:
        """Lines that set a variable to the expression of each neuron's choice; none if it stays what it is.

        Args:
            gene: what is chosen.
            variable: what is set.
            expressions: of each choice.
            axes: an index that broadcasts [N] against the variable.
        """
        lines: list[str] = []
        updating = variable in expressions.values()  # some choices leave it as it is
        for choice, expression in expressions.items():
            first = not (lines or updating)
            who = "" if expression == variable else self.find(gene, (choice,)) if first else self(gene, choice)
            if who and (first or who == EVERYONE):
                lines.append(f"{variable} = {expression}")
            elif who:
                lines.append(f"{variable} = jnp.where(self.members({who}){axes}, {expression}, {variable})")
        return lines


@dataclass(frozen=True)
class Step:
    """One step of the program.

    Attributes:
        wiring: lines that narrow what neurons read.
        lines: from inputs [B, M] to `after` [B, N].
        initial_state: an expression of `batch`.
        state: what is returned as the next state.
    """

    wiring: list[str]
    lines: list[str]
    initial_state: str
    state: str


def step_lines(who: Members) -> Step:
    """All parts that somebody has, in the order of computing."""
    wiring = _wiring(who)
    memories = [memory for memory in (_trace(who), _gated_units(who), _oscillator(who)) if memory is not None]
    lines = [*_readout(who), *_hidden(who), *_gates(who), *_modulation(who)]
    lines += [line for memory in memories for line in memory.lines]
    entries = [f'"{m.name}": jnp.zeros((batch, len(self.spec.neurons){m.axes}))' for m in memories]
    return Step(
        wiring,
        [*lines, *_next(who)],
        "{" + ", ".join(entries) + "}" if memories else "()",
        "{" + ", ".join(f'"{m.name}": {m.name}' for m in memories) + "}" if memories else "state",
    )


def _wiring(who: Members) -> list[str]:
    lines = who.select("coupling", "wiring", COUPLINGS, "[:, None]")
    return ["groups = np.asarray(self.spec.groups)", *lines] if who("coupling", "no_lateral") else lines


def _readout(who: Members) -> list[str]:
    lines, terms = ["# A linear readout of the inputs."], []
    if dense := who("coupling", "full", "no_lateral", "diagonal"):
        lines.append(f"dense = {who.numbers('weights', 'small', dense, 'M')}")
        terms.append("dense")
    if shared := who("coupling", "low_rank"):
        lines.append(f'patterns = Numbers(small, ({PATTERNS}, M), name="patterns")()')
        lines.append(f"shared = {who.numbers('mixing', 'normal', shared, PATTERNS)} @ patterns")
        terms.append("shared")
    weights = " + ".join(terms)
    weights = f"({weights})" if len(terms) > 1 else weights
    lines.append(f"weights = {weights} * reads  # [N, M]")
    lines.append(f"z = inputs @ weights.T + {who.numbers('bias', 'zeros', EVERYONE)}  # [B, N]")
    return lines


def _hidden(who: Members) -> list[str]:
    if not (wide := who("width", 8)):
        return []
    return [
        "# Hidden units of each neuron's own; their output begins at zero.",
        f"hidden = {who.numbers('hidden', 'normal', wide, 8, 'M')} * reads[:, None]",
        f'hidden = jnp.einsum("bm,nkm->bnk", inputs, hidden) + {who.numbers("offset", "small", wide, 8)}',
        f'z = z + jnp.einsum("bnk,nk->bn", jnp.tanh(hidden), {who.numbers("out", "zeros", wide, 8)})',
    ]


def _gates(who: Members) -> list[str]:
    if not (gated := who("gate", "min", "max", "product")):
        return []
    return [
        "# A second readout, which begins at zero, gates the first.",
        f"second = {who.numbers('second', 'zeros', gated, 'M')} * reads",
        f"second = inputs @ second.T + {who.numbers('second_bias', 'zeros', gated)}",
        *who.select("gate", "z", GATES),
    ]


def _modulation(who: Members) -> list[str]:
    if not (modulated := who("modulation", "gain", "gate")):
        return []
    return [
        "# The drive changes the gain, which begins at one.",
        f"modulator = {who.numbers('modulator', 'zeros', modulated, 'M - N')} * reads[:, N:]",
        "modulator = drive @ modulator.T",
        *who.select("modulation", "z", MODULATIONS),
    ]


@dataclass(frozen=True)
class Memory:
    """A part with hidden state.

    Attributes:
        name: of the state and its variable.
        axes: of the state beyond [B, N], as text.
        lines: which read the state, advance it, and let it act on z.
    """

    name: str
    axes: str
    lines: list[str]


def _trace(who: Members) -> Memory | None:
    if not (traced := who("memory", "adaptation", "gain_control")):
        return None
    lines = [
        "# A slow trace of own activity fatigues the neuron; its strength begins at zero.",
        'trace = state["trace"]  # [B, N]',
        f"trace = trace + nn.sigmoid({who.numbers('trace_rate', 'constant(-3.0)', traced)}) * (own - trace)",
        f"strength = {who.numbers('strength', 'zeros', traced)}",
        *who.select("memory", "z", TRACES),
    ]
    return Memory("trace", "", lines)


def _gated_units(who: Members) -> Memory | None:
    """The minimal gated unit (Zhou et al. 2016): a GRU with one gate."""
    if not (remembering := who("memory", "gated")):
        return None
    both = 2 * UNITS  # gates and candidates
    lines = [
        "# Gated units of each neuron's own; their output begins at zero.",
        f'units = state["units"]  # [B, N, {UNITS}]',
        f"gates = {who.numbers('unit_inputs', 'normal', remembering, both, 'M')} * reads[:, None]",
        f"echoes = {who.numbers('unit_echoes', 'normal', remembering, both, UNITS)}",
        'gates = jnp.einsum("bm,nkm->bnk", inputs, gates) + jnp.einsum("bnj,nkj->bnk", units, echoes)',
        f"gates = gates + {who.numbers('unit_bias', 'zeros', remembering, both)}",
        f"units = units + nn.sigmoid(gates[..., :{UNITS}]) * (jnp.tanh(gates[..., {UNITS}:]) - units)",
        f'z = z + jnp.einsum("bnk,nk->bn", units, {who.numbers("unit_out", "zeros", remembering, UNITS)})',
    ]
    return Memory("units", f", {UNITS}", lines)


def _oscillator(who: Members) -> Memory | None:
    """A resonator (Izhikevich 2001): a rotation with damping below one, so that it stays bounded."""
    if not (swinging := who("memory", "oscillator")):
        return None
    lines = [
        "# A damped rotation that the inputs push; its output begins at zero.",
        'wave = state["wave"]  # [B, N, 2]',
        f"angle = {who.numbers('frequency', 'normal', swinging)}  # radians a step",
        f"damping = nn.sigmoid({who.numbers('damping', 'constant(3.0)', swinging)})",
        f"push = inputs @ ({who.numbers('push', 'small', swinging, 'M')} * reads).T",
        "x, y, cos, sin = wave[..., 0], wave[..., 1], jnp.cos(angle), jnp.sin(angle)",
        "wave = jnp.stack([damping * (cos * x - sin * y) + push, damping * (sin * x + cos * y)], axis=-1)",
        f'z = z + jnp.einsum("bnk,nk->bn", wave, {who.numbers("wave_out", "zeros", swinging, 2)})',
    ]
    return Memory("wave", ", 2", lines)


def _next(who: Members) -> list[str]:
    lines = ["# The target, and the way towards it."]
    lines += who.select("nonlinearity", "target", NONLINEARITIES)
    if rated := who("form", "leak", "integrate_reset"):
        lines.append(f"rate = nn.sigmoid({who.numbers('rate', 'constant(-2.0)', rated)})")
    if stepping := who("form", "residual"):
        lines.append(f"step = {who.numbers('step', 'constant(0.1)', stepping)}")
    if resetting := who("form", "integrate_reset"):
        lines.append(f"reset = {who.numbers('reset', 'small', resetting, 'M')} * reads")
        lines.append(f"threshold = {who.numbers('reset_bias', 'constant(-4.0)', resetting)}")
        lines.append("reset = nn.sigmoid(inputs @ reset.T + threshold)")
    return lines + who.select("form", "after", FORMS)


# A choice without an expression would be lost in rendering.
for _gene, _expressions in (
    ("gate", GATES),
    ("modulation", MODULATIONS),
    ("nonlinearity", NONLINEARITIES),
    ("form", FORMS),
):
    assert tuple(_expressions) == BLOCK_GENES[_gene], _gene
assert set(COUPLINGS) == set(BLOCK_GENES["coupling"])
