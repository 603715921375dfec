"""The sandbox itself: what a program can see, that two programs cannot meet, that nothing outlives its owner."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from hostile import program

from zfbench.base.errors import ZfbenchError
from zfbench.forecasting.fit import fit_program, tracing_job
from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError, Status
from zfbench.sandbox import mounts, seccomp
from zfbench.sandbox.bubblewrap import BubblewrapSandbox

LIMITS = Limits(updates=1, seconds=60.0)


def output(arena, top: str) -> str:
    """What a program prints while it is imported."""
    with pytest.raises(CandidateError, match="done") as caught:
        fit_program(program(top + "\nraise LookupError('done')"), arena.spec, arena.train, LIMITS, 0, arena.sandbox)
    return caught.value.printed


def test_only_the_interpreter_the_libraries_and_the_worker_are_there(arena):
    printed = output(arena, "print(*sorted(os.listdir('/')), '|', *sorted(os.listdir('/packages/zfbench/sandbox')))")
    top, modules = (set(part.split()) for part in printed.split("|"))
    python = {mounts.interpreter().parts[1], Path(sys.base_prefix).parts[1]}
    assert top <= {"packages", "dev", "etc", "proc", "tmp", "usr", "lib", "lib64", "sys", "cpuinfo"} | python
    assert output(arena, "print(os.listdir('/proc'), os.listdir('/sys'))") == "['cpuinfo'] ['devices']\n"
    assert {m.removesuffix(".py") for m in modules if m.endswith(".py")} == {
        Path(m).name for m in mounts.MODULES if m.startswith("sandbox/")
    }


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="not in a virtual environment")
def test_the_folder_of_the_virtual_environment_is_not_shown_at_its_own_place():
    options = mounts.arguments()
    places = [Path(options[i + 2]) for i, option in enumerate(options) if option.endswith("-bind")]
    assert places
    assert not [place for place in places if place.is_relative_to(sys.prefix)]


def test_a_program_has_no_capability_and_is_nobody(arena):
    capget = "data = (ctypes.c_uint32 * 6)(); ctypes.CDLL(None).capget(b'\\x22\\x05\\x08\\x20\\0\\0\\0\\0', data)"
    printed = output(arena, f"{capget}\nprint(list(data), os.getuid(), os.getgid())")
    assert printed.split("]")[0] == "[0, 0, 0, 0, 0, 0"
    assert printed.split("]")[1].split() == ["65534", "65534"]


def test_programs_of_one_pool_that_run_at_once_do_not_meet(arena):
    first = "open('/tmp/note', 'w').write('x')\nopen('/dev/shm/note', 'w').write('x')"
    child = arena.sandbox.spawn(LIMITS)
    try:
        deadline = time.monotonic() + LIMITS.seconds
        child.send(tracing_job(program(first), arena.spec), deadline, "tracing")
        child.receive(2**20, deadline, "tracing")
        printed = output(arena, "print(os.listdir('/tmp'), os.listdir('/dev/shm'), os.getpid())\nos.kill(1, 0)")
        assert child.idle
    finally:
        child.kill()
    assert re.fullmatch(r"\[\] \[\] 2\n", printed)


def test_each_program_keeps_to_the_cores_of_the_thread_that_asked_for_it(arena):
    """Also when the pool was started by a worker that is pinned to another core."""
    cores = sorted(os.sched_getaffinity(0))
    seen = {}

    def work(mine: set[int], sandbox: BubblewrapSandbox) -> None:
        os.sched_setaffinity(0, mine)
        source = program("print(*os.sched_getaffinity(0))\nraise LookupError('done')")
        with pytest.raises(CandidateError, match="done") as caught:
            fit_program(source, arena.spec, arena.train, LIMITS, 0, sandbox)
        seen[frozenset(mine)] = {int(core) for core in caught.value.printed.split()}

    with BubblewrapSandbox() as sandbox:
        for mine in ({cores[-1]}, {cores[0]}, set(cores)):
            thread = threading.Thread(target=work, args=(mine, sandbox))
            thread.start()
            thread.join()
        assert seen == {mine: set(mine) for mine in seen}
        assert len(seen) == (3 if len(cores) > 1 else 1)
        pool = max(arena.descendants(sandbox._process.pid))  # the keeper that stands by
        assert os.sched_getaffinity(pool) == set(cores)


def test_the_pool_outlives_the_thread_that_started_it(arena):
    with BubblewrapSandbox() as sandbox:
        thread = threading.Thread(target=sandbox.start)
        thread.start()
        thread.join()
        time.sleep(0.2)
        sandbox.spawn(LIMITS).kill()


def test_closing_the_sandbox_ends_its_programs(arena):
    with BubblewrapSandbox() as sandbox:
        child = sandbox.spawn(LIMITS)
        child.send(tracing_job(program("time.sleep(100)"), arena.spec), time.monotonic() + 10, "tracing")
        sandbox.close()
        with pytest.raises(CandidateError):
            child.receive(2**20, time.monotonic() + 10, "tracing")
        child.kill()
    assert arena.leftover() == 0


FORKED = """
pid = os.fork()
if pid == 0:
    os._exit(0)
