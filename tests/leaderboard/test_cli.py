import json
import shutil
from dataclasses import asdict

import numpy as np
import pytest
from typer.testing import CliRunner

from zfbench.base.errors import ZfbenchError
from zfbench.cli.app import app
from zfbench.leaderboard import shipped
from zfbench.leaderboard.shipped import RESULTS
from zfbench.records.reading import add, load
from zfbench.runs.grid import Grid
from zfbench.runs.tasks import load_task
from zfbench.scoring import VERSIONS


def call(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture
def folder(tmp_path, make):
    for i in range(3):
        add(tmp_path / "r", make(seed=i, metrics={"forecast/ood/mae": 0.2 + i / 100}))
    add(tmp_path / "r", make("oracle", kind="control", metrics={"forecast/ood/mae": 0.0}))
    return tmp_path / "r"


def test_a_track_that_no_result_has_is_named_with_those_that_there_are(folder):
    done = call("leaderboard", folder, "--track", "masked")
    assert str(done.exception).endswith("of that task and track; tasks: zfish-tiny/driven; tracks: driven.")


def test_validate_counts_what_is_right_and_names_every_fault(tmp_path, data_cache):
    folder = tmp_path / "r"
    folder.mkdir()
    for name in ("linear", "oracle", "driven_mlp"):
        shutil.copy(RESULTS / f"zfish-tiny-driven__{name}__seed0.json", folder)
    done = call("validate", folder)
    assert (done.exit_code, done.stdout) == (0, "3 valid results, 0 faults\n")
    (folder / "torn.json").write_text("{")
    oracle = load(next(folder.glob("*oracle*"))).model_dump(mode="json")
    (folder / "wrong.json").write_text(json.dumps(oracle | {"seed": -1}))
    lift = oracle["metrics"] | {"connectivity/wiring/lift": 7.0}
    (folder / "impossible.json").write_text(json.dumps(oracle | {"metrics": lift, "seed": 3}))
    done = call("validate", folder)
    assert done.exit_code == 1
    assert "3 valid results, 4 faults" in done.output  # a lift of 7 is out of bounds and not that of its precision
    for name in ("torn.json", "wrong.json", "impossible.json"):
        assert any(name in line and "how to fix it" in line for line in done.output.splitlines())


def test_validate_says_what_it_cannot_compare_where_the_published_results_are_not_installed(
    tmp_path, monkeypatch, data_cache
):
    shutil.copy(RESULTS / "zfish-tiny-driven__oracle__seed0.json", tmp_path)
    assert "Not compared" not in call("validate", tmp_path).output
    monkeypatch.setattr(shipped, "RESULTS", tmp_path / "absent")
    done = call("validate", tmp_path)
    assert (done.exit_code, done.stdout) == (0, "1 valid results, 0 faults\n")
    assert "Not compared with published results: the published results are in the repository and not" in done.stderr
    assert "install zfbench from a checkout with `python -m pip install -e .`" in done.stderr


@pytest.mark.parametrize("style", ["text", "markdown", "latex", "csv", "json", "html"])
def test_every_format_shows_method_and_oracle(folder, style):
    done = call("leaderboard", folder, "--format", style)
    assert done.exit_code == 0
    assert "mean" in done.stdout
    assert "oracle" in done.stdout


def test_several_folders_are_one_table_and_the_published_results_stand_beside_them(folder, tmp_path, make, monkeypatch):
    add(tmp_path / "mine", make("annealing", metrics={"forecast/ood/mae": 0.1}))
    shown = call("leaderboard", folder, tmp_path / "mine").stdout
    assert shown.count("benchmark version") == 1
    assert all(name in shown for name in ("annealing", "mean", "oracle"))
    monkeypatch.setattr("zfbench.leaderboard.shipped.RESULTS", folder)
    assert call("leaderboard", tmp_path / "mine", "--with-published").stdout == shown
    assert "oracle" not in call("leaderboard", tmp_path / "mine").stdout
    assert "oracle" in call("leaderboard").stdout
    assert call("leaderboard", folder, folder, tmp_path / "mine").stdout == shown  # the same file is read once


def test_a_row_that_is_not_comparable_says_why(folder, tmp_path, make):
    limits = {"updates": 2000, "seconds": 600, "memory_bytes": 2**33}
    add(tmp_path / "slow", make("annealing", metrics={"forecast/ood/mae": 0.1}, limits=limits))
    sentence = (
        "Not comparable: the rows of zfish-tiny/driven and those of an earlier table differ in: limit of seconds of "
        "a training (600 here, 300 there)."
    )
    for style in ("text", "markdown", "latex", "html"):
        done = call("leaderboard", folder, tmp_path / "slow", "--format", style)
        below = done.stdout[done.stdout.index("annealing") :]
        assert sentence in below
        assert done.stderr == ""
    for style in ("csv", "json"):
        done = call("leaderboard", folder, tmp_path / "slow", "--format", style)
        assert "Not comparable" not in done.stdout
        assert done.stderr.strip() == sentence
    assert "Not comparable" not in call("leaderboard", folder).stdout


def test_unknown_names_are_one_sentence(folder):
    for arguments, sentence in (
        (("--format", "markdow"), "did you mean 'markdown'"),
        (("--track", "nowhere"), "No result in"),
    ):
        done = call("leaderboard", folder, *arguments)
        assert isinstance(done.exception, ZfbenchError)
        assert sentence in str(done.exception)


def test_a_suite_is_filtered_by_task_method_and_seed(tmp_path, data_cache):
    path = tmp_path / "s.toml"
    path.write_text(
        """results = "out"
limits = {updates = 1, seconds = 60}
[[block]]
tasks = ["zfish-tiny/masked", "zfish-tiny/driven"]
methods = ["mask_only", "mean"]
seeds = [0, 1]
"""
    )
    done = call("suite", "run", path, "--task", "zfish-tiny/masked", "--method", "mask_only", "--seed", 1)
    assert done.stdout.startswith("1 measured")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["zfish-tiny-masked__mask_only__seed1.json"]
    for option, name in (("--task", "zfish-tiny/drivn"), ("--method", "mea")):
        assert "did you mean" in str(call("suite", "run", path, option, name).exception)


def test_a_search_of_a_suite_is_replayed_from_the_folder_in_which_it_was_kept(tmp_path, data_cache):
    path, runs = tmp_path / "s.toml", tmp_path / "runs"
    path.write_text(
        """results = "out"
limits = {updates = 2000, seconds = 300}
[[block]]
tasks = ["zfish-table/masked"]
methods = ["best_of_n"]
proposer = "table"
budget = {evaluations = 3}
finalists = 0
seeds = [0]
"""
    )
    done = call("suite", "run", path, "--runs", runs)
    (kept,) = runs.iterdir()
    assert f"1 folder of a search is kept in {runs}" in done.stdout
    assert [p.name for p in (tmp_path / "out").iterdir()] == [f"{kept.name}.json"]
    assert "result.json agrees." in call("replay", kept).stdout
    assert "kept" not in call("suite", "run", path, "--out", tmp_path / "others").stdout
    assert [p.name for p in (tmp_path / "others").iterdir()] == [f"{kept.name}.json"]


def test_old_results_are_refused_by_every_command_that_reads_them(folder):
    path = next(folder.glob("*oracle*"))
    path.write_text(path.read_text().replace('"schema_version": 3', '"schema_version": 1'))
    for arguments in (("leaderboard", folder), ("claims", "check", folder), ("show", path)):
        refusal = call(*arguments).exception
        assert isinstance(refusal, ZfbenchError)
        assert "`zfbench suite run`" in str(refusal)
    done = call("validate", folder)
    assert done.exit_code == 1
    assert "`zfbench suite run`" in done.output


def test_results_under_several_versions_of_a_metric_are_told_apart(folder, make):
    add(folder / "later", make(seed=1, metrics={"forecast/ood/mae": 0.7}, metric_versions={"forecast": 99}))
    shown = call("leaderboard", folder).stdout
    assert f"metrics: forecast version {VERSIONS['forecast']}" in shown
    assert "metrics: forecast version 99" in shown


def test_a_suite_can_be_listed_shown_and_verified(tmp_path, data_cache):
    assert {line.split()[0] for line in call("suite", "list").stdout.splitlines()} >= {"tiny", "demo", "discoverers"}
    path = tmp_path / "s.toml"
    path.write_text(
        """results = "out"
limits = {updates = 1, seconds = 60}
[[block]]
tasks = ["zfish-tiny/masked"]
methods = ["mask_only"]
seeds = [0]
"""
    )
    assert call("suite", "show", path).stdout.strip() == path.read_text().strip()
    assert call("suite", "run", path).stdout.startswith("1 measured (0 failed), 0 were already in")
    assert call("suite", "run", path).stdout.startswith("0 measured (0 failed), 1 were already in")
    assert call("suite", "verify", path).exit_code == 0
    (written,) = (tmp_path / "out").glob("*.json")
    written.write_text(written.read_text().replace('"notes": []', '"notes": ["touched"]'))
    done = call("suite", "verify", path)
    assert done.exit_code == 1
    assert "differs: mask_only on zfish-tiny/masked, seed 0: notes" in done.stdout


@pytest.fixture
def demo_of_three(tmp_path, make, data_cache, monkeypatch):
    """The demo's command with a suite of three methods that cost nothing, and the jobs that were measured."""
    quick = tmp_path / "quick.toml"
    quick.write_text(
        """results = "out"
limits = {updates = 1, seconds = 60}
[[block]]
tasks = ["zfish-tiny/driven"]
methods = ["oracle", "linear", "last_value"]
seeds = [0]
"""
    )
    data = load_task("zfish-tiny/driven").data_sha256
    measured = []

    def measure(self, job, stage, begun):
        measured.append(job.method)
        pictures = {
            "forecast/ood/example/MN": np.linspace(0, 1, 9, dtype=np.float16),
            "connectivity/mean_jacobian": np.eye(41, dtype=np.float16),
        }
        metrics = {"forecast/id/mae": 0.25, "forecast/ood/mae": 0.5}
        made = make(job.method, data=data, limits=asdict(job.limits), metrics=metrics)
        return made.with_pictures(pictures)

    monkeypatch.setattr("zfbench.leaderboard.shipped.suite_path", lambda name: {"demo": quick}[name])
    monkeypatch.setattr(Grid, "measure", measure)

    def run():
        measured.clear()
        done = call("demo", "--out", tmp_path / "demo", "--workers", 1)
        assert done.exit_code == 0, done.output
        return done.stdout, measured

    return run


def test_the_demo_prints_a_table_for_each_track_and_draws_three_pictures(demo_of_three, tmp_path):
    shown, measured = demo_of_three()
    assert measured == ["oracle", "linear", "last_value"]
    assert [line.strip() for line in shown.splitlines() if line.startswith("track ")] == ["track driven"]
    assert {line.split()[0] for line in shown.splitlines() if line.strip()} >= set(measured)
    assert sum(line.startswith("wrote ") for line in shown.splitlines()) == 4
    for name in ("traces.png", "connectivity.png", "id_vs_ood.png"):
        assert (tmp_path / "demo" / name).read_bytes().startswith(b"\x89PNG")


def test_a_second_demo_uses_what_is_there_and_measures_again_what_no_longer_fits(demo_of_three, tmp_path):
    demo_of_three()
    last, linear, oracle = sorted((tmp_path / "demo" / "results").glob("*.json"))
    assert demo_of_three()[1] == []
    linear.write_text(linear.read_text().replace('"updates": 1.0', '"updates": 9.0'))
    last.write_text("{")
    kept = oracle.read_bytes()
    assert demo_of_three()[1] == ["linear", "last_value"]
    assert oracle.read_bytes() == kept


def test_strict_fails_unless_every_claim_is_supported(tmp_path, make):
    for seed in range(10):
        add(
            tmp_path / "r", make("driven_mlp", kind="program", seed=seed, metrics={"forecast/id/mae": 0.1 + seed / 1e4})
        )
    claim = """id = "{}"
source = "s"
text = "t"
[[tests]]
left = {{method = "driven_mlp", task = "zfish-tiny/driven"}}
right = {}
metric = "forecast/id/mae"
relation = "lower"
effect = 0.0
"""
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / "good.toml").write_text(claim.format("good", 0.2))
    arguments = ("claims", "check", tmp_path / "r", "--claims", tmp_path / "claims")
    assert call(*arguments, "--strict").exit_code == 0
    (tmp_path / "claims" / "bad.toml").write_text(claim.format("bad", 0.05))
    assert call(*arguments).exit_code == 0
    assert call(*arguments, "--strict").exit_code == 1
    assert call(*arguments, "--strict", "--id", "good").exit_code == 0
    (tmp_path / "claims" / "bad.toml").write_text(claim.format("bad", 0.05) + "must_support = {left = 0.06}")
    assert "By the outcomes of must_support, test 1 is refuted" in str(call(*arguments).exception)


def test_shipped_claims_are_checked_on_the_first_results_of_ones_own(folder):
    done = call("claims", "check", folder)
    assert done.exit_code == 0
    lines = [line.strip() for line in done.stdout.splitlines()]
    how = [line for line in lines if line.startswith(("zfbench ", "for seed ", "python -c "))]
    assert len(how) > 10
    assert all(f"--out {folder}" in line or f', "{folder}")' in line for line in how)
    records = json.loads(call("claims", "check", folder, "--json").stdout)
    assert {m["command"] for r in records for t in r["tests"] for m in t["missing"]} == set(how)
