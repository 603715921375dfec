"""The finals of a search: its best programs are trained again at full length and ranked again.

A search screens candidates by short trainings. These sometimes prefer the wrong program, and the best of many noisy
scores is biased by chance. The few best programs are therefore trained at full length with a seed that no search uses
(`zfbench.search.replicates`), and the winner is the one with the lowest loss then. The rule is the same for every
method, and its cost is reserved before the search begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import unified_diff
from typing import Any

import numpy as np

from zfbench.base.errors import ZfbenchError
from zfbench.protocols.proposer import Context
from zfbench.records.evaluation import Evaluation, Proposal, Request, Scored
from zfbench.records.program import Program, ProgramId
from zfbench.records.spend import NOTHING, Spend
from zfbench.search.budget import Budget
from zfbench.search.outcome import SearchOutcome

MOST = 3  # default number of finalists
SHARE = 4  # by default at most one finalist for each so many evaluations
SHORT = 12  # characters of a program's id
CONTEXT = 2  # unchanged lines that a difference shows around each change


def default_finalists(budget: Budget) -> int:
    """Return the default number of finalists: three, or a quarter of the evaluations if that is fewer."""
    return MOST if budget.evaluations is None else min(MOST, budget.evaluations // SHARE)


def set_aside(budget: Budget, finalists: int, bound: Spend) -> tuple[Budget, Budget]:
    """Divide a budget into that of the search and that of its finals.

    Args:
        budget: budget of both together.
        finalists: number of programs trained at full length.
        bound: largest possible spend of one of these trainings.

    Returns:
        The budget of the search, and that of the finals.

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
                f"The budget {unit}={limit:g} leaves nothing to search with, because {finalists} full trainings at "
                f"the end may use {cost:g}; raise the budget, or lower the number of finalists or their time limit."
            )
        shares[unit] = limit - cost
    return replace(budget, **shares), Budget(evaluations=finalists)


@dataclass
class FinalistReplay:
    """Discoverer and proposer of the finals, which give each finalist once, in order.

    Attributes:
        finalists: the best programs of the search, best first.
        bound: nothing, because the programs are already written.
        trusted: True, because these programs have already run in the same sandbox.
        version: None, because there are no versions.
        identity: ids of the finalists.
        surroundings: nothing.
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
        """Return a request for the next finalist; None after the last."""
        if self.asked == len(self.finalists):
            return None
        self.asked += 1
        return Request(self.asked - 1, "rewrite")

    def tell(self, request: Request, program: Program, evaluation: Evaluation) -> None:
        """Do nothing, because the finalists are fixed.

        Args:
            request: the request.
            program: the finalist.
            evaluation: its evaluation.
        """

    def propose(self, request: Request, context: Context, rng: np.random.Generator) -> Proposal:  # noqa: ARG002
        """Return the finalist of a request.

        Args:
            request: the request, whose id is the finalist's position.
            context: not used.
            rng: not used.

        Returns:
            The finalist as a proposal.
        """
        program = self.finalists[request.id].program
        return Proposal(program.source, program.summary)


def table(
    screened: SearchOutcome, finals: SearchOutcome, parents: Mapping[ProgramId, ProgramId]
) -> list[dict[str, Any]]:
    """Return one row for each finalist.

    Args:
        screened: outcome of the search.
        finals: outcome of the finals.
        parents: the program that a program was made from, by ids; none for what was made from nothing.

    Returns:
        Loss after screening, loss and status at full length, the source, and `change`, the unified difference between
        the source of its parent and its own, which is empty for a program without a parent.
    """
    known = {scored.program.id: scored for scored in screened.evaluated}
    return [
        {
            "program": scored.program.id,
            "screened_loss": known[scored.program.id].evaluation.loss,
            "full_loss": scored.evaluation.loss,
            "status": str(scored.evaluation.status),
            "source": scored.program.source,
            "change": _change(known.get(parents.get(scored.program.id, "")), scored),
        }
        for scored in finals.evaluated
    ]


def _change(parent: Scored | None, child: Scored) -> str:
    """The unified difference of two sources."""
    if parent is None:
        return ""
    names = (parent.program.id[:SHORT], child.program.id[:SHORT])
    before, after = (scored.program.source.splitlines() for scored in (parent, child))
    return "\n".join(unified_diff(before, after, *names, n=CONTEXT, lineterm=""))
