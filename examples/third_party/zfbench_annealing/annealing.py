"""Simulated annealing over programs (Kirkpatrick, Gelatt & Vecchi 1983, doi:10.1126/science.220.4598.671)."""

from __future__ import annotations

import math

import numpy as np

from zfbench.base.errors import ZfbenchError
from zfbench.protocols.discoverer import Discoverer
from zfbench.records.evaluation import Evaluation, Request
from zfbench.records.program import Program, ProgramId


class Annealing(Discoverer):
    """A discoverer that builds on its present program, and moves to a worse one with probability exp(-Δ / T).

    Δ is the increase of the validation loss. T falls by the factor `cooling` with every program that is told.

    Args:
        seed: seed of the moves.
        seed_program: the program that the search starts from; it arrives as the answer to the first request.
        temperature: T at the beginning, in units of the loss.
        cooling: factor of T, above 0 and at most 1.

    Raises:
        ZfbenchError: a setting is out of its range.
    """

    def __init__(
        self,
        seed: int,
        seed_program: Program,
        temperature: float = 0.01,
        cooling: float = 0.95,
    ) -> None:
        if not (temperature > 0 and 0 < cooling <= 1):
            raise ZfbenchError(
                f"Annealing cannot work with temperature={temperature} and cooling={cooling}; make the temperature "
                "positive and the cooling at most 1."
            )
        self._rng = np.random.default_rng(seed)
        self._temperature, self._cooling = temperature, cooling
        self._present: ProgramId = seed_program.id
        self._loss = math.inf
        self._asked = 0
        self._waiting = False

    def ask(self) -> Request | None:
        """Return a request for a change of the present program; None while the last answer is awaited."""
        if self._waiting:
            return None
        self._waiting, self._asked = True, self._asked + 1
        if self._asked == 1:
            return Request(0, "seed")
        return Request(self._asked - 1, "mutate", (self._present,))

    def tell(self, request: Request, program: Program, evaluation: Evaluation) -> None:  # noqa: ARG002
        """Move to a program that works and is better, or by chance to one that is worse."""
        self._waiting = False
        if evaluation.loss is not None:
            rise = max(0.0, evaluation.loss - self._loss)
            if self._rng.random() < math.exp(-rise / self._temperature):
                self._present, self._loss = program.id, evaluation.loss
        self._temperature *= self._cooling
