"""The parts of the measurement on a device; each yields figures as they come, until its time is over."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tests.benchmarks.performance.work import dynamics_of, work
from zfbench.base.machine import processor
from zfbench.baselines import programs
from zfbench.forecasting.contract import TrainingChoice
from zfbench.forecasting.dynamics import Dynamics
from zfbench.forecasting.together import BatchTrainer, bytes_of_batch
from zfbench.forecasting.training import SCHEDULES, Material, Trained, Trainer, divided, pseudo_huber
from zfbench.tasks.zfish.name import ZfishName
from zfbench.tasks.zfish.task import ZfishTask
from zfbench.testbed.data import Dataset, data_sha256, derive, load_dataset
from zfbench.testbed.published import load as load_circuit

Figures = Iterator[tuple[str, Any]]


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
        updates, long: of a training as searches screen, and in full.
        seeds: numbers of seeds that are trained at once.
        programs: that are trained with several seeds.
        matrix: rows of the square matrices of the roofline.
        study: seeds of the study.
        tiers: on which every reference program is trained.
        few: updates of the training that is compared between devices.
        few_seeds: that are trained at each precision of products.
        precisions: of products, as `jax.default_matmul_precision` names them.
    """

    updates: int = 400
    long: int = 2_000
    seeds: tuple[int, ...] = (1, 64, 16, 256, 4, 128)  # those that say most come first
    programs: tuple[str, ...] = ("driven_mlp", "masked_mlp", "masked_leaky_sigmoid")
    matrix: int = 4_096
    study: int = 16
    tiers: tuple[str, ...] = ("zfish-tiny", "zfish")
    few: int = 50
    few_seeds: int = 4
    precisions: tuple[str, ...] = ("default", "high", "highest")


QUICK = Sizes(20, 40, (1, 2, 4), ("masked_leaky_sigmoid",), 256, 2, ("zfish-tiny",), 10, 2, ("highest",))


@lru_cache(maxsize=4)
def task_of(program: str, tier: str = "zfish-tiny") -> ZfishTask:
    """The task that a reference program is written for."""
    name = ZfishName.parse(f"{tier}/{'masked' if program.startswith('masked') else 'driven'}")
    data = _standard() if name.tier == "standard" else load_dataset(name.tier)
    return ZfishTask(name, load_circuit("published"), data)


@lru_cache(maxsize=1)
def _standard() -> Dataset:
    """The larger tier, derived and not written to a file."""
    return Dataset("standard", data_sha256("standard"), Path("not written"), derive("standard"))


def material_of(task: ZfishTask, recurrent: bool) -> Material:
    """A task's recordings on the device."""
    return Material.of(task.train, task.spec.horizon, task.spec.context if recurrent else 1)


def seconds_of(run: Callable[[], Any], repeats: int = 5) -> float:
    """Median wall-clock seconds of a function whose result is waited for, after one run that is not counted."""
    taken = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        jax.block_until_ready(run())
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[1:])


def machine(sizes: Sizes) -> Figures:
    """The device, its products of matrices by precision (TFLOP/s), a copy (GB/s), and an empty call (us)."""
    device = jax.devices()[0]
    named = processor() if device.platform == "cpu" else device.device_kind
    yield "device", {"platform": device.platform, "kind": named, "jax": jax.__version__}
    n = sizes.matrix
    a, b = (jax.random.normal(jax.random.key(k), (n, n)) for k in (0, 1))
    for precision in sizes.precisions:
        multiply = jax.jit(lambda a, b, p=precision: jnp.matmul(a, b, precision=p))
        yield f"{n} x {n}, {precision}", 2e-12 * n**3 / seconds_of(lambda multiply=multiply: multiply(a, b))
    large, small = jnp.zeros(n * n * 16), jnp.zeros(8)
    more = jax.jit(lambda x: x + 1)
    yield "copy", 2e-9 * large.nbytes / seconds_of(lambda: more(large))
    yield "call", 1e6 * seconds_of(lambda: more(small), 50)


def agreement(sizes: Sizes) -> Figures:
    """Largest differences from the CPU: one step, the gradient of 32 steps (relative), and a short training."""
    cpu = jax.devices("cpu")[0]
    for name in sizes.programs:
        task, reference = task_of(name), None
        for device, precision in ((cpu, "highest"), *((jax.devices()[0], p) for p in sizes.precisions)):
            with jax.default_device(device), jax.default_matmul_precision(precision):
                found = _answers(name, task, sizes.few)
            if reference is None:
                reference = found
                yield f"{name}, CPU: error after {sizes.few} updates", found[2]
                continue
            step = float(np.abs(found[0] - reference[0]).max())
            largest = max(float(np.abs(b).max()) for b in reference[1])
            gradient = max(float(np.abs(a - b).max()) for a, b in zip(found[1], reference[1], strict=True)) / largest
            yield f"{name}, {precision}", {"step": step, "gradient": gradient, "error": found[2]}


def _answers(name: str, task: ZfishTask, updates: int) -> tuple[Any, list[Any], float]:
    """One step of 64 recorded states, the gradient of 32 free steps, and the set-aside error after a training."""
    dynamics = dynamics_of(name, task.spec)
    recording = task.train[0]
    rows = np.linspace(0, len(recording.activity) - 40, 64).astype(int)[:, None] + np.arange(33)
    activity, drive = jnp.asarray(recording.activity[rows]), jnp.asarray(recording.drive[rows])
    params = dynamics.initialiser()(jax.random.key(0))
    state = dynamics.initial_state(64)

    def loss(params: Any) -> Any:
        path = dynamics.free_run(params, state, activity[:, 0], drive[:, 1:])
        return pseudo_huber(path - activity[:, 1:]).mean()

    step = jax.jit(dynamics.step)(params, state, activity[:, 0], drive[:, 1])[1]
    gradient = jax.jit(jax.grad(loss))(params)
    trained = Trainer(dynamics, material_of(task, dynamics.recurrent)).train(TrainingChoice(), updates, math.inf, 0)
    best = min(error for _, error in trained.report.selection_curve)
    return np.asarray(step), [np.asarray(leaf) for leaf in jax.tree.leaves(gradient)], best


