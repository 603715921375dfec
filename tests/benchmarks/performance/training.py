"""Inside of training: lowering, compiling by module, updates and selection forecasts; updates against the machine.

Measured in this process, whose environment is that of the clean process.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from tests.benchmarks.performance.meter import best_of, median
from tests.benchmarks.performance.timed import Account, accounted
from tests.benchmarks.performance.work import PROGRAMS, UPDATES, dynamics_of, task_of, work
from zfbench.forecasting.contract import TrainingChoice
from zfbench.forecasting.dynamics import Dynamics
from zfbench.forecasting.training import SCHEDULES, Material, Trainer
from zfbench.runs.tasks import find_task

REPEATS = 3
SIZES = ((1024, 1024, 1024), (256, 128, 128), (16, 128, 128), (16, 128, 54))


def sgemm(repeats: int) -> dict[str, float]:
    """GFLOP/s of NumPy's single-precision product on one core, by size."""
    rng, found = np.random.default_rng(0), {}
    for m, k, n in SIZES:
        a, b = rng.random((m, k), np.float32), rng.random((k, n), np.float32)
        inner = max(1, 2**28 // (2 * m * k * n))

        def run(a: Any = a, b: Any = b, inner: int = inner) -> None:
            for _ in range(inner):
                a @ b

        found[f"{m} x {k} x {n}"] = median([2e-9 * m * k * n * inner / s for s in best_of(run, repeats)], 3)
    return found


def measure(quick: bool) -> dict[str, Any]:
    """By program: seconds of a first fit by part, of a fully compiled one, and microseconds of an update by phase."""
    updates, repeats, chosen = (20, 1, PROGRAMS[1:2]) if quick else (UPDATES, REPEATS, PROGRAMS)
    machine = sgemm(2 if quick else 5)
    peak = max(machine.values())
    found = {}
    for place, name in enumerate([chosen[0], *chosen]):  # the first compiles what all programs share, and is dropped
        task = find_task(task_of(name)).task
        began = time.process_time()
        dynamics = dynamics_of(name, task.spec)
        material = Material.of(task.train, task.spec.horizon, task.spec.context if dynamics.recurrent else 1)
        choice = TrainingChoice()
        prepared = time.process_time() - began
        with accounted() as account:
            began = time.process_time()
            trainer = Trainer(dynamics, material)
            trainer.train(choice, updates if place else 4, math.inf, 0)
            first = time.process_time() - began
            parts = _parts(account, first)
            fits = []
            for seed in range(1, (repeats if place else 0) + 1):
                account.clear()
                began = time.process_time()
                trainer.train(choice, updates, math.inf, seed)
                fits.append((time.process_time() - began, _phases(account, dynamics, updates)))
        if not place:
            continue
        phases = {}
        for phase, each in fits[0][1].items():
            microseconds = median([fit[phase]["us"] for _, fit in fits])
            rate = 1e3 * each["mflop"] / microseconds  # GFLOP/s
            phases[phase] = each | {"us": microseconds, "gflops": rate, "share": rate / peak}
        found[name] = {
            "prepare": prepared,
            "first": first,
            "parts": parts,
            "compiled": median([seconds for seconds, _ in fits]),
            "phases": phases,
        }
    return {"updates": updates, "repeats": repeats, "sgemm": machine, "programs": found}


def _parts(account: Account, whole: float) -> dict[str, float]:
    """Seconds of a first fit: lowering and compiling by module, updates, forecasts of the set-aside slice, the rest."""
    parts = {f"lower {name}": seconds for name, seconds in account.lowered.items()}
    parts |= {f"compile {name}": seconds for name, seconds in account.compiled.items()}
    parts |= {f"run {name}": sum(seconds) for name, seconds in account.runs.items()}
    return parts | {"the rest": whole - sum(parts.values())}


def _phases(account: Account, dynamics: Dynamics, updates: int) -> dict[str, dict[str, float]]:
    """By phase: microseconds and megaflops of an update; calls come in the order of the phases."""
    loss, _ = TrainingChoice().resolve(dynamics.recurrent, updates)
    schedule, found, calls = SCHEDULES[loss], {}, iter(account.runs["advance"])
    per_phase = len(account.runs["advance"]) // len(schedule)
    for number, phase in enumerate(schedule, start=1):
        count = updates * number // len(schedule) - updates * (number - 1) // len(schedule)
        seconds = sum(next(calls) for _ in range(per_phase))
        found[f"{phase.steps} x {phase.batch}"] = {
            "us": 1e6 * seconds / count,
            "mflop": work(dynamics, phase.steps, phase.batch) / 1e6,
        }
    return found
