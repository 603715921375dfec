"""The true one-step map f*, a(t) = f*(a(t-1), x(t)), written once for the closed loop, the replay and the oracle.

`zfbench.testbed.circuit` states the equations. The sums run over sparse tables in an order that is itself mirrored, so
that a mirrored larva rounds alike and the mirror symmetry holds to the last bit.
"""

from __future__ import annotations

from functools import lru_cache
from math import exp
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from zfbench.testbed.circuit import GATE_KINDS, Circuit

Floats = NDArray[np.float64]
Indices = NDArray[np.uint32]  # unsigned, so that compiled code need not test for negative ones


class Tables(NamedTuple):
    """A circuit as flat arrays; each list of terms is stored column by column, as (target, sources..., value)."""

    sigmoid: NDArray[np.bool_]
    alpha: Floats
    omega: Floats
    bias: Floats
    edge_start: Indices  # [N + 1], where each target's edges begin
    edge_source: Indices
    edge_weight: Floats
    drive_target: Indices
    drive_channel: Indices
    drive_weight: Floats
    modulation_target: Indices
    modulation_source: Indices
    modulation_channel: Indices
    modulation_value: Floats
    gate_target: Indices
    gate_p: Indices
    gate_q: Indices
    gate_gain: Floats
    gate_product: NDArray[np.bool_]
    gain_target: Indices
    gain_channel: Indices
    gain_omega: Floats
    gain_bias: Floats
    leak_target: Indices
    leak_channel: Indices
    leak_value: Floats
    reset_target: Indices
    reset_channel: Indices
    reset_value: Floats


@lru_cache(maxsize=64)
def tables(circuit: Circuit) -> Tables:
    """Return the sparse form of a circuit, in mirror-symmetric order."""
    edges = _terms(circuit.weights, circuit.mirror, circuit.mirror)
    edge_start = np.searchsorted(edges[0], np.arange(len(circuit.neurons) + 1)).astype(np.uint32)
    across = circuit.drive_mirror
    drive = _terms(circuit.drive_weights, circuit.mirror, across)
    gain = _terms(circuit.omega_drive, circuit.mirror, across, also=circuit.bias_drive)
    leak = _terms(circuit.leak_drive, circuit.mirror, across)
    reset = _terms(circuit.reset_drive, circuit.mirror, across)
    m, g = circuit.modulations, circuit.gates
    return Tables(
        np.array([kind == "sigmoid" for kind in circuit.kinds]),
        circuit.alpha,
        circuit.omega,
        circuit.bias,
        edge_start,
        edges[1],
        circuit.weights[edges],
        *drive,
        circuit.drive_weights[drive],
        _indices([t.target for t in m]),
        _indices([t.source for t in m]),
        _indices([t.channel for t in m]),
        np.array([t.coefficient for t in m], dtype=np.float64),
        _indices([t.target for t in g]),
        _indices([t.p for t in g]),
        _indices([t.q for t in g]),
        np.array([t.gain for t in g], dtype=np.float64),
        np.array([t.kind == GATE_KINDS[1] for t in g], dtype=np.bool_),
        *gain,
        circuit.omega_drive[gain],
        circuit.bias_drive[gain],
        *leak,
        circuit.leak_drive[leak],
        *reset,
        circuit.reset_drive[reset],
    )


def _indices(values: list[int]) -> Indices:
    return np.array(values, dtype=np.uint32)


def _terms(
    matrix: Floats,
    row_mirror: NDArray[np.int64],
    column_mirror: NDArray[np.int64],
    also: Floats | None = None,
) -> tuple[Indices, Indices]:
    """Rows and columns of the nonzero entries; a right-hand row is ordered like its left-hand twin."""
    rows, columns = np.nonzero(matrix if also is None else (matrix != 0) | (also != 0))
    order = np.lexsort((np.where(rows > row_mirror[rows], column_mirror[columns], columns), rows))
    return rows[order].astype(np.uint32), columns[order].astype(np.uint32)


