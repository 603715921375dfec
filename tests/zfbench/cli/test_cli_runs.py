import json
import re
import signal
import subprocess
import sys
import urllib.request

import pytest
from typer.testing import CliRunner

from zfbench.base.errors import ZfbenchError
from zfbench.cli import app as cli
from zfbench.cli import searches
from zfbench.records.program import Program
from zfbench.runs.plan import LOG
from zfbench.search.eventlog import EventLog


@pytest.mark.parametrize("command", [searches.resume, searches.replay])
def test_folder_without_a_search_says_how_to_begin_one(command, tmp_path):
    with pytest.raises(ZfbenchError, match="holds no search; check the path, or begin one with `zfbench run"):
        command(tmp_path)


def write_run(folder, cost):
    """An event log of four programs, each proposed at that cost; the first and the last are the best so far."""
    with EventLog(folder / LOG) as log:
        log.append("run", {})
        programs = [Program(f"x = {number}") for number in range(4)]
        for number, loss in enumerate((0.5, None, 0.7, 0.25)):
            program = programs[number].to_json()
            log.append("ask", {"id": number, "operator": "seed", "parents": [], "hints": []})
            log.append("proposal", {"request": number, "program": program, "failure": None, "spend": cost})
            evaluation = {"status": "error" if loss is None else "ok", "loss": loss, "log_likelihood": None}
            evaluation |= {"metrics": {}, "feedback": "", "spend": {"evaluations": 1, "device_seconds": 2.0}}
            body = {"request": number, "evaluation": evaluation, "duplicate": False, "elapsed": 3.0 * number}
            log.append("evaluation", body)
    return programs[0].id[:12], programs[3].id[:12]


def test_show_of_a_run_lists_what_was_best_so_far(tmp_path):
    first, last = write_run(tmp_path, {"tokens": 7})
    shown = CliRunner().invoke(cli.app, ["show", str(tmp_path)])
    assert shown.exit_code == 0
    heading, *rows = [line.split() for line in shown.stdout.splitlines()[:3]]
    assert rows == [["1", "2.0", "0.0", "7", "0.5000", first], ["4", "8.0", "9.0", "28", "0.2500", last]]
    assert "money" not in heading


def test_show_of_a_run_tells_the_money_that_was_spent(tmp_path):
    first, last = write_run(tmp_path, {"tokens": 7, "money": 0.125})
    shown = CliRunner().invoke(cli.app, ["show", str(tmp_path)])
    heading, *rows = [line.split() for line in shown.stdout.splitlines()[:3]]
    assert "money" in heading
    assert rows == [
        ["1", "2.0", "0.0", "7", "0.1250", "0.5000", first],
        ["4", "8.0", "9.0", "28", "0.5000", "0.2500", last],
    ]


@pytest.mark.slow
def test_served_task_evaluates_over_http_and_goes_on_after_an_interruption(tmp_path, monkeypatch):
    command = [
        sys.executable,
        "-u",
        "-c",
        "from zfbench.cli.app import main; main()",
        "serve",
        "--task",
        "zfish-tiny/masked",
    ]
    command += ["--name", "visitor", "--budget", "evaluations=2", "--budget", "updates=20", "--updates", "20"]
    command += ["--out", str(tmp_path / "run")]
    source = "not a program"

    monkeypatch.delenv("ZFBENCH_TOKEN", raising=False)

    def begin():
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        url, token = (process.stdout.readline().split()[1] for _ in range(2))
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
        return process, url, {"Authorization": f"Bearer {token}"}

    def call(url, headers, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(url + path, data, headers), timeout=120) as answer:
            return json.load(answer)

    process, url, headers = begin()
    assert call(url, headers, "/evaluate", {"source": source})["status"] == "invalid"
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    from zfbench.runs.tasks import load_task

    monkeypatch.setenv("ZFBENCH_TOKEN", "a-token-of-my-own")
    process, url, headers = begin()
    assert headers == {"Authorization": "Bearer a-token-of-my-own"}
    assert call(url, headers, "/remaining") == {"evaluations": 1, "updates": 20}
    assert call(url, headers, "/evaluate", {"source": load_task("zfish-tiny/masked").seed_program})["status"] == "ok"
    assert call(url, headers, "/finish", {})["evaluated"] == 2
    assert process.wait(120) == 0
    assert "visitor on zfish-tiny/masked" in process.stdout.read()
    assert (tmp_path / "run" / "result.json").exists()
