"""Suites on the tiny data with methods that cost nothing."""

from dataclasses import asdict
from pathlib import Path

import pytest
from zfbench.leaderboard.suite import Runner, differences, read_suite, slim

from zfbench.base import plugins
from zfbench.base.errors import ZfbenchError
from zfbench.leaderboard import suite
from zfbench.records.reading import load, load_folder
from zfbench.records.result import Machine, MethodRecord, library_versions
from zfbench.runs.judge import MASK_ONLY
from zfbench.runs.tasks import load_task, task_names

SUITES = Path(leaderboard.__file__).parent / "suites"

TEXT = """
results = "out"
[limits]
updates = 10
seconds = 60
[[block]]
tasks = ["zfish-tiny/masked"]
methods = ["mask_only", "mean"]
seeds = [0, 1]
"""


def quiet(job, stage):
    """Watch nothing."""


@pytest.fixture
def suite_file(tmp_path, data_cache):
    path = tmp_path / "s.toml"
    path.write_text(TEXT)
    return path


def run(path, keep=lambda job: True, **options):
    jobs, folder = read_suite(path)
    return Runner(folder).run([j for j in jobs if keep(j)], 1, quiet, **options), folder


def test_an_interrupted_suite_goes_on_and_a_finished_one_measures_nothing(suite_file):
    first, folder = run(suite_file, keep=lambda job: job.seed == 0)
    assert [job.method for job in first.measured] == ["mask_only", "mean"]
    second, _ = run(suite_file)
    assert [(job.method, job.seed) for job in second.measured] == [("mask_only", 1), ("mean", 1)]
    assert len(second.kept) == 2
    third, _ = run(suite_file)
    assert not third.measured
    assert len(load_folder(folder)) == 4


def test_traces_are_kept_for_the_first_seed_alone(make):
    names = ("forecast/ood/mae", "forecast/ood/example/MN", "forecast/id/example/MN", "connectivity/mean_jacobian")
    whole = make(curves={name: [0.5] for name in names})
    assert set(slim(whole, keeps_examples=True).curves) == {names[0], names[1], names[3]}
    assert set(slim(whole, keeps_examples=False).curves) == {names[0]}


def test_what_other_limits_measured_is_stale_and_replaced_only_on_request(suite_file):
    _, folder = run(suite_file, keep=lambda job: job.method == "mask_only")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    suite_file.write_text(TEXT.replace("updates = 10", "updates = 20"))
    report, _ = run(suite_file, keep=lambda job: job.method == "mask_only")
    assert len(report.stale) == 2
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    report, _ = run(suite_file, keep=lambda job: job.method == "mask_only", refresh=True)
    assert len(report.measured) == 2
    assert {r.limits["updates"] for r in load_folder(folder)} == {20}


def test_measuring_again_reproduces_and_a_touched_result_is_found(suite_file):
    _, folder = run(suite_file, keep=lambda job: job.method == "mean")
    jobs, _ = read_suite(suite_file)
    mine = [job for job in jobs if job.method == "mean"]
    assert not Runner(folder).verify(mine, 1, quiet).changed
    path = Runner(folder).path(mine[1])
    known = load(path)
    known.model_copy(update={"metrics": known.metrics | {"forecast/ood/mae": 0.5}}).write(path)
    assert Runner(folder).verify(mine, 1, quiet).changed == {mine[1]: ["metrics.forecast/ood/mae"]}
    assert load(path).metrics["forecast/ood/mae"] == 0.5


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("seeds = [0, 1]", "seeds = []", r"wrong at block\.0\.seeds"),
        ("updates = 10", "updates = 0", r"wrong at limits\.updates"),
        ("[limits]", "[limits", r"is not TOML"),
        ('results = "out"', 'results = "out"\nmore = 1', r"wrong at more"),
        ("seeds = [0, 1]", 'seeds = [0]\nproposer = "grammar"', r"only one of proposer and budget"),
        ("seeds = [0, 1]", "seeds = [0]\nsettings = {a = 1}", r"has settings but is no search"),
        ("seeds = [0, 1]", "seeds = [0]\nfast_path = true", r"has settings but is no search"),
    ],
)
def test_a_wrong_suite_is_refused_with_the_place(suite_file, before, after, sentence):
    suite_file.write_text(TEXT.replace(before, after))
    with pytest.raises(ZfbenchError, match=sentence) as caught:
        read_suite(suite_file)
    assert "\n" not in str(caught.value)


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


