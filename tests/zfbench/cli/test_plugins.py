"""Packages of other people may be broken, doubled or too bold: no command of zfbench suffers from them."""

import os
import re
import subprocess
import sys

import pytest

from zfbench.base import plugins
from zfbench.base.errors import ZfbenchError

COMMAND = 'def mine() -> None:\n    """Mine."""\n    print("my command")\n'


@pytest.fixture
def zfbench(package, tmp_path):
    """Runs the installed command with the packages on the path, outside the checkout."""

    def call(*arguments):
        path = os.pathsep.join(filter(None, [str(tmp_path / "site-packages"), os.environ.get("PYTHONPATH")]))
        done = subprocess.run(
            [sys.executable, "-c", "from zfbench.cli.app import main; main()", *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": path, "COLUMNS": "200", "NO_COLOR": "1"},
        )
        assert "Traceback" not in done.stderr
        return done

    return call


def still_works(zfbench):
    """Version, help and list; what they said on standard error."""
    version, helped, listed = (zfbench(argument) for argument in ("--version", "--help", "list"))
    assert re.fullmatch(r"\d+\.\d+.*\n", version.stdout)
    assert all(re.search(rf"\b{command}\b", helped.stdout) for command in ("run", "judge", "leaderboard", "suite"))
    assert "zfish-tiny/masked" in listed.stdout
    assert [done.returncode for done in (version, helped, listed)] == [0, 0, 0]
    return version.stderr


def sentences(done):
    """What a command that fails says, one line each."""
    assert done.returncode == 1
    return done.stderr.strip().splitlines()


def test_a_command_of_another_package_is_one_of_zfbench(zfbench, package):
    package("good", COMMAND, commands="mine = good_mod:mine")
    assert still_works(zfbench) == ""
    assert "mine" in zfbench("--help").stdout
    assert zfbench("mine").stdout == "my command\n"


def test_a_group_of_commands_of_another_package_is_one_of_zfbench(zfbench, package):
    module = f"import typer\n{COMMAND}\n\ndef other() -> None:\n    'Other.'\n\napp = typer.Typer()\n"
    module += "app.command('mine')(mine)\napp.command('other')(other)\n"
    package("group", module, commands="group = group_mod:app")
    assert zfbench("group", "mine").stdout == "my command\n"


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        ("import not_there\n", "ModuleNotFoundError: No module named 'not_there'"),
        ("def f(:\n", "SyntaxError"),
        ("raise RuntimeError('CUDA driver too old [/old]')\n", "RuntimeError: CUDA driver too old [/old]"),
        ("x = 1\n", "AttributeError"),
        ("cmd = 3\n", "TypeError"),
        ("def cmd(odd: 'nowhere'): pass\n", "NameError: name 'nowhere' is not defined"),
        ("import typer\ncmd = typer.Typer()\n", "RuntimeError: Could not get a command for this Typer instance"),
        ("raise SystemExit('bye')\n", "SystemExit: bye"),
    ],
    ids=[
        "missing import",
        "syntax",
        "runtime error",
        "missing attribute",
        "no function",
        "unreadable function",
        "empty group",
        "exit",
    ],
)
def test_a_broken_command_says_why_and_stops_no_other(zfbench, package, module, reason):
    package("broken", module, commands="mine = broken_mod:cmd")
    assert still_works(zfbench) == ""
    (sentence,) = sentences(zfbench("mine"))
    assert "The command 'mine' (broken_mod:cmd)" in sentence
    assert reason in sentence
    assert "update or uninstall its package" in sentence


def test_a_command_that_two_packages_claim_is_neithers(zfbench, package):
    for name in ("first", "second"):
        package(name, COMMAND, commands=f"mine = {name}_mod:mine")
    assert still_works(zfbench) == ""
    (sentence,) = sentences(zfbench("mine"))
    assert "is claimed by first_mod:mine and second_mod:mine; uninstall one of the packages" in sentence


@pytest.mark.parametrize("name", ["run", "list", "suite", "claims"])
def test_a_reserved_command_is_left_out_by_name_and_ours_stays(zfbench, package, name):
    package("bold", COMMAND, commands=f"{name} = bold_mod:mine")
    said = still_works(zfbench).splitlines()
    assert len(said) == 1
    assert f"the command '{name}' of bold_mod:mine is not available" in said[0]
    assert "my command" not in zfbench(name, "--help").stdout
    assert "Mine." not in zfbench(name, "--help").stdout


