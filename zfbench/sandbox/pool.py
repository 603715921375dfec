"""The warm pool, inside the sandbox: it imports JAX once and forks a confined process for every candidate.

A fork must happen before JAX starts a backend, since the backend's threads do not survive it; the pool itself
therefore never computes. It is also the only process of the sandbox with a right (to make namespaces), and the only
one that runs none of a candidate's code. Three processes serve a candidate:

    launcher    opens a pid namespace for the next one, and ends
    keeper      process 1 of that namespace: takes a private view, gives up all rights, and stands by; asked for a
                program, it hands the parent a descriptor of itself, and waits for the program to end or the parent
                to hang up; with its own end the kernel ends whatever is left in the namespace
    program     goes to the cores of the worker that asked for it, limits itself and executes the candidate

Usage, by `zfbench.sandbox.bubblewrap` alone: python -m zfbench.sandbox.pool CONTROL MODULE...: a descriptor
of a socket on which each message asks for one program, and modules to import beforehand.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import socket
import struct
import sys
from typing import Any, NoReturn

from zfbench.sandbox import confinement, seccomp, worker

READY, STARTED = b"ready", b"started"
DESCRIPTORS = 4  # requests, results, output, status
REQUESTS, RESULTS, STATUS = 3, 4, 5  # where a program and its keeper find them


def main(control: socket.socket) -> None:
    """Serve until the parent closes the socket; the keeper of the next program always stands by."""
    gc.collect()
    gc.freeze()  # pages that no collection touches stay shared
    spare = _prepare(control)
    control.send(READY)
    while os.read(spare, 1):  # it took a job; it ends without a word when there are no more
        os.close(spare)
        spare = _prepare(control)


def _prepare(control: socket.socket) -> int:
    """Start a keeper, and wait until it is confined; returns the pipe on which it says that it took a job."""
    heard, saying = os.pipe()
    launcher = os.fork()
    if launcher == 0:
        confinement.new_pid_namespace()
        if os.fork() == 0:
            _keep(control, saying)
        os._exit(0)
    os.close(saying)
    os.waitpid(launcher, 0)
    if not os.read(heard, 1):
        sys.exit("a program could not be confined")
    return heard


def _keep(control: socket.socket, saying: int) -> NoReturn:
    confinement.private_view()
    confinement.drop_capabilities()
    os.write(saying, b"c")
    message, received, _, _ = socket.recv_fds(control, 4096, DESCRIPTORS)
    if not message:
        os._exit(0)
    os.write(saying, b"t")  # first: with the descriptor in hand, the parent may end this process at once
    socket.send_fds(control, [STARTED], [os.pidfd_open(os.getpid())])
    os.close(saying)
    control.close()
    requests, _, output, _ = descriptors = _move_up(received)
    os.dup2(output, 1)
    os.dup2(output, 2)
    for place, descriptor in zip((REQUESTS, RESULTS, STATUS), (requests, *descriptors[1::2]), strict=True):
        os.dup2(descriptor, place)
    os.closerange(STATUS + 1, max(descriptors) + 1)
    program = os.fork()
    if program == 0:
        _run(json.loads(message))
    for descriptor in (1, 2, RESULTS):  # so that the parent sees when the program has closed its own
        os.close(descriptor)
    poll = select.poll()
    poll.register(REQUESTS, 0)  # hang-ups only
    poll.register(os.pidfd_open(program), select.POLLIN)
    if REQUESTS not in dict(poll.poll()):
        os.write(STATUS, struct.pack("i", os.waitpid(program, 0)[1]))
    os._exit(0)


def _run(limits: dict[str, Any]) -> NoReturn:
    os.close(STATUS)
    os.setsid()
    os.sched_setaffinity(0, limits.pop("cores"))
    confinement.limit_resources(**limits)
    confinement.limit_user_tasks()
    if seccomp.supported():
        seccomp.install()
    worker.run(REQUESTS, RESULTS)
    os._exit(0)


def _move_up(descriptors: list[int]) -> list[int]:
    """The same descriptors at numbers where nothing that is still needed gets overwritten."""
    return [os.dup2(descriptor, 100 + k) for k, descriptor in enumerate(descriptors)]


if __name__ == "__main__":
    for module in sys.argv[2:]:  # so that no candidate has to wait for the import
        importlib.import_module(module)
    main(socket.socket(fileno=int(sys.argv[1])))
