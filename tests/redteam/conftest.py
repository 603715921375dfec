"""Where hostile programs are let loose: one warm pool, a small task, and secrets that must not get in."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from zfbench.records.recordings import Recording, TaskSpec
from zfbench.sandbox import bubblewrap
from zfbench.sandbox.bubblewrap import BubblewrapSandbox

SECRET = "canary-7f3a91"
N, D, CONTEXT, HORIZON = 4, 2, 8, 256


@dataclass(frozen=True)
class Arena:
    """The task, windows to forecast, the pool, and what lies outside of it."""

    spec: TaskSpec
    train: tuple[Recording, ...]
    context: np.ndarray
    drive: np.ndarray
    sandbox: BubblewrapSandbox
    secret_file: Path
    listener: socket.socket
    at_rest: int  # processes of the idle pool

    def fill(self, source: str) -> str:
        """Put the places of the secrets into a program."""
        return source.replace("SECRET_FILE", repr(str(self.secret_file))).replace(
            "LISTENER", repr(self.listener.getsockname())
        )

    def leftover(self) -> int:
        """Processes in the pool beyond those of the idle pool, once the kernel has cleared up."""
        patience = time.monotonic() + 5
        while (count := len(self.descendants(os.getpid())) - self.at_rest) > 0 and time.monotonic() < patience:
            time.sleep(0.02)
        return max(count, 0)  # the keeper that stands by may just be in the making

    @staticmethod
    def descendants(root: int) -> set[int]:
        """Live processes that descend from one."""
        parents = _parents()
        found, last = {root}, 0
        while len(found) != last:
            last = len(found)
            found |= {pid for pid, parent in parents.items() if parent in found}
        return {pid for pid in (found - {root}) & parents.keys() if not _clean(pid)}

    @staticmethod
    def alive(pids: set[int]) -> set[int]:
        """Those of them that live."""
        return pids & _parents().keys()

    def visited(self) -> bool:
        """Whether somebody has connected to the listening socket."""
        try:
            self.listener.accept()
        except BlockingIOError:
            return False
        return True


def _clean(pid: int) -> bool:
    """Whether it is a clean process, which runs no program and may stay."""
    try:
        return b"zfbench.engine.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


def _parents() -> dict[int, int]:
    """The parent of every live process."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            except (FileNotFoundError, ProcessLookupError):
                continue
            if state != "Z":
                parents[int(entry.name)] = int(parent)
    return parents


def _spec() -> TaskSpec:
    mask = np.eye(N, dtype=bool) | np.eye(N, k=1, dtype=bool)
    drive_mask = np.zeros((N, D), bool)
    drive_mask[:, 0] = True
    return TaskSpec(
        name="toy/masked",
        description="",
        contract="",
        dt_ms=1.0,
        horizon=16,
        context=CONTEXT,
        neurons=tuple("abcd"),
        groups=("all",) * N,
        drive=("p", "q"),
        mask=mask,
        drive_mask=drive_mask,
    )


@pytest.fixture(scope="session")
def arena(tmp_path_factory):
    if bubblewrap.obstacle():
        pytest.skip(f"programs cannot be confined here: {bubblewrap.obstacle()}")
    rng = np.random.default_rng(3)
    train = (Recording("left", rng.random((400, N), np.float32), rng.random((400, D), np.float32)),)
    secret = tmp_path_factory.mktemp("hidden") / "sealed.npz"
    secret.write_text(SECRET)
    with (
        pytest.MonkeyPatch.context() as patch,
        socket.create_server(("127.0.0.1", 0)) as listener,
        BubblewrapSandbox() as sandbox,
    ):
        patch.setenv("ZFBENCH_SECRET", SECRET)
        listener.setblocking(False)
        sandbox.start()
        context = rng.random((3, CONTEXT, N), np.float32)
        drive = rng.random((3, CONTEXT + HORIZON, D), np.float32)
        yield Arena(_spec(), train, context, drive, sandbox, secret, listener, len(Arena.descendants(os.getpid())))
