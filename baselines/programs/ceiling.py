"""One step of every neuron, by the block of its group."""

# rate genotype: {"blocks": {"AF": ["linear", "leak", "drive", "none", "fixed", "plain", "none", "none", "none", [], ["retina_L0", "retina_L1", "retina_L2", "retina_L3", "retina_R0", "retina_R1", "retina_R2", "retina_R3", "bout"]], "PT": ["sigmoid", "leak", "fixed", "none", "drive", "plain", "none", "none", "none", ["AF"], ["gain_L", "gain_R"]], "oB": ["sigmoid", "leak", "fixed", "none", "fixed", "plain", "none", "none", "none", ["PT"], []], "B": ["sigmoid", "leak", "fixed", "none", "fixed", "plain", "none", "none", "none", ["PT"], []], "iB": ["sigmoid", "leak", "fixed", "none", "fixed", "plain", "none", "none", "none", ["PT"], []], "ioB": ["sigmoid", "leak", "fixed", "none", "fixed", "plain", "none", "none", "none", ["PT"], []], "iMm": ["sigmoid", "leak", "fixed", "none", "fixed", "plain", "none", "none", "none", ["PT"], []], "Mm": ["sigmoid", "leak", "fixed", "none", "fixed", "plain", "none", "none", "none", ["PT"], []], "oMl": ["sigmoid", "leak", "fixed", "none", "fixed", "plain", "none", "none", "none", ["PT"], []], "S": ["sigmoid", "leak", "fixed", "none", "fixed", "plain", "min", "none", "none", ["PT"], []], "nMLF": ["sigmoid", "leak", "fixed", "none", "fixed", "plain", "none", "none", "none", ["oB", "B", "iB", "ioB", "iMm", "Mm", "oMl", "S"], []], "aHB": ["sigmoid", "leak", "fixed", "none", "fixed", "plain", "none", "none", "none", ["oB", "B", "Mm", "S"], []], "LHB": ["sigmoid", "leak", "fixed", "none", "fixed", "plain", "none", "none", "none", ["aHB"], []], "BG": ["linear", "integrate", "fixed", "drive", "fixed", "plain", "none", "none", "none", ["nMLF"], ["bout"]], "SW": ["linear", "leak", "fixed", "none", "fixed", "plain", "none", "none", "none", [], ["swim"]], "vSPN": ["linear", "leak", "fixed", "none", "fixed", "plain", "none", "none", "none", [], ["turn_L", "turn_R"]], "MN": ["sigmoid", "leak", "fixed", "none", "fixed", "drive", "none", "none", "none", ["nMLF", "SW", "vSPN"], ["bout", "phase_sin", "phase_cos"]]}, "loss": "quick_curriculum", "learning_rate": 0.03}

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

training = dict(loss="quick_curriculum", learning_rate=0.03)
SYNAPSE_DRIVE = ("MN",)
GATE_MIN = ("S",)
UNIT_SIGMOID = ("PT", "oB", "B", "iB", "ioB", "iMm", "Mm", "oMl", "S", "nMLF", "aHB", "LHB", "MN",)
UNIT_LINEAR = ("AF", "BG", "SW", "vSPN",)
SLOPE_DRIVE = ("PT",)
RATE_DRIVE = ("AF",)
FORM_INTEGRATE = ("BG",)
RESET_DRIVE = ("BG",)
SOURCES = {  # of the groups that do not read everything
    "AF": [],
    "PT": ["AF"],
    "oB": ["PT"],
    "B": ["PT"],
    "iB": ["PT"],
    "ioB": ["PT"],
    "iMm": ["PT"],
    "Mm": ["PT"],
    "oMl": ["PT"],
    "S": ["PT"],
    "nMLF": ["oB", "B", "iB", "ioB", "iMm", "Mm", "oMl", "S"],
    "aHB": ["oB", "B", "Mm", "S"],
    "LHB": ["aHB"],
    "BG": ["nMLF"],
    "SW": [],
    "vSPN": [],
    "MN": ["nMLF", "SW", "vSPN"],
}
CHANNELS = {  # of the groups that do not read everything
    "AF": [
        "retina_L0",
        "retina_L1",
        "retina_L2",
        "retina_L3",
        "retina_R0",
        "retina_R1",
        "retina_R2",
        "retina_R3",
        "bout",
    ],
    "PT": ["gain_L", "gain_R"],
    "oB": [],
    "B": [],
    "iB": [],
    "ioB": [],
    "iMm": [],
    "Mm": [],
    "oMl": [],
    "S": [],
    "nMLF": [],
    "aHB": [],
    "LHB": [],
    "BG": ["bout"],
    "SW": ["swim"],
    "vSPN": ["turn_L", "turn_R"],
    "MN": ["bout", "phase_sin", "phase_cos"],
}


class Numbers(nn.Module):
    """Trainable numbers that begin alike whatever else the program has."""

    start: Any
    shape: tuple

    @nn.compact
    def __call__(self):
        return self.param("values", self.start, self.shape)


