"""A proposer that answers from the event log of an earlier search, without cost and without a network.

The same discoverer with the same seed makes the same requests, so a replayed search equals the recorded one, whoever
wrote its programs. The header of the event log says which methods were recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
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


class ReplayProposer(Proposer):
    """A proposer that repeats recorded answers to equal requests; any other request has no answer.

    Attributes:
        bound: largest spend of a recorded answer.
        identity: hash of the event log, and the recorded methods, task and seed.

    Args:
        spec: specification of the task; not used.
        log: path of an event log (`log.jsonl` in a run's folder).
    """

    def __init__(self, spec: Spec, log: str) -> None:  # noqa: ARG002
        path = Path(log)
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
        self.bound = Spend(
            tokens=max((spend.tokens for spend in spends), default=0),
            money=max((spend.money for spend in spends), default=0.0),
        )
        header = events[0].body
        recorded = {key: header[key] for key in ("discoverer", "proposer", "task", "seed") if key in header}
        self.identity: Mapping[str, Any] = {"log_sha256": sha256(path), "recorded": recorded}

    def propose(self, request: Request, context: Context, rng: np.random.Generator) -> Proposal:  # noqa: ARG002
        """Return the recorded answer to a request, with the resources that it used up then.

        Args:
            request: the request.
            context: not used.
            rng: not used.

        Returns:
            The recorded answer.

        Raises:
            ProposalError: there was no answer then either, or no equal request was recorded.
        """
        answer = self._answers.get(_key(request))
        if answer is None:
            raise ProposalError(f"Request {request.id} ({request.operator}) is not in the recorded search.")
        spend, critique = Spend.from_json(answer["spend"]), answer.get("critique", "")
        if answer["failure"] is not None:
            raise ProposalError(answer["failure"], spend, critique, answer.get("answered", True))
        return Proposal(answer["program"]["source"], answer["program"]["summary"], spend, critique)


def _key(request: Request) -> tuple[int, str, tuple[str, ...]]:
    """Return the fields that equal requests share; hints are left out, because they follow from the parents."""
    return request.id, request.operator, request.parents
