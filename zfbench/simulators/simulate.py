"""Simulating with a candidate: its functions are traced in the sandbox, and run in a clean process.

The sandbox never holds parameters or observations, and the clean process no observation and no source. What comes back
is checked here: dtype, shape, finiteness.
"""

from __future__ import annotations

import contextlib
import hashlib
import time

import numpy as np
from numpy.typing import NDArray

from zfbench.engine.processes import PROCESSES, Clean
from zfbench.engine.serialise import LIMIT, to_bytes
from zfbench.protocols.sandbox import Sandbox
from zfbench.records.frame import Frame
from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError, Status
from zfbench.sandbox.choose import open_sandbox
from zfbench.simulators.contract import check_simulator_source
from zfbench.simulators.problem import SimulatorSpec
from zfbench.simulators.signature import read_simulator

JOB = "zfbench.simulators.job"  # the module that traces inside the sandbox
SERVICE = "zfbench.simulators.service"  # the module that simulates in the clean process
ROWS_PER_CALL = 250  # trajectories of every call, so that one shape compiles


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
        box = sandbox or held.enter_context(open_sandbox())
        step, printed = _traced(source, spec, limits, box, deadline)
        device = box.device
    asked = _request(step, spec, seed)
    clean = PROCESSES.lend(limits, device, asked.fields["step"])
    clean.hold("steps", asked.fields["step"])
    try:
        for first in range(0, n, ROWS_PER_CALL):
            rows = np.minimum(np.arange(first, first + ROWS_PER_CALL), n - 1)  # the last row fills up the call
            part = _ask(clean, asked, spec, parameters[rows], contexts[rows], first, deadline)
            path[first : first + ROWS_PER_CALL] = part[: n - first]
        _check_finite(path, spec)
    except CandidateError as error:
        error.printed = printed
        raise
    finally:
        PROCESSES.give_back(clean, limits)
    return path


def _traced(source: str, spec: SimulatorSpec, limits: Limits, sandbox: Sandbox, deadline: float) -> tuple[bytes, str]:
    """The program's bytes, checked, and what it printed; no process is left."""
    child = sandbox.spawn(limits)
    try:
        child.send(_job(source, spec), deadline, "tracing")
        frame = child.receive(LIMIT, deadline, "tracing")
        if frame.kind != "traced" or frame.arrays.keys() != {"step"} or frame.arrays["step"].dtype != np.uint8:
            raise CandidateError(Status.ERROR, "The program's process sent a damaged message: it holds no step.")
        sizes = len(spec.parameters), len(spec.context), len(spec.observations)
        return to_bytes(read_simulator(frame.arrays["step"].tobytes(), *sizes)), child.output
    except CandidateError as error:
        child.kill()
        error.printed = child.output
        raise
    finally:
        child.kill()


def _job(source: str, spec: SimulatorSpec) -> Frame:
    return Frame(
        JOB,
        {
            "source": source,
            "parameters": [p.name for p in spec.parameters],
            "context": list(spec.context),
            "observations": list(spec.observations),
        },
    )


def _request(step: bytes, spec: SimulatorSpec, seed: int) -> Frame:
    """What a clean process needs to simulate, but for parameters and contexts."""
    return Frame(
        f"{SERVICE}:simulate",
        {
            "step": hashlib.sha256(step).hexdigest(),
            "parameters": len(spec.parameters),
            "context": len(spec.context),
            "observations": len(spec.observations),
            "steps": spec.steps,
            "every": spec.every,
            "seed": seed,
        },
        {"step": np.frombuffer(step, np.uint8)},
    )


def _ask(
    clean: Clean,
    asked: Frame,
    spec: SimulatorSpec,
    parameters: NDArray[np.floating],
    contexts: NDArray[np.floating],
    first: int,
    deadline: float,
) -> NDArray[np.float32]:
    given = {"theta": np.asarray(parameters, np.float32), "contexts": np.asarray(contexts, np.float32)}
    frame = Frame(asked.kind, {**asked.fields, "first": first}, {**asked.arrays, **given})
    shape = (ROWS_PER_CALL, spec.times, len(spec.observations))
    answer = clean.ask(frame, 4 * int(np.prod(shape)), deadline, "its simulations")
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
