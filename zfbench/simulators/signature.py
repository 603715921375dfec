"""A simulator as traced: which graphs there are, and what each reads and yields. It needs no JAX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zfbench.engine.operations import OPERATIONS, SHARED
from zfbench.engine.serialise import from_bytes
from zfbench.engine.step import KEY, Shaped, Traced
from zfbench.records.program import CandidateError, Status

INITIAL_STATE = "initial_state"  # key, parameters [P], context [C] -> state
STEP = "step"  # key, state, parameters [P], context [C], t -> state
OBSERVE = "observe"  # state -> [Y]
ALLOWED: Mapping[str, Mapping[str, Any]] = {INITIAL_STATE: OPERATIONS, STEP: OPERATIONS, OBSERVE: SHARED}


def read_simulator(data: bytes, parameters: int, context: int, observations: int) -> Traced:
    """A simulator that an untrusted process sent, checked.

    Args:
        data: its bytes.
        parameters: P, how many it reads.
        context: C, how many numbers its setting has.
        observations: Y, how many numbers are seen of its state.

    Raises:
        CandidateError: its functions do not fit together, or it exceeds a limit.
    """
    traced = from_bytes(data, ALLOWED)
    initial, step, observe = (traced.graphs[name] for name in (INITIAL_STATE, STEP, OBSERVE))
    key, time = Shaped(KEY, ()), Shaped("int32", ())
    given = (Shaped("float32", (parameters,)), Shaped("float32", (context,)))
    state = initial.results
    fits = (
        not traced.names
        and initial.inputs == (key, *given)
        and step.inputs == (key, *state, *given, time)
        and step.results == observe.inputs == state
        and observe.results == (Shaped("float32", (observations,)),)
        and all(shaped.dtype == "float32" for shaped in state)
    )
    if not fits:
        raise CandidateError(
            Status.INVALID,
            "A simulator's functions must pass on a state of float32 arrays whose shapes never change, and `observe` "
            f"must return an array of shape [{observations}].",
        )
    return traced
