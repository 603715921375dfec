"""The same training by others: a plain loop in Flax and Optax, and eager PyTorch where it is installed.

All train `driven_mlp` on the same recordings, with the same phases, batches and optimiser, on one thread; in turn, so
that ratios are of neighbours in time. Nobody but zfbench selects parameters on a set-aside slice.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from tests.benchmarks.performance.meter import median
from tests.benchmarks.performance.work import UPDATES, dynamics_of, task_of
from zfbench.baselines import programs
from zfbench.forecasting.contract import TrainingChoice
from zfbench.forecasting.training import HUBER, SCHEDULES, Material, Phase, Trainer, learning_rates
from zfbench.runs.tasks import find_task
from zfbench.sandbox.worker import execute

NAME = "driven_mlp"
REPEATS = 3
RATE = 0.03
Seconds = dict[str, float]
ZFBENCH, FLAX, TORCH = "zfbench", "plain Flax and Optax", "eager PyTorch"


def batches(material: Material, phase: Phase, updates: int) -> Iterator[tuple[float, np.ndarray]]:
    """Learning rate and first rows of every update of a phase."""
    rng = np.random.default_rng(0)
    starts = np.asarray(material.segment_starts(1 + phase.steps))
    for rate in learning_rates(RATE * phase.rate, updates):
        yield float(rate), rng.choice(starts, phase.batch)


def zfbench(task: Any, material: Material, updates: int) -> Seconds:
    """The harness's own trainer, its selection forecasts included."""
    began = time.process_time()
    Trainer(dynamics_of(NAME, task.spec), material).train(TrainingChoice(), updates, math.inf, 0)
    return {"all": time.process_time() - began}


def plain_flax(task: Any, material: Material, updates: int) -> Seconds:
    """One jitted update after another; `jax.lax.scan` over the steps; the recordings on the device."""
    began = time.process_time()
    model = execute(programs.source(NAME)).Model(spec=task.spec)
    N, D = len(task.spec.neurons), len(task.spec.drive)
    params = model.init(jax.random.key(0), (), jnp.zeros((1, N)), jnp.zeros((1, D)))
    seconds = {}
    for phase in SCHEDULES["curriculum"]:
        scale = jnp.asarray(getattr(material.units, phase.unit))
        adam = optax.chain(optax.clip_by_global_norm(phase.clip), optax.scale_by_adam())

        def loss(params: Any, activity: Any, drive: Any, phase: Phase = phase, scale: Any = scale) -> Any:
            def step(now: Any, x: Any) -> Any:
                following = model.apply(params, (), now, x)[1]
                return following, following

            path = jax.lax.scan(step, activity[:, 0], jnp.swapaxes(drive[:, 1:], 0, 1))[1]
            return phase.loss((jnp.swapaxes(path, 0, 1) - activity[:, 1:]) / scale).mean()

        @jax.jit
        def update(
            params: Any, state: Any, rate: Any, rows: Any, loss: Any = loss, adam: Any = adam, phase: Phase = phase
        ) -> Any:
            chosen = rows[:, None] + jnp.arange(1 + phase.steps)
            gradient = jax.grad(loss)(params, material.activity[chosen], material.drive[chosen])
            change, state = adam.update(gradient, state, params)
            return optax.apply_updates(params, jax.tree.map(lambda c: -rate * c, change)), state

        state = adam.init(params)
        count = updates // 2
        for number, (rate, rows) in enumerate(batches(material, phase, count)):
            if number == min(10, count - 1):
                jax.block_until_ready(params)
                from_here = time.process_time()
            params, state = update(params, state, rate, rows)
        jax.block_until_ready(params)
        seconds[f"{phase.steps} x {phase.batch}"] = (time.process_time() - from_here) / (count - min(10, count - 1))
    return {"all": time.process_time() - began, **seconds}


def eager_torch(task: Any, material: Material, updates: int) -> Seconds:
    """Nothing is compiled; a Python loop over the steps."""
    import torch

    torch.set_num_threads(1)
    began = time.process_time()
    N, D, width = len(task.spec.neurons), len(task.spec.drive), 128
    network = torch.nn.Sequential(
        *(torch.nn.Linear(N + D, width), torch.nn.SiLU(), torch.nn.Linear(width, width), torch.nn.SiLU()),
        torch.nn.Linear(width, N),
    )
    rate_of_neurons = torch.nn.Parameter(torch.full((N,), -2.5))
    parameters = [*network.parameters(), rate_of_neurons]
    activity, drive = torch.tensor(np.asarray(material.activity)), torch.tensor(np.asarray(material.drive))
    seconds = {}
    for phase in SCHEDULES["curriculum"]:
        scale = torch.tensor(getattr(material.units, phase.unit))
        adam = torch.optim.Adam(parameters, lr=RATE)
        count = updates // 2
        for number, (rate, rows) in enumerate(batches(material, phase, count)):
            if number == min(10, count - 1):
                from_here = time.process_time()
            chosen = torch.tensor(rows[:, None] + np.arange(1 + phase.steps))
            recorded, given = activity[chosen], drive[chosen]
            now, path = recorded[:, 0], []
            for step in range(1, 1 + phase.steps):
                target = network(torch.cat([now, given[:, step]], dim=1))
                now = now + torch.sigmoid(rate_of_neurons) * (target - now)
                path.append(now)
            error = (torch.stack(path, 1) - recorded[:, 1:]) / scale
            if phase.steps == 1:
                loss = (0.5 * error**2).mean()
            else:
                loss = (HUBER * (torch.sqrt(1 + (error / HUBER) ** 2) - 1)).mean()
            adam.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, phase.clip)
            adam.param_groups[0]["lr"] = rate
            adam.step()
        seconds[f"{phase.steps} x {phase.batch}"] = (time.process_time() - from_here) / (count - min(10, count - 1))
    return {"all": time.process_time() - began, **seconds}


def measure(quick: bool) -> dict[str, Any]:
    """By peer: seconds of a whole training and of an update; and the peer's seconds over zfbench's, in pairs."""
    updates, repeats = (40, 1) if quick else (UPDATES, REPEATS)
    task = find_task(task_of(NAME)).task
    material = Material.of(task.train, task.spec.horizon, 1)
    ways: dict[str, Callable[[], Seconds]] = {
        ZFBENCH: partial(zfbench, task, material, updates),
        FLAX: partial(plain_flax, task, material, updates),
    }
    skipped = {}
    if find_spec("torch"):
        ways[TORCH] = partial(eager_torch, task, material, updates)
    else:
        skipped[TORCH] = "PyTorch is not installed"
    taken: dict[str, list[Seconds]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way, run in ways.items():
            jax.clear_caches()
            taken[way].append(run())
    found = {
        way: {part: median([run[part] for run in runs]) for part in runs[0]}
        | {"ratio": median([run["all"] / own["all"] for run, own in zip(runs, taken[ZFBENCH], strict=True)])}
        for way, runs in taken.items()
    }
    return {"program": NAME, "updates": updates, "repeats": repeats, "peers": found, "skipped": skipped}
