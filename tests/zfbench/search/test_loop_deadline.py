import pytest
from loop_cases import Distance, Numbers, search

from zfbench.records.spend import Spend
from zfbench.search.budget import Budget
from zfbench.search.eventlog import EventLog, read_log


def test_wall_time_of_earlier_processes_counts(tmp_path):
    path, budget = tmp_path / "log", Budget(wall_seconds=50.0)
    ticks = iter(range(10**6))
    before = search(path, budget=budget, clock=lambda: float(next(ticks)))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))
    evaluate, ticks = Distance(), iter(range(10**6))
    outcome = search(path, budget=budget, evaluate=evaluate, clock=lambda: float(next(ticks)))
    assert before.counts.evaluated > 2 > len(evaluate.calls)  # hardly any time was left
    assert outcome.reason == "budget"
    assert outcome.spend.wall_seconds >= 50


def test_request_that_there_is_no_time_left_for_is_given_up_for_good(tmp_path):
    options = {"budget": Budget(wall_seconds=50.0, evaluations=9), "bound": Spend(wall_seconds=10.0)}
    search(tmp_path / "whole", **options)
    with EventLog(tmp_path / "late") as log:
        for event in read_log(tmp_path / "whole").events[:6]:  # up to the second proposal
            log.append(event.kind, {**event.body, "elapsed": 45.0} if event.seq == 5 else event.body)
    evaluate = Distance()
    outcome = search(tmp_path / "late", evaluate=evaluate, **options)
    assert evaluate.calls == []
    assert (outcome.reason, outcome.counts.evaluated, outcome.spend.evaluations) == ("budget", 1, 1)
    assert [event.kind for event in read_log(tmp_path / "late").events[6:]] == ["lost", "end"]
    assert search(tmp_path / "late", **options) == outcome


class Slow:
    """A clock that proposals and evaluations move on; each evaluation that begins is written down."""

    def __init__(self, proposal, evaluation, spread=8):
        self.now, self.begun = 0.0, []
        self.proposal, self.evaluation = proposal, evaluation
        self.numbers, self.distance = Numbers(0.0, spread), Distance()
        self.bound = self.numbers.bound

    def propose(self, request, context, rng):
        self.now += self.proposal
        return self.numbers.propose(request, context, rng)

    def evaluate(self, program, seed):
        self.begun.append(self.now)
        self.now += self.evaluation
        return self.distance(program, seed)

    def search(self, path, limit):
        budget, bound = Budget(wall_seconds=limit), Spend(wall_seconds=self.evaluation)
        return search(path, proposer=self, evaluate=self.evaluate, budget=budget, bound=bound, clock=lambda: self.now)


@pytest.mark.parametrize("limit", [10.0, 65.0, 70.0, 85.0, 135.0, 300.0])
def test_no_evaluation_begins_that_could_end_too_late_however_long_its_proposal_took(tmp_path, limit):
    slow = Slow(proposal=50.0, evaluation=10.0)
    outcome = slow.search(tmp_path / "log", limit)
    assert len(slow.begun) == outcome.counts.evaluated == 1 + int((limit - 10.0) // 60.0)
    assert all(begun + 10.0 <= limit for begun in slow.begun)
    assert outcome.reason == "budget"


def test_program_that_came_too_late_is_logged_and_stays_unevaluated_when_resumed(tmp_path):
    whole = tmp_path / "whole"
    outcome = Slow(50.0, 10.0).search(whole, 85.0)
    events = read_log(whole).events
    assert [event.kind for event in events[-4:]] == ["ask", "proposal", "lost", "end"]
    assert outcome.spend.wall_seconds == events[-1].body["elapsed"] == 120.0  # what the proposal took is not hidden
    assert (outcome.counts.evaluated, outcome.counts.asked) == (2, 3)
    lines = whole.read_bytes().splitlines(keepends=True)
    for cut in range(len(lines) - 2, len(lines) + 1):
        path = tmp_path / f"cut{cut}"
        path.write_bytes(b"".join(lines[:cut]))
        late = Slow(50.0, 10.0)
        assert late.search(path, 85.0) == outcome
        assert late.begun == []
        assert path.read_bytes() == whole.read_bytes()


def test_duplicate_that_came_too_late_is_told_all_the_same(tmp_path):
    outcome = Slow(50.0, 10.0, spread=0).search(tmp_path / "log", 85.0)
    assert (outcome.counts.evaluated, outcome.counts.duplicates) == (1, 2)
    assert read_log(tmp_path / "log").events[-2].kind == "evaluation"
