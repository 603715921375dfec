"""A suite's file: what it says, and what of it reaches a run."""

from dataclasses import fields

import pytest

from zfbench.base.errors import ZfbenchError
from zfbench.records.limits import Limits
from zfbench.runs.plan import Plan
from zfbench.runs.suite import read_suite
from zfbench.search.budget import Budget

BASELINES = """
results = "out"
[limits]
updates = 10
seconds = 60
[[block]]
tasks = ["zfish-tiny/masked"]
methods = ["mask_only", "mean"]
seeds = [0, 1]
"""

SEARCH = """
[[block]]
tasks = ["zfish-tiny/masked"]
methods = ["modelsmc"]
proposer = "finite"
budget = {evaluations = 4}
settings = {weights = "mse"}
proposer_settings = {programs = ["a.py"]}
seeds = [0]
"""


@pytest.fixture
def jobs(tmp_path):
    def read(text):
        (tmp_path / "s.toml").write_text(text)
        return read_suite(tmp_path / "s.toml")[0]

    return read


def test_every_task_method_and_seed_of_a_block_is_one_run_and_the_first_seed_comes_first(jobs):
    text = BASELINES.replace('["zfish-tiny/masked"]', '["zfish-tiny/masked", "zfish-tiny/driven"]')
    planned = [(job.seed, job.task, job.method) for job in jobs(text)]
    tasks = ("zfish-tiny/masked", "zfish-tiny/driven")
    assert planned == [(s, task, method) for s in (0, 1) for task in tasks for method in ("mask_only", "mean")]
    assert all(job.plan is None and job.limits == Limits(updates=10, seconds=60) for job in jobs(text))


def test_the_folder_of_the_results_is_relative_to_the_file(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "s.toml").write_text(BASELINES.replace('"out"', '"../out"'))
    assert read_suite(tmp_path / "deep" / "s.toml")[1] == tmp_path / "out"


def test_pictures_are_kept_for_the_first_seed_alone(jobs):
    assert {(job.seed, job.keeps_pictures) for job in jobs(BASELINES)} == {(0, True), (1, False)}


OPTIONS = {
    "settings": ("{c = 2.0}", {"c": 2.0}),
    "proposer_settings": ("{model = 'm'}", {"model": "m"}),
    "ideas": ('["rebound", "fatigue"]', ("rebound", "fatigue")),
    "finalists": ("0", 0),
    "patience": ("2000", 2000),
    "budget": ("{evaluations = 9, updates = 5}", Budget(evaluations=9, updates=5)),
    "limits": ("{updates = 7, seconds = 8}", Limits(updates=7, seconds=8)),
    "proposer": ('"llm"', "llm"),
}
BARE = BASELINES + '\n[[block]]\ntasks = ["zfish-tiny/masked"]\nmethods = ["puct"]\nseeds = [3]\n'
REQUIRED = {"proposer": '"grammar"', "budget": "{evaluations = 4}"}


def searched(jobs, **given):
    """The plan of a suite's only search, with these fields of its block as TOML."""
    block = "".join(f"{name} = {text}\n" for name, text in (REQUIRED | given).items())
    (plan,) = (job.plan for job in jobs(BARE + block) if job.plan is not None)
    return plan


def test_every_option_of_a_search_can_be_given_by_a_suite():
    """A field that a plan gains must be one of a suite too, or be its task, method or seed."""
    assert {f.name for f in fields(Plan)} == OPTIONS.keys() | {"task", "discoverer", "seed"}


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_of_a_search_reaches_its_plan_and_nothing_else_changes(jobs, name):
    text, value = OPTIONS[name]
    plain, given = searched(jobs), searched(jobs, **{name: text})
    assert getattr(given, name) == value != getattr(plain, name)
    others = [f.name for f in fields(Plan) if f.name != name]
    assert [getattr(given, other) for other in others] == [getattr(plain, other) for other in others]
    assert (given.task, given.discoverer, given.seed) == ("zfish-tiny/masked", "puct", 3)


def test_what_decides_a_search_decides_the_name_of_its_result(jobs):
    names = [searched(jobs).name]
    names += [searched(jobs, **{name: OPTIONS[name][0]}).name for name in OPTIONS if name != "limits"]
    assert len(set(names)) == len(names)


def test_the_name_of_a_job_is_that_of_its_plan(jobs):
    (job,) = (job for job in jobs(BASELINES + SEARCH) if job.plan is not None)
    assert job.stem == job.plan.name
    assert job.record == job.plan.record
    assert jobs(BASELINES)[0].stem == "zfish-tiny-masked__mask_only__seed0"


def test_a_suites_budget_of_many_tokens_is_kept_to_the_last(jobs):
    budget = searched(jobs, budget="{tokens = 2000001, device_seconds = 1234567.8}").budget
    assert (budget.tokens, budget.device_seconds) == (2_000_001, 1_234_567.8)


def test_two_budgets_and_two_settings_of_one_search_are_different_runs(jobs):
    more = SEARCH.replace("evaluations = 4", "evaluations = 8")
    other = SEARCH.replace("mse", "likelihood")
    stems = [job.stem for job in jobs(BASELINES + SEARCH + more + other)]
    assert len(set(stems)) == len(stems) == 7


def test_a_run_that_stands_twice_is_refused_by_name(jobs):
    with pytest.raises(ZfbenchError, match="has the run modelsmc \\+ finite on zfish-tiny/masked, seed 0 twice"):
        jobs(BASELINES + SEARCH + SEARCH)


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("seeds = [0, 1]", "seeds = []", r"wrong at block\.0\.seeds"),
        ("updates = 10", "updates = 0", r"wrong at limits\.updates"),
        ("[limits]", "[limits", r"is not TOML"),
        ('results = "out"', 'results = "out"\nmore = 1', r"wrong at more"),
        ("seeds = [0, 1]", 'seeds = [0]\nproposer = "grammar"', r"only one of proposer and budget"),
        ("seeds = [0, 1]", "seeds = [0]\nbudget = {evaluations = 4}", r"only one of proposer and budget"),
        ("seeds = [0, 1]", "seeds = [0]\nsettings = {a = 1}", r"has settings but is not a search"),
        ("seeds = [0, 1]", "seeds = [0]\nproposer_settings = {a = 1}", r"has proposer_settings but is not a search"),
        ("seeds = [0, 1]", 'seeds = [0]\nideas = ["x"]', r"has ideas but is not a search"),
        ("seeds = [0, 1]", "seeds = [0]\nfinalists = 3\npatience = 5", r"has finalists, patience but is not a search"),
        ("seeds = [0, 1]", "seeds = [0]\nideas = []", r"has ideas but is not a search"),
        ("seeds = [0, 1]", "seeds = [0]\npatience = 0", r"wrong at block\.0\.patience"),
    ],
)
def test_a_wrong_suite_is_refused_with_the_place(jobs, before, after, sentence):
    with pytest.raises(ZfbenchError, match=sentence) as caught:
        jobs(BASELINES.replace(before, after))
    assert "\n" not in str(caught.value)


def test_a_setting_that_an_event_log_cannot_hold_is_refused(jobs):
    with pytest.raises(
        ZfbenchError,
        match="the discoverer 'modelsmc' cannot stand in an event log",
    ):
        jobs(BASELINES + SEARCH.replace('"mse"', "2020-01-01"))


def test_an_unknown_unit_of_a_budget_is_refused_with_the_nearest(jobs):
    with pytest.raises(ZfbenchError, match="did you mean 'evaluations'"):
        jobs(BASELINES + SEARCH.replace("evaluations", "evaluation"))
