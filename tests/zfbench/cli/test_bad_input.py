"""Every command over bad input: it ends with a sentence, never with a traceback."""

import shutil
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from zfbench.base.errors import ZfbenchError
from zfbench.cli.app import app
from zfbench.leaderboard import shipped
from zfbench.leaderboard.table_files import file_of
from zfbench.tasks.zfish_table.family import FOLDER as TABLES

CORPUS = Path(__file__).resolve().parent / "corpus"
FILES = sorted(p.relative_to(CORPUS).as_posix() for p in CORPUS.iterdir() if p.name != "README.md")
NO_FILES = (
    "missing.py",
    "missing/below.json",
    "missing.toml",
    "x" * 5_000,
    "[/old].json",
    "a\nb.toml",
    "nul\0.json",
    ".",
)
PATHS = (*FILES, *NO_FILES)
TASK = ("--task", "zfish-tiny/driven")
SEARCH = ("run", "--task", "mixtures/exact@target:0", "--out", "OUT")
READERS = {  # every command that reads a file or a folder; PATH stands for it, OUT for a new place
    "judge": ("judge", "PATH", "--task", "mixtures/exact@target:0", "--out", "OUT"),
    "show": ("show", "PATH"),
    "show with a picture": ("show", "PATH", "--picture", "OUT"),
    "replay": ("replay", "PATH"),
    "resume": ("resume", "PATH"),
    "prompt": ("prompt", "PATH"),
    "validate": ("validate", "PATH"),
    "leaderboard": ("leaderboard", "PATH"),
    "leaderboard of two": ("leaderboard", "PATH", "PATH"),
    "leaderboard page": ("leaderboard", "PATH", "--html", "OUT"),
    "publish": ("publish", "PATH", "--check"),
    "claims": ("claims", "check", "PATH"),
    "claims in a folder": ("claims", "check", "--claims", "PATH"),
    "suite run": ("suite", "run", "PATH", "--out", "OUT"),
    "suite show": ("suite", "show", "PATH"),
    "suite verify": ("suite", "verify", "PATH", "--out", "OUT"),
    "mixtures": ("mixtures", "PATH", "--out", "OUT"),
    "channels": ("channels", "PATH"),
    "searches": ("searches", "PATH"),
    "judge-run": ("judge-run", "PATH"),
    "table fidelity": ("table", "fidelity", "PATH"),
    "table pack": ("table", "pack", "PATH", "--to", "OUT"),
    "table report": ("table", "report", "PATH", "PATH", "--to", "OUT"),
    "table report with lengths": (
        "table",
        "report",
        f"{TABLES}/{file_of('zfish-table/masked', 'race')}",
        f"{TABLES}/{file_of('zfish-table/masked', 'landscape')}",
        "--fidelity",
        "PATH",
        "--to",
        "OUT",
    ),
    "hints": (*SEARCH, "--hint", "@PATH", "--budget", "evaluations=nonsense"),
    "programs of finite": (
        *SEARCH,
        "--proposer",
        "finite",
        "--proposer-set",
        'programs=["PATH"]',
        "--budget",
        "tokens=1",
    ),
    "a run to replay": (*SEARCH, "--proposer", "replay", "--proposer-set", "log=PATH"),
    "prompts": (*SEARCH, "--proposer", "llm", "--proposer-set", "model=m", "--proposer-set", "prompts=PATH"),
}
IN_THE_WAY = {  # every command that writes; OUT is a file where a folder should be, or a folder where a file should be
    "run": ("run", "--task", "mixtures/exact@target:0", "--proposer", "finite", "--out", "FILE"),
    "serve": ("serve", "--task", "mixtures/exact@target:0", "--out", "FILE"),
    "suite run": ("suite", "run", "SUITE", "--out", "FILE"),
    "judge": ("judge", "PROGRAM", "--task", "mixtures/exact@target:0", "--out", "FOLDER"),
    "leaderboard page": ("leaderboard", "RESULT", "--html", "FILE"),
    "publish": ("publish", "FILE"),
    "publish into an empty folder": ("publish", "FOLDER", "--check"),
}
COMMAND = get_command(app)  # built once: for every call anew it takes longer than the call
NAMES = ("", "[/old]", "a\nb", "x" * 5_000, "-1", "../..", "@holdout:", "\0", "\ud800")
NAMED = {  # every command that takes a name or a number; NAME stands for it
    "list": ("list", "NAME"),
    "contract": ("contract", "--task", "NAME"),
    "judge": ("judge", "PROGRAM", "--task", "NAME"),
    "judge with a seed": ("judge", "PROGRAM", *TASK, "--seed", "NAME"),
    "judge in a sandbox": ("judge", "PROGRAM", *TASK, "--sandbox", "NAME", "--out", "OUT"),
    "judge on a device": ("judge", "PROGRAM", *TASK, "--device", "NAME", "--out", "OUT"),
    "run on a task": ("run", "--task", "NAME", "--out", "OUT"),
    "run with a discoverer": (*SEARCH, "--discoverer", "NAME"),
    "run with a proposer": (*SEARCH, "--proposer", "NAME"),
    "run with a budget": (*SEARCH, "--budget", "NAME"),
    "run with a number": (*SEARCH, "--budget", "evaluations=NAME"),
    "run with tokens": (*SEARCH, "--proposer", "finite", "--budget", "tokens=NAME"),
    "run with a setting": (*SEARCH, "--discoverer", "puct", "--set", "c=NAME"),
    "run with a setting of its own": (*SEARCH, "--set", "NAME=1", "--discoverer", "puct"),
    "run with an executor": (*SEARCH, "--executor", "NAME"),
    "run with an address": (*SEARCH, "--ray-address", "NAME"),
    "run with an endpoint": (
        *SEARCH,
        "--proposer",
        "llm",
        "--proposer-set",
        "model=m",
        "--proposer-set",
        "base_url=NAME",
    ),
    "serve": ("serve", "--task", "NAME", "--out", "OUT"),
    "serve at a port": ("serve", *TASK, "--port", "NAME"),
    "prompt": ("prompt", "--task", "NAME", "--proposer-set", "model=m"),
    "prompt of a proposer": ("prompt", *TASK, "--proposer", "NAME"),
    "check-plugin": ("check-plugin", "NAME"),
    "identify": ("identify", "NAME", "--out", "OUT"),
    "gap": ("gap", "NAME", "masked_mlp"),
    "gap of a program": ("gap", "zfish-tiny/masked", "NAME"),
    "identify a kind": ("identify", "zfish-tiny/masked", "--kind", "NAME", "--out", "OUT"),
    "table build": ("table", "build", "NAME", "--out", "OUT"),
    "table build of a stage": ("table", "build", "zfish-tiny/masked", "--stage", "NAME", "--out", "OUT"),
    "table build of a part": ("table", "build", "zfish-tiny/masked", "--part", "NAME", "--out", "OUT"),
    "table race": ("table", "race", "NAME", "--out", "OUT"),
    "table race of a method": ("table", "race", "zfish-tiny/masked", "--method", "NAME", "--out", "OUT"),
    "table landscape": ("table", "landscape", "NAME", "--out", "OUT"),
    "doctor": ("doctor", "NAME"),
    "demo": ("demo", "NAME"),
    "check-plugin of a kind": ("check-plugin", "best_of_n", "--kind", "NAME"),
    "data build": ("data", "build", "--tier", "NAME"),
    "data verify": ("data", "verify", "--tier", "NAME"),
    "data show": ("data", "show", "--tier", "NAME"),
    "testbed show": ("testbed", "show", "--condition", "NAME", "--out", "OUT"),
    "leaderboard of a task": ("leaderboard", "RESULT", "--task", "NAME"),
    "leaderboard of a track": ("leaderboard", "RESULT", "--track", "NAME"),
    "leaderboard in a format": ("leaderboard", "RESULT", "--format", "NAME"),
    "claims": ("claims", "check", "RESULT", "--id", "NAME"),
    "suite run": ("suite", "run", "NAME", "--out", "OUT"),
    "suite of a method": ("suite", "run", "tiny", "--method", "NAME", "--out", "OUT"),
    "no command": ("NAME",),
}


