import errno
import itertools
import os
import subprocess
import sys
import time
from dataclasses import fields, replace

import pytest

from zfbench.base.errors import DamagedFileError, ZfbenchError
from zfbench.records.limits import Limits
from zfbench.records.reading import load as read
from zfbench.runs import winner
from zfbench.runs.plan import FINALS, LOG, RESULT, Plan
from zfbench.runs.replay import check, progress_of, replay, replay_finals
from zfbench.runs.search import search
from zfbench.search.budget import Budget
from zfbench.search.eventlog import EventLog, read_log


def test_log_holds_the_whole_plan(victim, tmp_path):
    limits = Limits(updates=7, seconds=8.5, memory_bytes=9)
    plan = Plan("toy", "random", "numbers", Budget(evaluations=2, updates=3), 4, limits, {"parent": "any"})
    plan = replace(plan, proposer_settings={"programs": "folder"}, ideas=("rebound",), finalists=1, patience=9)
    default = Plan("", "", "", Budget(), 0)
    different = {f.name for f in fields(plan) if getattr(plan, f.name) != getattr(default, f.name)}
    assert different == {f.name for f in fields(plan)}  # else this proves nothing
    search(plan, tmp_path)
    assert Plan.read(tmp_path) == plan


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 6}, "seed"),
        ({"limits": Limits(memory_bytes=5)}, "candidate.memory_bytes"),
        ({"settings": {}}, "settings.parent"),
    ],
)
def test_another_plan_is_refused_in_the_same_folder(victim, tmp_path, change, named):
    search(victim.PLAN, tmp_path)
    with pytest.raises(ZfbenchError, match=f"with {named} = "):
        search(replace(victim.PLAN, **change), tmp_path)


def test_folder_without_a_search_is_one_sentence(tmp_path):
    for function in (Plan.read, replay, progress_of):
        with pytest.raises(ZfbenchError, match="holds no search"):
            function(tmp_path)


def test_log_of_an_unknown_version_is_refused(tmp_path):
    with EventLog(tmp_path / LOG) as log:
        log.append("run", {"task": "toy"})
    with pytest.raises(DamagedFileError, match="use the version that wrote it"):
        Plan.read(tmp_path)


def test_event_log_of_the_first_format_is_replayed_but_not_resumed(victim, tmp_path):
    outcome, _ = search(victim.PLAN, tmp_path / "new")
    head, *events = read_log(tmp_path / "new" / LOG).events
    with EventLog(tmp_path / "old" / LOG) as log:
        log.append("run", head.body | {"format": 1})
        for event in events:
            log.append(event.kind, event.body)
    assert replay(tmp_path / "old").evaluated == outcome.evaluated
    with pytest.raises(ZfbenchError, match="an event log of format 1, and this version of zfbench writes 3"):
        search(Plan.read(tmp_path / "old"), tmp_path / "old")


def test_replay_gives_the_outcome_and_runs_no_program(victim, tmp_path, monkeypatch):
    outcome, result = search(victim.PLAN, tmp_path)
    monkeypatch.setattr(victim.FAMILY, "evaluator", None)
    monkeypatch.setattr(winner, "judge_program", None)
    replayed = replay(tmp_path)
    assert replace(replayed, spend=replace(replayed.spend, wall_seconds=0)) == replace(
        outcome, spend=replace(outcome.spend, wall_seconds=0)
    )
    assert check(replayed, result) is None
    assert check(replayed, read(tmp_path / RESULT)) is None


def test_finals_that_ended_before_their_first_line_are_none(victim, tmp_path):
    (tmp_path / FINALS).touch()
    assert replay_finals(tmp_path, None) is None


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_replay_of_an_interrupted_search_says_so(victim, tmp_path, cut):
    search(victim.PLAN, tmp_path)
    log = tmp_path / LOG
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:cut]))
    outcome = replay(tmp_path)
    assert outcome.reason == "unfinished"
    assert outcome.counts.evaluated == outcome.spend.evaluations == len(progress_of(tmp_path))


def test_replay_of_a_run_with_workers_is_its_outcome(victim, tmp_path):
    victim.PAUSE = 0.004
    outcome, _ = search(victim.PLAN, tmp_path, workers=3)
    assert replay(tmp_path).evaluated == outcome.evaluated
    assert replay(tmp_path).counts == outcome.counts


def test_result_of_another_winner_or_another_spend_is_noticed(victim, tmp_path):
    outcome, result = search(victim.PLAN, tmp_path)
    other = result.model_copy(update={"program": result.program.model_copy(update={"id": "f" * 64})})
    assert "best program" in check(outcome, other)
    for unit in ("evaluations", "tokens"):
        more = result.model_copy(update={"spend": replace(result.spend, **{unit: getattr(result.spend, unit) + 1})})
        assert "spend" in check(outcome, more)


