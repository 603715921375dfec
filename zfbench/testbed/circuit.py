"""A circuit as plain data: one general unit, of which every neuron of the larva is an instance.

With activity a (N neurons) and drive x (D channels), neuron i obeys

    u_i     = sum_j W_ij a_j + sum_d V_id x_d + sum_m c_m a_source x_channel + sum_g gain_g gate(a_p, a_q)
    target  = sigma(omega_i(x) (u_i - bias_i(x)))   for a sigmoid unit,   u_i - bias_i(x)   for a linear one
    a_i(t)  = (1 - reset_i(x)) ((1 - leak_i(x)) a_i + leak_i(x) target)

where sigma is the logistic function and a gate is `min` or `product`. Slope, bias, leak and reset may depend linearly
on the drive: this gives gain control, visual suppression during a bout, and the reset of the bout integrator. A perfect
integrator is a linear unit with leak 1 and weight 1 onto itself. Everything on the right-hand side is a(t-1) and x(t).
`zfbench.testbed.transition` computes the step; `zfbench.testbed.published` holds the constants.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zfbench.base.errors import DamagedFileError

UNIT_KINDS = ("sigmoid", "linear")
GATE_KINDS = ("min", "product")

# fields that hold one number per neuron, per pair of neurons, and per neuron and drive channel
VECTORS = ("alpha", "omega", "bias")
MATRICES = ("weights",)
DRIVE_MATRICES = ("drive_weights", "omega_drive", "bias_drive", "leak_drive", "reset_drive")


@dataclass(frozen=True)
class Gate:
    """A nonlinear input `gain * min(a_p, a_q)` or `gain * a_p * a_q` of a neuron.

    Attributes:
        target: index of the neuron that receives the input.
        p: index of the first source neuron.
        q: index of the second source neuron.
        gain: factor of the gate; its sign is the sign of both edges.
        kind: `min` or `product`.
    """

    target: int
    p: int
    q: int
    gain: float
    kind: str


@dataclass(frozen=True)
class Modulation:
    """An input `coefficient * a_source * x_channel` of a neuron: a synapse whose strength the drive scales.

    Attributes:
        target: index of the neuron that receives the input.
        source: index of the source neuron.
        channel: index of the drive channel.
        coefficient: factor of the product.
    """

    target: int
    source: int
    channel: int
    coefficient: float


@dataclass(frozen=True, eq=False)
class Circuit:
    """N neurons, D drive channels and all constants of their dynamics; arrays are float64 and read-only.

    Attributes:
        name: for example `published`.
        neurons: N names, all different.
        groups: the cell type of each neuron, N entries.
        drive: D channel names, all different.
        drive_groups: the group of each channel, D entries.
        kinds: `sigmoid` or `linear` for each neuron.
        alpha: [N], leak per step: the fraction of the way to its target that a neuron goes in 1 ms.
        omega: [N], slope of the sigmoid; unused by linear units.
        bias: [N], subtracted from the input.
        weights: [N, N], `weights[post, pre]`; the diagonal is a unit's input from itself.
        drive_weights: [N, D], weights of the drive channels.
        omega_drive: [N, D], `omega(x) = omega + omega_drive @ x`.
        bias_drive: [N, D], `bias(x) = bias + bias_drive @ x`.
        leak_drive: [N, D], `leak(x) = alpha * (1 + leak_drive @ x)`.
        reset_drive: [N, D], `reset(x) = reset_drive @ x`.
        gates: nonlinear inputs of pairs of neurons.
        modulations: inputs that drive scales.
        mirror: [N], index of each neuron's mirror image; neurons on the midline are their own.
        drive_mirror: [D], index of each channel's mirror image.
        drive_mirror_sign: [D], +1 or -1, the sign that a channel's value takes in the mirror.

    Raises:
        ValueError: an array has the wrong shape or is not finite, a name occurs twice, a kind is unknown, an index is
            out of range, a mirror is not a pairing, or an edge has two signs.
    """

    name: str
    neurons: tuple[str, ...]
    groups: tuple[str, ...]
    drive: tuple[str, ...]
    drive_groups: tuple[str, ...]
    kinds: tuple[str, ...]
    alpha: NDArray[np.float64]
    omega: NDArray[np.float64]
    bias: NDArray[np.float64]
    weights: NDArray[np.float64]
    drive_weights: NDArray[np.float64]
    omega_drive: NDArray[np.float64]
    bias_drive: NDArray[np.float64]
    leak_drive: NDArray[np.float64]
    reset_drive: NDArray[np.float64]
    gates: tuple[Gate, ...]
    modulations: tuple[Modulation, ...]
    mirror: NDArray[np.int64]
    drive_mirror: NDArray[np.int64]
    drive_mirror_sign: NDArray[np.float64]

    def __post_init__(self) -> None:
        N, D = len(self.neurons), len(self.drive)
        shapes = dict.fromkeys(VECTORS, (N,)) | dict.fromkeys(MATRICES, (N, N))
        shapes |= dict.fromkeys(DRIVE_MATRICES, (N, D))
        shapes |= {"mirror": (N,), "drive_mirror": (D,), "drive_mirror_sign": (D,)}
        for field, shape in shapes.items():
            dtype = np.int64 if field in ("mirror", "drive_mirror") else np.float64
            array = np.array(getattr(self, field), dtype=dtype)
            if array.shape != shape:
                raise ValueError(f"{field} has shape {array.shape}, expected {shape}")
            if not np.all(np.isfinite(array)):
                raise ValueError(f"{field} holds a value that is not finite")
            array.setflags(write=False)
            object.__setattr__(self, field, array)
        for field, size in (("groups", N), ("kinds", N), ("drive_groups", D)):
            if len(getattr(self, field)) != size:
                raise ValueError(f"{field} has {len(getattr(self, field))} entries, expected {size}")
        for field in ("neurons", "drive"):
            if len(set(getattr(self, field))) != len(getattr(self, field)):
                raise ValueError(f"names in {field} must differ")
        _check_kinds("unit", self.kinds, UNIT_KINDS)
        _check_kinds("gate", [gate.kind for gate in self.gates], GATE_KINDS)
        _check_indices("gates", [i for g in self.gates for i in (g.target, g.p, g.q)], N)
        _check_indices("modulations", [i for m in self.modulations for i in (m.target, m.source)], N)
        _check_indices("modulations", [m.channel for m in self.modulations], D)
        for field in ("mirror", "drive_mirror"):
            permutation = getattr(self, field)
            _check_indices(field, permutation, len(permutation))
            if not np.array_equal(permutation[permutation], np.arange(len(permutation))):
                raise ValueError(f"{field} must be a pairing: applied twice, it must change nothing")
        if not np.all(np.abs(self.drive_mirror_sign) == 1):
            raise ValueError("drive_mirror_sign must hold +1 and -1 only")
        _ = self.wiring  # an edge with two signs is refused here

    @property
    def size(self) -> tuple[int, int]:
        """The numbers of neurons N and of drive channels D."""
        return len(self.neurons), len(self.drive)

    @cached_property
    def wiring(self) -> NDArray[np.int8]:
        """The sign of every edge between different neurons: int8 [N, N], `wiring[post, pre]`, zero on the diagonal.

        A gate is an edge from both of its sources, with the sign of its gain. An edge with a weight has the sign of the
        weight, also where drive modulates it; an edge that exists through modulation alone has the sign of its
        coefficient.

        Raises:
            ValueError: a weight and a gate give one edge opposite signs.
        """
        signs = np.sign(self.weights).astype(np.int8)
        for gate in self.gates:
            for source in (gate.p, gate.q):
                sign = np.int8(np.sign(gate.gain))
                if signs[gate.target, source] * sign < 0:
                    raise ValueError(
                        f"the edge {self.neurons[source]} -> {self.neurons[gate.target]} has a weight "
                        "and a gate of opposite sign"
                    )
                signs[gate.target, source] = sign
        for m in self.modulations:
            if signs[m.target, m.source] == 0:
                signs[m.target, m.source] = np.sign(m.coefficient)
        np.fill_diagonal(signs, 0)
        signs.setflags(write=False)
        return signs

    @cached_property
    def drive_wiring(self) -> NDArray[np.bool_]:
        """True where a drive channel acts on a neuron within one step in any way: bool [N, D]."""
        acts = np.any([getattr(self, field) != 0 for field in DRIVE_MATRICES], axis=0)
        for m in self.modulations:
            acts[m.target, m.channel] |= m.coefficient != 0
        acts.setflags(write=False)
        return acts

    def group_mask(self) -> NDArray[np.bool_]:
        """Return the edges allowed when only the connections between groups are known: bool [N, N], diagonal included.

        `mask[i, j]` is true if any neuron of the group of j projects to any neuron of the group of i, or if both share
        a group.
        """
        membership = _membership(self.groups)  # [N, G]
        connected = (membership.T @ (self.wiring != 0) @ membership) > 0  # [G, G]
        np.fill_diagonal(connected, True)
        return membership @ connected @ membership.T > 0

    def drive_group_mask(self) -> NDArray[np.bool_]:
        """Return the drive inputs allowed when only the connections between groups are known: bool [N, D]."""
        membership, channels = _membership(self.groups), _membership(self.drive_groups)  # [N, G], [D, K]
        connected = (membership.T @ self.drive_wiring @ channels) > 0  # [G, K]
        return membership @ connected @ channels.T > 0

    def constants(self) -> NDArray[np.float64]:
        """Return all numbers of the circuit that are not zero, each different one once, in ascending order: [M]."""
        parts = [getattr(self, field).ravel() for field in VECTORS + MATRICES + DRIVE_MATRICES]
        parts += [np.array([g.gain for g in self.gates]), np.array([m.coefficient for m in self.modulations])]
        values = np.unique(np.concatenate(parts))
        return values[values != 0]

    def mirror_activity(self, activity: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the activity of the mirrored larva, [..., N]."""
        return activity[..., self.mirror]

    def mirror_drive(self, drive: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the drive of the mirrored larva, [..., D]."""
        return drive[..., self.drive_mirror] * self.drive_mirror_sign

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-compatible form with its content hash; matrices are lists of `[post, pre, value]` by name."""
        fields: dict[str, Any] = {"name": self.name}
        for field in ("neurons", "groups", "drive", "drive_groups", "kinds"):
            fields[field] = list(getattr(self, field))
        for field in VECTORS:
            fields[field] = getattr(self, field).tolist()
        for field in MATRICES + DRIVE_MATRICES:
            columns = self.neurons if field in MATRICES else self.drive
            matrix = getattr(self, field)
            entries = zip(*np.nonzero(matrix), strict=True)
            fields[field] = [[self.neurons[i], columns[j], float(matrix[i, j])] for i, j in entries]
        name = self.neurons
        fields["gates"] = [[name[g.target], name[g.p], name[g.q], float(g.gain), g.kind] for g in self.gates]
        fields["modulations"] = [
            [name[m.target], name[m.source], self.drive[m.channel], float(m.coefficient)] for m in self.modulations
        ]
        fields["mirror"] = [name[i] for i in self.mirror]
        fields["drive_mirror"] = [self.drive[i] for i in self.drive_mirror]
        fields["drive_mirror_sign"] = self.drive_mirror_sign.tolist()
        return {**fields, "sha256": _content_hash(fields)}

    @cached_property
    def sha256(self) -> str:
        """Hash of the content: two circuits have the same one only if every name and every constant agrees."""
        return self.to_json()["sha256"]

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Circuit:
        """Build a circuit from the form that `to_json` returns.

        Raises:
            DamagedFileError: a field is missing or malformed, or the content does not match its hash.
        """
        fields = dict(fields)
        declared = fields.pop("sha256", None)
        if declared != _content_hash(fields):
            raise DamagedFileError(f"Circuit '{fields.get('name')}' does not match its sha256; fetch the file again.")
        try:
            return cls(**_from_names(fields))
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedFileError(f"Circuit '{fields.get('name')}' is malformed: {error}.") from error


def _from_names(fields: dict[str, Any]) -> dict[str, Any]:
    """Turn the JSON form, in which neurons and channels go by name, into the arguments of the constructor."""
    arguments = dict(fields)
    for field in ("neurons", "groups", "drive", "drive_groups", "kinds"):
        arguments[field] = tuple(fields[field])
    neuron = {name: i for i, name in enumerate(arguments["neurons"])}
    channel = {name: d for d, name in enumerate(arguments["drive"])}
    for field in MATRICES + DRIVE_MATRICES:
        columns = neuron if field in MATRICES else channel
        matrix = np.zeros((len(neuron), len(columns)))
        for row, column, value in fields[field]:
            matrix[neuron[row], columns[column]] = value
        arguments[field] = matrix
    arguments["gates"] = tuple(
        Gate(neuron[target], neuron[p], neuron[q], gain, kind) for target, p, q, gain, kind in fields["gates"]
    )
    arguments["modulations"] = tuple(
        Modulation(neuron[target], neuron[source], channel[by], coefficient)
        for target, source, by, coefficient in fields["modulations"]
    )
    arguments["mirror"] = [neuron[name] for name in fields["mirror"]]
    arguments["drive_mirror"] = [channel[name] for name in fields["drive_mirror"]]
    return arguments


def _content_hash(fields: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _membership(groups: tuple[str, ...]) -> NDArray[np.int64]:
    """Return which item belongs to which group, one-hot: int64 [items, groups]."""
    return (np.asarray(groups)[:, None] == np.unique(groups)[None, :]).astype(np.int64)


def _check_kinds(what: str, kinds: Sequence[str], known: tuple[str, ...]) -> None:
    for kind in kinds:
        if kind not in known:
            raise ValueError(f"unknown {what} kind '{kind}'; known are {', '.join(known)}")


def _check_indices(field: str, indices: Sequence[int] | NDArray[np.int64], size: int) -> None:
    for index in indices:
        if not 0 <= index < size:
            raise ValueError(f"{field} refer to index {index}, outside 0 .. {size - 1}")
