"""Builds a whole circuit from a table of its left half: every unit is written once and mirrored across the midline.

Names end in `_L` or `_R`, followed by a number where a cell type has several units on each side. The letter gives the
side of the eye for AF and PT (`RPT_L0` is in the right pretectum and is driven by the left eye), and the side of the
body for all other cell types.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from zfbench.testbed.circuit import DRIVE_MATRICES, MATRICES, VECTORS, Circuit, Gate, Modulation

# 16 channels: 4 directions x 2 eyes, the adaptation of each eye, the state of the bout (`zfbench.testbed.drive`)
RETINA = tuple(f"retina_{eye}{direction}" for eye in "LR" for direction in range(4))
DRIVE = (*RETINA, "gain_L", "gain_R", "bout", "swim", "turn_L", "turn_R", "phase_sin", "phase_cos")
DRIVE_GROUPS = (*["retina"] * 8, "gain", "gain", "bout", "swim", "turn", "turn", "phase", "phase")
# Mirroring a larva shifts its tail beat by half a cycle, which negates the sine and cosine of its phase.
ANTIPHASE = frozenset({"phase_sin", "phase_cos"})

Inputs = Mapping[str, float]


@dataclass(frozen=True)
class Unit:
    """One neuron of the table: its constants, and its inputs by the name of their source.

    All fields but those below have the meaning that they have in `Circuit`.

    Attributes:
        gates: nonlinear inputs, each as (first source, second source, gain, kind); see `Gate`.
        modulations: inputs that drive scales, each as (source, drive channel, coefficient); see `Modulation`.
    """

    name: str
    group: str
    kind: str
    alpha: float
    omega: float = 1.0
    bias: float = 0.0
    weights: Inputs = field(default_factory=dict)
    drive_weights: Inputs = field(default_factory=dict)
    omega_drive: Inputs = field(default_factory=dict)
    bias_drive: Inputs = field(default_factory=dict)
    leak_drive: Inputs = field(default_factory=dict)
    reset_drive: Inputs = field(default_factory=dict)
    gates: tuple[tuple[str, str, float, str], ...] = ()
    modulations: tuple[tuple[str, str, float], ...] = ()

    def mirrored(self) -> Unit:
        """Return the mirror image of this unit on the other side of the body.

        All names are mirrored. Weights of the tail-beat phase change sign, because a mirrored larva beats in antiphase.
        """
        swapped = {
            name: {mirror_name(source): _sign(source) * value for source, value in getattr(self, name).items()}
            for name in MATRICES + DRIVE_MATRICES
        }
        return Unit(
            name=mirror_name(self.name),
            group=self.group,
            kind=self.kind,
            alpha=self.alpha,
            omega=self.omega,
            bias=self.bias,
            gates=tuple((mirror_name(p), mirror_name(q), gain, kind) for p, q, gain, kind in self.gates),
            modulations=tuple(
                (mirror_name(source), mirror_name(channel), _sign(channel) * coefficient)
                for source, channel, coefficient in self.modulations
            ),
            **swapped,
        )


def mirror_name(name: str) -> str:
    """Return the name of the mirror image of a neuron or drive channel; names on the midline map to themselves."""
    prefix, underscore, side = name.rpartition("_")
    if not underscore or side[0] not in "LR":
        return name
    prefix = {"RPT": "LPT", "LPT": "RPT"}.get(prefix, prefix)
    return f"{prefix}_{'R' if side[0] == 'L' else 'L'}{side[1:]}"


def _sign(channel: str) -> float:
    return -1.0 if channel in ANTIPHASE else 1.0


def assemble(name: str, left_and_midline: list[Unit]) -> Circuit:
    """Build the mirror-symmetric circuit of a table that holds the left side and the midline.

    Within each run of units of one group the left side comes first.
    """
    units: list[Unit] = []
    for _, run in groupby(left_and_midline, key=lambda unit: unit.group):
        rows = list(run)
        units += rows + [unit.mirrored() for unit in rows if mirror_name(unit.name) != unit.name]
    return from_units(name, units)


def from_units(name: str, units: list[Unit]) -> Circuit:
    """Build the circuit of a complete table, with its neurons in the order of the table.

    Args:
        name: name of the circuit.
        units: one unit for each neuron, both sides included.

    Returns:
        The circuit, with the drive channels of `DRIVE`.

    Raises:
        ValueError: a unit reads from a neuron or channel that does not exist.
    """
    neuron = {unit.name: i for i, unit in enumerate(units)}
    channel = {name: d for d, name in enumerate(DRIVE)}
    arrays = {vector: np.array([getattr(unit, vector) for unit in units]) for vector in VECTORS}
    gates: list[Gate] = []
    modulations: list[Modulation] = []
    try:
        for matrix in MATRICES + DRIVE_MATRICES:
            columns = neuron if matrix in MATRICES else channel
            arrays[matrix] = np.zeros((len(neuron), len(columns)))
            for i, unit in enumerate(units):
                for source, value in getattr(unit, matrix).items():
                    arrays[matrix][i, columns[source]] = value
        for i, unit in enumerate(units):
            gates += [Gate(i, neuron[p], neuron[q], gain, kind) for p, q, gain, kind in unit.gates]
            modulations += [Modulation(i, neuron[s], channel[d], c) for s, d, c in unit.modulations]
    except KeyError as error:
        raise ValueError(f"the table of circuit '{name}' refers to {error}, which does not exist") from error
    return Circuit(
        name=name,
        neurons=tuple(neuron),
        groups=tuple(unit.group for unit in units),
        drive=DRIVE,
        drive_groups=DRIVE_GROUPS,
        kinds=tuple(unit.kind for unit in units),
        gates=tuple(gates),
        modulations=tuple(modulations),
        mirror=np.array([neuron[mirror_name(unit.name)] for unit in units]),
        drive_mirror=np.array([channel[mirror_name(d)] for d in DRIVE]),
        drive_mirror_sign=np.array([_sign(d) for d in DRIVE]),
        **arrays,
    )
