import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from zfbench.base import plugins
from zfbench.cli.app import app
from zfbench.sandbox.choose import name_of


def run(*arguments):
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.parametrize(
    "command", [[], ["run"], ["judge"], ["list"], ["show"], ["demo"], ["data", "build"], ["testbed", "show"]]
)
def test_every_command_explains_itself(command):
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert len(result.output) > 200


def test_help_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['zfbench', '--help']\n"
        "from zfbench.cli.app import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'jax', 'flax', 'numba', 'scipy', 'numpy', 'sklearn', 'matplotlib', 'torch'} & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.splitlines()[-1] == "[]"


def test_no_extra_is_imported_before_it_is_needed():
    """Not by loading all that is registered, nor by loading a task."""
    code = (
        "import sys\n"
        "import zfbench.runs.judge, zfbench.runs.search, zfbench.simulators.density\n"
        "from zfbench.base import plugins\n"
        "for kind in plugins.KINDS:\n"
        "    for name in plugins.names(kind): plugins.load(kind, name)\n"
        "for task in ('sir-tiny', 'hodgkin_huxley-tiny', 'mixtures/exact@target:0'):\n"
        "    zfbench.runs.tasks.load_task(task)\n"
        "print(sorted({'torch', 'sbi', 'gluonts', 'tabpfn', 'openai', 'ray', 'jinja2'} & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.splitlines()[-1] == "[]"


def test_list_imports_no_task_and_no_method():
    code = (
        "import sys; sys.argv = ['zfbench', 'list']\n"
        "from zfbench.cli.app import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'jax', 'flax', 'numba', 'scipy', 'sklearn', 'torch'} & set(sys.modules)))"
    )
    if not plugins.declared_task_names("zfish"):
        pytest.skip("zfbench was installed before its tasks were declared; install it again")
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "zfish-tiny/masked" in output
    assert output.splitlines()[-1] == "[]"


def test_declared_task_names_are_those_that_the_families_tell():
    declared = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]["entry-points"]
    for name, value in declared["zfbench.tasks"].items():
        told = {task for task, family in declared["zfbench.task_names"].items() if family == value}
        assert told == set(plugins.load("task", name).names()), "correct [project.entry-points.'zfbench.task_names']"


def test_list_names_everything_registered():
    listing = json.loads(run("list", "--json").output)
    assert "zfish-tiny/masked" in listing["tasks"]
    assert {"oracle", "mask_only", "linear"} <= set(listing["baselines"])
    assert "best_of_n" in listing["discoverers"]
    assert "grammar" in listing["proposers"]
    assert run("list").output.count("\n") > 10


def zfbench(*arguments, cwd):
    """The installed command, as a user runs it."""
    code = "from zfbench.cli.app import main; main()"
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=cwd)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["judge", "none.py", "--task", "zfish-tiny/driven"], "Cannot read the program none.py"),
        (["run", "--task", "zfish-tiny/maskd"], "did you mean 'zfish-tiny/masked'"),
        (["run", "--task", "zfish-tiny/masked", "--discoverer", "bestofn"], "did you mean 'best_of_n'"),
        (["run", "--task", "zfish-tiny/masked", "--budget", "evaluation=3"], "did you mean 'evaluations'"),
        (["run", "--task", "zfish-tiny/masked", "--set", "parent"], "not of the form NAME=VALUE"),
        (["show", "none.json"], "Cannot read none.json"),
        (["data", "build", "--tier", "tinny"], "did you mean 'tiny'"),
        (["testbed", "show", "--condition", "inwards"], "did you mean 'inward'"),
    ],
)
def test_bad_input_gets_one_sentence_and_no_traceback(arguments, sentence, tmp_path, data_cache):
    done = zfbench(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert sentence in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_broken_program_is_a_result_with_its_status(tmp_path, data_cache):
    (tmp_path / "broken.py").write_text("class Model(:\n")
    done = zfbench("judge", "broken.py", "--task", "zfish-tiny/driven", cwd=tmp_path)
    assert done.returncode == 1
    name = "zfish-tiny-driven__broken__seed0.json"
    result = json.loads((tmp_path / name).read_text())
    assert result["status"] == "invalid"
    assert result["metrics"] == []
    assert "line 1" in result["notes"][0]
    shown = zfbench("show", name, cwd=tmp_path)
    assert "class Model(:" in shown.stdout
    assert f"sandbox  {name_of(None)}\n" in shown.stdout
    assert "engine   graph of operations, format 1\n" in shown.stdout
    del result["machine"]["sandbox"], result["machine"]["engine"]
    (tmp_path / name).write_text(json.dumps(result))
    assert zfbench("show", name, cwd=tmp_path).stdout.count("not recorded\n") == 2


def test_a_result_is_named_by_task_and_seed_and_never_replaced(tmp_path, data_cache):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "broken.py").write_text("class Model(:\n")
    judge = ("judge", str(tmp_path / "below" / "broken.py"), "--updates", "7")
    for more in (("--task", "zfish-tiny/driven"), ("--task", "zfish-tiny/driven", "--seed", "1")):
        assert isinstance(run(*judge, *more).exception, SystemExit)
    assert isinstance(run(*judge, "--task", "zfish-tiny/masked").exception, SystemExit)
    written = {path.name: path.read_bytes() for path in (tmp_path / "below").glob("*.json")}
    assert set(written) == {
        "zfish-tiny-driven__broken__seed0.json",
        "zfish-tiny-driven__broken__seed1.json",
        "zfish-tiny-masked__broken__seed0.json",
    }
    second = json.loads(written["zfish-tiny-driven__broken__seed1.json"])
    assert (second["seed"], second["limits"]["updates"]) == (1, 7)
    (tmp_path / "mine.json").write_text("mine")
    for more in ((), ("--out", str(tmp_path / "mine.json"))):
        refused = run(*judge, "--task", "zfish-tiny/driven", *more)
        assert "already there and results are never overwritten" in str(refused.exception)
    assert {path.name: path.read_bytes() for path in (tmp_path / "below").glob("*.json")} == written
    assert (tmp_path / "mine.json").read_text() == "mine"
    assert "published results within 2000 and 300 s" in run(*judge, "--task", "zfish-tiny/masked", "--seed", "5").output


