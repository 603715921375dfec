import errno
import fcntl
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from zfbench.base.errors import DamagedFileError, ZfbenchError
from zfbench.search.eventlog import EventLog, read_log


def write(path, count):
    with EventLog(path) as log:
        log.append("run", {"seed": 0})
        for number in range(1, count):
            log.append("ask", {"number": number, "text": "line\nbreak \u2028 \ud800", "x": 0.1})
    return path.read_bytes().splitlines(keepends=True)


def test_events_are_read_back_in_order(tmp_path):
    lines = write(tmp_path / "log", 4)
    content = read_log(tmp_path / "log")
    assert [event.seq for event in content.events] == [0, 1, 2, 3]
    assert [event.kind for event in content.events] == ["run", "ask", "ask", "ask"]
    assert content.events[2].body == {"number": 2, "text": "line\nbreak \u2028 \ud800", "x": 0.1}
    assert content.dropped is None
    assert all(json.loads(line)["seq"] == number for number, line in enumerate(lines))


def test_reopening_appends(tmp_path):
    write(tmp_path / "log", 2)
    with EventLog(tmp_path / "log") as log:
        assert len(log.events) == 2
        assert log.append("end", {}).seq == 2
    assert len(read_log(tmp_path / "log").events) == 3


def test_absent_file_is_an_empty_event_log(tmp_path):
    assert read_log(tmp_path / "log").events == ()


@pytest.mark.parametrize("kept", [1, 30, -1])
def test_torn_last_line_is_dropped_and_reported(tmp_path, kept):
    path = tmp_path / "log"
    lines = write(path, 3)
    path.write_bytes(b"".join(lines[:2]) + lines[2][:kept])
    with EventLog(path) as log:
        assert len(log.events) == 2
        assert "line 3" in log.dropped
        log.append("ask", {"number": 2, "text": "line\nbreak \u2028 \ud800", "x": 0.1})
    assert path.read_bytes() == b"".join(lines)


def test_torn_first_line_leaves_an_empty_event_log(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(write(path, 1)[0][:10])
    assert read_log(path).events == ()
    assert read_log(path).dropped is not None


def damaged(line):
    yield line.replace(b'"number":1', b'"number":7')
    yield line.replace(b'"ask"', b'"end"')
    yield b"\n"
    yield b"not json\n"
    yield b"[1, 2]\n"
    yield line.replace(b'"body":', b' "body":')
    yield b'{"seq":1,"kind":"ask","body":{}}\n'


@pytest.mark.parametrize("which", range(7))
def test_damage_before_the_last_line_is_refused_with_its_number(tmp_path, which):
    path = tmp_path / "log"
    lines = write(path, 4)
    lines[1] = list(damaged(lines[1]))[which]
    path.write_bytes(b"".join(lines))
    with pytest.raises(DamagedFileError, match="line 2"):
        read_log(path)
    with pytest.raises(DamagedFileError, match="line 2"):
        EventLog(path)


def test_missing_and_exchanged_lines_are_refused(tmp_path):
    path = tmp_path / "log"
    a, b, c, d = write(path, 4)
    for lines in ([a, c, d], [a, c, b, d], [b, c, d]):
        path.write_bytes(b"".join(lines))
        with pytest.raises(DamagedFileError):
            read_log(path)


def test_damaged_event_log_is_not_locked_forever(tmp_path):
    path = tmp_path / "log"
    lines = write(path, 3)
    path.write_bytes(b"x\n" + lines[1])
    with pytest.raises(DamagedFileError) as error:
        EventLog(path)
    path.write_bytes(b"".join(lines))
    EventLog(path).close()
    assert error.traceback  # was alive until here, and with it whatever the failed opening held


@pytest.mark.parametrize("content", [b"my precious notes", b"my precious notes\n"])
def test_file_of_somebody_else_is_left_alone(tmp_path, content):
    path = tmp_path / "notes"
    path.write_bytes(content)
    with pytest.raises(DamagedFileError, match="not the event log"):
        EventLog(path)
    assert path.read_bytes() == content


def test_second_writer_is_told_who_holds_the_lock(tmp_path):
    path = tmp_path / "log"
    with EventLog(path):
        code = (
            "import sys, pathlib\n"
            "from zfbench.search.eventlog import EventLog\n"
            "from zfbench.base.errors import ZfbenchError\n"
            "try:\n    EventLog(pathlib.Path(sys.argv[1]))\n"
            "except ZfbenchError as error:\n    print(error)\n"
        )
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        second = subprocess.run(
            [sys.executable, "-c", code, str(path)],
            capture_output=True,
            text=True,
            env=environment,
            check=True,
        )
    assert f"in use by process {os.getpid()}" in second.stdout
    EventLog(path).close()  # free again


def test_body_that_json_cannot_express_is_not_written(tmp_path):
    with EventLog(tmp_path / "log") as log:
        log.append("run", {})
        with pytest.raises(ValueError, match="JSON compliant"):
            log.append("ask", {"x": float("nan")})
        log.append("ask", {})
    assert [event.seq for event in read_log(tmp_path / "log").events] == [0, 1]


def test_unwritable_folder_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ZfbenchError, match="Cannot write to"):
        EventLog(tmp_path / "file" / "log")


