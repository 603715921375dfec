import os
import tempfile
from pathlib import Path

import numpy as np
import pytest

from zfbench.base.cache import remembered, root
from zfbench.base.errors import ZfbenchError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ZFBENCH_CACHE", str(tmp_path))
    return tmp_path


def counted():
    calls = []

    def compute():
        calls.append(1)
        return {"a": np.arange(3) + 0.5}

    return calls, compute


def test_equal_keys_compute_once_and_different_ones_each(folder):
    calls, compute = counted()
    for key in ({"b": 1, "c": 2}, {"c": 2, "b": 1}, {"b": 1, "c": 3}):
        assert remembered("things", key, compute)["a"].tolist() == [0.5, 1.5, 2.5]
    assert len(calls) == 2
    assert root() == folder
    assert len(list(folder.rglob("*.npz"))) == 2


def test_damaged_file_is_computed_anew(folder):
    calls, compute = counted()
    remembered("things", {}, compute)
    (path,) = folder.rglob("*.npz")
    path.write_bytes(path.read_bytes()[:100])
    assert remembered("things", {}, compute)["a"].tolist() == [0.5, 1.5, 2.5]
    assert len(calls) == 2
    remembered("things", {}, compute)
    assert len(calls) == 2


@pytest.mark.parametrize("place", ["/dev/null/x", "/proc/x"])
def test_a_cache_that_cannot_be_written_names_the_variable(monkeypatch, place):
    monkeypatch.setenv("ZFBENCH_CACHE", place)
    with pytest.raises(ZfbenchError, match=r"Cannot write to .*set the environment variable ZFBENCH_CACHE to a folder"):
        remembered("things", {}, counted()[1])


def test_a_home_in_the_variable_is_the_users(monkeypatch):
    monkeypatch.setenv("ZFBENCH_CACHE", "~/somewhere")
    assert root() == Path.home() / "somewhere"


@pytest.fixture
def homeless(monkeypatch, tmp_path):
    """A user whose home cannot be written, with a folder of temporary files."""
    monkeypatch.delenv("ZFBENCH_CACHE")
    monkeypatch.setenv("HOME", "/dev/null")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / f"zfbench-{os.getuid()}"


def test_a_user_without_a_home_has_a_private_folder_among_the_temporary_files(homeless):
    assert root() == homeless
    assert homeless.stat().st_mode & 0o777 == 0o700
    calls, compute = counted()
    for _ in range(2):
        remembered("things", {}, compute)
    assert len(calls) == 1


def test_a_folder_that_others_can_write_is_not_trusted(homeless):
    homeless.mkdir()
    homeless.chmod(0o777)
    assert root() == Path("/dev/null/.cache/zfbench")
