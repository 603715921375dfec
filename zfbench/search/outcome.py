"""What a search hands back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zfbench.records.evaluation import Scored
from zfbench.records.program import ProgramId
from zfbench.records.spend import Spend

Reason = Literal["budget", "finished", "stalled", "unfinished"]


@dataclass(frozen=True)
class Counts:
    """How many requests came to what.

    Attributes:
        asked: requests made.
        evaluated: programs trained and scored, failures included.
        failed: of these, the ones whose status is not ok.
        duplicates: requests answered by a program that was proposed before; free.
        unanswered: requests that the proposer found no program for, or got no answer for; free but for its tokens.
    """

    asked: int
    evaluated: int
    failed: int
    duplicates: int
    unanswered: int


@dataclass(frozen=True)
class SearchOutcome:
    """The end of a search.

    Attributes:
        evaluated: every different program with its latest evaluation, in the order of the first.
        counts: how many requests came to what.
        spend: what was used up, over all processes of the search.
        overrun: use beyond what was reserved and left, zero unless a bound was wrong.
        last_failure: why the latest unanswered request has no program; empty if all were answered.
        reason: `budget` when the next step no longer fitted, `finished` when the discoverer had no more
            wishes, `stalled` when too many requests in a row brought no new working program,
            `unfinished` when a journal without an end was replayed.
    """

    evaluated: tuple[Scored, ...]
    counts: Counts
    spend: Spend
    overrun: Spend
    reason: Reason
    last_failure: str = ""

    def summary(self) -> str:
        """One line: how many requests came to what, what was used up, and why it ended."""
        counts, spend = self.counts, self.spend
        parts = [
            f"{counts.evaluated} evaluations ({counts.failed} failed, {counts.duplicates} duplicates free)",
            f"{counts.unanswered} unanswered{f', the last: {self.last_failure}' if counts.unanswered else ''}",
            *([f"{spend.tokens:,.0f} tokens"] if spend.tokens else []),
            *([f"money {spend.money:,.4f}"] if spend.money else []),
            f"ended: {self.reason}",
        ]
        return "; ".join(part.rstrip(".") for part in parts) + "."

    def found(self, seed: ProgramId) -> bool:
        """Whether any program but the seed program was evaluated; if not, its scores are not the method's."""
        return any(scored.program.id != seed for scored in self.evaluated)

    @property
    def best(self) -> Scored | None:
        """The working program of lowest validation loss, the earlier one of equals; None when none works."""
        return next(iter(self.top(1)), None)

    def top(self, k: int) -> tuple[Scored, ...]:
        """The k best working programs, best first, for example to rank them anew at full length."""
        return tuple(sorted((s for s in self.evaluated if s.evaluation.ok), key=_loss)[:k])


def _loss(scored: Scored) -> float:
    loss = scored.evaluation.loss
    assert loss is not None
    return loss
