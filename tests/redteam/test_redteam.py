"""Every hostile program ends as it must, learns nothing, leaves nothing, and its successor notices nothing."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from attacks import ATTACKS, FAMILIES
from hostile import Attack, program

from zfbench.forecasting.fit import fit_program
from zfbench.forecasting.mask_check import verify_mask
from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError, Status
from zfbench.sandbox.process import OUTPUT_LIMIT

GIB = 2**30
WITNESS = program(
    """
import resource, threading
print([sorted(os.listdir(folder)) for folder in ("/", "/tmp", "/dev/shm", "/dev", "/proc", "/packages/zfbench")])
print(sorted(os.environ.items()), sys.path, os.getcwd(), os.umask(0), os.nice(0))
print(os.getpid(), os.getppid(), os.getuid(), os.getgroups())
print([resource.getrlimit(k) for k in range(16)], threading.active_count())
print(os.sched_getaffinity(0))
print(sorted(name for name in sys.modules if "zfbench" in name or "jax" in name or "numpy" in name))
print(jax.config.jax_enable_x64, jax.jit, np.tanh(0.5), [f.__module__ for f in (jnp.tanh, np.asarray, open, exec)])
raise LookupError("seen")
"""
)


def attempt(arena, source: str, *, masked: bool = False, seconds: float = 60.0) -> tuple[Status, str, str]:
    """Status, sentence and output of a program that is trained, asked for forecasts, and verified."""
    spec = arena.spec if masked else replace(arena.spec, mask=None, drive_mask=None)
    limits = Limits(updates=2, seconds=seconds, memory_bytes=3 * GIB)
    try:
        with fit_program(arena.fill(source), spec, arena.train, limits, 0, arena.sandbox) as fitted:
            try:
                fitted.forecast(arena.context, arena.drive)
                verify_mask(fitted, spec, arena.context, arena.drive[:, : len(arena.context[0]) + 16], rng())
            except CandidateError as error:
                error.printed = fitted.stdout
                raise
            return Status.OK, "", fitted.stdout
    except CandidateError as error:
        return error.status, error.message, error.printed


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def world(arena) -> str:
    """What a program sees of the world before any attack."""
    status, message, printed = attempt(arena, WITNESS)
    assert (status, "seen" in message) == (Status.ERROR, True), message + printed
    return printed


@pytest.fixture(scope="module")
def predictions(arena) -> np.ndarray:
    """Predictions of an honest program before any attack."""
    return honest(arena)


def honest(arena) -> np.ndarray:
    with fit_program(program(), arena.spec, arena.train, Limits(2, 60.0), 0, arena.sandbox) as fitted:
        return fitted.forecast(arena.context, arena.drive)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: f"{attack.family}: {attack.name}")
def test_an_attack_ends_as_it_must_and_gains_nothing(arena, world, attack: Attack):
    status, message, printed = attempt(arena, attack.source, masked=attack.masked, seconds=attack.seconds)
    assert status is attack.status, message + printed
    assert attack.said in message, message
    assert "canary" not in message + printed
    assert not re.search(r"^LEAK", printed, re.MULTILINE), printed
    assert len(message) <= 2_000
    assert (message + printed).replace("\n", "").replace("\t", "").isprintable()  # nothing that commands a terminal
    assert len(printed) < 2 * OUTPUT_LIMIT + 100
    assert arena.leftover() == 0
    assert not arena.visited()
    assert attempt(arena, WITNESS)[2] == world


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_an_honest_program_predicts_the_same_after_a_family_of_attacks(arena, predictions, family):
    for attack in family()[:1]:
        attempt(arena, attack.source, masked=attack.masked, seconds=attack.seconds)
    np.testing.assert_array_equal(honest(arena), predictions)


def test_there_are_sixty_programs_and_more():
    assert len({attack.source for attack in ATTACKS}) == len(ATTACKS) >= 60
