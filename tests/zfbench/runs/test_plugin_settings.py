"""A method of another package may call its settings as it likes, also as an option of the harness is called."""

import sys

import pytest

from zfbench.records.reading import load
from zfbench.runs.grid import Grid
from zfbench.runs.plan import Plan, events
from zfbench.runs.suite import read_suite

MODULE = """
from zfbench.discoverers.proposers.finite import FiniteProposer
from zfbench.discoverers.best_of_n import BestOfN

NAMES = ("patience", "budget", "ideas", "finalists")
given = []


class Stubborn(BestOfN):
    "Random search that notes its settings."

    def __init__(self, seed, seed_program, *, patience, budget, ideas, finalists):
        super().__init__(seed, seed_program)
        given.append(("discoverer", dict(zip(NAMES, (patience, budget, ideas, finalists)))))


class Picky(FiniteProposer):
    "A finite list whose settings are noted."

    def __init__(self, spec, *, patience, budget, ideas, finalists):
        super().__init__(spec)
        given.append(("proposer", dict(zip(NAMES, (patience, budget, ideas, finalists)))))
"""
SUITE = """
results = "out"
limits = {updates = 10, seconds = 60}
[[block]]
tasks = ["mixtures/exact@target:0"]
methods = ["stubborn"]
proposer = "picky"
budget = {evaluations = 4}
finalists = 0
patience = 50
ideas = ["rebound"]
settings = {patience = 3, budget = "small", ideas = ["x"], finalists = 7}
proposer_settings = {patience = 4, budget = {tokens = 1}, ideas = [], finalists = 8}
seeds = [5]
"""
SETTINGS = {"patience": 3, "budget": "small", "ideas": ["x"], "finalists": 7}
PROPOSER_SETTINGS = {"patience": 4, "budget": {"tokens": 1}, "ideas": [], "finalists": 8}


@pytest.fixture
def stubborn(package, monkeypatch, tmp_path):
    """The module of a package with a discoverer and a proposer, and the grid that measures its suite."""
    monkeypatch.setenv("ZFBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("zfbench.tasks.mixtures.model.DRAWS", {"exact": 30})
    entries = {"discoverers": "stubborn = stubborn_mod:Stubborn", "proposers": "picky = stubborn_mod:Picky"}
    monkeypatch.syspath_prepend(package("stubborn", MODULE, **entries))
    import stubborn_mod

    yield stubborn_mod
    monkeypatch.delitem(sys.modules, "stubborn_mod")


def test_they_arrive_untouched_in_plan_event_log_method_and_result(stubborn, tmp_path):
    (tmp_path / "s.toml").write_text(SUITE)
    (job,), folder = read_suite(tmp_path / "s.toml")
    assert (job.plan.settings, job.plan.proposer_settings) == (SETTINGS, PROPOSER_SETTINGS)
    assert (job.plan.patience, job.plan.finalists, job.plan.ideas) == (50, 0, ("rebound",))

    grid = Grid(folder)
    grid.measure(job, lambda stage: None, tmp_path / "run")
    assert stubborn.given[:2] == [("discoverer", SETTINGS), ("proposer", PROPOSER_SETTINGS)]
    assert Plan.read(tmp_path / "run") == job.plan
    head = events(tmp_path / "run")[0].body
    assert (head["settings"], head["proposer_settings"]) == (SETTINGS, PROPOSER_SETTINGS)
    assert (head["patience"], head["finalists"], head["ideas"]) == (50, 0, ["rebound"])

    grid.run([job], 1, lambda job, stage: None)
    result = load(grid.path(job))
    assert (result.method.settings, result.method.proposer_settings) == (SETTINGS, PROPOSER_SETTINGS)
    assert result.search == job.plan.options
    assert (result.search.patience, result.search.finalists, result.search.budget) == (50, 0, {"evaluations": 4})
    assert grid.state(job) == "current"
