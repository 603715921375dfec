import pytest
from typer.testing import CliRunner
from zfbench.leaderboard.baseline_table import COLUMNS, jobs, spread_table, suitable

from zfbench.base.errors import UnknownNameError, ZfbenchError
from zfbench.cli.app import _add_commands, app
from zfbench.records.limits import Limits
from zfbench.records.reading import load_folder
from zfbench.records.result import Machine, MethodRecord, Result, TaskRecord


def make(name="mean", seed=0, mae=0.25, **changes):
    fields = {
        "task": TaskRecord(
            name="zfish-tiny/driven",
            track="driven",
            tier="tiny",
            circuit="published",
            holdout="outward",
            data_sha256="ab",
        ),
        "method": MethodRecord(name=name, kind="baseline"),
        "seed": seed,
        "metrics": {"forecast/id/mae": mae, "forecast/ood/mae": 2 * mae},
        "metric_versions": {"forecast": 1},
        "libraries": {},
        "machine": Machine(system="s", processor="p", cores=1, device="cpu"),
    }
    return Result(**(fields | changes))


def test_the_table_says_who_is_given_the_future_drive_and_puts_the_best_last(driven):
    table = spread_table([make("linear", mae=0.1), make("mean", mae=0.2)], driven.spec).splitlines()
    assert table[0].split()[:4] == ["method", "future", "drive", "seeds"]
    assert [row.split()[:2] for row in table[-2:]] == [["mean", "no"], ["linear", "yes"]]


def test_a_method_that_failed_with_every_seed_is_a_row_of_dashes(driven):
    row = spread_table([make(status="timeout", metrics={})], driven.spec).splitlines()[-1].split()
    assert row[:4] == ["mean", "(timeout)", "no", "0/1"]
    assert row[4:] == ["-"] * len(COLUMNS)


def test_jobs_are_all_methods_with_the_first_seed_first(driven):
    found = jobs("zfish-tiny/driven", ["last_value", "mean"], range(2), Limits(updates=5))
    assert [(job.method, job.seed) for job in found] == [("last_value", 0), ("mean", 0), ("last_value", 1), ("mean", 1)]
    everything = jobs("zfish-tiny/driven", [], [0], Limits())
    assert [job.method for job in everything] == suitable(driven.spec)


def test_a_method_that_the_task_does_not_suit_is_refused():
    with pytest.raises(ZfbenchError, match="needs more than the task 'zfish-tiny/autonomous' shows"):
        jobs("zfish-tiny/autonomous", ["stimulus"], [0], Limits())
    with pytest.raises(UnknownNameError, match="did you mean 'mean'"):
        jobs("zfish-tiny/driven", ["meann"], [0], Limits())


def test_the_command_measures_three_seeds_and_prints_one_table(tmp_path, data_cache):
    _add_commands()
    methods = ["--method", "mean", "--method", "last_value"]
    done = CliRunner().invoke(app, ["baselines", "--task", "zfish-tiny/driven", *methods, "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    results = load_folder(tmp_path)
    assert sorted((r.method.name, r.seed) for r in results) == [
        (m, s) for m in ("last_value", "mean") for s in range(3)
    ]
    assert {r.limits["updates"] for r in results} == {500}
    rows = {line.split()[0]: line for line in done.output.splitlines() if line.split()[1:3] == ["no", "3"]}
    assert set(rows) == {"mean", "last_value"}
    (error,) = {r.metrics["forecast/id/mae"] for r in results if r.method.name == "last_value"}
    assert f"{error:.4f} ± 0" in rows["last_value"]
    assert "Future drive" in done.output
