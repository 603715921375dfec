"""Simulating with a candidate in a separate process: parameters and contexts go in, trajectories come out.

The process never holds an observation. Dtype, shape and finiteness of the trajectories are checked here.
"""

from __future__ import annotations

import contextlib
import time

import numpy as np
from numpy.typing import NDArray

from zfbench.protocols.sandbox import Child, Sandbox
from zfbench.records.frame import Frame
from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError, Status
from zfbench.sandbox.choose import open_sandbox
from zfbench.simulators.contract import check_simulator_source
from zfbench.simulators.problem import SimulatorSpec

JOB = "zfbench.simulators.job"  # name of the module that simulates inside the sandbox
ROWS_PER_CALL = 250  # trajectories in every call, always the same number, so that only one shape is compiled


def simulate_program(
    source: str,
    spec: SimulatorSpec,
    parameters: NDArray[np.floating],
    contexts: NDArray[np.floating],
    limits: Limits,
    seed: int,
    sandbox: Sandbox | None = None,
) -> NDArray[np.float32]:
    """Simulate one trajectory for each row of parameters and contexts.

    Args:
        source: text that satisfies `zfbench.simulators.contract.CONTRACT`.
        spec: specification of the task.
        parameters: [n, P].
        contexts: [n, C].
        limits: seconds for all simulations, and address space of the program's process.
        seed: seed of all trajectories; row i depends on the seed and i alone.
        sandbox: runs the program; without one, a sandbox is opened and closed again.

    Returns:
        [n, T / every + 1, Y].

    Raises:
        CandidateError: the program failed, or a trajectory is not finite; no process is left.
    """
    deadline = time.monotonic() + limits.seconds
    check_simulator_source(source)
    n = len(parameters)
    path = np.empty((n, spec.times, len(spec.observations)), np.float32)
    with contextlib.ExitStack() as held:
        child = (sandbox or held.enter_context(open_sandbox())).spawn(limits)
        held.callback(child.kill)
        try:
            child.send(_job(source, spec, seed), deadline, "starting")
            child.receive(0, deadline, "starting")
            for first in range(0, n, ROWS_PER_CALL):
                rows = np.minimum(np.arange(first, first + ROWS_PER_CALL), n - 1)  # the last row fills up the call
                part = _ask(child, spec, parameters[rows], contexts[rows], first, deadline)
                path[first : first + ROWS_PER_CALL] = part[: n - first]
        except CandidateError as error:
            child.kill()
            error.printed = child.output
            raise
    _check_finite(path, spec)
    return path


def _job(source: str, spec: SimulatorSpec, seed: int) -> Frame:
    return Frame(
        JOB,
        {
            "source": source,
            "parameters": [p.name for p in spec.parameters],
            "context": list(spec.context),
            "observations": list(spec.observations),
            "steps": spec.steps,
            "every": spec.every,
            "seed": seed,
        },
    )


def _ask(
    child: Child,
    spec: SimulatorSpec,
    parameters: NDArray[np.floating],
    contexts: NDArray[np.floating],
    first: int,
    deadline: float,
) -> NDArray[np.float32]:
    arrays = {"parameters": np.asarray(parameters, np.float32), "contexts": np.asarray(contexts, np.float32)}
    child.send(Frame("simulate", {"first": first}, arrays), deadline, "its simulations")
    shape = (ROWS_PER_CALL, spec.times, len(spec.observations))
    answer = child.receive(4 * int(np.prod(shape)), deadline, "its simulations")
    path = answer.arrays.get("path")
    if path is None or path.dtype != np.float32 or path.shape != shape:
        got = "nothing" if path is None else f"{path.dtype}{list(path.shape)}"
        raise CandidateError(Status.INVALID, f"Trajectories must be float32{list(shape)}, got {got}.")
    return path


def _check_finite(path: NDArray[np.float32], spec: SimulatorSpec) -> None:
    broken = ~np.isfinite(path)
    if broken.any():
        _, k, y = np.argwhere(broken)[0]
        share = broken.any(axis=(1, 2)).mean()
        raise CandidateError(
            Status.NON_FINITE,
            f"{share:.1%} of the simulations became non-finite, the first in '{spec.observations[y]}' at step "
            f"{k * spec.every} of {spec.steps}.",
        )
