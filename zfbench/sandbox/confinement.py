"""What a process of the sandbox does to itself before it runs a stranger's code: private view, no rights, limits."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import struct
import sys
from pathlib import Path

MIB = 2**20
SCRATCH = {"/tmp": 64 * MIB, "/dev/shm": 16 * MIB}  # bytes; memory that the limit of the address space misses
SCRATCH_FILES = 1_000
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
FILE_SIZE = 64 * MIB
OPEN_FILES = 64
GPU_OPEN_FILES = 4_096  # CUDA opens the driver's devices many times over
TASKS = 400  # processes and threads; XLA starts about ten

CLONE_NEWNS, CLONE_NEWPID = 0x00020000, 0x20000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 0x4000, 0x40000
MS_REMOUNT, MS_BIND = 0x20, 0x1000
CAPABILITIES_3 = 0x20080522
PR_SET_PDEATHSIG = 1
CPUINFO = "/cpuinfo"  # where the sandbox keeps the machine's /proc/cpuinfo
NAMESPACED_PID_MAX = (6, 14)  # the first kernel where each pid namespace has its own `pid_max`


def new_pid_namespace() -> None:
    """The next child of this process is process 1 of a namespace: when it dies, all that it holds dies."""
    _call("unshare", CLONE_NEWPID)


def private_view() -> None:
    """Fresh, size-limited /tmp and /dev/shm, and a /proc that describes the processor and nothing else."""
    _call("unshare", CLONE_NEWNS)
    _call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    _limit_tasks()
    safe = MS_NOSUID | MS_NODEV | MS_NOEXEC
    for path, size in SCRATCH.items():
        options = f"size={size},nr_inodes={SCRATCH_FILES},mode=1777".encode()
        _call("mount", b"tmpfs", path.encode(), b"tmpfs", safe, options)
    # Where root runs the sandbox, its programs own these nodes: only a read-only mount keeps their modes as they are.
    for device in DEVICES:
        kept = os.statvfs(device).f_flag & (MS_NOSUID | MS_NODEV | MS_NOEXEC)  # what the host forbids stays forbidden
        _call("mount", b"none", device.encode(), None, MS_REMOUNT | MS_BIND | MS_RDONLY | kept, None)
    described = Path(CPUINFO).exists()
    _call("mount", b"tmpfs", b"/proc", b"tmpfs", safe, b"size=4k,nr_inodes=2")
    if described:
        Path("/proc/cpuinfo").touch()
        _call("mount", CPUINFO.encode(), b"/proc/cpuinfo", None, MS_BIND, None)
    _call("mount", b"tmpfs", b"/proc", None, safe | MS_RDONLY | MS_REMOUNT, None)


def drop_capabilities() -> None:
    """Give up every capability in every set."""
    header = struct.pack("Ii", CAPABILITIES_3, 0)
    _call("capset", header, bytes(24))


def die_with(parent: int) -> None:
    """Have the kernel kill this process when the thread that started it ends, however busy it is; Linux alone can.

    Args:
        parent: the process of that thread; when it is gone already, this one ends at once.
    """
    if sys.platform == "linux":
        _call("prctl", PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:  # it ended before the kernel was told
            os.kill(os.getpid(), signal.SIGKILL)


def limit_resources(memory_bytes: int, cpu_seconds: int, open_files: int = OPEN_FILES) -> None:
    """Limit this process: address space, processor time, size and number of files, no core dump."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for what, limit in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, FILE_SIZE),
        (resource.RLIMIT_NOFILE, open_files if most == resource.RLIM_INFINITY else min(open_files, most)),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))  # a signal that says why, then the end


def limit_user_tasks() -> None:
    """Limit the tasks of this user in this user namespace; root of the whole machine is exempt from this one."""
    resource.setrlimit(resource.RLIMIT_NPROC, (TASKS, TASKS))


def _limit_tasks() -> None:
    """Limit the tasks of this pid namespace, where the kernel can; on older ones the same file is the machine's."""
    release = tuple(int("".join(filter(str.isdigit, part))) for part in os.uname().release.split(".")[:2])
    if release >= NAMESPACED_PID_MAX:
        with contextlib.suppress(OSError):  # a read-only /proc/sys: `limit_user_tasks` remains
            Path("/proc/sys/kernel/pid_max").write_text(str(TASKS))


def _call(name: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments):
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")
