"""A circuit as a genotype of the rate family, and its constants as the program's parameters.

For tests and measurements alone: no proposer imports this.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from zfbench.base.errors import ZfbenchError
from zfbench.discoverers.proposers.rate.genotype import (
    GENES,
    INPUTS,
    Block,
    Names,
    RateGenotype,
    allowed,
    names,
    start,
)
from zfbench.records.recordings import TaskSpec
from zfbench.testbed.circuit import Circuit

Floats = NDArray[np.float64]


def true_genotype(circuit: Circuit, spec: TaskSpec) -> RateGenotype:
    """The form of the circuit's equations by group, which reads no group or channel that it does not need.

    Args:
        circuit: whose form is wanted.
        spec: a task on that circuit, with drive.

    Raises:
        ZfbenchError: the neurons of a group are of several kinds, so that no genotype is the circuit's.
    """
    wiring = circuit.wiring != 0  # [N, N]
    np.fill_diagonal(wiring, (np.diagonal(circuit.weights) != 0) & ~integrators(circuit))
    gates = {gate.target: gate.kind for gate in circuit.gates}
    blocks = []
    for group in dict.fromkeys(spec.groups):
        members = spec.indices(group)
        sources = {spec.groups[j] for j in np.flatnonzero(wiring[members].any(axis=0))}
        channels = {spec.drive[d] for d in np.flatnonzero(circuit.drive_wiring[members].any(axis=0))}

        def moved(matrix: Floats, otherwise: str, members: NDArray[np.intp] = members) -> str:
            return "drive" if matrix[members].any() else otherwise

        block = Block(
            unit=_common(group, [circuit.kinds[i] for i in members]),
            form=_common(group, ["integrate" if integrators(circuit)[i] else "leak" for i in members]),
            rate=moved(circuit.leak_drive, "fixed"),
            reset=moved(circuit.reset_drive, "none"),
            slope=moved(circuit.omega_drive, "fixed"),
            synapse="drive" if {m.target for m in circuit.modulations} & set(members.tolist()) else "plain",
            gate=_common(group, [gates.get(i, "none") for i in members]),
            sources=names(sources, allowed(spec, group, "sources")),
            channels=names(channels, allowed(spec, group, "channels")),
        )
        blocks.append((group, block))
    return RateGenotype(tuple(blocks))


def true_parameters(circuit: Circuit) -> Mapping[str, Floats]:
    """Every number of the true genotype's program, by its name there, float64.

    The circuit subtracts a bias that the drive moves; in the program that is a negative weight of the drive. An
    integrator has rate 1/2 here, and slope 2 makes up for it.
    """
    N, D = circuit.size
    integrates = integrators(circuit)
    weights = circuit.weights * ~(np.eye(N, dtype=bool) & integrates)
    first, second, gain = np.zeros((N, N + D)), np.zeros((N, N + D)), np.zeros(N)
    for gate in circuit.gates:
        first[gate.target, gate.p], second[gate.target, gate.q], gain[gate.target] = 1.0, 1.0, gate.gain
    scaled = np.zeros((N, N, D))
    for m in circuit.modulations:
        scaled[m.target, m.source, m.channel] += m.coefficient
    groups = {circuit.groups[m.target] for m in circuit.modulations}
    linear = np.array([kind == "linear" for kind in circuit.kinds])
    alpha = np.where(integrates, 0.5, circuit.alpha)
    return {
        "weights": np.concatenate([weights, circuit.drive_weights - circuit.bias_drive], axis=1),
        "scaled_by_drive": scaled[[group in groups for group in circuit.groups]],
        "first": first,
        "second": second,
        "gain": gain,
        "slope": np.where(integrates, 2.0, np.where(linear, 1.0, circuit.omega)),
        "slope_drive": circuit.omega_drive,
        "bias": circuit.bias,
        "rate": np.log(alpha / (1 - alpha)),
        "rate_drive": circuit.leak_drive,
        "reset_drive": circuit.reset_drive,
    }


def integrators(circuit: Circuit) -> NDArray[np.bool_]:
    """Which neurons are perfect integrators, linear with leak 1 and weight 1 onto themselves: [N]."""
    linear = np.array([kind == "linear" for kind in circuit.kinds])
    return linear & (circuit.alpha == 1) & (np.diagonal(circuit.weights) == 1)


def _common(group: str, found: list[str]) -> str:
    if len(set(found)) > 1:
        raise ZfbenchError(f"Neurons of the group '{group}' are of several kinds: {', '.join(sorted(set(found)))}.")
    return found[0]


def path(spec: TaskSpec, genotype: RateGenotype) -> list[RateGenotype]:
    """A way from the start of the family to a genotype, each step one change; both ends are included.

    What a group reads is narrowed to one input and then widened, or narrowed input by input, whichever is shorter.

    Args:
        spec: the task.
        genotype: where to arrive; trained like the start.
    """
    way = [start(spec)]
    for group, block in genotype.blocks:
        for gene in GENES:
            way.append(way[-1].with_gene([group], gene, getattr(block, gene)))
        for inputs in INPUTS:
            possible = allowed(spec, group, inputs)
            for chosen in _narrowing(getattr(block, inputs), possible):
                way.append(way[-1].with_gene([group], inputs, names(chosen, possible)))
    return [now for before, now in zip([None, *way], way, strict=False) if now != before]


def _narrowing(wanted: Names, possible: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The sets of inputs on the way from all to those that are wanted."""
    kept = possible if wanted is None else wanted
    dropped = [name for name in possible if name not in kept]
    if len(dropped) <= max(len(kept), 1):
        return [tuple(n for n in possible if n not in dropped[: k + 1]) for k in range(len(dropped))]
    return [kept[: k + 1] for k in range(len(kept))] or [()]
