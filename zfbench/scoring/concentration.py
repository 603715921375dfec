"""How a population of programs moves towards a target that is known, generation by generation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from zfbench.base.errors import ZfbenchError

SETTLED = 3  # the first generation that counts as settled, as in Wahl et al. 2026


@dataclass(frozen=True, eq=False)
class Concentration:
    """The target's share of a population, over K generations.

    Attributes:
        share: [K + 1], of the first population and at the end of each generation.
        jumps: generations that began with resampling, 1 .. K.
        intervals: generations from each jump to the next.
        first: share after the first generation; None without one.
        after_jumps: mean share at the end of generations that began with resampling; None without one.
        settled: mean share from generation `SETTLED` on; None without one.
    """

    share: Float[NDArray[np.float64], " generations"]
    jumps: tuple[int, ...]
    intervals: tuple[int, ...]
    first: float | None
    after_jumps: float | None
    settled: float | None


def concentration(populations: Sequence[Sequence[str]], resampled: Sequence[bool], target: str) -> Concentration:
    """Follow a target through a population.

    Args:
        populations: the members' names, of the first population and at the end of each generation.
        resampled: whether each of them began with resampling; that of the first is ignored.
        target: the name to follow.

    Raises:
        ZfbenchError: a population is empty.
    """
    if not populations or not all(populations) or len(populations) != len(resampled):
        raise ZfbenchError("A population to follow must have members, and a flag for every generation.")
    share = np.array([np.mean([name == target for name in members]) for members in populations])
    jumps = tuple(k for k in range(1, len(share)) if resampled[k])
    return Concentration(
        share=share,
        jumps=jumps,
        intervals=tuple(int(gap) for gap in np.diff(jumps)),
        first=_mean(share[1:2]),
        after_jumps=_mean(share[list(jumps)]),
        settled=_mean(share[SETTLED:]),
    )


def _mean(values: NDArray[np.float64]) -> float | None:
    return float(values.mean()) if len(values) else None
