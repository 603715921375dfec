"""Measuring the runs of suites on the tiny data, with methods and searches that cost nothing."""

from dataclasses import asdict, replace
from threading import Lock

import pytest

from zfbench import scoring
from zfbench.base.errors import ZfbenchError
from zfbench.records.limits import Limits
from zfbench.records.reading import load, load_folder
from zfbench.records.result import BENCHMARK_VERSION
from zfbench.runs import grid
from zfbench.runs.grid import Grid, differences, is_current
from zfbench.runs.methods import make_proposer
from zfbench.runs.plan import Plan
from zfbench.runs.suite import Job
from zfbench.search.budget import Budget
from zfbench.search.eventlog import EventLog

TASK = "zfish-tiny/masked"
LIMITS = Limits(updates=10, seconds=60)


def quiet(job, stage):
    """Watch nothing."""


def baselines(*methods, seeds=(0, 1), limits=LIMITS):
    return [Job(TASK, method, seed, limits, keeps_pictures=seed == 0) for seed in seeds for method in methods]


def search_job(seed=0, budget=None, **options):
    plan = Plan(TASK, "puct", "grammar", budget or Budget(evaluations=4), seed, LIMITS, **options)
    return Job(TASK, "puct", seed, LIMITS, plan)


@pytest.fixture
def folder(tmp_path, data_cache):
    return tmp_path / "out"


@pytest.fixture
def searches(monkeypatch, make, masked):
    """Answers every search with a result of its plan; the folders and plans that were asked for, in order."""
    asked, lock = [], Lock()

    def search(plan, begun, **_):
        with lock:
            asked.append((plan, begun))
        return None, result_of(plan, make, masked)

    monkeypatch.setattr(grid, "search", search)
    return asked


def result_of(plan, make, task, **changes):
    """What a search with this plan comes to."""
    return make(
        method=plan.record.model_copy(update={"proposer_identity": {"prompts": "a hash"}, "future_drive": True}),
        search=plan.options,
        seed=plan.seed,
        track="masked",
        data=task.data_sha256,
        limits=asdict(plan.limits),
        **changes,
    )


def test_an_interrupted_suite_goes_on_and_a_finished_one_measures_nothing(folder):
    jobs = baselines("mask_only", "mean")
    first = Grid(folder).run(jobs[:2], 1, quiet)
    assert [job.method for job in first.measured] == ["mask_only", "mean"]
    second = Grid(folder).run(jobs, 1, quiet)
    assert [(job.method, job.seed) for job in second.measured] == [("mask_only", 1), ("mean", 1)]
    assert len(second.kept) == 2
    third = Grid(folder).run(jobs, 1, quiet)
    assert (third.measured, third.kept) == ([], jobs)
    assert len(load_folder(folder)) == 4


def test_pictures_are_kept_for_the_first_seed_alone(folder):
    Grid(folder).run(baselines("last_value"), 1, quiet)
    kept = {result.seed: result.pictures.keys() for result in load_folder(folder)}
    assert any("example" in name for name in kept[0])
    assert not kept[1]


def test_what_other_limits_measured_is_stale_and_replaced_only_on_request(folder):
    Grid(folder).run(baselines("mask_only"), 1, quiet)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    longer = baselines("mask_only", limits=replace(LIMITS, updates=20))
    report = Grid(folder).run(longer, 1, quiet)
    assert report.stale == longer
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    report = Grid(folder).run(longer, 1, quiet, refresh=True)
    assert report.measured == longer
    assert {r.limits["updates"] for r in load_folder(folder)} == {20}


@pytest.fixture
def known(make, masked):
    """The result of a job, current until something is changed."""
    return make(track="masked", data=masked.data_sha256, limits=asdict(LIMITS))


def test_a_result_of_the_job_on_todays_data_is_current(known, masked):
    assert is_current(known, masked, Job(TASK, "mean", 0, LIMITS))


@pytest.mark.parametrize(
    "change",
    [
        {"benchmark_version": BENCHMARK_VERSION - 1},
        {"metric_versions": {"forecast": scoring.VERSIONS["forecast"] + 1}},
        {"limits": asdict(replace(LIMITS, updates=9))},
        {"limits": asdict(replace(LIMITS, seconds=9.0))},
        {"limits": {}},
        {"seed": 1},
    ],
    ids=str,
)
def test_a_result_with_other_versions_limits_or_seed_is_stale(known, masked, change):
    assert not is_current(known.model_copy(update=change), masked, Job(TASK, "mean", 0, LIMITS))


