"""In the clean process: traced steps are trained and rolled out. No candidate's Python is here.

The process keeps the recordings it was given last, and the trainers of the steps that it trained last with all that was
compiled for them, so that another seed of an equal step costs its updates alone.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from zfbench.forecasting.contract import COMPILED, WINDOWS_PER_CALL, TrainingChoice
from zfbench.forecasting.dynamics import Dynamics
from zfbench.forecasting.signature import read_step
from zfbench.forecasting.together import BatchTrainer
from zfbench.forecasting.training import Material, Trained
from zfbench.records.frame import Arrays, Frame
from zfbench.records.program import CandidateError
from zfbench.records.recordings import Recording, TaskSpec


@dataclass
class _Held:
    """What the process holds.

    Attributes:
        spec, train, data: of the recordings that it was given last, and their name.
        materials: the recordings prepared for training, for programs with hidden state and for those without.
        trainers: by the hash of the step, the one that was used last at the end.
        trained: the program that is asked for forecasts.
        batch, outcomes: the seeds that were trained at once last, with all that says how, and what became of each.
    """

    spec: TaskSpec | None = None
    train: list[Recording] = field(default_factory=list)
    data: str = ""
    materials: dict[bool, Material] = field(default_factory=dict)
    trainers: dict[str, BatchTrainer] = field(default_factory=dict)
    trained: Trained | None = None
    batch: tuple[object, ...] = ()
    outcomes: dict[int, Trained | CandidateError] = field(default_factory=dict)


HELD = _Held()


def load(asked: Frame) -> Frame:
    """Take recordings and the task's specification, under a name."""
    HELD.__init__()  # type: ignore[misc]
    HELD.spec = TaskSpec.from_json(dict(asked.fields["spec"]))
    HELD.train = [
        Recording(condition, asked.arrays[f"activity{k}"], asked.arrays[f"drive{k}"])
        for k, condition in enumerate(asked.fields["conditions"])
    ]
    HELD.data = asked.fields["data"]
    return Frame("loaded")


def fit(asked: Frame) -> Frame:
    """Train a step, whose bytes the arrays hold; the report.

    With seeds in `together` all of them are trained at once, and kept: who asks for one of them next finds it trained.
    """
    began = time.monotonic()
    assert HELD.spec is not None, "recordings are loaded before a step is trained"
    HELD.trained = None
    trainer = _trainer(asked, HELD.spec)
    choice = TrainingChoice(**asked.fields["training"])
    deadline = began + asked.fields["seconds"]
    updates, seed, together = asked.fields["updates"], asked.fields["seed"], tuple(asked.fields["together"])
    if not together:
        HELD.trained = trainer.train(choice, updates, deadline, seed)
        return Frame("fitted", HELD.trained.report.to_json())
    batch = (asked.fields["step"], choice, updates, together)
    if batch != HELD.batch:
        outcomes = trainer.train_seeds(choice, updates, deadline, together)
        HELD.batch, HELD.outcomes = batch, dict(zip(together, outcomes, strict=True))
    outcome = HELD.outcomes[seed]
    if isinstance(outcome, CandidateError):
        raise outcome
    HELD.trained = outcome
    return Frame("fitted", HELD.trained.report.to_json())


def _trainer(asked: Frame, spec: TaskSpec) -> BatchTrainer:
    """The trainer of a step; a new one takes the place of the one whose last use is longest ago."""
    name = asked.fields["step"]
    if name not in HELD.trainers:
        while len(HELD.trainers) >= COMPILED:
            del HELD.trainers[next(iter(HELD.trainers))]
        gc.collect()  # what was compiled for it, before the next one takes memory
        dynamics = Dynamics.of(read_step(asked.arrays["step"].tobytes(), spec))
        recurrent = dynamics.recurrent
        if recurrent not in HELD.materials:
            HELD.materials[recurrent] = Material.for_program(HELD.train, spec, recurrent)
        HELD.trainers[name] = BatchTrainer(dynamics, HELD.materials[recurrent])
    HELD.trainers[name] = HELD.trainers.pop(name)
    return HELD.trainers[name]


def roll_out(asked: Frame) -> Frame:
    """Forecast with the parameters that were trained last, `WINDOWS_PER_CALL` rows at a time."""
    trained = HELD.trained
    assert trained is not None, "a step is trained before it is rolled out"
    context, drive = asked.arrays["context"], asked.arrays["drive"]
    B, C, N = context.shape
    H = drive.shape[1] - C
    path = np.empty((B, H, N), np.float32)
    for first in range(0, B, WINDOWS_PER_CALL):
        rows = np.minimum(np.arange(first, first + WINDOWS_PER_CALL), B - 1)  # the last row fills up the call
        given = (trained.params, context[rows], drive[rows], *_clamp(asked.arrays, rows, H, N))
        path[first : first + WINDOWS_PER_CALL] = np.asarray(trained.forecast(*given))[: B - first]
    return Frame("path", arrays={"path": path})


def _clamp(arrays: Arrays, rows: NDArray[np.intp], H: int, N: int) -> tuple[jax.Array, jax.Array]:
    """The clamped neurons of some rows, [b, N], and their values at each step, [b, H, N]."""
    if "clamp_mask" not in arrays:
        return _nothing(len(rows), H, N)
    mask, value = arrays["clamp_mask"][rows], arrays["clamp_value"][rows]
    if value.ndim == 2:
        return jnp.asarray(mask), jnp.broadcast_to(value[:, None], (len(rows), H, N))
    return jnp.asarray(mask), jnp.asarray(value)


@lru_cache(maxsize=4)
def _nothing(b: int, H: int, N: int) -> tuple[jax.Array, jax.Array]:
    """A clamp of no neuron, on the device."""
    return jnp.zeros((b, N), bool), jnp.zeros((b, H, N), jnp.float32)


ANSWERS: dict[str, Callable[[Frame], Frame]] = {"load": load, "fit": fit, "roll out": roll_out}
