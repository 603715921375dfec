"""Files are whole or absent, and never replaced by mistake, also where there are no links."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from zfbench.base.errors import ZfbenchError
from zfbench.base.files import atomic_write, check_target, read_source


@pytest.fixture(params=[errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS], ids=errno.errorcode.get)
def no_links(request, monkeypatch):
    def refuse(self, target):
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(Path, "hardlink_to", refuse)


def add(path, text):
    with atomic_write(path, overwrite=False) as temporary:
        temporary.write_text(text)


@pytest.mark.usefixtures("no_links")
def test_without_links_a_new_file_is_whole_and_an_old_one_stays(tmp_path):
    add(tmp_path / "a.json", "first")
    with pytest.raises(ZfbenchError, match="is already there and results are never overwritten"):
        add(tmp_path / "a.json", "second")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.json", "first")]


@pytest.mark.usefixtures("no_links")
def test_without_links_one_of_many_writers_succeeds(tmp_path):
    def attempt(number):
        try:
            add(tmp_path / "a.json", str(number))
        except ZfbenchError:
            return None
        return str(number)

    with ThreadPoolExecutor(8) as pool:
        won = [text for text in pool.map(attempt, range(40)) if text is not None]
    assert [(tmp_path / "a.json").read_text()] == won


def test_another_failure_of_a_link_is_no_reason_to_go_on(tmp_path, monkeypatch):
    def full(self, target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "hardlink_to", full)
    with pytest.raises(ZfbenchError, match="No space left on device"):
        add(tmp_path / "a.json", "text")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_refused_before_the_work(tmp_path):
    check_target(tmp_path / "a.json")
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(ZfbenchError, match=r"already there.*another seed.*--out"):
        check_target(tmp_path / "a.json")
    for folder in ("a.json", "a.json/below"):
        with pytest.raises(ZfbenchError, match=r"Cannot write to the folder .*choose another folder"):
            check_target(tmp_path / folder / "b.json")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"\xef\xbb\xbfx = 1\n", "x = 1\n"),
        ("# -*- coding: latin-1 -*-\nx = 'é'\n".encode("latin-1"), "# -*- coding: latin-1 -*-\nx = 'é'\n"),
        (b"x = 1\r\ny = 2\r\n", "x = 1\ny = 2\n"),
        (b"x = 1\n\x0cy = 2\n", "x = 1\n\x0cy = 2\n"),
    ],
    ids=["byte order mark", "coding line", "windows", "form feed"],
)
def test_a_program_is_read_as_python_reads_it(tmp_path, content, text):
    (tmp_path / "p.py").write_bytes(content)
    assert read_source(tmp_path / "p.py") == text
