"""How cost grows with neurons, samples and results; every point in a process of its own, for its peak memory.

python -m tests.benchmarks.performance.growth train driven_mlp 540 36000
"""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

NEURONS, MOST_NEURONS = 54, 540
SAMPLES, MORE, MOST_SAMPLES = 36_000, 100_000, 1_000_000
RESULTS, MORE_RESULTS = 100, 1_000
UPDATES = 20  # that are timed, of each phase
PROGRAMS = ("driven_mlp", "masked_leaky_sigmoid")
STEP_SIZE = 0.01


def specification(N: int, D: int = 6) -> Any:
    """A task of that many neurons, a fifth of whose wiring is there."""
    import numpy as np

    from zfbench.records.recordings import TaskSpec

    rng = np.random.default_rng(0)
    mask = (rng.random((N, N)) < 0.2, rng.random((N, D)) < 0.5)
    names = tuple(f"n{i}" for i in range(N)), ("g",) * N, tuple(f"d{i}" for i in range(D))
    return TaskSpec("toy", "", "", 1.0, 256, 64, *names, *mask)


def train(name: str, N: int, T: int) -> dict[str, float]:
    """Seconds to prepare recordings [T, N] of noise, and of an update of each phase."""
    import numpy as np

    from tests.benchmarks.performance.timed import accounted
    from tests.benchmarks.performance.work import dynamics_of
    from zfbench.forecasting.contract import TrainingChoice
    from zfbench.forecasting.training import SCHEDULES, Material, Trainer
    from zfbench.records.recordings import Recording

    spec = specification(N)
    rng = np.random.default_rng(0)
    recordings = [Recording("noise", rng.random((T, N), np.float32), rng.random((T, 6), np.float32))]
    began = time.process_time()
    material = Material.of(recordings, spec.horizon, 1)
    found = {"prepare": time.process_time() - began}
    with accounted() as account:
        trainer = Trainer(dynamics_of(name, spec), material)
        trainer.train(TrainingChoice(), 4, math.inf, 0)
        found["compile"] = sum(account.compiled.values())
        account.clear()
        trainer.train(TrainingChoice(), 2 * UPDATES, math.inf, 0)
    calls = account.runs["advance"]
    for number, phase in enumerate(SCHEDULES["curriculum"]):
        half = calls[len(calls) * number // 2 : len(calls) * (number + 1) // 2]
        found[f"{phase.steps} x {phase.batch}"] = 1e3 * sum(half) / UPDATES
    return found


def probe(N: int) -> dict[str, float]:
    """Seconds of one size of small kicks of every neuron from all states, for a model that costs next to nothing."""
    import numpy as np

    from zfbench.forecasting.probes import KICK_STEPS, PROBE_CONTEXT, STATES, kick
    from zfbench.records.clamp import roll

    rng = np.random.default_rng(0)
    context = rng.random((STATES, PROBE_CONTEXT, N), np.float32)
    drive = rng.random((STATES, PROBE_CONTEXT + KICK_STEPS, 6), np.float32)
    began = time.process_time()
    kick(lambda c, x: roll(lambda a, _: 0.9 * a, c, x), context, drive, np.array([STEP_SIZE]), KICK_STEPS)
    return {"seconds": time.process_time() - began}


def results(count: int) -> dict[str, float]:
    """Seconds of `zfbench leaderboard` for so many results, without imports."""
    from tests.benchmarks.bench_leaderboard import make, measure

    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), count)
        seconds = measure(Path(folder))
    return {"seconds": sum(seconds.values()) - seconds["imports"]}


def peak() -> float:
    """The largest memory of this program in MB; that of getrusage begins with what its parent had."""
    told = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.search(r"VmHWM:\s+(\d+)", told)[1]) / 1024  # type: ignore[index]


def point(*arguments: object) -> dict[str, float]:
    """One measurement in a process of its own; its peak memory in MB is `peak`."""
    command = [sys.executable, "-m", __name__, *map(str, arguments)]
    return dict(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))


def measure(quick: bool) -> dict[str, Any]:
    """By kind and size, what `point` says."""
    if quick:
        return {"probe": {str(N): point("probe", N) for N in (8, 16)}}
    return {
        "neurons": {
            name: {str(N): point("train", name, N, SAMPLES) for N in (NEURONS, MOST_NEURONS)} for name in PROGRAMS
        },
        "samples": {str(T): point("train", PROGRAMS[0], NEURONS, T) for T in (MORE, MOST_SAMPLES)},
        "probe": {str(N): point("probe", N) for N in (NEURONS, 3 * NEURONS, MOST_NEURONS)},
        "results": {str(n): point("results", n) for n in (RESULTS, MORE_RESULTS)},
    }


if __name__ == "__main__":
    kind, *sizes = sys.argv[1:]
    given = [size if not size.isdigit() else int(size) for size in sizes]
    found = {"train": train, "probe": probe, "results": results}[kind](*given)
    print(json.dumps(found | {"peak": peak()}))  # noqa: T201
