import os
import subprocess
import sys
import threading

import pytest

from zfbench.base import plugins
from zfbench.base.errors import UnknownNameError, ZfbenchError
from zfbench.cli.setup import choose_executor
from zfbench.records.evaluation import Evaluation
from zfbench.records.program import Program, Status
from zfbench.search.executors.local import ProcessExecutor, SerialExecutor, available_cores

needs_affinity = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system pins no threads")


def evaluation(loss):
    return Evaluation(Status.OK, float(loss))


@pytest.mark.parametrize("make", [lambda e: SerialExecutor(e), lambda e: ProcessExecutor(e, 3)])
def test_every_job_comes_back_once_under_its_key(make):
    pool = make(lambda program, seed: evaluation(int(program.source) + seed))
    for key in range(6):
        pool.evaluate(key, Program(str(key)), 10)
    pool.call(6, lambda: "an answer")
    results = dict(pool.next_done() for _ in range(7))
    pool.close()
    assert results.pop(6) == "an answer"
    assert {key: e.loss for key, e in results.items()} == {key: key + 10.0 for key in range(6)}


def test_jobs_come_back_in_the_order_in_which_they_end():
    first_may_end = threading.Event()
    pool = ProcessExecutor(lambda program, seed: evaluation(seed), 2)
    pool.call(0, first_may_end.wait)
    pool.call(1, lambda: "quick")
    assert pool.next_done() == (1, "quick")
    first_may_end.set()
    assert pool.next_done() == (0, True)
    pool.close()


@needs_affinity
def test_each_worker_and_what_it_starts_keeps_to_one_core_of_its_own():
    cores = available_cores()
    together = threading.Barrier(len(cores))

    def where(program, seed):
        together.wait(timeout=30)  # so that every thread takes one job
        command = [sys.executable, "-c", "import os; print(*os.sched_getaffinity(0))"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    pool = ProcessExecutor(where)
    assert pool.workers == len(cores)
    for key in range(len(cores)):
        pool.evaluate(key, Program("x"), 0)
    seen = [pool.next_done()[1] for _ in cores]
    pool.close()
    assert sorted(seen) == sorted([str(core)] for core in cores)
    assert sorted(os.sched_getaffinity(0)) == cores  # this thread is as free as before


def test_serial_executor_refuses_more_workers():
    with pytest.raises(ZfbenchError, match="choose the executor processes"):
        SerialExecutor(evaluation, 2)


def test_executors_are_found_by_name():
    assert choose_executor(None, None, None) is choose_executor(None, 1, None) is SerialExecutor
    assert choose_executor(None, 2, None) is choose_executor("processes", 1, None) is ProcessExecutor
    assert plugins.names("executor") == ("processes", "ray", "serial")
    with pytest.raises(UnknownNameError, match="did you mean 'processes'"):
        choose_executor("process", None, None)
    with pytest.raises(ZfbenchError, match="has no --ray-address"):
        choose_executor("processes", 2, "10.0.0.5:6379")


def test_ray_without_its_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ZfbenchError, match=r"install zfbench\[ray\]"):
        choose_executor("ray", None, "10.0.0.5:6379")(evaluation, None)
