"""Processes that screen one program after another, and when they may be used again."""

import math
import os
from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest

from zfbench.forecasting import interpreter
from zfbench.forecasting.contract import TrainingChoice
from zfbench.forecasting.interpreter import Interpretation, InterpreterPool
from zfbench.forecasting.report import TrainingReport
from zfbench.records.frame import Frame
from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError, Status
from zfbench.sandbox.frames import encode
from zfbench.sandbox.process import Child

REPORT = TrainingReport("one_step", 0.01, 99, False, 5, 5, 0.1, False, ((5, 1.0),), ((5, 1.0),))
TOO_LARGE = {"status": "non_finite", "message": "too large"}


class FakeChild:
    """Answers every training with the next of some frames."""

    output = ""

    def __init__(self, answers):
        self.answers, self.sent, self.idle, self.killed = answers, [], True, False

    def send(self, frame, deadline, doing):
        self.sent.append(frame)

    def receive(self, limit, deadline, doing):
        return self.answers.pop(0) if self.answers else Frame("fitted", REPORT.to_json())

    def kill(self):
        self.killed = True


class FakeSandbox:
    def __init__(self, *answers):
        self.answers, self.children = list(answers), []

    def spawn(self, limits):
        self.children.append(FakeChild(self.answers))
        return self.children[-1]


def program(source="interpreter", gene=0.0):
    return Interpretation(source, {"genes": np.full((2, 6), gene, np.float32)}, TrainingChoice("one_step", 0.01), 7)


@pytest.fixture
def pool_of(system):
    def make(sandbox):
        return InterpreterPool(system.unmasked, system.train, Limits(updates=5, seconds=9), sandbox)

    return make


def test_the_second_program_is_trained_by_the_first_ones_process(pool_of):
    sandbox = FakeSandbox()
    pool = pool_of(sandbox)
    for seed in range(2):
        with pool.fit(program(gene=seed), seed, math.inf) as fitted:
            assert fitted.report.parameters == 7
    (child,) = sandbox.children
    first, second = child.sent
    assert (first.kind, second.kind) == ("train", "train again")
    assert first.fields["source"] == "interpreter"
    assert "source" not in second.fields
    assert set(second.arrays) == {"given/genes"} < set(first.arrays)
    for seed, frame in enumerate(child.sent):
        assert frame.fields["seed"] == seed
        assert frame.fields["training"] == asdict(TrainingChoice("one_step", 0.01))
        np.testing.assert_array_equal(frame.arrays["given/genes"], np.full((2, 6), seed, np.float32))


def test_a_process_is_lent_once_at_a_time_and_for_one_source(pool_of):
    sandbox = FakeSandbox()
    pool = pool_of(sandbox)
    with pool.fit(program(), 0, math.inf), pool.fit(program(), 1, math.inf):
        assert len(sandbox.children) == 2
    with pool.fit(program("another"), 2, math.inf):
        assert len(sandbox.children) == 3
    pool.close()
    assert all(child.killed for child in sandbox.children)


def test_a_failed_training_keeps_a_process_that_answered_and_ends_one_that_did_not(pool_of):
    sandbox = FakeSandbox(Frame("fitted", REPORT.to_json()), *2 * [Frame("not fitted", TOO_LARGE)])
    pool = pool_of(sandbox)
    pool.fit(program(), 0, math.inf).close()
    with pytest.raises(CandidateError, match="too large") as caught:
        pool.fit(program(), 1, math.inf)
    assert caught.value.status == Status.NON_FINITE
    assert not sandbox.children[0].killed
    sandbox.children[0].idle = False
    with pytest.raises(CandidateError, match="too large"):
        pool.fit(program(), 2, math.inf)
    assert sandbox.children[0].killed
    with pool.fit(program(), 3, math.inf):
        assert len(sandbox.children) == 2


@pytest.mark.parametrize(("kind", "idle"), [("failed", False), ("path", True)])
def test_a_process_that_said_why_it_ends_is_not_lent_again_before_it_has_ended(kind, idle):
    """Its last words come first: to ask it for the next program would fail a program that is not to blame."""
    (_, requests), (results, said), (output, _) = pipes = [os.pipe() for _ in range(3)]
    child = Child(SimpleNamespace(exit_code=lambda: None, kill=lambda: None), requests, results, output)
    for frame in encode(Frame(kind, TOO_LARGE)):
        os.write(said, frame)
    child.send(Frame("forecast"), math.inf, "its predictions")
    if idle:
        child.receive(0, math.inf, "its predictions")
    else:
        with pytest.raises(CandidateError, match="too large"):
            child.receive(0, math.inf, "its predictions")
    assert child.idle == idle
    child.kill()
    for descriptor in (pipes[0][0], said, pipes[2][1]):
        os.close(descriptor)


def test_a_process_retires_long_before_its_processor_time_is_over(pool_of, monkeypatch):
    """Limits of 9 s are worth 180 s of processor time, and every training here takes 31 s."""
    clock = iter(range(0, 31 * 100, 31))
    sandbox = FakeSandbox()
    pool = pool_of(sandbox)
    monkeypatch.setattr(interpreter, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    for seed in range(4):
        pool.fit(program(), seed, math.inf).close()
    assert [child.killed for child in sandbox.children] == [True, False]