def test_a_task_family_that_cannot_be_imported_is_left_out_of_the_list_with_a_sentence(zfbench, package):
    package("badtask", "import not_there\n", tasks="mytask = badtask_mod:FAMILY")
    still_works(zfbench)
    (sentence,) = zfbench("list").stderr.strip().splitlines()
    assert "The task 'mytask' (badtask_mod:FAMILY) cannot be imported" in sentence
    assert '"zfish-tiny/masked"' in zfbench("list", "--json").stdout


def test_list_check_imports_everything_and_names_what_is_broken(zfbench, package):
    assert zfbench("list", "--check").returncode == 0
    package("badmethod", "raise RuntimeError('CUDA driver too old')\n", discoverers="mine = badmethod_mod:D")
    assert zfbench("list").returncode == 0
    (sentence,) = sentences(zfbench("list", "--check"))
    assert "The discoverer 'mine' (badmethod_mod:D) cannot be imported (RuntimeError: CUDA driver too old)" in sentence


def test_names_of_tasks_that_a_package_declares_are_listed_without_importing_it(zfbench, package):
    names = "declared-tiny/easy = declared_mod:FAMILY\ndeclared-tiny/hard = declared_mod:FAMILY"
    package("declared", "raise RuntimeError('imported')\n", tasks="declared = declared_mod:FAMILY", task_names=names)
    done = zfbench("list")
    assert (done.returncode, done.stderr) == (0, "")
    assert "declared-tiny/easy" in done.stdout
    assert "declared-tiny/hard" in done.stdout


@pytest.mark.parametrize(
    ("module", "reason", "advice"),
    [
        ("raise RuntimeError('CUDA driver too old')\n", "RuntimeError: CUDA driver too old", "update or uninstall"),
        ("def f(:\n", "SyntaxError: invalid syntax", "update or uninstall"),
        ("x = 1\n", "AttributeError", "update or uninstall"),
        ("raise SystemExit('bye')\n", "SystemExit: bye", "update or uninstall"),
        ("import not_there\n", "No module named 'not_there'", "install the optional extra that it needs"),
    ],
    ids=["runtime error", "syntax", "missing attribute", "exit", "missing import"],
)
@pytest.mark.parametrize("kind", ["task", "baseline", "discoverer", "proposer", "executor"])
def test_a_plug_in_that_cannot_be_imported_is_one_sentence(package, monkeypatch, kind, module, reason, advice):
    name = f"bad_{kind}"  # one name for all cases, so that none may stay imported
    monkeypatch.syspath_prepend(package(name, module, **{plugins.KINDS[kind].split(".")[1]: f"bad = {name}_mod:D"}))
    with pytest.raises(ZfbenchError) as caught:
        plugins.load(kind, "bad")
    sys.modules.pop(f"{name}_mod", None)
    said = str(caught.value)
    assert f"The {kind} 'bad' ({name}_mod:D) cannot be imported (" in said
    assert reason in said
    assert advice in said
    assert "\n" not in said


def test_a_search_with_a_broken_method_is_one_sentence(zfbench, package):
    package("bad", "raise RuntimeError('CUDA driver too old')\n", discoverers="bad = bad_mod:D")
    assert still_works(zfbench) == ""
    lines = sentences(zfbench("run", "--task", "mixtures/exact@target:0", "--discoverer", "bad", "--out", "out"))
    assert "The discoverer 'bad' (bad_mod:D) cannot be imported (RuntimeError: CUDA driver too old)" in lines[-1]


def test_a_method_by_the_name_of_one_of_ours_is_refused_where_it_is_used(zfbench, package):
    package("clash", "class D: pass\n", discoverers="best_of_n = clash_mod:D")
    assert still_works(zfbench) == ""
    lines = sentences(zfbench("run", "--task", "mixtures/exact@target:0", "--out", "out"))
    assert "'best_of_n' is claimed by" in lines[-1]
    assert "uninstall one of the two packages" in lines[-1]
