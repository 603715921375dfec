"""The programs that are measured, and the arithmetic of their updates; it imports nothing that a bare machine lacks."""

from __future__ import annotations

import math
from collections.abc import Iterator

from zfbench.baselines import programs
from zfbench.engine.step import Graph
from zfbench.forecasting.dynamics import Dynamics
from zfbench.forecasting.flax_step import trace_model
from zfbench.forecasting.signature import STEP
from zfbench.forecasting.training import BURN_IN
from zfbench.records.recordings import TaskSpec
from zfbench.sandbox.worker import execute

PROGRAMS = ("masked_mlp", "masked_leaky_sigmoid", "driven_mlp", "driven_gru")
UPDATES = 400  # as searches screen


def task_of(program: str) -> str:
    """The task that a reference program is written for."""
    return "zfish-tiny/masked" if program.startswith("masked") else "zfish-tiny/driven"


def dynamics_of(name: str, spec: TaskSpec) -> Dynamics:
    """A reference program, traced here."""
    return Dynamics.of(trace_model(execute(programs.source(name)).Model(spec=spec), spec))


def products(graph: Graph) -> Iterator[int]:
    """Multiplications of the matrix products of one row, each with an addition."""
    values = graph.values()
    for equation in graph.equations:
        if equation.operation == "dot_general":
            left = values[equation.inputs[0]].shape
            yield math.prod(left[axis] for axis in equation.settings["contract_left"]) * equation.outputs[0].size
        for inside in equation.graphs:
            yield equation.settings.get("length", 1) * sum(products(inside))


def work(dynamics: Dynamics, steps: int, batch: int) -> float:
    """Floating-point operations of the products of one update: forward, and twice that backward; and a burn-in."""
    row = 2 * sum(products(dynamics.traced.graphs[STEP]))
    return batch * row * (3 * steps + (BURN_IN if dynamics.recurrent else 0))
