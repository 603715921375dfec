"""The last round of every search: its best programs are trained anew at full length and ranked again.

A search screens candidates by short trainings. These prefer the wrong program now and then, and the best of many
noisy scores was also lucky; so the few best are trained at full length with fresh seeds, and the winner is the one
that does best then. The rule is the same for every method, and its cost is set aside before the search begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from zfbench.base.errors import ZfbenchError
from zfbench.protocols.proposer import Context
from zfbench.records.evaluation import Evaluation, Proposal, Request, Scored
from zfbench.records.program import Program
from zfbench.records.spend import NOTHING, Spend
from zfbench.search.budget import Budget
from zfbench.search.outcome import SearchOutcome

MOST = 3  # finalists by default
SHARE = 4  # but no more than one in so many evaluations
STREAM = 2**31  # apart from the spawn keys of all requests


def default_finalists(budget: Budget) -> int:
    """Three, or a quarter of the evaluations where that is fewer."""
    return MOST if budget.evaluations is None else min(MOST, budget.evaluations // SHARE)


def set_aside(budget: Budget, finalists: int, bound: Spend) -> tuple[Budget, Budget]:
    """The budget of the search, and that of its finals.

    Args:
        budget: of both together.
        finalists: programs trained at full length.
        bound: the most that one of these trainings may use.

    Raises:
        ZfbenchError: the finals leave nothing to search with.
    """
    shares: dict[str, Any] = {}
    for unit in ("evaluations", "device_seconds", "wall_seconds"):
        limit, cost = getattr(budget, unit), finalists * getattr(bound, unit)
        if limit is None or finalists == 0:
            continue
        if limit <= cost:
            raise ZfbenchError(
                f"The budget {unit}={limit:g} leaves nothing to search with beside {cost:g} for {finalists} full "
                "trainings at its end; raise it, or lower the number of finalists or their time limit."
            )
        shares[unit] = limit - cost
    return replace(budget, **shares), Budget(evaluations=finalists)


def fresh_seed(seed: int) -> int:
    """The seed of the finals, apart from all seeds of the search."""
    return int(np.random.SeedSequence(seed, spawn_key=(STREAM,)).generate_state(1)[0])


@dataclass
class FinalistReplay:
    """Discoverer and proposer of the finals: each finalist once, in order.

    Attributes:
        finalists: the best programs of the search, best first.
        bound: nothing; they are written already.
        trusted: these programs have run before, where they may run.
        version: none.
        identity: their ids.
        surroundings: none.
    """

    finalists: tuple[Scored, ...]
    bound: Spend = NOTHING
    trusted: bool = True
    version: int | None = None
    asked: int = 0
    identity: Mapping[str, Any] = field(default_factory=dict)
    surroundings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.identity = {"finalists": [scored.program.id for scored in self.finalists]}

    def ask(self) -> Request | None:
        """A request for the next finalist."""
        if self.asked == len(self.finalists):
            return None
        self.asked += 1
        return Request(self.asked - 1, "rewrite")

    def tell(self, request: Request, program: Program, evaluation: Evaluation) -> None:
        """Nothing to learn."""

    def propose(self, request: Request, context: Context, rng: np.random.Generator) -> Proposal:  # noqa: ARG002
        """The finalist itself."""
        program = self.finalists[request.id].program
        return Proposal(program.source, program.summary)


def table(screened: SearchOutcome, finals: SearchOutcome) -> list[dict[str, Any]]:
    """One row for each finalist: loss when screened, and loss or status at full length."""
    before = {scored.program.id: scored.evaluation.loss for scored in screened.evaluated}
    return [
        {
            "program": scored.program.id,
            "screened_loss": before[scored.program.id],
            "full_loss": scored.evaluation.loss,
            "status": str(scored.evaluation.status),
        }
        for scored in finals.evaluated
    ]
