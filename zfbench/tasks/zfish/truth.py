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
    """The true one-step map f* as a `Simulator`, given the same drive as the methods of a track.

    In a track without drive it is rolled out on the mean drive, the best that it can do without knowing what the larva
    sees.

    Args:
        circuit: the larva's circuit.
        mean_drive: [D], mean of the drive over the training recordings.
    """

    def __init__(self, circuit: Circuit, mean_drive: NDArray[np.float64]) -> None:
        self._circuit = circuit
        self._mean_drive = mean_drive  # [D]

    def rollout(
        self, context: NDArray[np.float32], drive: NDArray[np.float32], clamp: Clamp | None = None
    ) -> NDArray[np.float32]:
        """Roll f* out from the last activity of each context, and return [B, H, N].

        Args:
            context: [B, C, N], activity before the forecast.
            drive: [B, C + H, D], or D = 0 in a track without drive.
            clamp: the neurons to clamp and their values; None clamps none.
        """
        B, C = context.shape[:2]
        future = drive[:, C:].astype(np.float64)  # [B, H, D]
        if future.shape[2] == 0:
            future = np.broadcast_to(self._mean_drive, (B, future.shape[1], len(self._mean_drive)))
        mask, value = (None, None) if clamp is None else (clamp.mask, clamp.value.astype(np.float64))
        return rollout(self._circuit, context[:, -1].astype(np.float64), future, mask, value).astype(np.float32)


def true_model(name: str) -> TrueModel:
    """Return the true model of the task of that name."""
    parts = ZfishName.parse(name)
    dataset = load_dataset(parts.tier, parts.circuit)
    drives = [dataset.stretch(c, "train")[1] for c in parts.trained]
    return TrueModel(load_circuit(parts.circuit), np.concatenate(drives).mean(axis=0, dtype=np.float64))
