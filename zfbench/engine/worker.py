"""The clean process: it evaluates steps that were traced elsewhere, and runs no candidate's Python.

It is started once and asked for one program after another. A frame's kind is `MODULE:VERB`: the module holds a table
`ANSWERS` of functions from frame to frame. What a function raises ends the process, with a frame that says why; a
failure of the program that leaves the process whole is answered by a frame of kind `not done`.

Usage, by `zfbench.engine.processes` alone: python -m zfbench.engine.worker REQUESTS RESULTS MEMORY CPU FILES PARENT, as
of `zfbench.sandbox.worker`.
"""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Callable

from zfbench.records.frame import Frame
from zfbench.records.program import CandidateError
from zfbench.sandbox import worker
from zfbench.sandbox.frames import decode

NOT_DONE = "not done"
WARM = ("optax", "zfbench.engine.evaluate")  # imported before the first request comes


def serve(read_exactly: Callable[[int], bytes], send: Callable[[Frame], None]) -> None:
    """Answer every frame."""
    for module in WARM:
        importlib.import_module(module)
    gc.freeze()  # what is imported stays: collections need not look at it
    while True:
        asked = decode(read_exactly, worker.TRUSTED_LIMIT)
        module, _, verb = asked.kind.partition(":")
        try:
            answer = importlib.import_module(module).ANSWERS[verb](asked)
        except CandidateError as error:
            answer = worker.failure(error.status, error.message, NOT_DONE)
        send(answer)
        del asked, answer


if __name__ == "__main__":
    worker.main([int(argument) for argument in sys.argv[1:]], serve)
