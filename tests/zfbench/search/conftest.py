import importlib.util
from pathlib import Path

import pytest

from zfbench.base import plugins
from zfbench.runs import search as runs


@pytest.fixture(scope="session")
def victim_script():
    return Path(__file__).with_name("victim.py")


@pytest.fixture
def victim(victim_script, monkeypatch, tmp_path):
    """The module `victim`, its toy put in place of the tasks for one test, which works in a folder of its own."""
    spec = importlib.util.spec_from_file_location("victim", victim_script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("load_task", "load_judge", "judge_program", "open_sandbox"):
        monkeypatch.setattr(runs, name, getattr(runs, name))
    monkeypatch.setattr(plugins, "load", plugins.load)
    monkeypatch.chdir(tmp_path)
    module.make_toy()
    module.PAUSE = 0.0
    return module