def test_judged_search_is_not_judged_again_unless_its_result_is_gone_or_damaged(victim, tmp_path, monkeypatch):
    _, result = search(victim.PLAN, tmp_path)
    judged = []
    monkeypatch.setattr(winner, "judge_program", lambda *a, **k: judged.append(1) or victim.assess(*a, **k))
    assert search(victim.PLAN, tmp_path)[1] == result
    assert judged == []
    (tmp_path / RESULT).write_text("torn")
    assert search(victim.PLAN, tmp_path)[1].comparable() == result.comparable()
    (tmp_path / RESULT).unlink()
    assert search(victim.PLAN, tmp_path)[1].comparable() == result.comparable()
    assert judged == [1, 1]


def test_second_process_is_refused_even_while_the_first_judges(victim, tmp_path, monkeypatch):
    def assess(*arguments, **options):
        with pytest.raises(ZfbenchError, match=f"in use by process {os.getpid()}"):
            EventLog(tmp_path / LOG)
        return victim.assess(*arguments, **options)

    monkeypatch.setattr(winner, "judge_program", assess)
    assert search(victim.PLAN, tmp_path)[1] is not None


def test_clock_set_to_another_day_changes_nothing(victim, tmp_path, monkeypatch):
    expected, _ = search(victim.PLAN, tmp_path / "calm")
    days = iter(range(10**6))
    monkeypatch.setattr(time, "time", lambda: 86_400.0 * (-1) ** next(days) * next(days))
    outcome, _ = search(victim.PLAN, tmp_path / "jumps")
    assert outcome.evaluated == expected.evaluated
    assert 0 <= outcome.spend.wall_seconds < 300


@pytest.mark.parametrize("write", range(0, 40, 4))
def test_run_on_a_full_disk_is_gone_on_with_when_there_is_room(victim, tmp_path, monkeypatch, write):
    _, expected = search(victim.PLAN, tmp_path / "whole")
    real, writes = os.write, itertools.count()

    def until_full(descriptor, content):
        if isinstance(content, memoryview):  # a line of the event log
            number = next(writes)
            if number == write:
                return real(descriptor, content[: len(content) // 2])
            if number > write:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, content)

    with monkeypatch.context() as full:
        full.setattr(os, "write", until_full)
        with pytest.raises(ZfbenchError, match="No space left"):
            search(victim.PLAN, tmp_path / "full")
    _, result = search(victim.PLAN, tmp_path / "full")
    assert result.comparable() == expected.comparable()


def test_points_add_up_to_the_spend_of_the_search(victim, tmp_path):
    outcome, _ = search(victim.PLAN, tmp_path)
    points = progress_of(tmp_path)
    assert [p.program for p in points] == [s.program.id for s in outcome.evaluated]
    assert [p.loss for p in points] == [s.evaluation.loss for s in outcome.evaluated]
    assert [p.spend.evaluations for p in points] == list(range(1, 13))
    losses = [float("inf") if p.loss is None else p.loss for p in points]
    lowest = list(itertools.accumulate(losses, min))
    assert [p.best for p in points] == [b if b < float("inf") else None for b in lowest]
    assert [p.improved for p in points] == [a < b for a, b in zip(lowest, [float("inf"), *lowest], strict=False)]
    for unit in ("device_seconds", "wall_seconds", "tokens"):
        spent = [getattr(p.spend, unit) for p in points]
        assert spent == sorted(spent)
    proposals = [e.body for e in read_log(tmp_path / LOG).events if e.kind == "proposal"]
    logged = [body["spend"].get("tokens", 0) for body in proposals]
    assert points[-1].spend.tokens == sum(logged) == outcome.spend.tokens


@pytest.mark.slow
def test_real_search_killed_while_it_trains_ends_in_the_same_result(tmp_path):
    command = [sys.executable, "-c", "from zfbench.cli.app import main; main()"]
    plan = ["--task", "zfish-tiny/masked", "--budget", "evaluations=3", "--budget", "updates=20", "--updates", "20"]
    subprocess.run([*command, "run", *plan, "--out", tmp_path / "whole"], check=True)
    process = subprocess.Popen([*command, "run", *plan, "--out", tmp_path / "cut"])
    log = tmp_path / "cut" / LOG
    while not (log.exists() and log.read_bytes().count(b'"kind":"evaluation"') >= 1):
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.wait()
    subprocess.run([*command, "resume", tmp_path / "cut"], check=True)
    replayed = subprocess.run([*command, "replay", tmp_path / "cut"], check=True, capture_output=True, text=True)
    assert "result.json agrees" in replayed.stdout
    whole, cut = (read(tmp_path / name / RESULT).comparable() for name in ("whole", "cut"))
    assert whole == cut
