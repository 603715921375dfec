import io
import re

import pytest
import typer
from rich.console import Console
from rich.progress import Progress

from zfbench.cli import console as console_module
from zfbench.cli.console import Bar
from zfbench.discoverers.best_of_n import BestOfN
from zfbench.protocols.proposer import ProposalError
from zfbench.records.evaluation import Evaluation, Proposal
from zfbench.records.program import Program, Status
from zfbench.records.recordings import TaskSpec
from zfbench.records.spend import Spend
from zfbench.search.budget import Budget
from zfbench.search.eventlog import EventLog
from zfbench.search.loop import run_search

SPEC = TaskSpec("toy", "", "", 1.0, 4, 4, ("a", "b"), ("A", "B"), ())
SEED_PROGRAM = Program("10")


class Counting:
    """Each answer is the next number, but every third request has none and every fifth an earlier one."""

    bound = Spend(tokens=100, money=0.1)

    def propose(self, request, context, rng):
        if request.id % 3 == 0:
            raise ProposalError("no answer", Spend(tokens=40))
        return Proposal(str(10 - request.id) if request.id % 5 else "10", "", Spend(tokens=100, money=0.01))


def evaluate(program, seed):
    number = int(program.source)
    spend = Spend(device_seconds=1_500.0)
    return Evaluation(Status.ERROR, spend=spend) if number == 8 else Evaluation(Status.OK, float(number), spend=spend)


@pytest.fixture
def bar():
    return Bar(Progress(disable=True), "a search")


def searched(bar, path, budget, listening=None):
    clock = iter(range(10**6))
    with EventLog(path) as log:
        return run_search(
            BestOfN(0, SEED_PROGRAM),
            Counting(),
            evaluate,
            spec=SPEC,
            seed_program=SEED_PROGRAM,
            budget=budget,
            bound=Spend(device_seconds=1_500.0),
            log=log,
            seed=0,
            clock=lambda: float(next(clock)),
            on_event=bar.search_events(listening or budget),
        )


def shown(bar):
    (task,) = bar._progress.tasks
    return task.fields["stage"], task.completed, task.total


def test_progress_says_incumbent_failures_and_spend_as_the_outcome_does(bar, tmp_path):
    outcome = searched(bar, tmp_path / "log", Budget(evaluations=5))
    counts, spend = outcome.counts, outcome.spend
    assert (counts.evaluated, counts.failed, counts.unanswered, counts.duplicates) == (5, 1, 2, 1)
    assert shown(bar) == (
        f"best {outcome.best.evaluation.loss:.4f}, 1 failed, 2 unanswered · 5 of 5 evaluations, 7,500 device s, "
        f"{spend.tokens} tokens, {spend.money:.2f} money",
        5,
        5,
    )
    assert (spend.tokens, spend.money) == (580, pytest.approx(0.05))


def test_progress_of_a_resumed_search_holds_what_came_before(bar, tmp_path):
    searched(bar, tmp_path / "log", Budget(evaluations=5))
    again = Bar(Progress(disable=True), "again")
    searched(again, tmp_path / "log", Budget(evaluations=5))
    assert shown(again) == shown(bar)


@pytest.mark.parametrize(
    ("limits", "done", "total"),
    [
        ({"tokens": 620}, 580, 620),
        ({"tokens": 62_000}, 5, 6),
        ({"device_seconds": 7_600.0}, 7_500, 7_600),
        ({"money": 0.051}, 0.05, 0.051),
        ({"tokens": 0}, 5, 6),
    ],
)
def test_bar_is_of_the_unit_that_is_used_up_first(bar, tmp_path, limits, done, total):
    searched(bar, tmp_path / "log", Budget(evaluations=5), Budget(evaluations=6, **limits))
    stage, *lengths = shown(bar)
    assert lengths == pytest.approx([done, total])
    for amount in ("5 of 6 evaluations", f"of {next(iter(limits.values())):,.{2 if 'money' in limits else 0}f} "):
        assert amount in stage


def test_wall_time_is_shown_where_it_is_limited(bar, tmp_path):
    outcome = searched(bar, tmp_path / "log", Budget(evaluations=5, wall_seconds=500.0))
    stage, done, total = shown(bar)
    assert "of 500 wall s" in stage
    assert (done, total) == (5, 5)
    assert 0 < outcome.spend.wall_seconds < 500


def test_before_anything_works_there_is_no_incumbent(bar, tmp_path):
    with EventLog(tmp_path / "log") as log:
        run_search(
            BestOfN(0, Program("8")),
            Counting(),
            evaluate,
            spec=SPEC,
            seed_program=Program("8"),
            budget=Budget(evaluations=1),
            log=log,
            seed=0,
            on_event=bar.search_events(Budget()),
        )
    assert shown(bar) == ("none works yet, 1 failed · 1 evaluations, 1,500 device s", 0, None)


def drawn(width, monkeypatch):
    """What a terminal of that width shows of a search that goes on."""
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=width, color_system=None)
    monkeypatch.setattr(console_module, "console", terminal)
    with console_module.activities() as add:
        add("best_of_n + grammar on zfish-tiny/masked").step(
            3, 17, "best 0.1334, 0 failed · 3 of 17 evaluations, 11 device s"
        )
    return re.sub(r"\x1b\[[\d?]*[A-Za-z]", "", screen.getvalue())


@pytest.mark.parametrize("width", [60, 80, 140])
def test_the_numbers_and_the_clock_are_shown_in_a_terminal_of_any_width(width, monkeypatch):
    text = drawn(width, monkeypatch)
    assert max(len(line.rstrip("\r")) for line in re.split(r"[\r\n]", text)) <= width
    assert "0:00:00" in text
    words = " ".join(text.replace("0:00:00", "").split())
    for part in ("0.1334", "0 failed", "3 of 17", "evaluations", "11 device s"):
        assert part in words


def test_what_is_no_terminal_gets_a_line_for_each_stage_and_no_control_characters(monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr(console_module, "console", Console(file=screen, width=40))
    with console_module.activities() as add:
        bar = add("suite [x]")
        for done in (1, 1, 2):
            bar.step(done, 3, f"{done} of 3")
        bar.stage("")
        bar.finish("done, and a long sentence that is not broken over lines")
    assert screen.getvalue() == (
        "suite [x]: 1 of 3\nsuite [x]: 2 of 3\nsuite [x]: done, and a long sentence that is not broken over lines\n"
    )


@pytest.mark.parametrize("is_terminal", [True, False])
def test_lines_of_standard_output_stay_there_unless_the_bars_would_break_them(is_terminal, monkeypatch):
    screen, output = io.StringIO(), io.StringIO()
    output.isatty = lambda: is_terminal
    monkeypatch.setattr(console_module, "console", Console(file=screen, force_terminal=True, color_system=None))
    monkeypatch.setattr("sys.stdout", output)
    with console_module.activities() as add:
        add("suite")
        typer.echo("differs: a row")
    assert ("differs: a row" in screen.getvalue(), output.getvalue()) == (
        (True, "") if is_terminal else (False, "differs: a row\n")
    )