print(pid)
raise LookupError("done")
"""
ORPHAN = """
import time
from zfbench.records.limits import Limits
from zfbench.sandbox.bubblewrap import BubblewrapSandbox
box = BubblewrapSandbox()
children = [box.spawn(Limits()) for _ in range(2)]
print("up", flush=True)
time.sleep(1000)
"""


def test_nothing_outlives_a_parent_that_is_killed(arena):
    parent = subprocess.Popen([sys.executable, "-c", ORPHAN], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    try:
        assert parent.stdout.readline() == "up\n"
        patience = time.monotonic() + 10
        # bubblewrap twice, the pool, a keeper with its program, and the keeper that stands by, maybe in the making
        while len(left := arena.descendants(parent.pid)) < 6 and time.monotonic() < patience:
            time.sleep(0.05)
        assert len(left) >= 6
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        parent.stdout.close()
    patience = time.monotonic() + 10
    while arena.alive(left) and time.monotonic() < patience:
        time.sleep(0.05)
    assert not arena.alive(left)


def test_a_pool_that_does_not_start_says_why(arena, monkeypatch):
    monkeypatch.setattr(mounts, "MODULES", mounts.MODULES[:3])
    with BubblewrapSandbox() as sandbox, pytest.raises(ZfbenchError, match=r"did not start.*No module named"):
        sandbox.start()


def test_processor_time_is_limited_for_a_whole_life(arena, monkeypatch):
    monkeypatch.setattr("zfbench.sandbox.process.CALLS_WORTH", 0.02)
    with pytest.raises(CandidateError, match="processor time") as caught:
        fit_program(program("while True: pass"), arena.spec, arena.train, LIMITS, 0, arena.sandbox)
    assert caught.value.status is Status.TIMEOUT


def test_processes_that_get_through_the_filter_die_with_their_program(arena, monkeypatch, tmp_path):
    """The namespace is a second lock: without the filter, forks multiply until the program is ended."""
    leaky = tmp_path / "seccomp.py"
    leaky.write_text(Path(seccomp.__file__).read_text() + "\n\ndef supported() -> bool:\n    return False\n")
    *options, last, root = mounts.arguments()
    options += ["--ro-bind", str(leaky), f"{mounts.PACKAGES}/zfbench/sandbox/seccomp.py", last, root]
    monkeypatch.setattr(mounts, "arguments", lambda: options)
    bomb = program("for _ in range(4): os.fork()\nos.getsid(0) == os.getpid() or os.setsid()\nwhile True: pass")
    with BubblewrapSandbox() as unfiltered:
        unfiltered.start()
        with pytest.raises(CandidateError, match="done") as caught:
            fit_program(program(FORKED), arena.spec, arena.train, LIMITS, 0, unfiltered)
        assert int(caught.value.printed) > 2  # the filter is off
        with pytest.raises(CandidateError, match="time limit"):
            fit_program(bomb, arena.spec, arena.train, Limits(updates=1, seconds=3.0), 0, unfiltered)
    assert arena.leftover() == 0


NUMBERS = """
    57 fork  58 vfork  59 execve  322 execveat  41 socket  53 socketpair  425 io_uring_setup
    319 memfd_create  447 memfd_secret  29 shmget  68 msgget  64 semget  240 mq_open
    101 ptrace  310 process_vm_readv  311 process_vm_writev  438 pidfd_getfd  312 kcmp
    272 unshare  308 setns  165 mount  166 umount2  428 open_tree  429 move_mount  430 fsopen  442 mount_setattr
    303 name_to_handle_at  304 open_by_handle_at  321 bpf  298 perf_event_open  323 userfaultfd
    248 add_key  249 request_key  250 keyctl  103 syslog  154 modify_ldt
    73 flock  253 inotify_init  294 inotify_init1  300 fanotify_init
    327 preadv2  328 pwritev2  221 fadvise64  187 readahead  27 mincore  451 cachestat  206 io_setup
    203 sched_setaffinity
