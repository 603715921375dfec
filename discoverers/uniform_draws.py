"""Uniform draws of whole programs: the control for what a search owes to its seed program and to small changes.

Its requests carry the hint `anew`, which asks for a program whose every part is drawn uniformly. It needs a proposer
that heeds the hint (`grammar` does); with another, its requests are rewrites of the seed program.
"""

from __future__ import annotations

from zfbench.discoverers.best_of_n import BestOfN
from zfbench.records.evaluation import Request
from zfbench.records.hints import ANEW


class UniformDraws(BestOfN):
    """Asks for whole programs, drawn without regard to any other."""

    def _next(self, number: int) -> Request:
        return Request(number, "rewrite", (self._seed_id,), (ANEW,))
