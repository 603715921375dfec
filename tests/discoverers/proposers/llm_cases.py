"""A task, two parents and answers of a language model, for tests."""

from zfbench.forecasting.contract import EXAMPLE
from zfbench.protocols.proposer import Context
from zfbench.records.evaluation import Evaluation, Scored
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
