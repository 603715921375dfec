"""An evaluation ends within its bound, whatever its program does with its time; so a budget of seconds is kept to."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zfbench.discoverers.best_of_n import BestOfN
from zfbench.engine.processes import Clean
from zfbench.forecasting import evaluator
from zfbench.forecasting import fit as sandbox
from zfbench.forecasting.contract import EXAMPLE, TrainingChoice
from zfbench.forecasting.evaluator import ProgramEvaluator
from zfbench.forecasting.report import TrainingReport
from zfbench.records.evaluation import Proposal
from zfbench.records.frame import Frame
from zfbench.records.limits import ENDING, Limits, bound, time_limit
from zfbench.records.program import CandidateError, Program, Status
from zfbench.records.recordings import LabelledWindows, Recording, TaskSpec, Windows
from zfbench.records.spend import NOTHING
from zfbench.search.budget import Budget
from zfbench.search.eventlog import EventLog
from zfbench.search.loop import run_search

N, D, C, H, B = 2, 1, 4, 6, 3
LIMITS = Limits(updates=7, seconds=10.0)
SPEC = TaskSpec("toy", "", "", 1.0, H, C, ("a", "b"), ("A", "B"), ("x",), np.eye(N, dtype=bool), np.ones((N, D), bool))
TRACED = sandbox.TracedProgram(b"", "", TrainingChoice(), "")
REPORT = TrainingReport("one_step", 0.1, 1, True, 7, 7, 1.0, False, (), ())


def make_task():
    rng = np.random.default_rng(0)
    train = (Recording("left", rng.random((200, N), np.float32), rng.random((200, D), np.float32)),)
    inputs = Windows(("left",) * B, rng.random((B, C, N), np.float32), rng.random((B, C + H, D), np.float32))
    return SimpleNamespace(
        spec=SPEC, train=train, validation=LabelledWindows(inputs, rng.random((B, H, N), np.float32))
    )


TASK = make_task()


class Clock:
    now = 1_000.0

    def monotonic(self):
        return self.now


class SlowChild:
    """A clean process that takes so many seconds for each answer, and is ended when one comes after its deadline."""

    output = ""

    def __init__(self, clock, answers, ending):
        self.clock, self.answers, self.ending = clock, iter(answers), ending
        self.alive = True

    def send(self, frame, deadline, doing):
        self.asked = frame

    def receive(self, body_limit, deadline, doing):
        verb = self.asked.kind.partition(":")[2]
        if verb == "load":
            return Frame("loaded")
        ready = self.clock.now + next(self.answers, 0.0)
        self.clock.now = max(self.clock.now, min(ready, deadline))
        if ready > deadline:
            raise CandidateError(Status.TIMEOUT, "too slow")
        if verb == "fit":
            return Frame("fitted", REPORT.to_json())
        context, drive = (self.asked.arrays[name] for name in ("context", "drive"))
        path = np.zeros((len(context), drive.shape[1] - context.shape[1], N), np.float32)
        return Frame("path", arrays={"path": path})

    def kill(self):
        self.clock.now += self.ending if self.alive else 0.0
        self.alive = False


class SlowSandbox:
    """Starts in two minutes; each of the clean processes takes its time as it is told, to answer and to end."""

    name, confined, device = "slow", True, "cpu"

    def __init__(self, clock, lives):
        self.clock, self.lives, self.children = clock, iter(lives), []

    def start(self):
        self.clock.now += 120.0 if not self.children else 0.0

    def lend(self, limits, device, holding):
        self.children.append(SlowChild(self.clock, *next(self.lives, ((), 0.0))))
        return Clean(self.children[-1], ())

    def give_back(self, clean, limits):
        clean.child.kill()


seconds = st.floats(0, 1.2 * LIMITS.seconds) | st.just(0.9 * LIMITS.seconds)
lives = st.tuples(st.lists(seconds, max_size=8), st.floats(0, ENDING))
patient = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(evaluator, "time", clock)
    monkeypatch.setattr(sandbox, "time", clock)
    monkeypatch.setattr(evaluator, "trace_program", lambda *_: TRACED)
    return clock


@pytest.fixture(autouse=True)
def _processes(monkeypatch):
    """Clean processes are those of the sandbox that was made last."""
    made = []
    original = SlowSandbox.__init__
    monkeypatch.setattr(SlowSandbox, "__init__", lambda self, *a: (original(self, *a), made.append(self))[0])
    lent = SimpleNamespace(lend=lambda *a: made[-1].lend(*a), give_back=lambda *a: made[-1].give_back(*a))
    monkeypatch.setattr(sandbox, "PROCESSES", lent)


def evaluate(clock, life):
    box = SlowSandbox(clock, [life])
    evaluation = ProgramEvaluator(TASK, LIMITS, box)(Program(EXAMPLE), 0)
    assert not any(child.alive for child in box.children)
    return evaluation


@given(lives)
@patient
def test_an_evaluation_never_takes_more_than_its_bound(clock, life):
    evaluation = evaluate(clock, life)
    assert evaluation.status in (Status.OK, Status.TIMEOUT)
    most = bound(LIMITS)
    for unit in ("evaluations", "updates", "device_seconds"):
        assert getattr(evaluation.spend, unit) <= getattr(most, unit) * (1 + 1e-12)


def test_predictions_that_are_each_in_time_but_not_all_together_are_a_timeout(clock):
    assert evaluate(clock, ([9.0, 4.0, 4.0], 0.0)).status is Status.OK
    evaluation = evaluate(clock, ([9.0, 4.0, 4.0, 4.0], 0.5))
    assert evaluation.status is Status.TIMEOUT
    assert evaluation.spend.device_seconds == pytest.approx(time_limit(LIMITS) + 0.5)
    assert evaluation.spend.updates == LIMITS.updates


def test_one_call_has_the_limit_of_a_fit(clock):
    evaluation = evaluate(clock, ([1.0, 10.1], 0.0))
    assert evaluation.status is Status.TIMEOUT
    assert evaluation.spend.device_seconds == pytest.approx(11.0)


class Numbered:
    """A new program for each request."""

    bound = NOTHING

    def propose(self, request, context, rng):
        return Proposal(f"{EXAMPLE}\n# {request.id}", "")


@given(st.lists(lives, max_size=12), st.floats(25.0, 120.0), st.sampled_from(["device_seconds", "wall_seconds"]))
@patient
def test_a_search_never_overdraws_its_seconds(tmp_path_factory, clock, many, limit, unit):
    box = SlowSandbox(clock, many)
    box.start()
    box.children.append(SlowChild(clock, (), 0.0))  # it has started
    folder = tmp_path_factory.mktemp("run")
    with EventLog(folder / "log") as log:
        outcome = run_search(
            BestOfN(0, Program(EXAMPLE)),
            Numbered(),
            ProgramEvaluator(TASK, LIMITS, box),
            spec=SPEC,
            seed_program=Program(EXAMPLE),
            budget=Budget(evaluations=12, **{unit: limit}),
            bound=bound(LIMITS),
            log=log,
            seed=0,
            clock=clock.monotonic,
        )
    assert outcome.counts.evaluated >= 1
    assert getattr(outcome.spend, unit) <= limit * (1 + 1e-12)
    assert outcome.overrun == NOTHING
