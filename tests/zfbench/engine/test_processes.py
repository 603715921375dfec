"""Clean processes: lent to one program at a time, kept while they are sound, ended when they are not."""

import os
import time
from types import SimpleNamespace

import numpy as np
import pytest

from zfbench.base.errors import ZfbenchError
from zfbench.engine import processes
from zfbench.engine.processes import CleanProcesses
from zfbench.records.frame import Frame
from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError, Status
from zfbench.sandbox.frames import encode
from zfbench.sandbox.process import Child

LIMITS = Limits(updates=5, seconds=9)


class FakeChild:
    def __init__(self, *arguments):
        self.arguments, self.idle, self.killed = arguments, True, False

    def kill(self):
        self.killed = True


@pytest.fixture
def pool(monkeypatch):
    monkeypatch.setattr(processes, "start_worker", FakeChild)
    return CleanProcesses()


def test_a_process_is_lent_once_at_a_time_and_again_when_it_came_back(pool):
    first, second = pool.lend(LIMITS, "cpu"), pool.lend(LIMITS, "cpu")
    assert first.child is not second.child
    pool.give_back(first, LIMITS)
    assert pool.lend(LIMITS, "cpu").child is first.child


def test_the_process_that_holds_what_is_asked_for_comes_first(pool):
    lent = [pool.lend(LIMITS, "cpu") for _ in range(3)]
    for k, clean in enumerate(lent):
        clean.hold("steps", str(k))
        pool.give_back(clean, LIMITS)
    assert pool.lend(LIMITS, "cpu", "1") is lent[1]
    assert pool.lend(LIMITS, "cpu", "7") is lent[2]


def test_a_process_keeps_the_last_of_a_kind(pool):
    clean = pool.lend(LIMITS, "cpu")
    for name in "abcb":
        clean.hold("steps", name, 2)
    assert clean.holds == {"steps": ("c", "b")}
    clean.hold("recordings", "d")
    clean.hold("recordings", "e")
    assert clean.holds["recordings"] == ("e",)


def test_other_limits_devices_and_cores_are_other_processes(pool, monkeypatch):
    first = pool.lend(LIMITS, "cpu")
    pool.give_back(first, LIMITS)
    assert pool.lend(Limits(seconds=9, memory_bytes=2**30), "cpu") is not first
    gpu = pool.lend(LIMITS, "gpu")
    assert gpu.child.arguments[1:3] == ("gpu", None)  # CUDA reserves more addresses than a limit could allow
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {7})
    assert pool.lend(LIMITS, "cpu") is not first


def test_a_process_that_did_not_answer_is_ended(pool):
    clean = pool.lend(LIMITS, "cpu")
    clean.child.idle = False
    pool.give_back(clean, LIMITS)
    assert clean.child.killed
    assert pool.lend(LIMITS, "cpu") is not clean


def test_a_process_that_ended_while_it_waited_is_not_lent(pool):
    clean = pool.lend(LIMITS, "cpu")
    pool.give_back(clean, LIMITS)
    clean.child.idle = False
    assert pool.lend(LIMITS, "cpu") is not clean


def test_a_process_retires_long_before_its_processor_time_is_over(pool, monkeypatch):
    """Limits of 9 s are worth 180 s of processor time, and every program here takes 31 s."""
    clock = iter(range(0, 31 * 100, 31))
    monkeypatch.setattr(processes, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    used = []
    for _ in range(4):
        used.append(pool.lend(LIMITS, "cpu"))
        pool.give_back(used[-1], LIMITS)
    assert used[0] is used[1] is used[2] is not used[3]
    assert used[0].child.killed


def test_few_idle_processes_are_kept(pool):
    lent = [pool.lend(LIMITS, "cpu") for _ in range(processes.KEPT + (os.cpu_count() or 1) + 1)]
    for clean in lent:
        pool.give_back(clean, LIMITS)
    assert [clean.child.killed for clean in lent] == [True] + [False] * (len(lent) - 1)
    pool.close()
    assert all(clean.child.killed for clean in lent)


@pytest.mark.parametrize(("kind", "idle"), [("failed", False), ("path", True)])
def test_a_process_that_said_why_it_ends_is_not_lent_again_before_it_has_ended(kind, idle):
    """Its last words come first: to ask it for the next program would fail a program that is not to blame."""
    (_, requests), (results, said), (output, _) = pipes = [os.pipe() for _ in range(3)]
    child = Child(SimpleNamespace(exit_code=lambda: None, kill=lambda: None), requests, results, output)
    for frame in encode(Frame(kind, {"status": "non_finite", "message": "too large"})):
        os.write(said, frame)
    child.send(Frame("forecast"), time.monotonic() + 9, "its predictions")
    if idle:
        child.receive(0, time.monotonic() + 9, "its predictions")
    else:
        with pytest.raises(CandidateError, match="too large"):
            child.receive(0, time.monotonic() + 9, "its predictions")
    assert child.idle == idle
    child.kill()
    for descriptor in (pipes[0][0], said, pipes[2][1]):
        os.close(descriptor)


def test_a_real_process_answers_what_the_program_is_to_blame_for_and_lives_on():
    pool = CleanProcesses()
    clean = pool.lend(Limits(seconds=60), "cpu")
    try:
        deadline = time.monotonic() + 60
        damaged = Frame("zfbench.simulators.service:simulate", _request(), {"step": _bytes(b"nonsense")})
        for _ in range(2):
            with pytest.raises(CandidateError, match="damaged step") as caught:
                clean.ask(damaged, 0, deadline, "its simulations")
            assert caught.value.status is Status.ERROR
        assert clean.child.idle
    finally:
        pool.give_back(clean, LIMITS)
        pool.close()
    assert not clean.child.idle


def asked(monkeypatch, module):
    """Ask a clean process whose program is that module."""
    monkeypatch.setattr(processes, "MODULE", module)
    pool = CleanProcesses()
    clean = pool.lend(Limits(seconds=60), "cpu")
    try:
        clean.ask(Frame("nothing:at_all"), 0, time.monotonic() + 60, "its predictions")
    finally:
        clean.child.kill()
        pool.close()


def test_a_process_of_ours_that_does_not_start_is_no_programs_fault(monkeypatch, tmp_path):
    (tmp_path / "needy.py").write_text("import not_there\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(ZfbenchError, match=r"did not start \(ModuleNotFoundError: No module named 'not") as caught:
        asked(monkeypatch, "needy")
    assert not isinstance(caught.value, CandidateError)


def test_a_process_that_ends_without_a_traceback_is_the_programs_own_end(monkeypatch, tmp_path):
    (tmp_path / "quitter.py").write_text("raise SystemExit(3)\n")  # found by the user's PYTHONPATH
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(CandidateError, match="exited with code 3 before it answered"):
        asked(monkeypatch, "quitter")


def _request():
    return {
        "step": "x",
        "parameters": 1,
        "context": 1,
        "observations": 1,
        "steps": 1,
        "every": 1,
        "first": 0,
        "seed": 0,
    }


def _bytes(data):

    return np.frombuffer(data, np.uint8)
