"""Scores: pure functions on arrays that know nothing of the models and files behind them.

A probe has two halves, with the model in between: one function builds a batch of perturbed contexts, the caller
forecasts it, and another function computes the score from the forecasts. Batches are ordered by state: with P probes
for each state, the rows `s * P .. (s + 1) * P - 1` belong to state s, and `np.repeat(drive, P, axis=0)` is the drive
that goes with them.

A score that is undefined (no true edges, ranks of a constant, a reference of norm zero) is None, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping

VERSIONS = {
    "forecast": 1,
    "headline": 1,
    "connectivity": 2,
    "dynamics": 2,
    "intervention": 2,
    "isolation": 1,
    "laplace": 1,
    "likelihood": 1,
    "population": 1,
    "probabilistic": 1,
    "source": 1,
}
"""The version of each family of metrics; it is increased when, and only when, a score can change."""


def outdated(versions: Mapping[str, int]) -> dict[str, int]:
    """The families of scores whose version is not today's, with it.

    Families that zfbench does not have, such as those of a plug-in's task, are not compared.
    """
    return {family: version for family, version in versions.items() if VERSIONS.get(family, version) != version}