def test_a_result_on_other_data_is_stale_whatever_else_agrees(known, masked):
    other = known.task.model_copy(update={"data_sha256": "cd" * 32})
    assert not is_current(known.model_copy(update={"task": other}), masked, Job(TASK, "mean", 0, LIMITS))


def test_a_folder_with_a_result_on_other_data_is_stale_and_left_alone(folder):
    (job,) = jobs = baselines("mask_only", seeds=[0])
    whole = Grid(folder)
    whole.run(jobs, 1, quiet)
    assert whole.state(job) == "current"
    result = load(whole.path(job))
    task = result.task.model_copy(update={"data_sha256": "cd" * 32})
    result.model_copy(update={"task": task}).write(whole.path(job))
    assert whole.state(job) == "stale"
    report = whole.run(jobs, 1, quiet)
    assert (report.measured, report.kept, report.stale) == ([], [], jobs)


def test_a_search_by_another_version_of_its_proposer_is_stale(make, masked):
    job = search_job()
    now = make_proposer(job.plan, masked.spec).version
    for version, current in ((now, True), (now + 1, False), (now - 1, False), (None, True)):
        known = result_of(job.plan, make, masked)
        known = known.model_copy(update={"method": known.method.model_copy(update={"proposer_version": version})})
        assert is_current(known, masked, job) == current


def test_where_a_model_was_served_makes_no_result_stale(make, masked):
    """A result records the settings of its proposer's surroundings apart from those that define the method."""
    job = search_job(proposer_settings={"creativity": 0.5, "base_url": "http://here"})
    known = result_of(job.plan, make, masked)
    method = known.method.model_copy(update={"proposer_settings": {"creativity": 0.5}})
    known = known.model_copy(update={"method": method, "surroundings": {"base_url": "http://there"}})
    assert is_current(known, masked, job)
    assert not is_current(known.model_copy(update={"surroundings": {}}), masked, job)


def test_families_of_scores_that_zfbench_does_not_have_make_no_result_stale(known, masked):
    """The versions of a plug-in's own metrics are nothing that zfbench could compare."""
    own = known.model_copy(update={"metric_versions": {**known.metric_versions, "taste": 7}})
    assert is_current(own, masked, Job(TASK, "mean", 0, LIMITS))


@pytest.mark.parametrize(
    "change",
    [
        {"settings": {"c": 2.0}},
        {"proposer_settings": {"c": 2.0}},
        {"budget": Budget(evaluations=5)},
        {"ideas": ("rebound",)},
        {"finalists": 0},
        {"patience": 7},
    ],
    ids=str,
)
def test_a_search_with_other_options_is_stale(make, masked, change):
    result = result_of(search_job().plan, make, masked)
    assert is_current(result, masked, search_job())
    assert not is_current(result, masked, search_job(**change))


def test_a_damaged_and_an_old_result_are_stale(folder, make):
    (job,) = jobs = baselines("mean", seeds=[0])
    whole = Grid(folder)
    assert whole.state(job) == "missing"
    whole.run(jobs, 1, quiet)
    text = whole.path(job).read_text()
    for broken in ("{", text.replace('"schema_version": 3', '"schema_version": 1')):
        whole.path(job).write_text(broken)
        assert whole.state(job) == "stale"


def test_a_search_is_found_again_though_its_proposer_says_more_of_itself_afterwards(folder, searches):
    jobs = [search_job(settings={"c": 2.0})]
    assert Grid(folder).run(jobs, 1, quiet).measured == jobs
    assert Grid(folder).run(jobs, 1, quiet).kept == jobs
    assert len(searches) == 1


def test_two_budgets_live_in_one_folder(folder, searches):
    jobs = [search_job(), search_job(budget=Budget(evaluations=40)), search_job(patience=7)]
    assert Grid(folder).run(jobs, 2, quiet).failed == []
    assert len({begun for _, begun in searches}) == 3
    assert {r.search.budget["evaluations"] for r in load_folder(folder)} == {4, 40}
    assert Grid(folder).run(jobs, 1, quiet).kept == jobs


