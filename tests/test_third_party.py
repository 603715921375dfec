"""The example package installs, is found through its entry points, and stands on a board beside shipped methods."""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[1] / "examples" / "third_party"
SUITE = """
results = "results"
limits = {updates = 5, seconds = 120}
[[block]]
tasks = ["zfish-tiny/driven"]
methods = ["annealing"]
proposer = "rates"
budget = {evaluations = 2, updates = 5}
finalists = 0
seeds = [0]
[[block]]
tasks = ["zfish-tiny/driven"]
methods = ["damped", "last_value"]
seeds = [0]
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder into which pip installed the example, without network."""
    folder = tmp_path_factory.mktemp("site-packages")
    if find_spec("pip") is None or find_spec("hatchling") is None:
        pytest.skip("pip and hatchling are needed to install the example")
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run([*command, "--target", folder, EXAMPLE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def zfbench(installed):
    """Runs a command line where the example is installed."""

    def run(*arguments):
        path = os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        program = "import sys; from zfbench.cli.app import main; sys.argv[0] = 'zfbench'; main()"
        return subprocess.run(
            [sys.executable, "-c", program, *map(str, arguments)],
            capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": path, "COLUMNS": "120"},
        )  # fmt: skip

    return run


def test_its_own_tests_pass(installed, tmp_path, data_cache):
    shutil.copytree(EXAMPLE / "tests", tmp_path / "tests")  # where no settings of our tests reach
    path = os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path / "tests"],
        capture_output=True, text=True, check=False, cwd=tmp_path, env=os.environ | {"PYTHONPATH": path},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout


def test_its_methods_are_in_the_list(zfbench):
    listed = json.loads(zfbench("list", "--json").stdout)
    assert "annealing" in listed["discoverers"]
    assert "rates" in listed["proposers"]
    assert "damped" in listed["baselines"]


def test_its_methods_stand_on_a_board_beside_ours(zfbench, tmp_path, data_cache):
    (tmp_path / "suite.toml").write_text(SUITE)
    done = zfbench("suite", "run", tmp_path / "suite.toml", "--out", tmp_path / "results")
    assert "3 measured (0 failed)" in done.stdout, done.stdout + done.stderr
    (board,) = json.loads(zfbench("leaderboard", tmp_path / "results", "--format", "json").stdout)
    skill = {row["method"]: row["scores"]["forecast/id/skill_last_value"]["mean"] for row in board["rows"]}
    assert {name.split(" (")[0] for name in skill} == {"annealing + rates", "damped", "last_value"}
    assert skill["last_value"] == 0
    assert skill["damped"] != 0


def test_the_suite_of_the_example_plans_its_methods_and_shipped_ones():
    from zfbench.runs.suite import read_suite

    jobs, _ = read_suite(EXAMPLE / "suite.toml")
    assert {"annealing", "damped", "best_of_n", "oracle"} <= {job.method for job in jobs}


def annealing(**settings):
    from zfbench.records.program import Program

    sys.path.insert(0, str(EXAMPLE))
    try:
        from zfbench_annealing.annealing import Annealing
    finally:
        sys.path.remove(str(EXAMPLE))
    return Annealing(0, Program("seed"), **settings)


def moves(search, losses):
    """The parent of each request, by the number of the program that it was; None for the seed."""
    from zfbench.records.evaluation import Evaluation
    from zfbench.records.program import Program, Status

    known, parents = {}, []
    for i, loss in enumerate(losses):
        request = search.ask()
        assert request.id == i
        assert search.ask() is None  # one request at a time
        parents.append(known[request.parents[0]] if request.parents else None)
        program = Program(f"x = {i}")
        known[program.id] = i
        search.tell(request, program, Evaluation(Status.OK, loss) if loss is not None else Evaluation(Status.ERROR))
    return parents


def test_annealing_moves_to_what_is_better_and_never_to_what_fails():
    assert moves(annealing(), [0.5, 0.4, None, 0.3, 0.2]) == [None, 0, 1, 1, 3]


def test_annealing_moves_uphill_while_it_is_hot_and_not_when_it_is_cold():
    losses = [0.1, *([0.2] * 40)]
    assert set(moves(annealing(temperature=1e-9), losses)) == {None, 0}
    assert len(set(moves(annealing(temperature=1e9, cooling=1.0), losses))) == 41


@pytest.mark.parametrize("settings", [{"temperature": 0}, {"cooling": 0}, {"cooling": 1.5}])
def test_annealing_refuses_settings_that_it_cannot_work_with(settings):
    from zfbench.base.errors import ZfbenchError

    with pytest.raises(ZfbenchError, match="Annealing cannot work with"):
        annealing(**settings)
