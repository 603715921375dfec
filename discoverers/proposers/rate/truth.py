"""A circuit as a genotype of the rate family.

For tests and measurements alone: no proposer imports this.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zfbench.base.errors import ZfbenchError
from zfbench.discoverers.proposers.rate.genotype import (
    Block,
    RateGenotype,
    allowed,
    names,
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


def integrators(circuit: Circuit) -> NDArray[np.bool_]:
    """Which neurons are perfect integrators, linear with leak 1 and weight 1 onto themselves: [N]."""
    linear = np.array([kind == "linear" for kind in circuit.kinds])
    return linear & (circuit.alpha == 1) & (np.diagonal(circuit.weights) == 1)


def _common(group: str, found: list[str]) -> str:
    if len(set(found)) > 1:
        raise ZfbenchError(f"Neurons of the group '{group}' are of several kinds: {', '.join(sorted(set(found)))}.")
    return found[0]
