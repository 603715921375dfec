import errno
import os

import pytest

from zfbench.base.errors import ZfbenchError
from zfbench.base.files import atomic_write, sha256, write_text


def test_a_failed_write_leaves_the_old_file_and_no_debris(tmp_path):
    path = tmp_path / "result.json"
    write_text(path, "old")

    def interrupted():
        with atomic_write(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_one_sentence_and_loses_nothing(tmp_path, monkeypatch):
    path = tmp_path / "result.json"
    write_text(path, "old")

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ZfbenchError, match=r"No space left.*another folder"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ZfbenchError, match="Cannot write"):
        write_text(tmp_path / "file" / "below" / "result.json", "new")


def test_written_files_can_be_read_by_others(tmp_path):
    write_text(tmp_path / "result.json", "text")
    assert (tmp_path / "result.json").stat().st_mode & 0o777 == 0o644


def test_digest_is_sha256(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")  # the first test vector of FIPS 180-4
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
