"""Which sandbox: the one asked for, else the best that this machine has."""

from __future__ import annotations

import os
import time
from functools import lru_cache
from typing import Any

from zfbench.base.errors import UnknownNameError, ZfbenchError
from zfbench.protocols.sandbox import Sandbox
from zfbench.records.frame import Frame
from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError
from zfbench.sandbox import bubblewrap
from zfbench.sandbox.bubblewrap import BubblewrapSandbox
from zfbench.sandbox.devices import CPU, GPU, check_device
from zfbench.sandbox.process import ProcessSandbox, cpu_seconds, start_worker

VARIABLE = "ZFBENCH_SANDBOX"
NAMES = (BubblewrapSandbox.name, ProcessSandbox.name)
CLEAN = "zfbench.engine.worker"  # the program of a clean process, and a question to it
QUESTION = "zfbench.engine.device:device"
TRIAL_SECONDS = 120.0  # CUDA may take long to begin on a machine that is busy


def open_sandbox(name: str | None = None, device: str = CPU) -> Sandbox:
    """The sandbox of that name; without one, of the name in `ZFBENCH_SANDBOX`, else bubblewrap where it works.

    Raises:
        UnknownNameError: there is no such backend, or no such device.
        ZfbenchError: bubblewrap was asked for and does not work here, or a GPU was and JAX cannot use one here.
    """
    check_device(device)
    sandbox = _open(name, device)
    if device == GPU and (obstacle := gpu_obstacle()) is not None:
        raise ZfbenchError(
            f"JAX cannot compute on the GPU here ({obstacle}); install it for CUDA, as in pip install 'jax[cuda13]', "
            "or use --device cpu."
        )
    return sandbox


@lru_cache
def gpu_obstacle() -> str | None:
    """Why a clean process cannot compute on the GPU, None if it can; a process is started and asked, once."""
    child = start_worker(CLEAN, GPU, None, cpu_seconds(Limits()))
    try:
        deadline = time.monotonic() + TRIAL_SECONDS
        child.send(Frame(QUESTION), deadline, "its start")
        platform = child.receive(0, deadline, "its start").fields.get("platform")
    except CandidateError as error:
        return " ".join(error.message.split()).rstrip(".")
    finally:
        child.kill()
    return None if platform == GPU else f"it computes on the device '{platform}'"


def _open(name: str | None, device: str) -> Sandbox:
    name = name or os.environ.get(VARIABLE)
    if name not in (None, "", *NAMES):
        raise UnknownNameError("sandbox", name, NAMES)
    if name == ProcessSandbox.name:
        return ProcessSandbox(device=device)
    obstacle = bubblewrap.obstacle()
    if obstacle is None:
        return BubblewrapSandbox(device)
    if name == BubblewrapSandbox.name:
        raise ZfbenchError(
            f"The sandbox 'bubblewrap' does not work here: {obstacle}. Repair that, or use --sandbox process, which "
            "does not confine programs."
        )
    return ProcessSandbox(obstacle, device)


def name_of(sandbox: Sandbox | None) -> str:
    """Return the name of a sandbox, or of the one that `open_sandbox` opens where none is given."""
    return _open(None, CPU).name if sandbox is None else sandbox.name


def check_trust(sandbox: Sandbox, writer: str, trusted: bool, allow_unsafe: bool) -> None:
    """Refuse to run what nobody vouches for without confinement.

    Args:
        sandbox: where the programs will run.
        writer: who writes them, such as "the proposer 'llm'".
        trusted: whether all that it can write is known to be harmless, as with a grammar.
        allow_unsafe: the user's explicit consent.

    Raises:
        ZfbenchError: the programs are not trusted, the sandbox does not confine, and the user did not consent.
    """
    if not (sandbox.confined or trusted or allow_unsafe):
        raise ZfbenchError(
            f"Programs of {writer} are written by a machine and read by nobody, and the sandbox "
            f"'{sandbox.name}' does not confine them; install bubblewrap, or accept the risk with "
            "--allow-unsafe-programs (in Python, allow_unsafe_programs=True)."
        )


class SandboxUser:
    """What evaluates in a sandbox, and may be sent to another process."""

    _sandbox: Sandbox | None

    def __getstate__(self) -> dict[str, Any]:
        """Without the live sandbox, which cannot travel to another process; its kind does."""
        return {**vars(self), "_sandbox": None, "_kind": self._sandbox and (self._sandbox.name, self._sandbox.device)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Open a sandbox of the same kind here, or refuse: what was to be confined must not run unconfined."""
        kind = state.pop("_kind")
        vars(self).update(state, _sandbox=None if kind is None else local_sandbox(*kind))


@lru_cache
def local_sandbox(name: str, device: str) -> Sandbox:
    """One sandbox of a kind for all evaluators that arrive in this process; it ends with the process."""
    return open_sandbox(name, device)
