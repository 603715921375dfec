"""The suites, claims and results that come with zfbench fit the methods and tasks of this version, and each other."""

import json
from functools import cache

import pytest

from zfbench.base import plugins
from zfbench.base.errors import UnknownNameError, ZfbenchError
from zfbench.base.machine import library_versions
from zfbench.forecasting.baseline import suits
from zfbench.leaderboard import shipped
from zfbench.leaderboard.shipped import RESULTS, SUITES, results_folder, suite_names, suite_path
from zfbench.records.reading import file_name, load, load_folder, result_files
from zfbench.records.result import Machine, Result
from zfbench.runs.grid import Grid
from zfbench.runs.suite import read_suite
from zfbench.runs.tasks import find_task, task_names


@cache
def loaded(task):
    """The task, or where it is of the standard tier the one that is like it and built in seconds."""
    return find_task(task.replace("zfish/", "zfish-tiny/"))


@pytest.mark.parametrize("name", suite_names())
def test_a_shipped_suite_names_tasks_and_methods_that_are_registered(name):
    jobs, _ = read_suite(suite_path(name))
    known = task_names()
    for job in jobs:
        assert job.task in known
        if job.plan is not None:
            assert job.method in plugins.names("discoverer")
            assert job.plan.proposer in plugins.names("proposer")
            assert all(job.plan.budgets)  # it would raise if the finals left nothing to search with
        elif job.method not in loaded(job.task).judge.controls:
            assert suits(plugins.load("baseline", job.method), loaded(job.task).task.spec), job.describe()


@pytest.mark.parametrize("name", suite_names())
def test_a_shipped_suite_explains_itself_in_its_first_line(name):
    first = suite_path(name).read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# ")
    assert len(first) > 40


def test_a_suite_is_found_by_its_name_or_path_and_a_wrong_name_suggests_one(tmp_path, monkeypatch):
    assert suite_path("tiny") == SUITES / "tiny.toml"
    assert suite_path(str(tmp_path / "mine.toml")) == tmp_path / "mine.toml"
    (tmp_path / "tiny").mkdir()
    monkeypatch.chdir(tmp_path)
    assert suite_path("tiny") == SUITES / "tiny.toml"  # a folder of that name is no suite
    with pytest.raises(UnknownNameError, match="no suite 'tiney'; did you mean 'tiny'"):
        suite_path("tiney")


def test_without_the_published_results_a_folder_must_be_named(monkeypatch, tmp_path):
    assert results_folder(None) == RESULTS
    assert results_folder(tmp_path) == tmp_path
    monkeypatch.setattr(shipped, "RESULTS", tmp_path / "absent")
    with pytest.raises(ZfbenchError, match=r"not in this installation; install .* -e \.`, or name a folder of results"):
        results_folder(None)


def test_every_committed_result_has_the_name_of_its_run():
    for path in result_files(RESULTS):
        assert path.name == file_name(load(path))


def test_every_committed_result_is_of_the_present_schema_and_is_read_back_as_it_was_written():
    old = []
    for path in result_files(RESULTS):
        result = load(path)
        assert Result.model_validate_json(result.text(), strict=True) == result
        if json.loads(path.read_text(encoding="utf-8"))["schema_version"] != result.schema_version:
            old.append(path.name)
    assert not old, 'docs/leaderboard.md, "Result files", has the command that writes them anew'


def test_every_committed_result_is_small():
    """At most 12,000 bytes, and 22,000 of a search with finals, beside the program's source, which people read."""
    sizes = {}
    for path in result_files(RESULTS):
        result = load(path)
        source = 0 if result.program is None else len(json.dumps(result.program.source, ensure_ascii=False).encode())
        sizes[path.name] = path.stat().st_size - source - (10_000 if result.search else 0)
    assert {name: size for name, size in sizes.items() if size > 12_000} == {}


def test_every_committed_result_is_of_a_run_of_a_shipped_suite():
    planned = {job.stem for name in suite_names() for job in read_suite(suite_path(name))[0]}
    assert {path.stem for path in result_files(RESULTS)} <= planned


def test_every_result_that_the_tiny_suite_names_is_committed_and_current(data_cache):
    jobs, folder = read_suite(suite_path("tiny"))
    grid = Grid(folder)
    assert {job.describe(): grid.state(job) for job in jobs if grid.state(job) != "current"} == {}
    assert folder == RESULTS


def test_pictures_are_committed_for_the_first_seed_alone():
    jobs, _ = read_suite(suite_path("tiny"))
    by_stem = {job.stem: job.keeps_pictures for job in jobs}
    for result, path in zip(load_folder(RESULTS), result_files(RESULTS), strict=True):
        if path.stem in by_stem:
            forecasts = any(
                name.startswith("forecast/") for name in result.metrics
            )  # a ranking of edges has no picture
            assert bool(result.pictures) == (by_stem[path.stem] and forecasts), path.name


@pytest.mark.parametrize("method", ["last_value", "linear", "mask_only"])
def test_a_committed_result_is_measured_again_to_the_last_digit(data_cache, method):
    jobs, folder = read_suite(suite_path("tiny"))
    job = next(job for job in jobs if job.method == method and job.task == "zfish-tiny/masked" and job.seed == 0)
    grid = Grid(folder)
    known = load(grid.path(job))
    here = Machine.here("none", "none")
    if (known.machine.system, known.machine.features) != (here.system, here.features):
        pytest.skip(f"it was measured on {known.machine.processor} {known.machine.features}, {known.machine.system}")
    if known.libraries | {"zfbench": ""} != library_versions() | {"zfbench": ""}:
        pytest.skip("it was measured with other versions of libraries")
    assert not grid.verify([job], 1, lambda job, stage: None).changed
