"""A forecasting program as traced: which graphs there are, and what each reads and yields. It needs no JAX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zfbench.engine.operations import OPERATIONS, SHARED
from zfbench.engine.serialise import from_bytes
from zfbench.engine.step import KEY, PARAMETERS, Shaped, Traced
from zfbench.records.program import CandidateError, Status
from zfbench.records.recordings import TaskSpec

INITIAL_STATE = "initial_state"  # nothing -> the hidden state of one row
INITIALISE = "initialise"  # a key -> parameters
STEP = "step"  # parameters, state, activity [N], drive [D] -> state, next activity [N]
ALLOWED: Mapping[str, Mapping[str, Any]] = {INITIAL_STATE: OPERATIONS, INITIALISE: OPERATIONS, STEP: SHARED}
KEY_INPUT = Shaped(KEY, ())


def read_step(data: bytes, spec: TaskSpec) -> Traced:
    """A step that an untrusted process sent, checked.

    Raises:
        CandidateError: its functions do not fit together, or it exceeds a limit.
    """
    return check_signature(from_bytes(data, ALLOWED), spec)


def check_signature(traced: Traced, spec: TaskSpec) -> Traced:
    """Hold what the graphs read and yield against each other and against the task; returns the program.

    Raises:
        CandidateError: invalid; they do not fit, the program has too many parameters, or its state is not kept per
            neuron although the wiring is given.
    """
    N, D = len(spec.neurons), len(spec.drive)
    initial, initialise, step = (traced.graphs[name] for name in (INITIAL_STATE, INITIALISE, STEP))
    state, parameters = initial.results, initialise.results
    if (size := sum(shaped.size for shaped in parameters)) > PARAMETERS:
        raise CandidateError(
            Status.INVALID, f"The program has {size:,} parameters; at most {PARAMETERS:,} are accepted."
        )
    activity, drive = Shaped("float32", (N,)), Shaped("float32", (D,))
    fits = (
        not initial.inputs
        and initialise.inputs == (KEY_INPUT,)
        and len(traced.names) == len(parameters)
        and step.inputs == (*parameters, *state, activity, drive)
        and step.results == (*state, activity)
        and all(shaped.dtype == "float32" for shaped in parameters)
        and all(shaped.dtype != KEY for shaped in state)
    )
    if not fits:
        raise CandidateError(
            Status.INVALID,
            "One row of a step must map float32 parameters, the state, activity [N] and drive [D] to the state and the "
            "next activity [N].",
        )
    if spec.masked and any(shaped.shape[:1] != (N,) for shaped in state):
        raise CandidateError(
            Status.INVALID, "Arrays of initial_state(batch) must be [B, N, k], as the wiring is given."
        )
    return traced
