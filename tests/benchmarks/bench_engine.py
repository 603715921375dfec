"""Three ways to keep a candidate's Python out of the process that trains it, beside the direct one.

    python -m tests.benchmarks.bench_engine [PROGRAM ...]

direct: the Flax module on a batch; graph: one row as a graph of this engine, mapped over rows; export: `jax.export` of
a step on a batch of a fixed size, called. Printed in processor seconds: to get there, to compile
the updates, and for 50 updates of 32 steps on 16 segments; then the largest difference of the gradient from the direct
one, and the bytes that travel. `jax.export` needs the package flatbuffers to become bytes, and has no rule for `vmap`.
"""

from __future__ import annotations

import sys
import time

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import optax

import zfbench.baselines.programs
from zfbench.engine.serialise import to_bytes
from zfbench.forecasting.dynamics import Dynamics, compiler_options
from zfbench.forecasting.flax_step import trace_model
from zfbench.records.recordings import TaskSpec
from zfbench.sandbox.worker import execute

N, D, B, STEPS, UPDATES = 54, 6, 16, 32, 50


def specification(masked: bool) -> TaskSpec:
    """A task of the size of zfish-tiny."""
    rng = np.random.default_rng(0)
    masks = (rng.random((N, N)) < 0.2, rng.random((N, D)) < 0.5) if masked else (None, None)
    neurons, drive = tuple(f"n{i}" for i in range(N)), tuple(f"d{i}" for i in range(D))
    return TaskSpec("toy", "", "", 1.0, 256, 64, neurons, ("g",) * N, drive, *masks)


def trained(step, state, params):
    """A compiled loop of updates, and its gradient at the beginning."""
    rng = np.random.default_rng(1)
    drive = jnp.asarray(rng.random((STEPS, B, D)), jnp.float32)
    target = jnp.asarray(rng.random((STEPS, B, N)), jnp.float32)
    optimiser = optax.flatten(optax.adam(1e-3))

    def loss(params, start):
        def one(carry, x):
            following = step(params, *carry, x)
            return following, following[1]

        return jnp.abs(jax.lax.scan(one, (state, start), drive)[1] - target).mean()

    def updates(params, memory):
        def update(_, carry):
            params, memory = carry
            change, memory = optimiser.update(jax.grad(loss)(params, target[0]), memory, params)
            return optax.apply_updates(params, change), memory

        return jax.lax.fori_loop(0, UPDATES, update, (params, memory))

    began = time.process_time()
    compiled = jax.jit(updates).lower(params, optimiser.init(params)).compile(compiler_options())
    compiling = time.process_time() - began
    seconds = []
    for _ in range(5):
        began = time.process_time()
        jax.block_until_ready(compiled(params, optimiser.init(params)))
        seconds.append(time.process_time() - began)
    return compiling, float(np.median(seconds)), jax.tree.leaves(jax.jit(jax.grad(loss))(params, target[0]))


def main(names: list[str]) -> None:
    """Measure the programs and print a table."""
    print("program | way | trace | compile | 50 updates | gradient differs | bytes")  # noqa: T201
    for name in names or zfbench.baselines.programs.names():
        spec = specification(name.startswith("masked"))
        model = execute(zfbench.baselines.programs.source(name)).Model(spec=spec)
        state, activity, drive = model.initial_state(B), jnp.zeros((B, N)), jnp.zeros((B, D))
        params = model.init(jax.random.key(0), model.initial_state(1), activity[:1], drive[:1])["params"]

        def direct(params, state, activity, drive, model=model):
            return model.apply({"params": params}, state, activity, drive)

        began = time.process_time()
        traced = trace_model(model, spec)
        tracing = time.process_time() - began
        dynamics = Dynamics.of(traced)
        paths = jax.tree_util.tree_flatten_with_path(params)[0]
        flat = {"/".join(str(entry.key) for entry in path): leaf for path, leaf in paths}
        began = time.process_time()
        shapes = jax.eval_shape(lambda *given: given, params, state, activity, drive)
        exported = jax.export.export(jax.jit(direct))(*shapes)
        exporting = time.process_time() - began
        ways = {
            "direct": (0.0, *trained(direct, state, params), 0),
            "graph": (tracing, *trained(dynamics.step, dynamics.initial_state(B), flat), len(to_bytes(traced))),
            "export": (exporting, *trained(exported.call, state, params), len(exported.mlir_module_serialized)),
        }
        own = ways["direct"][3]
        for way, (got, compiling, seconds, gradient, size) in ways.items():
            largest = max(float(jnp.abs(a - b).max() / jnp.abs(a).max()) for a, b in zip(own, gradient, strict=True))
            row = f"{name} | {way} | {got:.2f} | {compiling:.2f} | {seconds:.3f} | {largest:.0e} | {size:,}"
            print(row, flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
