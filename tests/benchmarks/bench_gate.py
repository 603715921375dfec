"""How gates are found: trainings of the group S alone, whose true input is a minimum of two neurons; prints a table.

    python tests/benchmarks/bench_gate.py zfish-tiny/masked --updates 500 1000 --seeds 20

Every model has the true form of S and its true inputs; what differs is how its gate is written. It is fitted to single
steps, from the recorded activity, by the one-step phase of the rate family's schedule. Errors are halves of mean
squares in units of the standard deviation of the step; counted are those below a half and below a tenth of the median
error without a gate.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from zfbench.forecasting.training import FINAL_RATE, SCHEDULES
from zfbench.tasks.zfish.family import ZFISH

GROUP, RATE = "S", 0.03
NONE = "none"
Params = Mapping[str, jax.Array]
Gate = Callable[[Params, jax.Array], jax.Array]  # of parameters and inputs [B, M]: what is added to u, [B]


@dataclass(frozen=True)
class Steps:
    """Single steps of one neuron.

    Attributes:
        inputs: what it reads before the step, [T, M].
        before: its activity, [T].
        after: its activity after the step, [T].
        scale: standard deviation of the step.
    """

    inputs: jax.Array
    before: jax.Array
    after: jax.Array
    scale: float


def steps_of(task_name: str) -> Steps:
    """The steps of the first neuron of the group in the training recordings."""
    task = ZFISH.load(task_name)
    neuron = int(task.spec.indices(GROUP)[0])
    read = [j for j, group in enumerate(task.spec.groups) if group == "PT"]
    paths = [recording.activity for recording in task.train]
    before = np.concatenate([path[:-1] for path in paths])
    after = np.concatenate([path[1:, neuron] for path in paths])
    own = before[:, neuron]
    return Steps(jnp.asarray(before[:, read]), jnp.asarray(own), jnp.asarray(after), float(np.std(after - own)))


def readouts(p: Params, x: jax.Array) -> jax.Array:
    """Gates of two trained readouts each: first, second [K, M] and gain [K]."""
    return jnp.minimum(x @ p["first"].T, x @ p["second"].T) @ p["gain"]


def pairs(p: Params, x: jax.Array) -> jax.Array:
    """A gate of every pair of inputs: gain [M, M], of which the part above the diagonal is used."""
    both = jnp.minimum(x[:, :, None], x[:, None, :])
    return jnp.einsum("bpq,pq->b", both, jnp.triu(p["gain"], 1))


def model(gate: Gate, p: Params, x: jax.Array, before: jax.Array) -> jax.Array:
    """The next activity: a leak towards a sigmoid of a weighted sum and the gate."""
    u = x @ p["weights"] + gate(p, x)
    target = jax.nn.sigmoid(p["slope"] * (u - p["bias"]))
    return before + jax.nn.sigmoid(p["rate"]) * (target - before)


def beginnings(M: int) -> dict[str, tuple[Gate, Callable[[np.random.Generator], dict[str, NDArray[np.float64]]]]]:
    """The ways to write a gate, with their first parameters."""

    def of(count: int, gain: float) -> Callable[[np.random.Generator], dict[str, NDArray[np.float64]]]:
        return lambda rng: {
            "first": rng.normal(0, 0.3, (count, M)),
            "second": rng.normal(0, 0.3, (count, M)),
            "gain": np.full(count, gain),
        }

    return {
        NONE: (lambda p, x: jnp.zeros(len(x)), lambda rng: {}),
        "of two readouts, gain 0": (readouts, of(1, 0.0)),
        "of two readouts, gain 1": (readouts, of(1, 1.0)),
        "eight of two readouts, gains 0": (readouts, of(8, 0.0)),
        "of all pairs of inputs, gains 0": (pairs, lambda rng: {"gain": np.zeros((M, M))}),
    }


def errors(steps: Steps, gate: Gate, begin: list[dict[str, NDArray[np.float64]]], updates: int) -> NDArray[np.float64]:
    """The error of each training after its last update, over all steps."""
    phase = SCHEDULES["quick_curriculum"][0]
    optimiser = optax.chain(
        optax.clip_by_global_norm(phase.clip),
        optax.scale_by_adam(b2=phase.second_moment),
        optax.scale_by_learning_rate(optax.cosine_decay_schedule(phase.rate * RATE, updates, FINAL_RATE)),
    )

    def loss(p: Params, rows: jax.Array | slice) -> jax.Array:
        error = model(gate, p, steps.inputs[rows], steps.before[rows]) - steps.after[rows]
        return jnp.mean(0.5 * (error / steps.scale) ** 2)

    def train(p: Params, key: jax.Array) -> jax.Array:
        def update(carry: tuple[Params, optax.OptState], key: jax.Array) -> tuple[tuple[Params, optax.OptState], None]:
            p, state = carry
            gradient = jax.grad(loss)(p, jax.random.randint(key, (phase.batch,), 0, len(steps.after)))
            change, state = optimiser.update(gradient, state)
            return (optax.apply_updates(p, change), state), None

        (p, _), _ = jax.lax.scan(update, (p, optimiser.init(p)), jax.random.split(key, updates))
        return loss(p, slice(None, None, 7))

    stacked = jax.tree.map(lambda *values: jnp.asarray(np.stack(values), jnp.float32), *begin)
    keys = jax.vmap(jax.random.key)(jnp.arange(len(begin)))
    return np.asarray(jax.jit(jax.vmap(train))(stacked, keys), float)


def main() -> None:
    """Print a line for each way to write a gate and each number of updates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task")
    parser.add_argument("--updates", type=int, nargs="+", default=[500, 1000])
    parser.add_argument("--seeds", type=int, default=20)
    asked = parser.parse_args()
    steps = steps_of(asked.task)
    M = steps.inputs.shape[1]
    sys.stdout.write(
        "| gate | updates | below a half | below a tenth | median error | worst error |\n|---|--:|--:|--:|--:|--:|\n"
    )
    for updates in asked.updates:
        without = 0.0
        for name, (gate, first) in beginnings(M).items():
            begin = []
            for seed in range(asked.seeds):
                rng = np.random.default_rng(seed)
                common = {"weights": rng.normal(0, 0.1, M), "slope": np.e, "bias": 0.3, "rate": -2.0}
                begin.append({**common, **first(rng)})
            found = errors(steps, gate, begin, updates)
            without = float(np.median(found)) if name == NONE else without
            counts = " | ".join(f"{(found < share * without).sum()} of {asked.seeds}" for share in (0.5, 0.1))
            sys.stdout.write(f"| {name} | {updates:,} | {counts} | {np.median(found):.1e} | {found.max():.1e} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