@pytest.fixture
def call(tmp_path, monkeypatch, make, data_cache):
    """Runs a command in a folder with a result, a program and a suite; what it raises is its sentence, or a fault."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZFBENCH_LLM_API_KEY", "none")
    monkeypatch.setattr("typer.testing._get_command", lambda _: COMMAND)
    (tmp_path / "result.json").write_text(make(metrics={"forecast/id/mae": 0.25}).text())
    (tmp_path / "program.py").write_text("class Model(:\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "suite.toml").write_text(
        'results = "out"\nlimits = {updates = 1, seconds = 60}\n'
        '[[block]]\ntasks = ["zfish-tiny/driven"]\nmethods = ["last_value"]\nseeds = [0]\n'
    )
    places = {"OUT": "out", "RESULT": "result.json", "PROGRAM": "program.py", "FOLDER": "folder", "FILE": "file"}
    places |= {"SUITE": "suite.toml"}

    def run(arguments, **given):
        for word, value in (places | given).items():
            arguments = [argument.replace(word, value) for argument in arguments]
        done = CliRunner().invoke(app, arguments)
        said = " ".join((done.output if done.exit_code == 2 else str(done.exception)).split())
        if done.exception is not None and not isinstance(done.exception, ZfbenchError | SystemExit):
            raise AssertionError(f"{arguments} printed a traceback") from done.exception
        return done, said

    return run


@pytest.mark.parametrize("command", READERS)
def test_no_file_or_folder_makes_a_command_print_a_traceback(call, command, monkeypatch, tmp_path):
    if command == "validate":  # which reads all published results again for each file
        shutil.copytree(shipped.RESULTS, tmp_path / "some", ignore=lambda _, names: sorted(names)[5:])
        monkeypatch.setattr(shipped, "RESULTS", tmp_path / "some")
    for path in PATHS:
        given = str(CORPUS / path) if path in FILES else path
        done, said = call(READERS[command], PATH=given)
        if isinstance(done.exception, ZfbenchError):
            assert said.endswith((".", "?")), said


@pytest.mark.parametrize("command", NAMED)
def test_no_name_makes_a_command_print_a_traceback(call, command):
    for name in NAMES:
        done, said = call(NAMED[command], NAME=name)
        if isinstance(done.exception, ZfbenchError):
            assert len(said) < 20_000


@pytest.mark.parametrize("command", IN_THE_WAY)
def test_what_is_in_the_way_is_named_and_stays(call, command, tmp_path):
    done, said = call(IN_THE_WAY[command])
    assert isinstance(done.exception, ZfbenchError), said
    assert "file" in said or "folder" in said
    assert (tmp_path / "file").read_text() == "in the way"
    assert (tmp_path / "folder").is_dir()


def test_a_program_of_the_corpus_that_reaches_the_judge_is_a_result_with_a_sentence(call, tmp_path):
    judged = 0
    for path in (name for name in FILES if name.endswith(".py")):
        done, _ = call(("judge", "PATH", *TASK, "--out", f"{path}.json"), PATH=str(CORPUS / path))
        if not isinstance(done.exception, ZfbenchError):
            assert "invalid" in done.output
            assert (tmp_path / f"{path}.json").exists()
            judged += 1
    assert judged >= 4


def test_every_command_is_tried():
    tried = {arguments[0] for cases in (READERS, IN_THE_WAY, NAMED) for arguments in cases.values()}
    assert set(COMMAND.commands) <= tried
