"""The true model f* of the larva, in the form in which the judge and the oracle roll it out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zfbench.records.clamp import Clamp
from zfbench.tasks.zfish.name import ZfishName
from zfbench.testbed.circuit import Circuit
from zfbench.testbed.data import load_dataset
from zfbench.testbed.published import load as load_circuit
from zfbench.testbed.transition import rollout


class TrueModel:
    """The true one-step map f* as a `Simulator`, which must be given the drive.

    Args:
        circuit: the larva's circuit.
    """

    def __init__(self, circuit: Circuit) -> None:
        self._circuit = circuit

    def rollout(
        self, context: NDArray[np.float32], drive: NDArray[np.float32], clamp: Clamp | None = None
    ) -> NDArray[np.float32]:
        """Roll f* out from the last activity of each context, and return [B, H, N].

        Args:
            context: [B, C, N], activity before the forecast.
            drive: [B, C + H, D], all channels that act on the circuit.
            clamp: the neurons to clamp and their values; None clamps none.
        """
        future = drive[:, context.shape[1] :].astype(np.float64)  # [B, H, D]
        mask, value = (None, None) if clamp is None else (clamp.mask, clamp.value.astype(np.float64))
        return rollout(self._circuit, context[:, -1].astype(np.float64), future, mask, value).astype(np.float32)


def true_model(name: str) -> TrueModel:
    """Return the true model of the task of that name."""
    return TrueModel(load_circuit(ZfishName.parse(name).circuit))


def training_drives(name: str) -> tuple[NDArray[np.float32], ...]:
    """Return the drive of each training recording, [T, D], which an autonomous track does not show."""
    parts = ZfishName.parse(name)
    dataset = load_dataset(parts.tier, parts.circuit)
    return tuple(dataset.stretch(condition, "train")[1] for condition in parts.trained)
