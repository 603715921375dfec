import numpy as np
import pytest

from zfbench.base.cache import remembered, root


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
