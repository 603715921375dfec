"""Best of N from the seed program: the form of random search that is one change deep, however large its budget.

It selects nothing, but it is not blind: a proposer may turn to the groups that are to blame for the seed program's
error, and to changes that helped. `random_walk` does without; `uniform_draws` does without a seed program as well.
"""

from __future__ import annotations

from zfbench.protocols.discoverer import Discoverer
from zfbench.records.evaluation import Evaluation, Request
from zfbench.records.program import Program, ProgramId


class BestOfN(Discoverer):
    """Mutates the seed program again and again.

    Args:
        seed: of nothing; all randomness is the proposer's.
        seed_program: the parent of every program.
    """

    def __init__(self, seed: int, seed_program: Program) -> None:  # noqa: ARG002
        self._seed_id = seed_program.id
        self._asked = 0
        self._told: dict[ProgramId, bool] = {}  # in order of telling; does it work?

    def ask(self) -> Request | None:
        """The seed program first; once it is told, mutations, any number at a time."""
        if self._asked and self._seed_id not in self._told:
            return None
        request = Request(self._asked, "seed") if self._asked == 0 else self._next(self._asked)
        self._asked += 1
        return request

    def tell(self, request: Request, program: Program, evaluation: Evaluation) -> None:  # noqa: ARG002
        """Remember whether the program works; a missing answer is none.

        Args:
            request: the request that was answered; not used.
            program: the answer.
            evaluation: its evaluation.
        """
        if program.source:
            self._told[program.id] = evaluation.ok

    def _next(self, number: int) -> Request:
        return Request(number, "mutate", parents=(self._seed_id,))
