"""Seeds of one program that are trained at once, against one after the other; everything compiled.

Each pair of neighbours in time is one seed alone and one batch of R seeds. Seeds that are trained one after the other
share nothing once all is compiled, so that R of them take R times as long as one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from typing import Any

from tests.benchmarks.performance.meter import median
from tests.benchmarks.performance.work import UPDATES, dynamics_of, task_of
from zfbench.forecasting.contract import TrainingChoice
from zfbench.forecasting.together import BatchTrainer
from zfbench.forecasting.training import Material
from zfbench.runs.tasks import find_task

PROGRAMS = ("masked_leaky_sigmoid", "masked_mlp", "driven_gru")
SEEDS = (2, 4, 8, 16)
PAIRS = 3


def measure(quick: bool) -> dict[str, Any]:
    """By program and number of seeds: processor seconds of a seed, alone and in a batch, and their ratios in pairs."""
    updates, chosen, numbers, pairs = (20, PROGRAMS[:1], SEEDS[:1], 1) if quick else (UPDATES, PROGRAMS, SEEDS, PAIRS)
    programs = {name: program(name, numbers, updates, pairs) for name in chosen}
    return {"updates": updates, "programs": programs}


def program(name: str, numbers: Iterable[int], updates: int, pairs: int) -> dict[str, Any]:
    """Of one program, by number of seeds."""
    task = find_task(task_of(name)).task
    dynamics = dynamics_of(name, task.spec)
    trainer = BatchTrainer(dynamics, Material.for_program(task.train, task.spec, dynamics.recurrent))
    seconds_of(trainer, 2, [0])  # compiles
    return {str(R): _compared(trainer, R, updates, pairs) for R in numbers}


def _compared(trainer: BatchTrainer, R: int, updates: int, pairs: int) -> dict[str, Any]:
    seconds_of(trainer, 2, range(R))  # compiles
    found = [
        (seconds_of(trainer, updates, [pair]), seconds_of(trainer, updates, range(R)) / R) for pair in range(pairs)
    ]
    return {
        "alone": median([alone for alone, _ in found]),
        "batched": median([batched for _, batched in found]),
        "ratio": median([alone / batched for alone, batched in found]),
        "pairs": pairs,
    }


def seconds_of(trainer: BatchTrainer, updates: int, seeds: Sequence[int]) -> float:
    """Processor seconds of a training with these seeds."""
    began = time.process_time()
    trainer.train_seeds(TrainingChoice(), updates, math.inf, seeds)
    return time.process_time() - began
