"""The event log is synchronised with the disk: its content before `append` returns, its name when it is opened."""

import errno
import os
from pathlib import Path

import pytest

from zfbench.base.errors import ZfbenchError
from zfbench.search.eventlog import EventLog, read_log


@pytest.fixture
def synced(monkeypatch, tmp_path):
    """Each call of fsync in order: the name of what was synchronised, and the log's content at that moment."""
    calls, path = [], tmp_path / "log"

    def fsync(descriptor):
        calls.append((Path(f"/proc/self/fd/{descriptor}").readlink().name, path.read_bytes()))

    monkeypatch.setattr(os, "fsync", fsync)
    return calls


def test_an_event_is_synchronised_after_its_whole_line_was_written_and_before_append_returns(synced, tmp_path):
    path = tmp_path / "log"
    with EventLog(path) as log:
        for kind in ("run", "ask", "proposal"):
            synced.clear()
            log.append(kind, {"text": "x" * 100_000})
            assert synced == [("log", path.read_bytes())]
    assert [event.kind for event in read_log(path).events] == ["run", "ask", "proposal"]


def test_a_line_that_the_system_takes_in_pieces_is_synchronised_once_when_it_is_whole(synced, tmp_path, monkeypatch):
    path, write = tmp_path / "log", os.write
    with EventLog(path) as log:
        synced.clear()
        with monkeypatch.context() as slowly:
            slowly.setattr(os, "write", lambda descriptor, rest: write(descriptor, rest[:7]))
            log.append("run", {"number": 1})
        assert synced == [("log", path.read_bytes())]
    assert len(read_log(path).events) == 1


def test_opening_a_log_synchronises_what_it_cut_off_and_then_the_files_name(synced, tmp_path):
    path = tmp_path / "log"
    with EventLog(path) as log:
        log.append("run", {})
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"seq":1,"ki')
    synced.clear()
    EventLog(path).close()
    assert synced == [("log", whole), (tmp_path.name, whole)]


def test_an_event_that_cannot_be_synchronised_is_refused_and_so_is_all_that_follows(tmp_path, monkeypatch):
    def fsync(descriptor):
        raise OSError(errno.EIO, "Input/output error")

    with EventLog(tmp_path / "log") as log:
        with monkeypatch.context() as broken:
            broken.setattr(os, "fsync", fsync)
            with pytest.raises(ZfbenchError, match="Input/output error"):
                log.append("run", {})
        with pytest.raises(ZfbenchError, match="Input/output error"):
            log.append("run", {})
