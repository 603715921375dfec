"""The task author's guide adds a task, in fewer than 100 lines, that every part of zfbench accepts."""

import re
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from zfbench.base import plugins
from zfbench.records.limits import Limits
from zfbench.runs.plan import Plan
from zfbench.runs.search import search
from zfbench.runs.tasks import load_judge, load_task, task_names
from zfbench.sandbox.choose import open_sandbox
from zfbench.search.budget import Budget
from zfbench.simulators.family import SimulatorFamily
from zfbench.simulators.simulate import simulate_program

GUIDE = Path(__file__).parents[3] / "docs" / "tasks.md"


@pytest.fixture
def decay(monkeypatch):
    """The guide's example as an installed plug-in."""
    source = re.search(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)[1]
    module = ModuleType("decay")
    monkeypatch.setitem(sys.modules, "decay", module)
    exec(compile(source, str(GUIDE), "exec"), module.__dict__)
    real = plugins.load
    monkeypatch.setattr(plugins, "load", lambda kind, name: module.DECAY if kind == "task" else real(kind, name))
    monkeypatch.setattr(plugins, "names", lambda kind: ("decay",))
    assert len(source.splitlines()) < 100
    return module


def test_the_example_is_a_task(decay):
    assert task_names() == ("decay",)
    task, judge = load_task("decay"), load_judge("decay")
    task.spec.check(task.seed_program)
    task.spec.check(judge.controls["oracle"])
    rates, atoms = np.array([[0.0], [0.5]]), np.full((2, 1), 20.0)
    with open_sandbox() as box:
        path = simulate_program(judge.controls["oracle"], task.spec, rates, atoms, Limits(seconds=120), 0, box)
    assert (path[0] == 20).all()
    assert path[1, -1] < 10


@pytest.mark.torch
def test_the_example_is_searched_and_judged(decay, tmp_path, monkeypatch):
    pytest.importorskip("sbi")
    small = SimulatorFamily({"decay": lambda: replace(decay.problem(), draws=200, simulations=200)})
    monkeypatch.setattr(decay, "DECAY", small)
    (tmp_path / "truth.py").write_text(decay.TRUTH)
    plan = Plan(
        "decay",
        "best_of_n",
        "finite",
        Budget(evaluations=2),
        0,
        Limits(updates=30),
        proposer_settings={"programs": str(tmp_path)},
        finalists=0,
    )
    outcome, result = search(plan, tmp_path / "run")
    assert outcome.best.program.source == decay.TRUTH
    assert {"likelihood/log_marginal", "likelihood/optimism"} <= result.metrics.keys()