class Model(nn.Module):
    spec: Any

    def initial_state(self, batch):
        return ()

    def members(self, groups):
        """Whether each neuron belongs to one of the groups: [N]."""
        return np.isin(self.spec.groups, groups)

    def per_neuron(self, name, start, groups, *shape):
        """Trainable numbers of the neurons in the groups, zero for all others: [N, *shape]."""
        keep = self.members(groups).reshape((-1,) + (1,) * len(shape))
        return Numbers(start, (len(self.spec.neurons), *shape), name=name)() * keep

    def reads(self):
        """Which activity and drive each neuron reads: [N, N + D]."""
        N, D = len(self.spec.neurons), len(self.spec.drive)
        wiring = np.ones((N, N)) if self.spec.mask is None else self.spec.mask
        channels = np.ones((N, D)) if self.spec.drive_mask is None else self.spec.drive_mask
        for group, sources in SOURCES.items():
            wiring = wiring * ~(self.members(group)[:, None] & ~self.members(sources))
        for group, names in CHANNELS.items():
            channels = channels * ~(self.members(group)[:, None] & ~np.isin(self.spec.drive, names))
        return np.concatenate([wiring, channels], axis=1).astype(np.float32)

    @nn.compact
    def __call__(self, state, activity, drive):
        everyone = self.spec.groups
        zeros, small, normal = nn.initializers.zeros, nn.initializers.normal(0.1), nn.initializers.normal(0.3)
        constant = nn.initializers.constant
        reads = self.reads()
        N, D, M = len(self.spec.neurons), len(self.spec.drive), reads.shape[1]
        inputs = jnp.concatenate([activity, drive], axis=-1)  # [B, M]
        mask = np.ones(N) if self.spec.mask is None else np.diagonal(self.spec.mask)
        own = activity * mask.astype(np.float32)  # [B, N]; zero where a neuron must not read itself
        # A linear readout of the inputs.
        u = inputs @ (self.per_neuron("weights", small, everyone, M) * reads).T
        # Synapses that each drive channel scales, without effect at first.
        some = np.flatnonzero(self.members(SYNAPSE_DRIVE))  # [K]
        both = reads[some, :N, None] * reads[some, None, N:]  # [K, N, D]
        scaled = Numbers(zeros, both.shape, name="scaled_by_drive")() * both
        pairs = activity[:, :, None] * drive[:, None, :]  # [B, N, D]
        u = u + jnp.einsum('bjd,kjd->bk', pairs, scaled) @ np.eye(N, dtype=np.float32)[some]
        # Gates of all pairs of inputs (min), without effect at first.
        some = np.flatnonzero(self.members(GATE_MIN))  # [K]
        read = np.flatnonzero(reads[some].any(axis=0) | (np.arange(M) == 0))  # [R], never empty
        some_inputs = inputs @ np.eye(M, dtype=np.float32)[:, read]  # [B, R]
        first, second = some_inputs[:, :, None], some_inputs[:, None, :]
        pairs = reads[some][:, read, None] * reads[some][:, None, read]  # [K, R, R]
        pairs = np.triu(pairs, 1)
        gain = Numbers(zeros, pairs.shape, name="gate_min")() * pairs
        gated = jnp.einsum('bpq,kpq->bk', jnp.minimum(first, second), gain)
        u = u + gated @ np.eye(N, dtype=np.float32)[some]
        # The target, by slope and bias.
        begin = np.full(N, 1.0)
        begin = np.where(self.members(UNIT_SIGMOID), np.e, begin)
        slope = self.per_neuron("slope", constant(begin), everyone)
        begin = np.full(N, -0.3)
        begin = np.where(self.members(UNIT_SIGMOID), 0.3, begin)
        begin = np.where(self.members(UNIT_LINEAR), 0.0, begin)
        bias = self.per_neuron("bias", constant(begin), everyone)
        moved = self.per_neuron("slope_drive", zeros, SLOPE_DRIVE, D)
        moved = drive @ (moved * reads[:, N:]).T
        slope = jnp.where(self.members(SLOPE_DRIVE), slope + moved, slope)
        z = slope * (u - bias)
        target = nn.sigmoid(z)
        target = jnp.where(self.members(UNIT_LINEAR), z, target)
        # The way towards it.
        rate = nn.sigmoid(self.per_neuron("rate", constant(-2.0), everyone))
        moved = self.per_neuron("rate_drive", zeros, RATE_DRIVE, D)
        moved = drive @ (moved * reads[:, N:]).T
        rate = jnp.where(self.members(RATE_DRIVE), jnp.clip(rate * (1 + moved), 0, 1), rate)
        after = own + rate * (target - own)
        after = jnp.where(self.members(FORM_INTEGRATE), own + rate * target, after)
        # A reset, which begins at zero.
        moved = self.per_neuron("reset_drive", zeros, RESET_DRIVE, D)
        moved = drive @ (moved * reads[:, N:]).T
        after = jnp.where(self.members(RESET_DRIVE), after * (1 - jnp.minimum(jnp.maximum(moved, 0), 1)), after)
        return state, after
