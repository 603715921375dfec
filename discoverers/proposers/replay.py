"""A proposer that answers from the journal of an earlier search, at no cost and without a network.

The same discoverer with the same seed asks for the same, so a replayed search is the recorded one, whoever wrote
its programs. What was recorded from whom stands in the journal's header.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from zfbench.base.errors import ZfbenchError
from zfbench.base.files import sha256
from zfbench.protocols.proposer import Context, ProposalError, Proposer
from zfbench.protocols.task import Spec
from zfbench.records.evaluation import Proposal, Request
from zfbench.records.spend import Spend
from zfbench.search.eventlog import read_log

SHIPPED = "grammar_random_search.jsonl"  # random search with the grammar on zfish-tiny/masked; see its header


class ReplayProposer(Proposer):
    """Repeats recorded answers to equal requests; any other request has no answer.

    Args:
        spec: the task; not used.
        log: a journal (`log.jsonl` of a run's folder); by default the small one that is shipped.

    Attributes:
        bound: the most that one recorded answer used up.
        trusted: the shipped journal is a grammar's; who wrote the programs of another is not known.
        identity: the journal's hash and who was recorded.
    """

    def __init__(self, spec: Spec, log: str | None = None) -> None:  # noqa: ARG002
        path = Path(str(files("zfbench.discoverers.proposers") / "recordings" / SHIPPED)) if log is None else Path(log)
        events = read_log(path).events
        if not events:
            raise ZfbenchError(f"{path} holds no recorded search; give `log` the path of a run's log.jsonl.")
        asked = {event.body["id"]: event.body for event in events if event.kind == "ask"}
        self._answers = {
            _key(Request.from_json(asked[event.body["request"]])): event.body
            for event in events
            if event.kind == "proposal"
        }
        spends = [Spend.from_json(answer["spend"]) for answer in self._answers.values()]
        self.trusted = log is None
        self.bound = Spend(
            tokens=max((spend.tokens for spend in spends), default=0),
            money=max((spend.money for spend in spends), default=0.0),
        )
        header = events[0].body
        recorded = {key: header[key] for key in ("discoverer", "proposer", "task", "seed") if key in header}
        self.identity: Mapping[str, Any] = {"log_sha256": sha256(path), "recorded": recorded}

    def propose(self, request: Request, context: Context, rng: np.random.Generator) -> Proposal:  # noqa: ARG002
        """What was answered then, with what it used up then.

        Raises:
            ProposalError: there was no answer then either, or nothing equal was asked.
        """
        answer = self._answers.get(_key(request))
        if answer is None:
            raise ProposalError(f"Request {request.id} ({request.operator}) is not in the recorded search.")
        spend, critique = Spend.from_json(answer["spend"]), answer.get("critique", "")
        if answer["failure"] is not None:
            raise ProposalError(answer["failure"], spend, critique, answer.get("answered", True))
        return Proposal(answer["program"]["source"], answer["program"]["summary"], spend, critique)


def _key(request: Request) -> tuple[int, str, tuple[str, ...]]:
    """What makes two requests equal; hints are left out, since they follow from the parents."""
    return request.id, request.operator, request.parents
