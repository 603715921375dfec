"""Which sandbox: the one asked for, else the best that this machine has."""

from __future__ import annotations

import os

from zfbench.errors import UnknownNameError, ZfbenchError
from zfbench.programs import bubblewrap
from zfbench.programs.bubblewrap import BubblewrapSandbox
from zfbench.programs.devices import CPU, check_device
from zfbench.programs.process import ProcessSandbox, Sandbox

VARIABLE = "ZFBENCH_SANDBOX"
NAMES = (BubblewrapSandbox.name, ProcessSandbox.name)


def open_sandbox(name: str | None = None, device: str = CPU) -> Sandbox:
    """The sandbox of that name; without one, of the name in `ZFBENCH_SANDBOX`, else bubblewrap where it works.

    Raises:
        UnknownNameError: there is no such backend, or no such device.
        ZfbenchError: bubblewrap was asked for and does not work here, or the sandbox cannot give programs that device.
    """
    sandbox = _open(name, device)
    check_device(device, sandbox.name, shows_gpu=sandbox.device == device)
    return sandbox


def _open(name: str | None, device: str) -> Sandbox:
    name = name or os.environ.get(VARIABLE)
    if name not in (None, "", *NAMES):
        raise UnknownNameError("sandbox", name, NAMES)
    if name == ProcessSandbox.name:
        return ProcessSandbox(device=device)
    obstacle = bubblewrap.obstacle()
    if obstacle is None:
        return BubblewrapSandbox()
    if name == BubblewrapSandbox.name:
        raise ZfbenchError(f"The sandbox 'bubblewrap' does not work here: {obstacle}.")
    return ProcessSandbox(obstacle, device)


def check_trust(sandbox: Sandbox, proposer: str, trusted: bool, allow_unsafe: bool) -> None:
    """Refuse to run what nobody vouches for without confinement.

    Args:
        sandbox: where the programs will run.
        proposer: who writes them.
        trusted: whether all that it can write is known to be harmless, as with a grammar.
        allow_unsafe: the user's explicit consent.

    Raises:
        ZfbenchError: the programs are not trusted, the sandbox does not confine, and the user did not consent.
    """
    if not (sandbox.confined or trusted or allow_unsafe):
        raise ZfbenchError(
            f"Programs of the proposer '{proposer}' are written by a machine and read by nobody, and the sandbox "
            f"'{sandbox.name}' does not confine them; install bubblewrap, or accept the risk with "
            "--allow-unsafe-programs."
        )
