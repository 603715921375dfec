"""A world without models: programs are words, and a rule says how each fares."""

import pytest

from zfbench.search.conformance import FAILED, PAID, SEED, World, scored

__all__ = ["FAILED", "PAID", "SEED", "scored"]


@pytest.fixture
def world():
    return World
