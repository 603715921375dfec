"""The judge by part: processor seconds of this process and of the model's, for a first and a second model."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

from tests.benchmarks.performance.meter import children_seconds
from tests.benchmarks.performance.work import task_of
from zfbench.baselines import programs
from zfbench.engine.processes import PROCESSES
from zfbench.records.limits import Limits
from zfbench.runs.tasks import find_task
from zfbench.sandbox.choose import open_sandbox

PROGRAMS = ("masked_mlp", "driven_gru")
UPDATES = 100  # how well a model is trained changes nothing here


def measure(quick: bool) -> dict[str, Any]:
    """By program and part, pairs of seconds; the true model's answers are computed for the first model alone."""
    updates, chosen = (4, ("masked_leaky_sigmoid",)) if quick else (UPDATES, PROGRAMS)
    found: dict[str, Any] = {}
    with open_sandbox() as sandbox:
        for name in chosen:
            loaded = find_task(task_of(name))
            judge = loaded.family.judge(loaded.name)
            found[name] = {}
            for which in ("first", "second"):
                marks: list[tuple[str, float, float]] = []

                def begins(stage: str, marks: list[tuple[str, float, float]] = marks) -> None:
                    marks.append((stage, time.process_time(), children_seconds()))

                with loaded.family.candidate(loaded.task, programs.source(name), 5, sandbox) as model:
                    loaded.family.fit(loaded.task, model, Limits(updates=updates))
                    judge.score(model, begins, seed=5)
                    begins("end")
                found[name][which] = {
                    stage: [later[1] - own, later[2] - children] for (stage, own, children), later in pairwise(marks)
                }
                if quick:
                    break
    PROCESSES.close()
    return {"updates": updates, "programs": found}
