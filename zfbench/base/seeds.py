"""Seeds: one range for every library that draws from them, and generators seeded by names."""

from __future__ import annotations

import hashlib

import numpy as np

from zfbench.base.errors import ZfbenchError

LIMIT = 2**32  # JAX and PyTorch take only so many different seeds


def check_seed(seed: int) -> None:
    """Refuse a seed that a library would cut short or overflow on.

    Raises:
        ZfbenchError: it is not in 0 .. 2^32 - 1.
    """
    if not 0 <= seed < LIMIT:
        raise ZfbenchError(f"The seed {seed} is not in 0 .. {LIMIT - 1}; choose one in that range.")


def generator(*names: str | int) -> np.random.Generator:
    """Return a generator that is seeded by a list of names and numbers, such as a task, a program's hash and a seed."""
    digest = hashlib.sha256("\n".join(map(str, names)).encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, np.uint32))