def batch(sizes: Sizes) -> Figures:
    """Candidates per second against the number of seeds trained at once, with what compiling adds, by program."""
    yield "GB of one batch", 1e-9 * bytes_of_batch()
    ready = {name: batch_trainer(name) for name in sizes.programs}
    for name, (_, trainer) in ready.items():
        yield f"{name}, seeds that fit into one batch", trainer.capacity(TrainingChoice(), sizes.updates)
    for K in sizes.seeds:
        for name, (dynamics, trainer) in ready.items():
            first, again = (timed(trainer, range(s, s + K), sizes.updates)[1] for s in (0, K))
            loss, _ = TrainingChoice().resolve(dynamics.recurrent, sizes.updates)
            counts = zip(divided(SCHEDULES[loss], sizes.updates), SCHEDULES[loss], strict=True)
            products = sum(count * work(dynamics, phase.steps, phase.batch) for count, phase in counts)
            yield (
                f"{name}, {K}",
                {
                    "first": first,
                    "again": again,
                    "candidates per second": K / again,
                    "with compiling": K / first,
                    "gflops": 1e-9 * K * products / again,
                },
            )


def batch_trainer(name: str) -> tuple[Dynamics, BatchTrainer]:
    """A reference program and what trains it."""
    task = task_of(name)
    dynamics = dynamics_of(name, task.spec)
    return dynamics, BatchTrainer(dynamics, material_of(task, dynamics.recurrent))


def timed(trainer: BatchTrainer, seeds: Sequence[int], updates: int) -> tuple[list[Trained], float]:
    """The seeds that could be trained, and the seconds of all: of the clock, or of the processor where that trains."""
    clock = time.process_time if jax.default_backend() == "cpu" else time.perf_counter
    began = clock()
    found = trainer.train_seeds(TrainingChoice(), updates, math.inf, seeds)
    trained = [one for one in found if isinstance(one, Trained)]
    jax.block_until_ready([one.params for one in trained])
    return trained, clock() - began


def reference(sizes: Sizes) -> Figures:
    """Seconds of a first and a second training of every reference program, on each tier."""
    for tier in sizes.tiers:
        for name in programs.names() if sizes.matrix > 1_000 else sizes.programs:
            task = task_of(name, tier)
            dynamics = dynamics_of(name, task.spec)
            trainer = Trainer(dynamics, material_of(task, dynamics.recurrent))
            taken = []
            for seed in (0, 1):
                began = time.perf_counter()
                trained = trainer.train(TrainingChoice(), sizes.updates, math.inf, seed)
                taken.append(time.perf_counter() - began)
            yield f"{tier}, {name}", {"first": taken[0], "again": taken[1], "parameters": trained.report.parameters}


def precision(sizes: Sizes) -> Figures:
    """What the precision of products does to seconds and losses of one training."""
    for name in sizes.programs[:2]:
        for wanted in sizes.precisions:
            with jax.default_matmul_precision(wanted):
                _, trainer = batch_trainer(name)
                timed(trainer, range(sizes.few_seeds), 2)  # compiles
                trained, seconds = timed(trainer, range(sizes.few_seeds), sizes.updates)
            errors = [min(error for _, error in one.report.selection_curve) for one in trained]
            yield f"{name}, {wanted}", {"seconds": seconds, "errors": errors}


def study(sizes: Sizes) -> Figures:
    """Losses of the validation windows over seeds, after a short and a full training: means and standard deviations."""
    from zfbench.forecasting.validation import validation_score
    from zfbench.scoring.objective import selection_loss

    for name in sizes.programs:
        task, (dynamics, trainer) = task_of(name), batch_trainer(name)
        inputs = task.validation.inputs
        C = inputs.context.shape[1] if dynamics.recurrent else 1
        context, drive = inputs.context[:, -C:], inputs.drive[:, inputs.context.shape[1] - C :]
        for updates in (sizes.updates, sizes.long):
            trained, seconds = timed(trainer, range(sizes.study), updates)
            paths = [np.asarray(one.forecast(one.params, context, drive)) for one in trained]
            losses = [selection_loss(task.spec.objective, validation_score(task, path)) for path in paths]
            yield (
                f"{name}, {updates}",
                {"mean": statistics.mean(losses), "sd": statistics.stdev(losses), "seconds": seconds},
            )


def product(sizes: Sizes) -> Figures:
    """A candidate through the processes of a search, on this device: a new program, then another seed of it."""
    from zfbench.forecasting.fit import fit_program
    from zfbench.records.limits import Limits
    from zfbench.sandbox.process import ProcessSandbox

    device = "cpu" if jax.devices()[0].platform == "cpu" else "gpu"
    for name in sizes.programs:
        task = task_of(name)
        for which, seed in (("new", 0), ("again", 1)):
            began = time.perf_counter()
            limits = Limits(updates=sizes.updates, seconds=120)
            fit_program(
                programs.source(name), task.spec, task.train, limits, seed, ProcessSandbox(device=device)
            ).close()
            yield f"{name}, {which}", time.perf_counter() - began


PARTS: dict[str, tuple[Callable[[Sizes], Figures], int]] = {  # with the seconds that each may take
    "machine": (machine, 25),
    "agreement": (agreement, 110),
    "batch": (batch, 150),
    "product": (product, 60),
    "study": (study, 60),
    "precision": (precision, 30),
    "reference": (reference, 60),
}