def test_a_search_that_was_interrupted_goes_on_where_it_was(folder, make, masked, monkeypatch):
    found = []

    def search(plan, begun, **_):
        found.append([path.name for path in begun.iterdir()] if begun.exists() else [])
        begun.mkdir(parents=True, exist_ok=True)
        (begun / "log.jsonl").touch()
        if len(found) == 1:
            raise KeyboardInterrupt
        return None, result_of(plan, make, masked)

    monkeypatch.setattr(grid, "search", search)
    with pytest.raises(KeyboardInterrupt):
        Grid(folder).run([search_job()], 1, quiet)
    Grid(folder).run([search_job()], 1, quiet)
    assert found == [[], ["log.jsonl"]]
    assert [path.suffix for path in folder.iterdir()] == [".json"]  # what was begun is gone once its result is there


@pytest.fixture
def writing(monkeypatch, make, masked):
    """Answers every search with a result, and writes a log, and prompts of a model that the list `writing` names."""
    asked_of_a_model = []

    def search(plan, begun, **_):
        begun.mkdir(parents=True, exist_ok=True)
        with (begun / "log.jsonl").open("a") as log:
            log.write("begun\n")
        if plan.name in asked_of_a_model:
            (begun / "prompts").mkdir(exist_ok=True)
            (begun / "prompts" / "00000.txt").write_text("what was asked and answered")
        return None, result_of(plan, make, masked)

    monkeypatch.setattr(grid, "search", search)
    return asked_of_a_model


def begin(folder, job, *files):
    """Leave what an interrupted search leaves."""
    for path in (folder / f".{job.stem}" / name for name in files):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("an earlier version of the method\n")


def test_refreshing_begins_a_search_anew_that_was_interrupted(folder, tmp_path, writing):
    job = search_job()
    begin(folder, job, "log.jsonl")
    Grid(folder, runs=tmp_path / "runs").run([job], 1, quiet, refresh=True)
    assert (tmp_path / "runs" / job.stem / "log.jsonl").read_text() == "begun\n"
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [job.stem]
    begin(folder, job, "log.jsonl")
    Grid(folder, runs=tmp_path / "runs").run([search_job(seed=1)], 1, quiet, refresh=True)
    assert (folder / f".{job.stem}").exists()  # it is not refreshed, and can be continued


def test_refreshing_leaves_a_search_alone_on_which_another_process_works(folder, writing):
    job = search_job()
    with EventLog(folder / f".{job.stem}" / "log.jsonl"), pytest.raises(ZfbenchError, match="in use by process"):
        Grid(folder).run([job], 1, quiet, refresh=True)
    assert (folder / f".{job.stem}").exists()


def test_folders_of_searches_are_kept_where_they_are_wanted_and_none_is_replaced(folder, tmp_path, writing):
    job, place = search_job(), tmp_path / "runs"
    whole = Grid(folder, runs=place)
    assert whole.run([job, *baselines("mean", seeds=[0])], 1, quiet).folders == [place / job.stem]
    assert whole.run([job], 1, quiet, refresh=True).folders == [place / f"{job.stem}-2"]
    assert sorted(path.name for path in place.iterdir()) == [job.stem, f"{job.stem}-2"]
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_a_folder_that_was_left_hidden_by_a_kill_after_the_result_is_kept_the_next_time(folder, tmp_path, writing):
    job, place = search_job(), tmp_path / "runs"
    Grid(folder).run([job], 1, quiet)
    begin(folder, job, "log.jsonl")  # of a search that is not over, such as one that was being refreshed
    assert Grid(folder, runs=place).run([job], 1, quiet).folders == []
    begin(folder, job, "log.jsonl", "result.json")
    assert Grid(folder, runs=place).run([job], 1, quiet).folders == [place / job.stem]
    assert not (folder / f".{job.stem}").exists()


def test_a_search_that_cannot_begin_anew_is_said_to(folder, monkeypatch, writing):
    job = search_job()
    begin(folder, job, "log.jsonl")
    monkeypatch.setattr("zfbench.runs.begun.shutil.rmtree", lambda *_, **__: None)
    with pytest.raises(ZfbenchError, match=r"of an interrupted search cannot be deleted, .*; delete it"):
        Grid(folder).run([job], 1, quiet, refresh=True)


