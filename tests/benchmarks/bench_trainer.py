"""How trainers compare: the true form, the best generic approximator and the reference programs; prints a table.

    python tests/benchmarks/bench_trainer.py zfish-tiny/masked --updates 400 2000 --seeds 2
    python tests/benchmarks/bench_trainer.py zfish-tiny/masked --updates 1000 2000 --replicates 10 --trainer shipped

Each trainer is another pair of phases of the harness's own trainer, applied to all programs alike. Seeds are 0, 1, ...,
or those of the replicates of `zfbench identify`; processor seconds are medians over them, from the second one on
without compiling.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from zfbench.baselines import programs as reference
from zfbench.discoverers.proposers.rate.genotype import start
from zfbench.discoverers.proposers.rate.render import render
from zfbench.discoverers.proposers.rate.truth import true_genotype
from zfbench.forecasting import training
from zfbench.forecasting.contract import TrainingChoice
from zfbench.forecasting.dynamics import Dynamics
from zfbench.forecasting.flax_step import trace_model
from zfbench.forecasting.task import Task
from zfbench.forecasting.validation import validation_score
from zfbench.records.recordings import TaskSpec
from zfbench.sandbox.worker import execute
from zfbench.scoring.objective import balanced_error
from zfbench.search.replicates import training_seed
from zfbench.tasks.zfish.family import ZFISH
from zfbench.testbed.published import published

STEP, ROLL = training.SCHEDULES["curriculum"]
TRAINERS = {
    "shipped": (STEP, ROLL),
    "clip .1 in both phases": (replace(STEP, clip=0.1), replace(ROLL, clip=0.1)),
    "clip .3 in one step": (replace(STEP, clip=0.3), ROLL),
    "clip .1 in one step": (replace(STEP, clip=0.1), ROLL),
    "clip .1 and half the rate in one step": (replace(STEP, clip=0.1, rate=0.5), ROLL),
    "beta_2 .95 in one step": (replace(STEP, second_moment=0.95), ROLL),
    "quick_curriculum": training.SCHEDULES["quick_curriculum"],
    "beta_2 .95 and .7 of the rate in one step": (replace(STEP, second_moment=0.95, rate=0.7), ROLL),
    "beta_2 .95 in both phases": (replace(STEP, second_moment=0.95), replace(ROLL, second_moment=0.95)),
    "beta_2 .98 in both phases": (replace(STEP, second_moment=0.98), replace(ROLL, second_moment=0.98)),
}


def programs(spec: TaskSpec) -> Iterator[tuple[str, str]]:
    """The programs by name."""
    seed, form = start(spec), true_genotype(published(), spec)
    yield "true form, true inputs", render(form)
    yield "eight hidden units for all groups", render(seed.with_gene(seed.groups, "hidden", "tanh"))
    for name in ("masked_mlp", "masked_leaky_sigmoid") if spec.masked else ("driven_mlp",):
        yield name, reference.source(name)


def losses(task: Task, trained: training.Trained) -> tuple[float, float]:
    """Mean absolute and balanced error of the validation windows."""
    inputs = task.validation.inputs
    C = inputs.context.shape[1]
    rows = np.minimum(np.arange(64), len(inputs) - 1)  # the number of rows that training has compiled for
    assert len(inputs) <= len(rows)
    path = np.asarray(
        trained.forecast(
            trained.params,
            inputs.context[rows, -1:],
            inputs.drive[rows, C - 1 :],
            np.zeros((64, len(task.spec.neurons)), bool),
            np.zeros((64, task.spec.horizon, len(task.spec.neurons)), np.float32),
        )
    )
    score = validation_score(task, path[: len(inputs)])
    assert score.mae.overall is not None
    return score.mae.overall, balanced_error(score.mae.per_group, score.control.per_group)


def main() -> None:
    """Print a line for each program, number of updates and trainer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task")
    parser.add_argument("--updates", type=int, nargs="+", default=[400, 2000])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--replicates", type=int, help="train with the seeds of that many replicates instead")
    parser.add_argument("--trainer", choices=TRAINERS, action="append", help="measure this one alone; repeatable")
    parser.add_argument("--program", action="append", help="train this program alone; repeatable")
    asked = parser.parse_args()
    task = ZFISH.load(asked.task)
    seeds = range(asked.seeds)
    if asked.replicates:
        seeds = [training_seed(asked.task, replicate) for replicate in range(asked.replicates)]
    sys.stdout.write("| program | updates | trainer | MAE | log balanced error | CPU s |\n|---|---|---|---|---|---|\n")
    for name, source in programs(task.spec):
        if asked.program and name not in asked.program:
            continue
        module = execute(source)
        dynamics = Dynamics.of(trace_model(module.Model(spec=task.spec), task.spec))
        context = task.spec.context if dynamics.recurrent else 1
        material = training.Material.of(task.train, task.spec.horizon, context)
        choice = replace(TrainingChoice.parse(getattr(module, "training", None)), loss="curriculum")
        for label in asked.trainer or TRAINERS:
            phases = TRAINERS[label]
            training.SCHEDULES["curriculum"] = phases
            trainer = training.Trainer(dynamics, material)
            for updates in asked.updates:
                found, seconds = [], []
                for seed in seeds:
                    began = time.process_time()
                    found.append(losses(task, trainer.train(choice, updates, math.inf, seed)))
                    seconds.append(time.process_time() - began)
                mae = " ".join(f"{error:.4f}" for error, _ in found)
                log = " ".join(f"{math.log(loss):.2f}" for _, loss in found)
                cost = statistics.median(seconds[1:] or seconds)
                sys.stdout.write(f"| {name} | {updates} | {label} | {mae} | {log} | {cost:.1f} |\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
