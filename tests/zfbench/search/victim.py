"""Searches that are killed: a script that forks one process per search, kills it at a random moment, and resumes it.

    python victim.py FOLDER TRIALS WORKERS SEED

The search is the real `zfbench.search.search` on a toy task with a deterministic evaluator and judge, both of which
only sleep. One line of JSON per trial on standard output.
"""

import json
import os
import signal
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from zfbench.base import plugins
from zfbench.discoverers.random_walk import RandomWalk
from zfbench.protocols.proposer import ProposalError, Proposer
from zfbench.records.evaluation import Evaluation, Proposal
from zfbench.records.program import Program, Status
from zfbench.records.reading import load as read
from zfbench.records.recordings import TaskSpec
from zfbench.records.result import Machine, ProgramRecord, Result, TaskRecord
from zfbench.records.spend import Spend
from zfbench.runs import search as runs
from zfbench.runs import winner
from zfbench.runs.plan import LOG, RESULT, Plan
from zfbench.runs.replay import check, replay
from zfbench.runs.search import search
from zfbench.search.budget import Budget
from zfbench.search.eventlog import read_log

SPEC = TaskSpec("toy", "", "", 1.0, 4, 4, ("a", "b"), ("A", "B"), ())
TASK = SimpleNamespace(spec=SPEC, seed_program="100", data_sha256="0" * 64, reevaluate=False)
EVALUATIONS, PAUSE = 12, 0.006  # seconds of an evaluation, on average
BUDGET = Budget(evaluations=EVALUATIONS, tokens=2_000)
PLAN = Plan("toy", "random", "numbers", BUDGET, 5, settings={"parent": "any"}, finalists=0)


class Numbers(Proposer):
    bound = Spend(tokens=10)
    trusted = True

    def propose(self, request, context, rng):
        if rng.random() < 0.1:
            raise ProposalError("no answer", Spend(tokens=3))
        step = int(rng.integers(-8, 9))
        return Proposal(str(int(context.parents[-1].program.source) + step), "", Spend(tokens=7))


class Evaluator:
    """Notes every program that it begins in the file `begun` of the working folder."""

    def __init__(self):
        self.file = os.open("begun", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def __call__(self, program, seed):
        os.write(self.file, f"{program.id}\n".encode())
        time.sleep(PAUSE * (0.5 + seed / 2**32))
        number = int(program.source)
        if number % 7 == 0:
            return Evaluation(Status.ERROR, feedback="seven")
        return Evaluation(Status.OK, abs(number - 80) + seed / 2**40)


class Toy:
    """The family of the toy task, as a plug-in would register it."""

    def names(self):
        return ("toy",)

    def future_drive(self, task, baseline):
        return None

    def load(self, name):
        return TASK

    def judge(self, name):
        about = {"track": "", "tier": "", "circuit": "", "holdout": "", "data_sha256": TASK.data_sha256}
        return SimpleNamespace(sealed=SimpleNamespace(spec=TASK.spec, **about))

    def evaluator(self, task, limits, sandbox):
        return Evaluator()


FAMILY = Toy()


def assess(source, method, loaded, seed, limits, spend, progress, sandbox):
    time.sleep(5 * PAUSE)
    return Result(
        task=TaskRecord(name="toy", track="", tier="", circuit="", holdout="", data_sha256=loaded.task.data_sha256),
        method=method,
        seed=seed,
        spend=spend,
        metrics={"forecast/ood/mae": float(source)},
        metric_versions={"forecast": 1},
        program=ProgramRecord(id=Program(source).id, source=source),
        libraries={},
        machine=Machine(system="", processor="", cores=1, device="cpu"),
    )


def make_toy():
    """Put the toy in place of tasks and judge."""
    winner.judge_program = assess
    runs.open_sandbox = lambda: nullcontext(SimpleNamespace(name="none", confined=True))
    registered = {"random": RandomWalk, "numbers": lambda spec, **settings: Numbers(), "toy": FAMILY}
    plugins.load = lambda kind, name: registered[name]
    plugins.names = lambda kind: ("toy",)


def start(folder, workers):
    """Fork a process that runs or resumes the search in a folder; its id."""
    folder.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()  # or the child would own a copy of what is not written yet
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.chdir(folder)
        plan = Plan.read(folder) if (folder / LOG).exists() and _events(folder) else PLAN
        search(plan, folder, workers)
        code = 0
    finally:
        os._exit(code)


def _events(folder):
    return read_log(folder / LOG).events


def finish(pid):
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, "the search failed"


def story(folder):
    """What a finished run's files say."""
    begun = (folder / "begun").read_text().split()
    bodies = [e.body for e in _events(folder) if e.kind == "evaluation"]
    paid = sum(b["evaluation"]["spend"].get("evaluations", 0) for b in bodies)
    outcome = replay(folder)
    return {
        "begun": len(begun),
        "different": len(set(begun)),
        "paid": paid,
        "agrees": check(outcome, read(folder / RESULT)) is None,
        "result": read(folder / RESULT).comparable(),
    }


def main(folder, trials, workers, seed):
    make_toy()
    rng = np.random.default_rng(seed)
    began = time.monotonic()
    finish(start(folder / "whole", workers))
    lasting = time.monotonic() - began
    sys.stdout.write(json.dumps(story(folder / "whole")) + "\n")
    for trial in range(trials):
        run, kills, lines = folder / str(trial), 0, []
        for _ in range(1 + trial % 3):  # once, or again while it resumes
            pid = start(run, workers)
            time.sleep(float(rng.uniform(0, lasting)))
            os.kill(pid, signal.SIGKILL)
            kills += os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
            lines.append(len((run / LOG).read_bytes().splitlines()) if (run / LOG).exists() else 0)
        finish(start(run, workers))
        sys.stdout.write(json.dumps({**story(run), "kills": kills, "lines": lines}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
