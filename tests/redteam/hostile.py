"""A hostile program: the frame around what it does, and how it must end."""

from __future__ import annotations

from dataclasses import dataclass

from zfbench.records.program import Status

PROGRAM = """\
import os, sys, time, signal, ctypes
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
training = dict(loss="one_step")
{top}

class Model(nn.Module):
    spec: object
    {body}
    def initial_state(self, batch):
        return {state}

    @nn.compact
    def __call__(self, state, activity, drive):
        rate = self.param("rate", nn.initializers.zeros, (activity.shape[1],))
        following = activity * (1 - rate)
        {step}
        return state, following
"""
OK, INVALID, ERROR, TIMEOUT = Status.OK, Status.INVALID, Status.ERROR, Status.TIMEOUT
MEMORY, NON_FINITE, MASK = Status.OUT_OF_MEMORY, Status.NON_FINITE, Status.MASK_VIOLATION


@dataclass(frozen=True)
class Attack:
    """One program: its family, how it must end, and words that the sentence about it must hold."""

    family: str
    name: str
    source: str
    status: Status
    said: str = ""
    masked: bool = False
    seconds: float = 60.0


def program(top: str = "", step: str = "pass", state: str = "()", body: str = "") -> str:
    return PROGRAM.format(top=top, step=step, state=state, body=body)
