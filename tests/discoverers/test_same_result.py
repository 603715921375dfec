"""Equal plans give equal result files: whole runs, with real trainings and a real judge."""

import json

import pytest

from zfbench.records.limits import Limits
from zfbench.runs.plan import RESULT, Plan
from zfbench.runs.search import search
from zfbench.search.budget import Budget

CLOCKS = ("seconds", "timings", "machine", "created")  # fields that may differ, by the end of their names


def timeless(content):
    """A result without what a clock or the machine wrote."""
    if isinstance(content, dict):
        return {key: timeless(value) for key, value in content.items() if not key.endswith(CLOCKS)}
    return [timeless(value) for value in content] if isinstance(content, list) else content


@pytest.mark.slow
def test_two_runs_of_one_plan_write_equal_results(tmp_path):
    budget, limits = Budget(evaluations=2, updates=20), Limits(updates=20)
    plan = Plan("zfish-tiny/masked", "puct", "grammar", budget, 0, limits, finalists=0)
    files = []
    for name in ("once", "again"):
        search(plan, tmp_path / name)
        files.append(timeless(json.loads((tmp_path / name / RESULT).read_text())))
    assert files[0] == files[1]
    assert files[0]["metrics"]
