"""Every token of a proposal accounted for: what may still be used, and what an answer is charged.

Before a call its worst case is compared with what is left; a call that does not fit is not made. An answer is
charged what the endpoint says it used, and its worst case when the endpoint does not say, or when the answer was
lost after it had been asked for: it may have been paid for. With prices, money is reserved and charged in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from zfbench.discoverers.proposers.llm.endpoint import Endpoint
from zfbench.protocols.proposer import ProposalError, ProposerUnavailableError
from zfbench.records.evaluation import Exchange
from zfbench.records.spend import NOTHING, Spend

OVERHEAD = 64  # tokens of a message beside its text, at most
BYTES_PER_TOKEN = 16  # of an answer: no tokenizer averages more, so an endpoint that counts fewer tokens miscounts
ABSURD = 16  # times the worst case: a count of more tokens than that is not believed

Message = dict[str, str]


def most_read(messages: list[Message]) -> int:
    """The most tokens that a prompt can have: a token is at least one byte."""
    return sum(len(m["content"].encode(errors="replace")) + OVERHEAD for m in messages)


def used(endpoint: Endpoint, usage: Any, worst: Spend, answer_bytes: int) -> Spend:
    """What a call is charged: what the endpoint says it used, where that is possible.

    Args:
        endpoint: for its prices.
        usage: what it says, as it came.
        worst: the most that the call should use, charged where nothing or nonsense is said.
        answer_bytes: size of the answer, which the count cannot be far below.
    """
    said = usage if isinstance(usage, dict) else {}
    read, written = _count(said.get("prompt_tokens")), _count(said.get("completion_tokens"))
    total = _count(said.get("total_tokens"))
    if total is None and read is not None and written is not None:
        total = read + written
    if not total or total > ABSURD * worst.tokens:
        return worst
    floor = answer_bytes // BYTES_PER_TOKEN
    if read is None or read > total:
        return Spend(tokens=max(total, floor), money=worst.money)
    if total < floor:
        return endpoint.cost(read, floor)
    return endpoint.cost(read, total - read)  # some endpoints count hidden reasoning in the total alone


def _count(value: Any) -> int | None:
    """A whole number of at least 0, also where it is written as 70.0; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**63 or value != int(value):
        return None
    return int(value)


@dataclass
class Account:
    """Tokens and money of one proposal, and the calls that it made.

    Attributes:
        limit: what the search has reserved for it.
        spent: used so far.
        exchanges: calls so far.
    """

    limit: Spend
    spent: Spend = NOTHING
    exchanges: list[Exchange] = field(default_factory=list)

    def missing(self, worst: Spend) -> str:
        """The unit that so much is not left of; empty if all of it is."""
        then = self.spent + worst
        return next((u for u in ("tokens", "money") if getattr(then, u) > getattr(self.limit, u)), "")

    def charge(self, amount: Spend) -> None:
        """Book what was used."""
        self.spent += amount

    def failure(self, message: str, answered: bool = True) -> ProposalError:
        """The error that ends the proposal, with what it used up."""
        return ProposalError(message, self.spent, answered=answered, exchanges=tuple(self.exchanges))

    def unavailable(self, message: str) -> ProposerUnavailableError:
        """The error that ends the run, with what the proposal used up."""
        return ProposerUnavailableError(message, self.spent, exchanges=tuple(self.exchanges))
