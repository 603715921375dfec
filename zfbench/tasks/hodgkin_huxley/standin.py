"""Makes the simulated recordings that `hodgkin_huxley` ships: python -m zfbench.tasks.hodgkin_huxley.standin FILE.

Each of the two sets has 20 cells, with or without an M-current, in a current step of 2 to 6 uA/cm2. Parameters scatter
log-normally around those of a regularly spiking neuron. Searches select on the first ten cells and the judge scores on
the others. Only statistics are shipped, so that the task is the same on every machine.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from zfbench.base.files import write_text
from zfbench.protocols.sandbox import Sandbox
from zfbench.records.limits import Limits
from zfbench.sandbox.choose import open_sandbox
from zfbench.simulators.simulate import simulate_program
from zfbench.tasks.hodgkin_huxley.programs import SEED_PROGRAM, TRUTH
from zfbench.tasks.hodgkin_huxley.task import PROBLEMS, USES, statistics

# Our choices: a regularly spiking neuron, in the order and units of the task's parameters, and standard deviations of
# the parameters' logarithms over cells.
CELLS = 20
TYPICAL = np.array([50, 5, 0.1, 70, 60, 0.05, 5, 17.5, 50, 1_000])
SCATTER = np.array([0.1, 0.1, 0.1, 0.03, 0.03, 0.1, 0.1, 0.1, 0.1, 0.1])
PROGRAMS = {"with_M": (TRUTH, 1), "without": (SEED_PROGRAM, 2)}  # source and seed of each set


def make(sandbox: Sandbox) -> dict[str, Any]:
    """Return contexts and statistics of both sets, in a JSON-compatible form."""
    spec = replace(PROBLEMS["hodgkin_huxley"]().spec, name="stand-in")
    made: dict[str, Any] = {}
    for name, (source, seed) in PROGRAMS.items():
        rng = np.random.default_rng(seed)
        theta = TYPICAL * np.exp(rng.normal(0, SCATTER, (CELLS, len(TYPICAL))))
        contexts = np.stack([rng.uniform(2, 6, CELLS).round(1), rng.normal(-70, 2, CELLS).round(1)], axis=1)
        path = simulate_program(source, spec, theta, contexts, Limits(seconds=600.0), seed, sandbox)
        x = statistics(path, contexts, rng)
        halves = dict(zip(USES, (slice(0, CELLS // 2), slice(CELLS // 2, CELLS)), strict=True))
        made[name] = {
            use: {"contexts": contexts[part].tolist(), "statistics": x[part].round(6).tolist()}
            for use, part in halves.items()
        }
    return made


if __name__ == "__main__":
    with open_sandbox() as box:
        write_text(Path(sys.argv[1]), json.dumps(make(box), indent=1) + "\n")