"""  # of the kernel's table for x86_64, arch/x86/entry/syscalls/syscall_64.tbl


def verdict(machine: str, number: int, argument: int = 0, second: int = 0, architecture: int | None = None) -> int:
    """What the filter of a machine answers to a system call."""
    audit = seccomp.MACHINES[machine][1]
    memory = {seccomp.NUMBER: number, seccomp.ARCHITECTURE: audit if architecture is None else architecture}
    memory |= {seccomp.FIRST_ARGUMENT: argument, seccomp.SECOND_ARGUMENT: second}
    rules, value, at = seccomp.filter_program(machine), 0, 0
    while True:
        code, if_true, if_false, operand = rules[at]
        at += 1
        if code == seccomp.LOAD:
            value = memory[operand]
        elif code == seccomp.AND:
            value &= operand
        elif code == seccomp.RETURN:
            return operand
        else:
            holds = value == operand if code == seccomp.EQUAL else value >= operand
            at += if_true if holds else if_false


def test_the_filter_denies_each_system_call_by_its_number_in_the_kernels_table():
    words = NUMBERS.split()
    numbers = dict(zip(words[1::2], map(int, words[::2]), strict=True))
    assert {name: seccomp.DENIED[name][0] for name in numbers} == numbers
    assert {verdict("x86_64", number) for number in numbers.values()} == {seccomp.FAIL | errno.EPERM}


@pytest.mark.parametrize("machine", list(seccomp.MACHINES))
def test_the_filter_allows_threads_and_denies_processes(machine):
    column, _ = seccomp.MACHINES[machine]
    answer = partial(verdict, machine)
    denied = seccomp.FAIL | errno.EPERM
    clone = seccomp.CLONE[column]
    assert answer(clone, seccomp.CLONE_THREAD | 0x3D0F00) == seccomp.ALLOW
    assert answer(clone, signal.SIGCHLD) == denied
    assert all(answer(n[column]) == denied for n in seccomp.DENIED.values() if n[column] is not None)
    assert answer(63) == answer(10_000) == seccomp.ALLOW
    assert answer(seccomp.FCNTL[column], 3, 1024) == answer(seccomp.FCNTL[column], 3, 1026) == denied
    assert answer(seccomp.FCNTL[column], 3, 1) == answer(seccomp.FCNTL[column], 1024, 3) == seccomp.ALLOW
    assert answer(seccomp.PRLIMIT64[column], 0, 7) == seccomp.ALLOW
    assert answer(seccomp.PRLIMIT64[column], 1, 7) == denied
    assert answer(0, architecture=0x40000003) == seccomp.KILL
    if machine == "x86_64":
        assert answer(seccomp.X32 + 57) == denied
