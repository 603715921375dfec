import os
from pathlib import Path

import pytest

from zfbench.base.compiled import VARIABLE, choose_numba_cache


@pytest.fixture(autouse=True)
def unset(monkeypatch):
    monkeypatch.setenv(VARIABLE, "x")
    monkeypatch.delenv(VARIABLE)


def test_a_package_that_can_be_written_keeps_what_is_compiled(tmp_path):
    choose_numba_cache(tmp_path)
    assert VARIABLE not in os.environ


def test_a_read_only_package_compiles_into_the_cache_of_zfbench(tmp_path, monkeypatch):
    monkeypatch.setenv("ZFBENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(os, "access", lambda path, mode: str(path).startswith(str(tmp_path)))
    choose_numba_cache(tmp_path.parent / "package")
    assert os.environ[VARIABLE] == str(tmp_path / "numba")


def test_without_any_cache_that_can_be_written_a_temporary_folder_serves(tmp_path, monkeypatch):
    monkeypatch.setenv("ZFBENCH_CACHE", "/dev/null/x")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    choose_numba_cache(tmp_path / "package")
    assert Path(os.environ[VARIABLE]).is_dir()


def test_the_users_own_choice_stays(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, "/elsewhere")
    choose_numba_cache(tmp_path / "none")
    assert os.environ[VARIABLE] == "/elsewhere"