def test_prompts_are_never_deleted(folder, writing):
    """They cannot be had again; folders without them are deleted unless a folder for them is named."""
    job, other = search_job(), search_job(seed=1)
    writing.append(job.stem)
    kept = folder / ".runs" / job.stem
    assert Grid(folder).run([job, other], 1, quiet).folders == [kept]
    assert (kept / "prompts" / "00000.txt").read_text() == "what was asked and answered"
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == [".runs"]
    begin(folder, job, "log.jsonl", "prompts/00000.txt")
    anew, unfinished = folder / ".runs" / f"{job.stem}-2", folder / ".runs" / f"{job.stem}-unfinished"
    assert Grid(folder).run([job], 1, quiet, refresh=True).folders == [unfinished, anew]
    assert (unfinished / "prompts" / "00000.txt").read_text() == "an earlier version of the method\n"
    assert len(load_folder(folder)) == 2


@pytest.mark.parametrize("inside", [".", "runs", "a/b"])
def test_folders_of_searches_are_not_kept_among_the_results_which_would_be_read_twice(folder, inside, writing):
    with pytest.raises(ZfbenchError, match=r"is in the folder of results .*; name a folder outside it"):
        Grid(folder, runs=folder / inside).run([search_job()], 1, quiet)
    assert not list(folder.glob("*.json"))


def test_a_search_in_which_no_program_worked_ends_the_suite_with_a_sentence(folder, monkeypatch):
    monkeypatch.setattr(grid, "search", lambda *_, **__: (None, None))
    with pytest.raises(ZfbenchError, match=r"No program of puct \+ grammar on .* worked; the event log in"):
        Grid(folder).run([search_job()], 1, quiet)
    assert not list(folder.glob("*.json"))


def test_a_run_that_fails_is_a_result_and_is_counted(folder, make, masked, monkeypatch):
    def search(plan, begun, **_):
        return None, result_of(plan, make, masked, status="timeout")

    monkeypatch.setattr(grid, "search", search)
    report = Grid(folder).run([search_job()], 1, quiet)
    assert report.failed == report.measured
    assert len(report.failed) == 1
    assert [r.status for r in load_folder(folder)] == ["timeout"]


def test_whoever_watches_is_told_the_stages_of_each_job_and_its_end(folder):
    told = []
    Grid(folder).run(baselines("mean"), 2, lambda job, stage: told.append((job.seed, stage)))
    for seed in (0, 1):
        stages = [stage for of, stage in told if of == seed]
        assert stages[0] == "data"
        assert stages[-1] == "done"
        assert "fit" in stages


def test_measuring_again_reproduces_and_a_touched_result_is_found(folder):
    jobs = baselines("mean")
    whole = Grid(folder)
    with pytest.raises(ZfbenchError, match="no result of mean on zfish-tiny/masked, seed 0 to compare with"):
        whole.verify(jobs, 1, quiet)
    whole.run(jobs, 1, quiet)
    assert not whole.verify(jobs, 1, quiet).changed
    result = load(whole.path(jobs[1]))
    result.model_copy(update={"metrics": result.metrics | {"forecast/ood/mae": 0.5}}).write(whole.path(jobs[1]))
    seen = []  # in the order in which things are told

    def watch(job, stage):
        seen.append((job, stage))

    def tell(job, fields):
        seen.append((job, fields))

    found = {jobs[1]: ["metrics.forecast/ood/mae"]}
    assert whole.verify(jobs, 1, watch, tell).changed == found
    told = [(job, word) for job, word in seen if word == "done" or not isinstance(word, str)]
    assert told == [(jobs[0], "done"), *found.items(), (jobs[1], "done")]  # before the command ends
    assert load(whole.path(jobs[1])).metrics["forecast/ood/mae"] == 0.5


def test_refreshing_takes_the_pictures_of_an_older_result_away(folder):
    (job,) = jobs = baselines("last_value", seeds=[0])
    whole = Grid(folder)
    whole.run(jobs, 1, quiet)
    assert load(whole.path(job)).pictures
    Grid(folder).run([replace(job, keeps_pictures=False)], 1, quiet, refresh=True)
    assert not load(whole.path(job)).pictures


def test_differences_are_named_down_to_the_score():
    one = {"metrics": {"a": 1.0, "b": 2.0}, "program": None, "notes": []}
    other = {"metrics": {"a": 1.5, "c": 0.0}, "program": {"id": "x"}, "notes": []}
    assert differences(one, other) == ["metrics.a", "metrics.b", "metrics.c", "program"]
    assert differences({"a": None}, {}) == ["a"]
