"""The judge's probes of benchmark version 1, by the judge of an earlier commit and by today's: processor seconds.

Version 1 asked for one-step derivatives at 48 states with kicks of one size, impulse responses from 8 states at three
amplitudes, and the effects of holding every neuron in three ways from 6 states. Today's judge asks for more; here it
asks for that much. Forecasts and the true circuit's answers are counted on neither side. The earlier
commit is installed into a folder of its own, without its dependencies (`pip install --no-deps --target FOLDER`):

    python tests/benchmarks/bench_judge.py --earlier FOLDER [--pairs 3] [--program masked_mlp]

Both are measured in turn, each in a process of its own; ratios are medians over pairs of neighbours in time.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median
from unittest.mock import patch

TASKS = {"masked_mlp": "zfish-tiny/masked", "driven_gru": "zfish-tiny/driven"}
UPDATES = 100  # how well a model is trained changes nothing here
JACOBIAN_STATES, IMPULSE_STATES, HOLD_STATES = 48, 8, 18
# Of today's states, each is held in one way, so 18 give as many probes as 6 that are held in three ways.
AMPLITUDES = (-0.2, 0.1, 0.2)
KICK = 2.0**-9
TICK = 1 / os.sysconf("SC_CLK_TCK")


def spent() -> float:
    """Processor seconds of this process and of all its descendants that still run."""
    seconds, parents = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                seconds[int(entry.name)] = (int(fields[11]) + int(fields[12])) * TICK
                parents[int(entry.name)] = int(fields[1])
    ours, grew = {os.getpid()}, True
    while grew:
        more = {pid for pid, parent in parents.items() if parent in ours} - ours
        grew = bool(more)
        ours |= more
    return time.process_time() + sum(seconds[pid] for pid in ours - {os.getpid()})


def earlier(program: str) -> Callable[[], None]:
    """The probes of the earlier commit's judge, to a model that it has just fitted."""
    from zfbench.assess import load_judge, load_recordings
    from zfbench.forecaster import Limits
    from zfbench.judge import Scores
    from zfbench.programs.candidate import ProgramModel

    from baselines import programs

    task, judge = load_recordings(TASKS[program]), load_judge(TASKS[program])
    _ = judge._true_jacobians, judge._true_impulses, judge._true_effects
    model = ProgramModel(programs.source(program), task.spec, 5)
    model.fit(task.train, task.validation, Limits(updates=UPDATES))

    def ask() -> None:
        for stage in (judge._connectivity, judge._dynamics, judge._intervention):
            stage(model, Scores())

    return ask


def now(program: str) -> Callable[[], None]:
    """As many probes by today's code, to a model that it has just fitted."""
    import numpy as np

    from zfbench.baselines import programs
    from zfbench.forecasting import probes
    from zfbench.forecasting.probes import PROBE_CONTEXT, Range, choose_states, effects, impulses, kick
    from zfbench.records.limits import Limits
    from zfbench.runs.tasks import find_task
    from zfbench.sandbox.choose import open_sandbox
    from zfbench.scoring.dynamics import score_impulse
    from zfbench.scoring.intervention import score_intervention

    loaded = find_task(TASKS[program])
    sealed = loaded.family.judge(loaded.name).sealed
    whole, within, N = choose_states(sealed, JACOBIAN_STATES), Range.of(sealed), len(sealed.spec.neurons)
    steps = whole.cut(PROBE_CONTEXT, 1)
    short = whole.cut(PROBE_CONTEXT, probes.IMPULSE_HORIZON).take(np.arange(IMPULSE_STATES))
    long = whole.cut(PROBE_CONTEXT, sealed.spec.horizon).take(np.arange(HOLD_STATES))
    with patch.object(probes, "IMPULSE_AMPLITUDES", AMPLITUDES):
        true_impulses = impulses(sealed.truth, short.context, short.full_drive, within)[0]
    true_effects = effects(sealed.truth, long.context, long.full_drive, within)
    model = loaded.family.candidate(loaded.task, programs.source(program), 5, open_sandbox())
    loaded.family.fit(loaded.task, model, Limits(updates=UPDATES))

    def ask() -> None:
        kick(model.rollout, steps.context, steps.drive, np.array([KICK]))
        with patch.object(probes, "IMPULSE_AMPLITUDES", AMPLITUDES):
            found = impulses(model, short.context, short.drive, within)[0]
        score_impulse(found, true_impulses, range(N), sealed.spec.groups)
        held = effects(model, long.context, long.drive, within)
        for kind in held.kinds:
            score_intervention(held.of(kind), true_effects.of(kind), range(N))
        score_intervention(held.pooled, true_effects.pooled, range(N))

    return ask


def one(which: str, program: str) -> None:
    """Print the seconds of one side."""
    ask = {"earlier": earlier, "now": now}[which](program)
    before = spent()
    ask()
    print(spent() - before)  # noqa: T201
    os._exit(0)  # the model's processes end with this one


def main() -> None:
    """Measure pairs, and print their medians and the median of their ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--earlier", type=Path, help="folder in which the earlier commit is installed")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--program", choices=TASKS, default="masked_mlp")
    parser.add_argument("--one", choices=("earlier", "now"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        return one(given.one, given.program)
    pairs: list[tuple[float, float]] = []
    for _ in range(given.pairs):
        pair = []
        for which in ("earlier", "now"):
            command = [sys.executable, __file__, "--one", which, "--program", given.program]
            path = {"PYTHONPATH": str(given.earlier.resolve())} if which == "earlier" else {}
            done = subprocess.run(command, env=os.environ | path, check=True, stdout=subprocess.PIPE, text=True)
            pair.append(float(done.stdout.split()[-1]))
        pairs.append((pair[0], pair[1]))
        print(f"earlier {pair[0]:.2f} s, now {pair[1]:.2f} s", file=sys.stderr)  # noqa: T201
    before, after = zip(*pairs, strict=True)
    ratio = median(a / b for b, a in pairs)
    print(f"{given.program}: earlier {median(before):.2f} s, now {median(after):.2f} s, now / earlier {ratio:.2f}")  # noqa: T201
    return None


if __name__ == "__main__":
    main()