def test_a_searchs_settings_reach_its_plan_and_its_file_is_found_again(suite_file, make, monkeypatch):
    """A proposer identifies itself in the result; the file's name was decided before that was known."""
    suite_file.write_text(TEXT + SEARCH)
    plans = []

    def search(plan, folder, progress):
        plans.append(plan)
        settings = {**plan.settings, "budget": plan.budget.to_json(), "proposer": {"programs": ["a hash"]}}
        settings |= {"fast_path": True} if plan.fast_path else {}
        method = MethodRecord(name="modelsmc", kind="search", proposer="finite", settings=settings)
        data = load_task("zfish-tiny/masked").data_sha256
        return None, make(
            method=method, track="masked", data=data, limits=asdict(plan.limits), metric_versions={"forecast": 1}
        )

    monkeypatch.setattr(suite, "search", search)
    first, folder = run(suite_file, keep=lambda job: job.method == "modelsmc")
    assert len(first.measured) == 1
    assert plans[0].settings == {"weights": "mse"}
    assert plans[0].proposer_settings == {"programs": ["a.py"]}
    again, _ = run(suite_file, keep=lambda job: job.method == "modelsmc")
    assert len(again.kept) == 1
    suite_file.write_text(TEXT + SEARCH.replace("mse", "likelihood"))
    other, _ = run(suite_file, keep=lambda job: job.method == "modelsmc")
    assert len(other.measured) == 1
    assert len(load_folder(folder)) == 2
    suite_file.write_text(TEXT + SEARCH + "fast_path = true\n")
    fast, _ = run(suite_file, keep=lambda job: job.method == "modelsmc")
    assert len(fast.measured) == 1
    assert [plan.fast_path for plan in plans] == [False, False, True]
    assert len(load_folder(folder)) == 3


@pytest.mark.parametrize("path", sorted(SUITES.glob("*.toml")), ids=lambda p: p.stem)
def test_a_shipped_suite_names_registered_methods_and_each_run_once(path):
    jobs, folder = read_suite(path)
    assert len({Runner(folder).path(job) for job in jobs}) == len(jobs)
    for job in jobs:
        kind = "baseline" if job.proposer is None else "discoverer"
        assert job.method == MASK_ONLY or job.method in plugins.names(kind)
        assert job.task in task_names()


def test_the_committed_suite_and_its_results_fit(data_cache):
    """Every result that the tiny suite names is committed, valid and current."""
    jobs, folder = read_suite(SUITES / "tiny.toml")
    runner = Runner(folder)
    assert {runner.state(job) for job in jobs} == {"current"}
    assert len({runner.path(job) for job in jobs}) == len(jobs)


def test_differences_are_named_down_to_the_score():
    one = {"metrics": {"a": 1.0, "b": 2.0}, "program": None, "notes": []}
    other = {"metrics": {"a": 1.5, "c": 0.0}, "program": {"id": "x"}, "notes": []}
    assert differences(one, other) == ["metrics.a", "metrics.b", "metrics.c", "program"]
    assert differences({"a": None}, {}) == ["a"]
    assert differences(one, one) == []


@pytest.mark.slow
@pytest.mark.parametrize("method", ["linear", "masked_leaky_sigmoid"])
def test_measuring_a_committed_row_again_reproduces_its_file(data_cache, method):
    """But for machine fields, on a machine and with libraries like those that it was measured with."""
    jobs, folder = read_suite(SUITES / "tiny.toml")
    job = next(job for job in jobs if job.method == method and job.task == "zfish-tiny/masked" and job.seed == 0)
    runner = Runner(folder)
    known = load(runner.path(job))
    here = Machine.here()
    if (known.machine.system, known.machine.features) != (here.system, here.features):
        pytest.skip(f"it was measured on {known.machine.processor} {known.machine.features}, {known.machine.system}")
    if known.libraries != library_versions():
        pytest.skip("it was measured with other versions of libraries")
    assert not runner.verify([job], 1, quiet).changed


def test_a_search_of_a_suite_that_was_interrupted_goes_on_where_it_was(suite_file, make, monkeypatch):
    suite_file.write_text(TEXT + SEARCH)
    found = []

    def search(plan, folder, progress):
        found.append([path.name for path in folder.iterdir()] if folder.exists() else [])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "log.jsonl").touch()
        if len(found) == 1:
            raise KeyboardInterrupt
        settings = {**plan.settings, "budget": plan.budget.to_json(), "proposer": plan.proposer_settings}
        return None, make(method=MethodRecord(name="modelsmc", kind="search", proposer="finite", settings=settings))

    monkeypatch.setattr(suite, "search", search)
    with pytest.raises(KeyboardInterrupt):
        run(suite_file, keep=lambda job: job.method == "modelsmc")
    _, folder = run(suite_file, keep=lambda job: job.method == "modelsmc")
    assert found == [[], ["log.jsonl"]]
    assert len(list(folder.iterdir())) == 1  # what was begun is gone once its result is there


def test_a_suites_budget_of_many_tokens_is_kept_to_the_last(suite_file):
    suite_file.write_text(TEXT + SEARCH.replace("evaluations = 4", "tokens = 2000001, device_seconds = 1234567.8"))
    (job,) = (job for job in read_suite(suite_file)[0] if job.budget is not None)
    assert (job.budget.tokens, job.budget.device_seconds) == (2_000_001, 1_234_567.8)
