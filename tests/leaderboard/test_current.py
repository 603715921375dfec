"""A suite keeps a result only if measuring again would give the same; whatever differs makes it stale."""

from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest
from zfbench.leaderboard.suite import Job, is_current

from zfbench import scoring
from zfbench.records.limits import Limits
from zfbench.records.result import BENCHMARK_VERSION, Machine, MethodRecord, Result, TaskRecord

TODAY, FORMER = "ab" * 32, "cd" * 32
TASK = SimpleNamespace(data_sha256=TODAY)
JOB = Job("zfish-tiny/driven", "linear", 0, Limits(updates=100, seconds=60.0))


@pytest.fixture
def known():
    """What the job's result would hold if it was measured today."""
    return Result(
        task=TaskRecord(name=JOB.task, track="driven", tier="tiny", data_sha256=TODAY),
        method=MethodRecord(name=JOB.method, kind="baseline"),
        seed=JOB.seed,
        limits=asdict(JOB.limits),
        metrics={},
        metric_versions={"forecast": scoring.VERSIONS["forecast"]},
        libraries={},
        machine=Machine(system="", processor="", cores=1, device="cpu"),
    )


def test_a_result_measured_on_todays_data_with_todays_scores_is_current(known):
    assert is_current(known, TASK, JOB)


def test_a_result_measured_on_other_data_is_stale(known):
    former = known.model_copy(update={"task": known.task.model_copy(update={"data_sha256": FORMER})})
    assert not is_current(former, TASK, JOB)
    assert not is_current(known, SimpleNamespace(data_sha256=FORMER), JOB)


@pytest.mark.parametrize(
    "changed",
    [
        {"benchmark_version": BENCHMARK_VERSION + 1},
        {"metric_versions": {"forecast": scoring.VERSIONS["forecast"] + 1}},
        {"metric_versions": {"abolished": 1}},
        {"limits": asdict(replace(JOB.limits, updates=101))},
        {"seed": 1},
    ],
    ids=["benchmark", "score", "score that is gone", "limits", "seed"],
)
def test_a_result_measured_by_other_rules_is_stale(known, changed):
    assert not is_current(known.model_copy(update=changed), TASK, JOB)
