"""The parts of a model's step, as lines of source of the program that is rendered from a genotype.

Each part is written for the groups of neurons whose block chooses it, and left out if no group does. An optional part
starts without effect, because its output weights are initialised with zeros. A child therefore starts near its parent
when a mutation inserts a part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zfbench.discoverers.proposers.grammar.genotype import BLOCK_GENES, Choice

Size = int | str

EVERYONE = "everyone"
PATTERNS = 4  # rank of a low-rank coupling
UNITS = 4  # number of gated units of a neuron

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

# Expressions that give a variable its new value, for each choice of a gene.
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


class GroupSelection:
    """The groups of neurons that make a choice, as a program names them.

    The name is `everyone`, or that of a constant, or empty if no group makes the choice.

    Attributes:
        named: the constants that the program uses, with their text.
        shapes: shape of the trainable numbers of each neuron, by name; N and M - N are the numbers of neurons and drive
            channels.
    """

    def __init__(self) -> None:
        self.named: dict[str, str] = {}
        self.shapes: dict[str, tuple[Size, ...]] = {}

    def find(self, gene: str, choices: tuple[Choice, ...]) -> str:
        """Return the text that lists the groups that make one of these choices.

        It is `EVERYONE` for all groups, and empty for none.
        """
        raise NotImplementedError

    def __call__(self, gene: str, *choices: Choice) -> str:
        """Return the name by which the program refers to the groups that make one of these choices."""
        text = self.find(gene, choices)
        if text in ("", EVERYONE):
            return text
        name = NAMES.get((gene, choices), str(choices[0]).upper())
        self.named[name] = text
        return name

    def numbers(self, name: str, start: str, groups: str, *shape: Size) -> str:
        """Return an expression of trainable numbers for the neurons of the groups: [N, *shape].

        Args:
            name: name of the numbers, as a parameter of the program.
            start: expression of their initialiser.
            groups: name of the groups, as from calling this object.
            shape: sizes of the further axes.
        """
        self.shapes[name] = shape
        return f'self.per_neuron("{name}", {", ".join((start, groups, *map(str, shape)))})'

    def select(self, gene: str, variable: str, expressions: Mapping[str, str], axes: str = "") -> list[str]:
        """Return lines that set a variable to the expression of each neuron's choice; none if it does not change.

        Args:
            gene: gene that is chosen.
            variable: name of the variable.
            expressions: expression of each choice.
            axes: index that broadcasts [N] against the variable.
        """
        lines: list[str] = []
        updating = variable in expressions.values()  # some choices do not change the variable
        for choice, expression in expressions.items():
            first = not (lines or updating)
            selection = "" if expression == variable else self.find(gene, (choice,)) if first else self(gene, choice)
            if selection and (first or selection == EVERYONE):
                lines.append(f"{variable} = {expression}")
            elif selection:
                lines.append(f"{variable} = jnp.where(self.members({selection}){axes}, {expression}, {variable})")
        return lines


@dataclass(frozen=True)
class Step:
    """The source of one step of the program.

    Attributes:
        wiring: lines that restrict the inputs of neurons.
        lines: lines that lead from the inputs [B, M] to `after` [B, N].
        initial_state: expression of the initial state, which uses `batch`.
        state: expression of the next state.
    """

    wiring: list[str]
    lines: list[str]
    initial_state: str
    state: str


def step_lines(selection: GroupSelection) -> Step:
    """Return all parts that some group has, in the order of computing."""
    wiring = _wiring(selection)
    memories = [
        memory for memory in (_trace(selection), _gated_units(selection), _oscillator(selection)) if memory is not None
    ]
    lines = [*_readout(selection), *_hidden(selection), *_gates(selection), *_modulation(selection)]
    lines += [line for memory in memories for line in memory.lines]
    entries = [f'"{m.name}": jnp.zeros((batch, len(self.spec.neurons){m.axes}))' for m in memories]
    return Step(
        wiring,
        [*lines, *_next(selection)],
        "{" + ", ".join(entries) + "}" if memories else "()",
        "{" + ", ".join(f'"{m.name}": {m.name}' for m in memories) + "}" if memories else "state",
    )


def _wiring(selection: GroupSelection) -> list[str]:
    lines = selection.select("coupling", "wiring", COUPLINGS, "[:, None]")
    return ["groups = np.asarray(self.spec.groups)", *lines] if selection("coupling", "no_lateral") else lines


def _readout(selection: GroupSelection) -> list[str]:
    lines, terms = ["# A linear readout of the inputs."], []
    if dense := selection("coupling", "full", "no_lateral", "diagonal"):
        lines.append(f"dense = {selection.numbers('weights', 'small', dense, 'M')}")
        terms.append("dense")
    if shared := selection("coupling", "low_rank"):
        lines.append(f'patterns = Numbers(small, ({PATTERNS}, M), name="patterns")()')
        lines.append(f"shared = {selection.numbers('mixing', 'normal', shared, PATTERNS)} @ patterns")
        terms.append("shared")
    weights = " + ".join(terms)
    weights = f"({weights})" if len(terms) > 1 else weights
    lines.append(f"weights = {weights} * reads  # [N, M]")
    lines.append(f"z = inputs @ weights.T + {selection.numbers('bias', 'zeros', EVERYONE)}  # [B, N]")
    return lines


def _hidden(selection: GroupSelection) -> list[str]:
    if not (wide := selection("width", 8)):
        return []
    return [
        "# Hidden units of each neuron's own; their output begins at zero.",
        f"hidden = {selection.numbers('hidden', 'normal', wide, 8, 'M')} * reads[:, None]",
        f'hidden = jnp.einsum("bm,nkm->bnk", inputs, hidden) + {selection.numbers("offset", "small", wide, 8)}',
        f'z = z + jnp.einsum("bnk,nk->bn", jnp.tanh(hidden), {selection.numbers("out", "zeros", wide, 8)})',
    ]


def _gates(selection: GroupSelection) -> list[str]:
    if not (gated := selection("gate", "min", "max", "product")):
        return []
    return [
        "# A second readout, which begins at zero, gates the first.",
        f"second = {selection.numbers('second', 'zeros', gated, 'M')} * reads",
        f"second = inputs @ second.T + {selection.numbers('second_bias', 'zeros', gated)}",
        *selection.select("gate", "z", GATES),
    ]


def _modulation(selection: GroupSelection) -> list[str]:
    if not (modulated := selection("modulation", "gain", "gate")):
        return []
    return [
        "# The drive changes the gain, which begins at one.",
        f"modulator = {selection.numbers('modulator', 'zeros', modulated, 'M - N')} * reads[:, N:]",
        "modulator = drive @ modulator.T",
        *selection.select("modulation", "z", MODULATIONS),
    ]


@dataclass(frozen=True)
class Memory:
    """The source of a part with hidden state.

    Attributes:
        name: name of the state and its variable.
        axes: axes of the state beyond [B, N], as text.
        lines: lines that read the state, advance it, and add its effect to z.
    """

    name: str
    axes: str
    lines: list[str]


def _trace(selection: GroupSelection) -> Memory | None:
    if not (traced := selection("memory", "adaptation", "gain_control")):
        return None
    lines = [
        "# A slow trace of own activity fatigues the neuron; its strength begins at zero.",
        'trace = state["trace"]  # [B, N]',
        f"trace = trace + nn.sigmoid({selection.numbers('trace_rate', 'constant(-3.0)', traced)}) * (own - trace)",
        f"strength = {selection.numbers('strength', 'zeros', traced)}",
        *selection.select("memory", "z", TRACES),
    ]
    return Memory("trace", "", lines)


def _gated_units(selection: GroupSelection) -> Memory | None:
    """The minimal gated unit (Zhou et al. 2016): a GRU with one gate."""
    if not (remembering := selection("memory", "gated")):
        return None
    both = 2 * UNITS  # gates and candidates
    lines = [
        "# Gated units of each neuron's own; their output begins at zero.",
        f'units = state["units"]  # [B, N, {UNITS}]',
        f"gates = {selection.numbers('unit_inputs', 'normal', remembering, both, 'M')} * reads[:, None]",
        f"echoes = {selection.numbers('unit_echoes', 'normal', remembering, both, UNITS)}",
        'gates = jnp.einsum("bm,nkm->bnk", inputs, gates) + jnp.einsum("bnj,nkj->bnk", units, echoes)',
        f"gates = gates + {selection.numbers('unit_bias', 'zeros', remembering, both)}",
        f"units = units + nn.sigmoid(gates[..., :{UNITS}]) * (jnp.tanh(gates[..., {UNITS}:]) - units)",
        f'z = z + jnp.einsum("bnk,nk->bn", units, {selection.numbers("unit_out", "zeros", remembering, UNITS)})',
    ]
    return Memory("units", f", {UNITS}", lines)


def _oscillator(selection: GroupSelection) -> Memory | None:
    """A resonator (Izhikevich 2001): a rotation with damping below one, so that it stays bounded."""
    if not (swinging := selection("memory", "oscillator")):
        return None
    lines = [
        "# A damped rotation that the inputs push; its output begins at zero.",
        'wave = state["wave"]  # [B, N, 2]',
        f"angle = {selection.numbers('frequency', 'normal', swinging)}  # radians a step",
        f"damping = nn.sigmoid({selection.numbers('damping', 'constant(3.0)', swinging)})",
        f"push = inputs @ ({selection.numbers('push', 'small', swinging, 'M')} * reads).T",
        "x, y, cos, sin = wave[..., 0], wave[..., 1], jnp.cos(angle), jnp.sin(angle)",
        "wave = jnp.stack([damping * (cos * x - sin * y) + push, damping * (sin * x + cos * y)], axis=-1)",
        f'z = z + jnp.einsum("bnk,nk->bn", wave, {selection.numbers("wave_out", "zeros", swinging, 2)})',
    ]
    return Memory("wave", ", 2", lines)


def _next(selection: GroupSelection) -> list[str]:
    lines = ["# The target, and the way towards it."]
    lines += selection.select("nonlinearity", "target", NONLINEARITIES)
    if rated := selection("form", "leak", "integrate_reset"):
        lines.append(f"rate = nn.sigmoid({selection.numbers('rate', 'constant(-2.0)', rated)})")
    if stepping := selection("form", "residual"):
        lines.append(f"step = {selection.numbers('step', 'constant(0.1)', stepping)}")
    if resetting := selection("form", "integrate_reset"):
        lines.append(f"reset = {selection.numbers('reset', 'small', resetting, 'M')} * reads")
        lines.append(f"threshold = {selection.numbers('reset_bias', 'constant(-4.0)', resetting)}")
        lines.append("reset = nn.sigmoid(inputs @ reset.T + threshold)")
    return lines + selection.select("form", "after", FORMS)


# A choice without an expression would be lost in rendering.
for _gene, _expressions in (
    ("gate", GATES),
    ("modulation", MODULATIONS),
    ("nonlinearity", NONLINEARITIES),
    ("form", FORMS),
):
    assert tuple(_expressions) == BLOCK_GENES[_gene], _gene
assert set(COUPLINGS) == set(BLOCK_GENES["coupling"])
