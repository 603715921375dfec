"""The sandbox that confines: one bubblewrap for all candidates of a run, one private corner of it for each.

bubblewrap (https://github.com/containers/bubblewrap) starts the warm pool of `zfbench.sandbox.pool` in namespaces of
its own, with no network, an emptied environment, and nothing mounted but what `zfbench.sandbox.mounts` lists,
read-only. The pool confines each program further; see there.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import threading
from types import TracebackType

from zfbench.base.errors import ZfbenchError
from zfbench.records.limits import Limits
from zfbench.sandbox import mounts, pool, seccomp
from zfbench.sandbox.devices import CPU, environment
from zfbench.sandbox.process import Child, cpu_seconds, start_kept

BWRAP = "bwrap"
CONFINEMENT = (
    *("--unshare-all", "--unshare-user", "--uid", "65534", "--gid", "65534", "--disable-userns"),
    # As root, bubblewrap keeps every capability unless told otherwise. The pool needs one to make the programs'
    # namespaces; it holds it over its own namespaces only, and the programs do not have it.
    *("--cap-drop", "ALL", "--cap-add", "CAP_SYS_ADMIN"),
    *("--die-with-parent", "--new-session", "--hostname", "sandbox", "--chdir", "/"),
)
TRIAL_SECONDS = 30.0  # for a process that does nothing, on a machine that is busy
START_SECONDS = 120.0  # JAX takes one or two to import
GONE_SECONDS = 10.0  # for the kernel to end a namespace


@functools.cache
def obstacle() -> str | None:
    """Why bubblewrap cannot be used here, None if it can."""
    if shutil.which(BWRAP) is None:
        return "bubblewrap is not installed"
    trial = [BWRAP, *CONFINEMENT, "--ro-bind", "/", "/", "true"]
    try:
        done = subprocess.run(
            trial, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=TRIAL_SECONDS
        )
    except subprocess.TimeoutExpired:
        return f"bubblewrap hangs: it did not start a process within {TRIAL_SECONDS:g} s"
    except OSError as error:
        return f"bubblewrap cannot be started ({error.strerror})"
    return None if done.returncode == 0 else f"bubblewrap fails, {done.stderr.strip() or done.returncode}"


class BubblewrapSandbox:
    """A warm pool behind bubblewrap; it starts with the first program."""

    name = "bubblewrap"
    confined = True

    def __init__(self, device: str = CPU) -> None:
        """Say where traced programs compute; they are traced on the CPU in any case, and the sandbox has no GPU."""
        self.device = device
        self.notice = "" if seccomp.supported() else "Sandbox 'bubblewrap' runs without a filter of system calls here."
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._cores = os.sched_getaffinity(0)  # of the pool, which a pinned worker may be the first to need

    def start(self) -> None:
        """Start the pool now and wait until it is warm.

        Raises:
            ZfbenchError: it did not start.
        """
        with self._lock:
            if self._control is None:
                self._start()

    def spawn(self, limits: Limits) -> Child:
        """Fork a program's process off the pool; it keeps to the cores of the calling thread.

        Raises:
            ZfbenchError: the pool did not start, or has ended.
        """
        self.start()
        to_child, requests = os.pipe()
        results, from_child = os.pipe()
        output, printed = os.pipe()
        status, exited = os.pipe()
        given = (to_child, from_child, printed, exited)
        message = {
            "memory_bytes": limits.memory_bytes,
            "cpu_seconds": cpu_seconds(limits),
            "cores": sorted(os.sched_getaffinity(0)),
        }
        try:
            with self._lock:
                if self._control is None:
                    raise ZfbenchError("The sandbox has been closed.")
                try:
                    socket.send_fds(self._control, [json.dumps(message).encode()], given)
                    answer, pidfds, _, _ = socket.recv_fds(self._control, 64, 1)
                except OSError as error:
                    raise ZfbenchError(f"The sandbox's pool has ended ({error}); run the command again.") from error
            if answer != pool.STARTED:
                raise ZfbenchError(
                    "The sandbox's pool has ended; use fewer workers, or allow this user more processes or memory."
                )
        except ZfbenchError:
            for descriptor in (requests, results, output, status):
                os.close(descriptor)
            raise
        finally:
            for descriptor in given:
                os.close(descriptor)
        return Child(_Namespace(pidfds[0], status), requests, results, output)

    def close(self) -> None:
        """End the pool and every program in it; harmless when repeated."""
        with self._lock:
            if self._control is not None:
                self._control.close()
                self._control = None
            if self._process is not None:
                self._process.kill()
                self._process.wait()
                self._process = None

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [
            *(BWRAP, *CONFINEMENT, *mounts.arguments()),
            *(
                str(mounts.interpreter()),
                "-s",
                "-S",
                "-P",
                "-m",
                "zfbench.sandbox.pool",
                str(theirs.fileno()),
                *mounts.WARM,
            ),
        ]
        errors, printed = os.pipe()
        try:
            self._process = start_kept(
                command,
                self._cores,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=printed,
                pass_fds=(theirs.fileno(),),
                env=environment(CPU) | {"PYTHONPATH": mounts.PACKAGES},
                cwd="/",
            )
        finally:
            theirs.close()
            os.close(printed)
        ours.settimeout(START_SECONDS)
        said = b""
        with contextlib.suppress(TimeoutError, ConnectionError):
            said = ours.recv(64)
        if said != pool.READY:
            ours.close()
            self._process.kill()
            self._process.wait()
            with os.fdopen(errors, "rb") as stream:
                why = stream.read().decode(errors="replace").strip()
            raise ZfbenchError(
                f"The sandbox's pool did not start: {why.splitlines()[-1] if why else 'it hung'}; run `zfbench doctor`."
            )
        os.close(errors)
        self._control = ours

    def __enter__(self) -> BubblewrapSandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Namespace:
    """All processes of one program, held by process 1 of their pid namespace."""

    def __init__(self, keeper: int, status: int) -> None:
        """Own a pidfd of process 1, and the pipe on which it says how the program ended."""
        self._keeper, self._status = keeper, status
        self._code: int | None = None

    def exit_code(self) -> int | None:
        """See `Handle`; a keeper that was killed cannot say how the program ended: as by SIGKILL."""
        if self._code is None and select.select([self._status], [], [], 0)[0]:
            said = os.read(self._status, 4)
            self._code = os.waitstatus_to_exitcode(struct.unpack("i", said)[0]) if said else -signal.SIGKILL
        return self._code

    def kill(self) -> None:
        """See `Handle`; process 1 has ended only when the kernel has ended all others."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._keeper, signal.SIGKILL)
        select.select([self._keeper], [], [], GONE_SECONDS)
        os.close(self._keeper)
        os.close(self._status)
