import numpy as np
import pytest

from zfbench.base.errors import ZfbenchError
from zfbench.discoverers.proposers.replay import ReplayProposer
from zfbench.discoverers.puct import Puct
from zfbench.protocols.proposer import Context, ProposalError
from zfbench.records.evaluation import Evaluation, Proposal, Request
from zfbench.records.program import Program, Status
from zfbench.records.recordings import TaskSpec
from zfbench.records.spend import Spend
from zfbench.search.budget import Budget
from zfbench.search.eventlog import EventLog, read_log
from zfbench.search.loop import run_search

SPEC = TaskSpec("toy", "", "", 1.0, 4, 4, ("a",), ("A",), ())
SEED = Program("seed")


class Expensive:
    """Stands for a language model: answers cost tokens, and some are missing."""

    bound = Spend(tokens=50)
    calls = 0

    def propose(self, request, context, rng):
        self.calls += 1
        if rng.random() < 0.2:
            raise ProposalError("no answer", Spend(tokens=9))
        return Proposal(f"program {request.id} {rng.random()}", "written", Spend(tokens=int(rng.integers(20, 50))))


def evaluate(program, seed):
    loss = int(program.id[:6], 16) % 1_000 / 1_000
    return Evaluation(Status.OK, loss, metrics={"blame_share/A": loss})


def search(path, proposer, discoverer=None):
    with EventLog(path) as log:
        return run_search(
            discoverer or Puct(1, SEED),
            proposer,
            evaluate,
            spec=SPEC,
            seed_program=SEED,
            budget=Budget(evaluations=15, tokens=1_000),
            log=log,
            seed=1,
            clock=lambda: 0.0,
        )


def test_replayed_search_is_the_recorded_one_with_its_tokens(tmp_path):
    recorded = search(tmp_path / "first", Expensive())
    assert recorded.counts.unanswered > 0
    assert recorded.spend.tokens > 0
    assert search(tmp_path / "second", ReplayProposer(SPEC, str(tmp_path / "first"))) == recorded
    events = [read_log(tmp_path / name).events[1:] for name in ("first", "second")]
    assert events[0] == events[1]


def test_other_requests_have_no_answer(tmp_path):
    search(tmp_path / "first", Expensive())
    proposer = ReplayProposer(SPEC, str(tmp_path / "first"))
    with pytest.raises(ProposalError, match="not in the recorded search"):
        proposer.propose(Request(1, "rewrite", ("stranger",)), Context(SPEC, (), frozenset()), np.random.default_rng())


def test_missing_or_empty_event_log_is_explained(tmp_path):
    with pytest.raises(ZfbenchError, match="holds no recorded search"):
        ReplayProposer(SPEC, str(tmp_path / "none"))
