"""Suites on the tiny data with methods that cost nothing."""

from pathlib import Path

import pytest

import leaderboard
from leaderboard.load import load, load_folder
from leaderboard.suite import Runner, read_suite, slim
from zfbench.errors import ZfbenchError

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
    assert Runner(folder).verify(mine, 1, quiet).changed == [mine[1]]
    assert load(path).metrics["forecast/ood/mae"] == 0.5


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("seeds = [0, 1]", "seeds = []", r"wrong at block\.0\.seeds"),
        ("updates = 10", "updates = 0", r"wrong at limits\.updates"),
        ("[limits]", "[limits", r"is not TOML"),
        ('results = "out"', 'results = "out"\nmore = 1', r"wrong at more"),
        ("seeds = [0, 1]", 'seeds = [0]\nproposer = "grammar"', r"only one of proposer and budget"),
    ],
)
def test_a_wrong_suite_is_refused_with_the_place(suite_file, before, after, sentence):
    suite_file.write_text(TEXT.replace(before, after))
    with pytest.raises(ZfbenchError, match=sentence) as caught:
        read_suite(suite_file)
    assert "\n" not in str(caught.value)


def test_the_committed_suite_and_its_results_fit(data_cache):
    """Every result that the tiny suite names is committed, valid and current."""
    jobs, folder = read_suite(Path(leaderboard.__file__).parent / "suites" / "tiny.toml")
    runner = Runner(folder)
    assert {runner.state(job) for job in jobs} == {"current"}
    assert len({runner.path(job) for job in jobs}) == len(jobs)
