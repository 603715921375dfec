"""Optimism: by how many nats a search thought its winner better than the judge finds it on the same data afresh."""

from types import SimpleNamespace

import pytest

from zfbench.base import plugins
from zfbench.protocols.proposer import Proposer
from zfbench.records.evaluation import Evaluation, Proposal
from zfbench.records.program import Status
from zfbench.records.recordings import TaskSpec
from zfbench.records.scores import Scores
from zfbench.runs.plan import Plan
from zfbench.runs.search import search
from zfbench.sandbox.process import ProcessSandbox
from zfbench.search.budget import Budget

SPEC = TaskSpec("toy", "", "", 1.0, 4, 4, ("a",), ("A",), ())
TASK = SimpleNamespace(spec=SPEC, seed_program="-9", data_sha256="0" * 64, reevaluate=False)
SCORE = "likelihood/log_marginal_selection"


class Likelihoods(Proposer):
    """A program is the log likelihood that the search will believe it has."""

    trusted = True

    def propose(self, request, context, rng):
        return Proposal(str(-8 + request.id), "")


class Family:
    """Searches believe what programs say of themselves; the judge finds what it is told to find."""

    def __init__(self, afresh):
        self.afresh = afresh

    def load(self, name):
        return TASK

    def evaluator(self, task, limits, sandbox):
        def evaluate(program, seed):
            believed = float(program.source)
            return Evaluation(Status.OK, loss=-believed, log_likelihood=believed)

        return evaluate

    def candidate(self, task, source, seed, sandbox):
        return SimpleNamespace(source=source, report=None, close=lambda: None)

    def fit(self, task, model, limits):
        pass

    def future_drive(self, task, baseline):
        return None

    def selection_loss(self, task, model):
        return None

    def judge(self, name):
        record = {"spec": SPEC, "track": "", "tier": "", "circuit": "", "holdout": "", "data_sha256": "0" * 64}
        metrics = {} if self.afresh is None else {SCORE: self.afresh}
        return SimpleNamespace(
            sealed=SimpleNamespace(**record),
            selection_score="loss",
            score=lambda *_: Scores(metrics=dict(metrics)),
        )


@pytest.fixture
def judged(monkeypatch, tmp_path):
    """The result of a search that believes its winner to have the log likelihood -6."""

    def result(afresh):
        load = plugins.load
        known = {("task", "toy"): Family(afresh), ("proposer", "likelihoods"): lambda spec: Likelihoods()}
        monkeypatch.setattr(plugins, "load", lambda kind, name: known.get((kind, name)) or load(kind, name))
        monkeypatch.setattr(plugins, "names", lambda kind: ("toy",))
        plan = Plan("toy", "best_of_n", "likelihoods", Budget(evaluations=3), 0, finalists=0)
        outcome, found = search(plan, tmp_path, sandbox=ProcessSandbox())
        assert outcome.best.evaluation.log_likelihood == -6
        return found.metrics

    return result


@pytest.mark.parametrize(("afresh", "optimism"), [(-8.5, 2.5), (-5.0, -1.0)], ids=["lucky", "unlucky"])
def test_optimism_is_what_was_believed_less_what_is_found(judged, afresh, optimism):
    assert judged(afresh)["likelihood/optimism"] == pytest.approx(optimism)


def test_without_a_second_look_at_the_same_data_there_is_no_optimism(judged):
    assert "likelihood/optimism" not in judged(None)