@numba.njit(cache=True, nogil=True)
def step(c: Tables, activity: Floats, drive: Floats, out: Floats, scratch: Floats) -> None:
    """Advance the activity of one larva by 1 ms.

    Args:
        c: the circuit's tables.
        activity: float64 [N], a(t-1).
        drive: float64 [D], x(t).
        out: float64 [N], receives a(t).
        scratch: float64 [5, N], working memory without meaning between calls.
    """
    N = activity.shape[0]
    u, omega, bias, leak, keep = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    for i in range(N):
        total = 0.0
        for e in range(c.edge_start[i], c.edge_start[i + 1]):
            total += c.edge_weight[e] * activity[c.edge_source[e]]
        u[i] = total
        omega[i] = c.omega[i]
        bias[i] = c.bias[i]
        leak[i] = 1.0
        keep[i] = 1.0
    for e in range(c.drive_target.size):
        u[c.drive_target[e]] += c.drive_weight[e] * drive[c.drive_channel[e]]
    for e in range(c.modulation_target.size):
        u[c.modulation_target[e]] += (
            c.modulation_value[e] * activity[c.modulation_source[e]] * drive[c.modulation_channel[e]]
        )
    for e in range(c.gate_target.size):
        p, q = activity[c.gate_p[e]], activity[c.gate_q[e]]
        u[c.gate_target[e]] += c.gate_gain[e] * (p * q if c.gate_product[e] else min(p, q))
    for e in range(c.gain_target.size):
        omega[c.gain_target[e]] += c.gain_omega[e] * drive[c.gain_channel[e]]
        bias[c.gain_target[e]] += c.gain_bias[e] * drive[c.gain_channel[e]]
    for e in range(c.leak_target.size):
        leak[c.leak_target[e]] += c.leak_value[e] * drive[c.leak_channel[e]]
    for e in range(c.reset_target.size):
        keep[c.reset_target[e]] -= c.reset_value[e] * drive[c.reset_channel[e]]
    for i in range(N):
        target = u[i] - bias[i]
        if c.sigmoid[i]:
            target = 1.0 / (1.0 + exp(-omega[i] * target))
        rate = c.alpha[i] * leak[i]
        out[i] = keep[i] * ((1.0 - rate) * activity[i] + rate * target)


@numba.njit(cache=True, nogil=True)
def _rollout(c: Tables, activity: Floats, drive: Floats, held: NDArray[np.bool_], value: Floats, out: Floats) -> None:
    """Free run from `activity` [B, N] under `drive` [B, H, D] into `out` [B, H, N]."""
    B, H, N = out.shape
    scratch = np.empty((5, N))
    for b in range(B):
        before = activity[b]
        for t in range(H):
            step(c, before, drive[b, t], out[b, t], scratch)
            for i in range(N):
                if held[b, i]:
                    out[b, t, i] = value[b, t, i]
            before = out[b, t]


def transition(circuit: Circuit, activity: Floats, drive: Floats) -> Floats:
    """Compute the activity one step later, a(t) = f*(a(t-1), x(t)).

    Args:
        circuit: N neurons, D channels.
        activity: [..., N], a(t-1).
        drive: [..., D], x(t).

    Returns:
        float64 [..., N], a(t).

    Raises:
        ValueError: the arrays do not fit the circuit or each other.
    """
    activity, drive = np.asarray(activity, dtype=np.float64), np.asarray(drive, dtype=np.float64)
    N, D = circuit.size
    if activity.shape[-1:] != (N,) or drive.shape != (*activity.shape[:-1], D):
        raise ValueError(f"activity {activity.shape} and drive {drive.shape} do not end in N = {N} and D = {D}")
    return rollout(circuit, activity.reshape(-1, N), drive.reshape(-1, 1, D)).reshape(activity.shape)


def rollout(
    circuit: Circuit,
    activity: Floats,
    drive: Floats,
    clamp_mask: NDArray[np.bool_] | None = None,
    clamp_value: Floats | None = None,
) -> Floats:
    """Roll f* over a drive, holding the clamped neurons at their values after every step.

    Args:
        circuit: N neurons, D channels.
        activity: [B, N], before the first step.
        drive: [B, H, D].
        clamp_mask: bool [B, N], the clamped neurons; None clamps none.
        clamp_value: the values that they are held at: [B, N], constant in time, or [B, H, N], one for each step.

    Returns:
        float64 [B, H, N].

    Raises:
        ValueError: the arrays do not fit the circuit or each other, or only one of the two clamp arguments is given.
    """
    activity = np.ascontiguousarray(activity, dtype=np.float64)
    drive = np.ascontiguousarray(drive, dtype=np.float64)
    N, D = circuit.size
    B, H = drive.shape[:2]
    if activity.shape != (B, N) or drive.shape != (B, H, D):
        raise ValueError(f"activity {activity.shape} and drive {drive.shape} are not [B, {N}] and [B, H, {D}]")
    if (clamp_mask is None) != (clamp_value is None):
        raise ValueError("a clamp needs both a mask and values")
    held = np.zeros((B, N), dtype=np.bool_) if clamp_mask is None else np.ascontiguousarray(clamp_mask, dtype=np.bool_)
    value = np.zeros((B, N)) if clamp_value is None else np.asarray(clamp_value, dtype=np.float64)
    if held.shape != (B, N) or value.shape not in ((B, N), (B, H, N)):
        raise ValueError(f"the clamp has shapes {held.shape} and {value.shape}, expected {(B, N)} or {(B, H, N)}")
    values = value if value.ndim == 3 else np.broadcast_to(value[:, None], (B, H, N))
    out = np.empty((B, H, N))
    _rollout(tables(circuit), activity, drive, held, np.ascontiguousarray(values), out)
    return out
