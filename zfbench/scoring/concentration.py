"""The share of a known target program in a population of programs, generation by generation.

The share and its summaries are those of the validation without a language model in Wahl et al. (2026, arXiv
2602.18266).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from zfbench.base.errors import ZfbenchError

SETTLED = 3  # number of the first generation that counts as settled, as in Wahl et al. (2026)


@dataclass(frozen=True, eq=False)
class Concentration:
    """The target's share of a population over K generations.

    Attributes:
        share: [K + 1], share in the first population and at the end of each generation.
        jumps: generations that began with resampling, numbered from 1 to K.
        first: share after the first generation; None if there is none.
        after_jumps: mean share at the end of the generations that began with resampling; None if there are none.
        settled: mean share from generation `SETTLED` on; None if there are fewer generations.
    """

    share: Float[NDArray[np.float64], " generations"]
    jumps: tuple[int, ...]
    first: float | None
    after_jumps: float | None
    settled: float | None


def concentration(populations: Sequence[Sequence[str]], resampled: Sequence[bool], target: str) -> Concentration:
    """Compute the share of a target program in each population.

    Args:
        populations: names of the members, of the first population and at the end of each generation.
        resampled: for each of them, True if it began with resampling; the entry of the first population is ignored.
        target: name of the target program.

    Returns:
        The shares and their summaries.

    Raises:
        ZfbenchError: a population is empty, or the number of flags differs from the number of populations.
    """
    if not populations or not all(populations) or len(populations) != len(resampled):
        raise ZfbenchError("A population to follow must have members, and a flag for every generation.")
    share = np.array([np.mean([name == target for name in members]) for members in populations])
    jumps = tuple(k for k in range(1, len(share)) if resampled[k])
    return Concentration(
        share=share,
        jumps=jumps,
        first=_mean(share[1:2]),
        after_jumps=_mean(share[list(jumps)]),
        settled=_mean(share[SETTLED:]),
    )


def _mean(values: NDArray[np.float64]) -> float | None:
    return float(values.mean()) if len(values) else None
