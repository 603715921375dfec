"""A task, two parents and answers of a language model, for tests."""

import numpy as np

from zfbench.forecasting.contract import EXAMPLE
from zfbench.protocols.proposer import Context
from zfbench.records.evaluation import Evaluation, Request, Scored
from zfbench.records.program import Program, Status
from zfbench.records.recordings import TaskSpec

SPEC = TaskSpec(
    name="zfish-tiny/masked",
    description="Two units.",
    contract="Define Model.",
    dt_ms=1.0,
    horizon=4,
    context=4,
    neurons=("a", "b"),
    groups=("A", "B"),
    drive=("x",),
)
PARENT = Scored(Program("old = {1: 2}", summary="the old one"), Evaluation(Status.OK, 0.25, feedback="A is wrong."))
BROKEN = Scored(Program("broken = 1"), Evaluation(Status.ERROR, feedback="ValueError at line 7"))
CONTEXT = Context(SPEC, (BROKEN, PARENT), frozenset())
GOOD = f"SUMMARY\n- leak\n- sigmoid\n\n```python\n{EXAMPLE}```\n"
LATE_SOURCE = f"{EXAMPLE}# late\n"
LATE = GOOD.replace(EXAMPLE, LATE_SOURCE)
KEY = "secret-key-of-the-test"


def propose(proposer, operator="mutate", hints=(), context=CONTEXT):
    """What a proposer answers to a request of that kind."""
    request = Request(3, operator, tuple(s.program.id for s in context.parents), hints)
    return proposer.propose(request, context, np.random.default_rng(0))


def prompt(server, call=-1):
    """The prompt of a call that a server was sent."""
    return server.requests[call][2]["messages"][1]["content"]