@pytest.mark.parametrize("room", [0, 1, 40, 10**3])
def test_full_disk_is_one_sentence_and_leaves_a_log_that_can_be_gone_on_with(tmp_path, monkeypatch, room):
    path, real = tmp_path / "log", os.write
    log = EventLog(path)
    log.append("run", {"seed": 0})
    whole = path.read_bytes()
    left = [room]

    def write_while_there_is_room(descriptor, content):
        if not left[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = real(descriptor, content[: left[0]])
        left[0] -= written
        return written

    monkeypatch.setattr(os, "write", write_while_there_is_room)
    body = {"number": 1, "text": "x" * 2_000}
    with pytest.raises(ZfbenchError, match=r"No space left on device.*resume"):
        log.append("ask", body)
    left[0] = 10**6
    with pytest.raises(ZfbenchError, match="No space left on device"):
        log.append("ask", body)  # nothing may follow the half line
    log.close()
    assert path.read_bytes()[: len(whole)] == whole
    assert len(path.read_bytes()) == len(whole) + room
    with EventLog(path) as again:
        assert len(again.events) == 1
        assert (again.dropped is None) == (room == 0)
        again.append("ask", body)
    assert [event.kind for event in read_log(path).events] == ["run", "ask"]


def test_file_that_the_system_lets_grow_no_further_keeps_its_beginning(tmp_path):
    code = (
        "import pathlib, sys, resource\n"
        "from zfbench.search.eventlog import EventLog\n"
        "from zfbench.base.errors import ZfbenchError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "log = EventLog(pathlib.Path(sys.argv[1]))\n"
        "log.append('run', {})\n"
        "try:\n    while True: log.append('ask', {'text': 'x' * 100})\n"
        "except ZfbenchError as error:\n    sys.stdout.write(str(error))\n"
    )
    path = tmp_path / "log"
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert "File too large" in done.stdout
    content = read_log(path)
    assert path.stat().st_size == 1_000
    assert content.dropped is not None
    assert len(content.events) == 1 + (content.size - len(content.events[0].line())) // len(content.events[1].line())


@pytest.fixture
def read_only_folder():
    """A folder with a finished log, which this process may read but not write, also when it is root."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "log", 2)
        (folder / "log").chmod(0o644)
        (folder / "log.lock").chmod(0o644)
        folder.chmod(0o555)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65_534)
        try:
            yield folder
        finally:
            os.seteuid(user)
            folder.chmod(0o755)


def test_read_only_folder_can_be_read_but_not_searched_in(read_only_folder):
    assert len(read_log(read_only_folder / "log").events) == 2
    for name in ("log", "another"):
        with pytest.raises(ZfbenchError, match=r"Cannot write to .*Permission denied"):
            EventLog(read_only_folder / name)


def test_lock_names_the_present_holder_after_one_with_a_longer_number(tmp_path):
    (tmp_path / "log.lock").write_text("123456789012\n")
    with EventLog(tmp_path / "log"), pytest.raises(ZfbenchError, match=f"process {os.getpid()};"):
        EventLog(tmp_path / "log")


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS], ids=errno.errorcode.get)
def test_on_a_file_system_without_locks_a_local_file_is_locked(tmp_path, monkeypatch, number):
    flock = fcntl.flock

    def refuse(file, operation):
        if Path(f"/proc/self/fd/{file.fileno()}").readlink().is_relative_to(tmp_path / "share"):
            raise OSError(number, os.strerror(number))
        flock(file, operation)

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with EventLog(tmp_path / "share" / "log") as log:
        log.append("run", {})
        with pytest.raises(ZfbenchError, match=f"in use by process {os.getpid()};"):
            EventLog(tmp_path / "share" / "log")
        EventLog(tmp_path / "share" / "another").close()
    EventLog(tmp_path / "share" / "log").close()


def test_a_lock_that_fails_for_another_reason_is_one_sentence(tmp_path, monkeypatch):
    def broken(file, operation):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(fcntl, "flock", broken)
    with pytest.raises(ZfbenchError, match=r"Cannot write to .*Input/output error.*choose another folder"):
        EventLog(tmp_path / "log")
