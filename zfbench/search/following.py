"""A search followed program by program, from the events of its log."""

from __future__ import annotations

from collections.abc import Callable

from zfbench.records.evaluation import Evaluation, Request
from zfbench.records.program import Program
from zfbench.search.eventlog import Event
from zfbench.search.history import OnEvent

OnProgram = Callable[[Program, Evaluation, Request], None]


def programs_of(on_program: OnProgram) -> OnEvent:
    """Return a listener to the events of a search that is told each program when it has been evaluated.

    A program that was evaluated before, and an answer that holds no program, are left out.

    Args:
        on_program: called with the program, its evaluation and the request that it answers.
    """
    asked: dict[int, Request] = {}
    proposed: dict[int, Program] = {}

    def listen(event: Event) -> None:
        body = event.body
        if event.kind == "ask":
            asked[body["id"]] = Request.from_json(body)
        elif event.kind == "proposal":
            proposed[body["request"]] = Program.from_json(body["program"])
        elif event.kind == "evaluation":
            request, program = asked.pop(body["request"]), proposed.pop(body["request"])
            if program.source and not body["duplicate"]:
                on_program(program, Evaluation.from_json(body["evaluation"]), request)

    return listen
