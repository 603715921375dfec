"""A proposer that draws uniformly from a given set of programs.

With it a search tests its selection alone, against the known best program of the set (the validation without a language
model of Wahl et al. 2026).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zfbench.base.errors import ZfbenchError
from zfbench.base.files import read_source
from zfbench.protocols.proposer import Context, Proposer
from zfbench.protocols.task import Spec
from zfbench.records.evaluation import Proposal, Request
from zfbench.records.program import Program
from zfbench.records.spend import NOTHING


class FiniteProposer(Proposer):
    """A proposer that draws one of its programs for every request, whatever its parents; draws may repeat.

    Attributes:
        bound: nothing, because drawing is free.
        trusted: True, because the user chose the files.
        identity: ids of the programs, in order.

    Args:
        spec: specification of the task; if it lists its `candidates`, these are the programs unless others are given.
        programs: a folder of `.py` files, or a list of files.
        in_turn: number of requests after the seed that are answered with the programs in turn, without drawing.
    """

    bound = NOTHING
    trusted = True

    def __init__(self, spec: Spec, programs: str | Sequence[str] = (), in_turn: int = 0) -> None:
        paths = sorted(Path(programs).glob("*.py")) if isinstance(programs, str) else [Path(p) for p in programs]
        given: Sequence[str] = () if programs else spec.candidates
        self._sources = [(path.name, read_source(path)) for path in paths]
        self._sources += [(f"candidate {k}", source) for k, source in enumerate(given)]
        if not self._sources:
            place = f" in {programs}" if programs and isinstance(programs, str) else ""
            raise ZfbenchError(
                f"The proposer 'finite' has no programs{place}; give it a folder of .py files as `programs`."
            )
        self._in_turn = in_turn
        self.identity: Mapping[str, Any] = {"programs": [Program(source).id for _, source in self._sources]}

    def propose(self, request: Request, context: Context, rng: np.random.Generator) -> Proposal:  # noqa: ARG002
        """Return one of the programs, drawn uniformly unless the programs are still given in turn.

        Args:
            request: the request.
            context: not used.
            rng: generator of the draw.

        Returns:
            The program.
        """
        size = len(self._sources)
        drawn = (request.id - 1) % size if 1 <= request.id <= self._in_turn else rng.integers(size)
        name, source = self._sources[drawn]
        return Proposal(source, name)
