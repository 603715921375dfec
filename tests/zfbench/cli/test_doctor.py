"""`zfbench doctor` finds each fault that it looks for, says how to repair it, and fails only for what runs need."""

import json
from importlib.metadata import PackageNotFoundError, version

import pytest
from typer.testing import CliRunner

from zfbench.cli.app import app
from zfbench.runs import health
from zfbench.testbed import data


def call(*arguments, **environment):
    return CliRunner().invoke(app, ["doctor", *arguments], env=environment or None)


def found(topic, *arguments, **environment):
    checks = json.loads(call("--json", *arguments, **environment).stdout)
    (check,) = [check for check in checks if check["topic"] == topic]
    return check


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ZFBENCH_CACHE", str(tmp_path / "cache"))


def test_an_installation_that_works_is_told_so():
    done = call()
    assert done.exit_code == 0
    assert "Nothing is broken." in done.stdout
    assert f"zfbench {version('zfbench')}" in " ".join(done.stdout.split())


@pytest.mark.parametrize("columns", ["40", "60", "140"])
def test_no_line_is_wider_than_the_terminal(columns):
    lines = call(COLUMNS=columns, NO_COLOR="1").stdout.splitlines()
    assert max(map(len, lines)) <= int(columns)
    assert not [line for line in lines if "\x1b" in line]


def test_data_that_were_never_built_are_no_fault_and_nothing_is_built(tmp_path):
    check = found("data tiny")
    assert (check["state"], check["repair"]) == ("optional", "zfbench data build --tier tiny")
    assert data.data_sha256("tiny")[:12] in check["found"]
    assert not (tmp_path / "cache" / "data").exists()


def test_damaged_data_are_broken(monkeypatch):
    folder = data.cache_folder("tiny")
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{")
    monkeypatch.setattr(data, "load_dataset", broken)
    check = found("data tiny")
    assert (check["state"], check["repair"]) == ("broken", "zfbench data build --tier tiny --force")
    assert check["found"] == "damaged"
    assert call().exit_code == 1


def broken(tier):
    from zfbench.base.errors import DamagedFileError

    raise DamagedFileError("damaged")


def test_a_cache_that_cannot_be_written_is_broken(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ZFBENCH_CACHE", str(tmp_path / "file" / "below"))
    check = found("cache")
    assert check["state"] == "broken"
    assert "ZFBENCH_CACHE" in check["repair"]
    done = call()
    assert done.exit_code == 1
    assert "Broken: cache." in done.stdout


def test_without_bubblewrap_the_sandbox_says_what_it_does_not_protect_from(monkeypatch):
    monkeypatch.setattr(health.bubblewrap, "obstacle", lambda: "bubblewrap is not installed")
    check = found("sandbox")
    assert check["state"] == "optional"
    assert check["found"] == "process: limits time and memory only, because bubblewrap is not installed"
    assert "apt-get install bubblewrap" in check["repair"]


def test_a_sandbox_that_was_chosen_by_hand_is_named(monkeypatch):
    monkeypatch.setattr(health.bubblewrap, "obstacle", lambda: None)
    monkeypatch.setenv("ZFBENCH_SANDBOX", "process")
    assert found("sandbox")["repair"] == "Unset ZFBENCH_SANDBOX to use bubblewrap."


def test_a_missing_extra_says_how_to_install_it_and_those_of_developers_are_left_out(monkeypatch):
    def lacking(package):
        if package == "ray":
            raise PackageNotFoundError
        return "1"

    monkeypatch.setattr(health, "version", lacking)
    check = found("extra ray")
    assert (check["state"], check["found"]) == ("optional", "lacks ray")
    assert check["repair"] == "python -m pip install 'zfbench[ray]'"
    assert found("extra llm")["found"] == "anyio, markdown-it-py, openai"
    assert not [c for c in json.loads(call("--json").stdout) if c["topic"] in ("extra dev", "extra docs")]


def test_a_name_that_two_packages_claim_is_broken(package, monkeypatch):
    monkeypatch.syspath_prepend(package("clash", "", discoverers="puct = clash_mod:D"))
    check = found("plug-ins")
    assert check["state"] == "broken"
    assert "the discoverer 'puct'" in check["found"]


def test_plug_ins_of_other_packages_are_listed(package, monkeypatch):
    monkeypatch.syspath_prepend(package("mine", "", discoverers="mine = mine_mod:D"))
    assert found("plug-ins")["found"] == "mine of other packages"
