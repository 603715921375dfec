"""`zfbench list` says in a line what each task and method is, without importing it, and fits the terminal."""

import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from zfbench.base import plugins
from zfbench.base.describe import descriptions
from zfbench.cli.app import app


def listed(width="80"):
    done = CliRunner().invoke(app, ["list"], env={"COLUMNS": width})
    assert done.exit_code == 0
    return done.stdout


@pytest.mark.parametrize("kind", ["task", "baseline", "discoverer", "proposer"])
def test_every_shipped_plug_in_has_a_line(kind):
    known = descriptions(kind)
    assert tuple(known) == plugins.names(kind)
    assert not [name for name, what in known.items() if not re.fullmatch(r".{12,}", what)]


def test_descriptions_are_those_of_the_object_itself_and_else_of_its_module(package, monkeypatch):
    module = (
        '"""The module. More."""\nfrom x import y\nclass A:\n    """An a of Wahl et al. 2026. It is.\n\n    More."""\n'
        'def b():\n    """Make a b."""\nC = b\n"""A c."""\nD = b\n'
    )
    entries = "\n".join(f"{letter.lower()}_x = lines_mod:{letter}" for letter in ("A", "b", "C", "D", "Gone"))
    monkeypatch.syspath_prepend(package("lines", module, discoverers=entries))
    known = descriptions("discoverer")
    assert {name: known[name] for name in ("a_x", "b_x", "c_x", "d_x", "gone_x")} == {
        "a_x": "An a of Wahl et al. 2026",
        "b_x": "Make a b",
        "c_x": "A c",
        "d_x": "The module",
        "gone_x": "The module",
    }


def test_what_cannot_be_read_has_an_empty_line_and_stops_nothing(package, monkeypatch):
    monkeypatch.syspath_prepend(package("torn", "def (:", discoverers="torn = torn_mod:D\nlost = nowhere.mod:D"))
    known = descriptions("discoverer")
    assert known["torn"] == known["lost"] == ""
    assert "torn" in listed()


def test_a_name_that_two_packages_claim_has_an_empty_line(package, monkeypatch):
    monkeypatch.syspath_prepend(package("one", '"""The one of two."""', discoverers="claimed = one_mod:D"))
    monkeypatch.syspath_prepend(package("two", '"""The two of two."""', discoverers="claimed = two_mod:D"))
    assert descriptions("discoverer")["claimed"] == ""


def test_listing_imports_no_plug_in_and_no_numpy():
    code = (
        "import sys\nfrom zfbench.cli.app import app\napp(['list'], standalone_mode=False)\n"
        "names = [name for name in sys.modules if name.startswith(('zfbench.baselines', 'zfbench.tasks.'))]\n"
        "print([*names, *(name for name in ('numpy', 'jax') if name in sys.modules)])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("width", ["60", "100"])
def test_no_line_is_wider_than_the_terminal(width):
    lines = listed(width).splitlines()
    assert max(len(line.rstrip()) for line in lines) <= int(width)
    assert len([line for line in lines if line.startswith("best_of_n ")]) == 1


def test_all_tasks_of_a_family_stand_in_one_group():
    text = " ".join(listed("200").split())
    assert "zfish-tiny/autonomous, zfish-tiny/driven, zfish-tiny/masked" in text