def test_a_refused_budget_leaves_no_folder_and_an_unknown_method_is_refused_before_data_are_built(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    search = ("run", "--task", "mixtures/exact@target:0", "--out", "out")
    assert "no limit" in str(run(*search, "--proposer", "finite", "--budget", "tokens=1").exception)
    monkeypatch.setenv("ZFBENCH_CACHE", str(tmp_path / "cold"))
    assert "did you mean 'puct'" in str(run("run", "--task", "zfish-tiny/driven", "--discoverer", "puckt").exception)
    assert list(tmp_path.iterdir()) == []


def test_settings_that_a_method_does_not_have_are_named_with_those_that_it_has(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused = run("run", "--task", "mixtures/exact@target:0", "--discoverer", "puct", "--set", "d=1")
    assert "does not take these settings" in str(refused.exception)
    assert "its settings are: c=" in str(refused.exception)


def test_the_larva_can_be_drawn(tmp_path, data_cache):
    done = zfbench("testbed", "show", "--condition", "left", "--seconds", "2", "--out", "larva.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "larva.png").read_bytes().startswith(b"\x89PNG")
    assert [p.name for p in tmp_path.iterdir()] == ["larva.png"]


def test_a_short_search_runs_judges_and_resumes(tmp_path, data_cache):
    arguments = [
        *("run", "--task", "zfish-tiny/masked", "--budget", "evaluations=2", "--budget", "updates=20"),
        *("--updates", "20", "--out", "search"),
    ]
    first = zfbench(*arguments, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "2 evaluations" in first.stdout
    folder = tmp_path / "search"
    result = json.loads((folder / "result.json").read_text())
    assert (result["method"]["name"], result["method"]["proposer"]) == ("best_of_n", "grammar")
    assert result["method"]["settings"] == {}
    assert result["search"]["budget"] == {"evaluations": 2, "updates": 20}
    assert result["finals"] == []  # too few evaluations for a last round
    assert result["program"]["source"] == (folder / "best.py").read_text()
    assert result["spend"]["evaluations"] == 2
    log = (folder / "log.jsonl").read_bytes()
    assert zfbench(*arguments, cwd=tmp_path).returncode == 0
    assert (folder / "log.jsonl").read_bytes() == log  # a finished search is not run again
    again = json.loads((folder / "result.json").read_text())
    assert again["metrics"] == result["metrics"]


def test_contract_of_a_task_says_what_its_programs_are_given():
    said = CliRunner().invoke(app, ["contract", "--task", "sir"])
    assert said.exit_code == 0
    assert "beta ~ U[0, 2]" in said.output
    assert "def step(key, state, parameters, context, t)" in said.output
