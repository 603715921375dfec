"""The outcome of a search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zfbench.records.evaluation import Scored
from zfbench.records.program import ProgramId
from zfbench.records.spend import Spend

Reason = Literal["budget", "finished", "stalled", "unfinished"]


@dataclass(frozen=True)
class Counts:
    """The number of requests by their result.

    Attributes:
        asked: number of requests.
        evaluated: programs trained and scored, including failures.
        failed: programs among these whose status is not ok.
        duplicates: requests answered by a program that was proposed before; these are free.
        unanswered: requests for which the proposer found no program or got no answer; only their tokens are charged.
    """

    asked: int
    evaluated: int
    failed: int
    duplicates: int
    unanswered: int


@dataclass(frozen=True)
class SearchOutcome:
    """The outcome of a search.

    Attributes:
        evaluated: every different program with its latest evaluation, in the order of the first.
        counts: number of requests by their result.
        spend: resources that were used up, over all processes of the search.
        overrun: spend beyond reservation and budget; zero unless a bound was wrong.
        last_failure: reason why the latest unanswered request has no program; empty if all were answered.
        reason: `budget` if the next step no longer fitted, `finished` if the discoverer made no more requests,
            `stalled` if too many requests in a row brought no new working program, and `unfinished` if an event log
            without an end was replayed.
    """

    evaluated: tuple[Scored, ...]
    counts: Counts
    spend: Spend
    overrun: Spend
    reason: Reason
    last_failure: str = ""

    def summary(self) -> str:
        """Return one line with the counts, the spend, and the reason of the end."""
        counts, spend = self.counts, self.spend
        parts = [
            f"{counts.evaluated} evaluations ({counts.failed} failed, {counts.duplicates} duplicates, which are free)",
            f"{counts.unanswered} unanswered"
            + (f" (last failure: {self.last_failure.rstrip('.')})" if counts.unanswered else ""),
            *([f"{spend.tokens:,.0f} tokens"] if spend.tokens else []),
            *([f"money {spend.money:,.4f}"] if spend.money else []),
            f"ended: {self.reason}",
        ]
        return "; ".join(part.rstrip(".") for part in parts) + "."

    def found(self, seed: ProgramId) -> bool:
        """Return True if any program but the seed program was evaluated; if not, the scores are not the method's."""
        return any(scored.program.id != seed for scored in self.evaluated)

    @property
    def best(self) -> Scored | None:
        """The working program of lowest validation loss, the earlier one of equals; None if none works."""
        return next(iter(self.top(1)), None)

    def top(self, k: int) -> tuple[Scored, ...]:
        """Return the k best working programs, best first."""
        return tuple(sorted((s for s in self.evaluated if s.evaluation.ok), key=_loss)[:k])


def _loss(scored: Scored) -> float:
    loss = scored.evaluation.loss
    assert loss is not None
    return loss
