"""Seeds: one range for every library that draws from them."""

from __future__ import annotations

from zfbench.base.errors import ZfbenchError

LIMIT = 2**32  # JAX and PyTorch take only so many different seeds


def check_seed(seed: int) -> None:
    """Refuse a seed that a library would cut short or overflow on.

    Raises:
        ZfbenchError: it is not in 0 .. 2^32 - 1.
    """
    if not 0 <= seed < LIMIT:
        raise ZfbenchError(f"The seed {seed} is not in 0 .. {LIMIT - 1}; choose one in that range.")
