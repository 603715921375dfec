import threading
import time
from dataclasses import replace

import pytest
from loop_cases import DISCOVERERS, SEED_PROGRAM, Distance, Generations, Numbers, search

from zfbench.base.errors import DamagedFileError, PluginError, ZfbenchError
from zfbench.discoverers.best_of_n import BestOfN
from zfbench.discoverers.random_walk import RandomWalk
from zfbench.records.evaluation import Evaluation, Proposal, Request
from zfbench.records.program import Program, Status
from zfbench.records.spend import NOTHING, Spend
from zfbench.search.budget import Budget
from zfbench.search.eventlog import EventLog, read_log
from zfbench.search.loop import proposal_rng
from zfbench.search.replicates import FINALS, SCREENING, training_seed


def test_equal_seeds_give_equal_searches_to_the_byte(tmp_path):
    first, second = search(tmp_path / "a"), search(tmp_path / "b")
    assert first == second
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert search(tmp_path / "c", seed=6).evaluated != first.evaluated


def test_outcome_is_what_was_evaluated(tmp_path):
    evaluate = Distance()
    outcome = search(tmp_path / "log", evaluate=evaluate)
    assert [s.program.source for s in outcome.evaluated] == evaluate.calls
    assert len(set(evaluate.calls)) == 12 == outcome.counts.evaluated == outcome.spend.evaluations
    losses = [s.evaluation.loss for s in outcome.evaluated if s.evaluation.ok]
    assert outcome.best.evaluation.loss == min(losses)
    assert [s.evaluation.loss for s in outcome.top(3)] == sorted(losses)[:3]
    assert outcome.counts.failed == 12 - len(losses) > 0
    assert outcome.reason == "budget"


def test_budget_of_nothing_evaluates_nothing(tmp_path):
    evaluate = Distance()
    outcome = search(tmp_path / "log", evaluate=evaluate, budget=Budget(evaluations=0))
    assert (evaluate.calls, outcome.best, outcome.evaluated) == ([], None, ())
    assert outcome.reason == "budget"


def test_budget_of_one_evaluates_the_seed_program(tmp_path):
    outcome = search(tmp_path / "log", budget=Budget(evaluations=1))
    assert [s.program for s in outcome.evaluated] == [SEED_PROGRAM]


def test_failures_and_missing_answers_are_told_as_evaluations(tmp_path):
    discoverer = Generations(0, SEED_PROGRAM)
    outcome = search(tmp_path / "log", discoverer, Numbers(failing=0.4), budget=Budget(evaluations=20))
    evaluations = [evaluation for _, _, evaluation in discoverer.told]
    errors = [e for e in evaluations if e.status == Status.ERROR]
    missing = [(p, e) for _, p, e in discoverer.told if e.status == Status.INVALID]
    assert errors
    assert all(e.feedback == "seven" for e in errors)
    assert len(missing) == outcome.counts.unanswered > 0
    assert all((p.source, e.feedback, e.spend) == ("", "no answer", NOTHING) for p, e in missing)
    assert [r.id for r, _, _ in discoverer.told] == list(range(outcome.counts.asked))


@pytest.mark.parametrize("workers", [1, 3])
def test_duplicates_are_evaluated_again_at_a_price_when_told_so(tmp_path, workers):
    discoverer, evaluate = Generations(0, SEED_PROGRAM), Distance()
    options = {"budget": Budget(evaluations=30), "reevaluate": True}
    outcome = search(tmp_path / "log", discoverer, Numbers(spread=2), evaluate, workers=workers, **options)
    assert outcome.counts.duplicates == 0
    assert outcome.spend.evaluations == 30
    answers = [(program.id, evaluation) for _, program, evaluation in discoverer.told if program.source]
    assert len(answers) == 30 > len(outcome.evaluated)
    losses = {}
    for program, evaluation in answers:
        if evaluation.ok:
            losses.setdefault(program, set()).add(evaluation.loss)
    assert max(map(len, losses.values())) > 1  # another seed each time
    assert dict(answers) == {scored.program.id: scored.evaluation for scored in outcome.evaluated}
    assert read_log(tmp_path / "log").events[0].body["reevaluate"] is True
    with pytest.raises(ZfbenchError, match="reevaluate"):
        search(tmp_path / "log", Generations(0, SEED_PROGRAM), Numbers(spread=2), budget=options["budget"])


@pytest.mark.parametrize("replicate", [SCREENING, FINALS])
def test_every_program_of_every_search_is_trained_with_the_seed_of_the_replicate(tmp_path, replicate):
    used = set()

    def evaluate(program, seed):
        used.add(seed)
        return Distance()(program, seed)

    for seed in (5, 6):
        search(tmp_path / str(seed), evaluate=evaluate, seed=seed, replicate=replicate)
        assert read_log(tmp_path / str(seed)).events[0].body["replicate"] == replicate
    assert used == {training_seed("toy", replicate)}


def test_search_with_another_replicate_is_another_search(tmp_path):
    search(tmp_path / "log")
    with pytest.raises(ZfbenchError, match="replicate = 0, not 1"):
        search(tmp_path / "log", replicate=FINALS)


def test_evaluations_that_are_repeated_on_purpose_share_no_seed_also_between_runs(tmp_path):
    used = []

    def evaluate(program, seed):
        used.append(seed)
        return Distance()(program, seed)

    for seed in (5, 6):
        options = {"evaluate": evaluate, "seed": seed, "reevaluate": True}
        search(tmp_path / str(seed), proposer=Numbers(spread=1), **options)
    assert len(set(used)) == len(used) == 24


@pytest.mark.parametrize(("seven", "reason", "told"), [(False, "budget", 30), (True, "stalled", 9)])
def test_repeats_that_are_paid_for_do_not_end_a_search_unless_they_fail(tmp_path, seven, reason, told):
    seed_program = Program("77" if seven else "100")
    discoverer, budget = Generations(0, seed_program), Budget(evaluations=30)
    same = Numbers(failing=0.0, spread=0)
    options = {"budget": budget, "reevaluate": True, "patience": 9, "seed_program": seed_program}
    outcome = search(tmp_path / "log", discoverer, same, **options)
    assert (outcome.reason, len(discoverer.told)) == (reason, told)
    assert outcome.counts.evaluated == 1


def test_critique_of_a_program_stays_with_it_the_first_one_and_when_it_is_evaluated_again(tmp_path):
    class Critic(Numbers):
        def propose(self, request, context, rng):
            self.contexts[request.id] = context
            return Proposal(context.parents[-1].program.source, "", critique=f"critique {request.id}")

    critic = Critic()
    budget, one = Budget(evaluations=4), BestOfN(5, SEED_PROGRAM)
    outcome = search(tmp_path / "log", one, critic, budget=budget, reevaluate=True)
    assert [s.critique for s in outcome.evaluated] == ["critique 1"]
    assert [critic.contexts[k].parents[-1].critique for k in (1, 2, 3)] == ["", "critique 1", "critique 1"]


def test_duplicates_are_told_their_earlier_evaluation_for_free(tmp_path):
    discoverer, evaluate = Generations(0, SEED_PROGRAM), Distance()
    outcome = search(tmp_path / "log", discoverer, Numbers(spread=2), evaluate)
    assert outcome.counts.duplicates > 0
    assert outcome.counts.asked == 12 + outcome.counts.duplicates + outcome.counts.unanswered
    first = {}
    for _, program, evaluation in discoverer.told:
        if program.source and program.id in first:
            assert evaluation == replace(first[program.id], spend=NOTHING)
        first.setdefault(program.id, evaluation)
    assert len(evaluate.calls) == len(set(evaluate.calls)) == 12


def test_proposer_sees_parents_with_their_evaluations_and_what_is_known(tmp_path):
    proposer = Numbers(failing=0.0)
    outcome = search(tmp_path / "log", proposer=proposer)
    scored = {s.program.id: s for s in outcome.evaluated}
    context = proposer.contexts[outcome.counts.asked - 1]
    assert all(scored[p.program.id] == p for p in context.parents)
    assert context.known == frozenset(s.program.id for s in outcome.evaluated[:-1])


def test_tokens_are_charged_and_never_overdrawn(tmp_path):
    outcome = search(tmp_path / "log", proposer=Numbers(failing=0.3), budget=Budget(tokens=100))
    answers = outcome.counts.asked - 1 - outcome.counts.unanswered
    assert outcome.spend.tokens == 7 * answers + 3 * outcome.counts.unanswered
    assert 90 < outcome.spend.tokens <= 100
    assert outcome.overrun == NOTHING


def test_device_seconds_end_a_search_before_they_are_overdrawn(tmp_path):
    outcome = search(tmp_path / "log", budget=Budget(device_seconds=3.0), bound=Spend(device_seconds=1.0))
    assert 2.0 < outcome.spend.device_seconds <= 3.0


def test_wall_time_ends_a_search(tmp_path):
    ticks = iter(range(10**6))
    outcome = search(tmp_path / "log", budget=Budget(wall_seconds=100), clock=lambda: float(next(ticks)))
    assert outcome.reason == "budget"
    assert 0 < outcome.counts.evaluated < 60


@pytest.mark.parametrize("failing", [0.0, 1.0])
def test_search_that_finds_nothing_new_stops(tmp_path, failing):
    outcome = search(tmp_path / "log", proposer=Numbers(failing, spread=0), patience=9)
    assert outcome.reason == "stalled"
    assert outcome.counts.asked == 10
    assert outcome.counts.duplicates + outcome.counts.unanswered == 9


def test_failing_programs_alone_do_not_search_forever(tmp_path):
    def hopeless(program, seed):
        return Evaluation(Status.INVALID, feedback="never")

    budget, bound = Budget(device_seconds=1.0), Spend(device_seconds=1.0)
    outcome = search(tmp_path / "log", evaluate=hopeless, budget=budget, bound=bound, patience=15)
    assert (outcome.reason, outcome.counts.asked) == ("stalled", 15)


def test_discoverer_ends_a_search_by_asking_nothing_while_nothing_is_pending(tmp_path):
    class Once(BestOfN):
        def ask(self):
            return None if self._asked == 4 else super().ask()

    outcome = search(tmp_path / "log", Once(0, SEED_PROGRAM), workers=2)
    assert (outcome.reason, outcome.counts.asked) == ("finished", 4)


@pytest.mark.parametrize("make", DISCOVERERS)
@pytest.mark.parametrize("torn", [0, 25])
def test_search_cut_at_any_line_resumes_to_the_same_bytes(tmp_path, make, torn):
    whole = tmp_path / "whole"
    budget = Budget(evaluations=6, tokens=400)
    outcome = search(whole, make(), Numbers(spread=3), budget=budget)
    lines = whole.read_bytes().splitlines(keepends=True)
    assert outcome.counts.duplicates
    for cut in range(len(lines) + (torn == 0)):
        path = tmp_path / f"cut{cut}"
        path.write_bytes(b"".join(lines[:cut]) + b"".join(lines[cut : cut + 1])[:torn])
        evaluate = Distance()
        assert search(path, make(), Numbers(spread=3), evaluate, budget) == outcome
        assert path.read_bytes() == whole.read_bytes()
        done = sum(b'"spend":{"device_seconds"' in line for line in lines[:cut])
        assert len(evaluate.calls) == 6 - done


def test_answers_that_were_logged_are_not_asked_of_the_proposer_again(tmp_path):
    path = tmp_path / "log"
    search(path)
    lines = path.read_bytes().splitlines(keepends=True)
    cut = max(n for n, line in enumerate(lines) if b'"kind":"proposal"' in line)
    path.write_bytes(b"".join(lines[: cut + 1]))
    proposer = Numbers()
    search(path, proposer=proposer)
    assert proposer.contexts == {}


def test_resumed_request_needs_no_room_for_the_answer_it_already_has(tmp_path):
    path, budget = tmp_path / "log", Budget(tokens=17)  # two answers of 7; no third one of up to 10 fits
    outcome = search(path, proposer=Numbers(failing=0.0), budget=budget)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-2]))  # the last answer is there, its evaluation is not
    assert search(path, proposer=Numbers(failing=0.0), budget=budget) == outcome
    assert outcome.counts.evaluated == 3


def test_search_killed_by_a_bug_resumes_to_the_same_outcome(tmp_path):
    class Crash(Distance):
        def __call__(self, program, seed):
            if len(self.calls) == 6:
                raise KeyboardInterrupt
            return super().__call__(program, seed)

    with pytest.raises(KeyboardInterrupt):
        search(tmp_path / "log", evaluate=Crash())
    assert search(tmp_path / "log") == search(tmp_path / "whole")


def test_finished_search_returns_its_outcome_without_work(tmp_path):
    outcome = search(tmp_path / "log")
    before = (tmp_path / "log").read_bytes()
    evaluate = Distance()
    assert search(tmp_path / "log", evaluate=evaluate) == outcome
    assert evaluate.calls == []
    assert (tmp_path / "log").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 6}, "seed"),
        ({"budget": Budget(evaluations=13)}, "budget.evaluations"),
        ({"header": {"method": "other"}}, "method"),
        ({"seed_program": Program("90")}, "seed_program"),
    ],
)
def test_resuming_another_search_names_the_difference(tmp_path, change, named):
    header = {"method": ("random", 1)}
    search(tmp_path / "log", header=header)
    search(tmp_path / "log", header=header)  # the same is fine, tuples and all
    with pytest.raises(ZfbenchError, match=f"holds a search with {named} = "):
        search(tmp_path / "log", **{"header": header, **change})


def test_event_log_of_another_format_is_refused_with_what_to_do(tmp_path):
    search(tmp_path / "new")
    with EventLog(tmp_path / "old") as log:
        for event in read_log(tmp_path / "new").events:
            log.append(event.kind, {**event.body, "format": 1} if event.kind == "run" else event.body)
    sentence = r"event log of format 1, .* writes 3: resume the search with the version that began it"
    with pytest.raises(ZfbenchError, match=sentence):
        search(tmp_path / "old")


def test_discoverer_that_changed_since_is_refused(tmp_path):
    search(tmp_path / "log", RandomWalk(5, SEED_PROGRAM, parent="any"))
    with pytest.raises(ZfbenchError, match=r"no longer asks .* another folder \(`folder=` in Python, `--out`"):
        search(tmp_path / "log", RandomWalk(99, SEED_PROGRAM, parent="any"))


def test_event_that_makes_no_sense_is_refused_with_its_line(tmp_path):
    search(tmp_path / "log", budget=Budget(evaluations=1))
    events = read_log(tmp_path / "log").events
    with EventLog(tmp_path / "bad") as log:
        for event in (events[0], events[3]):
            log.append(event.kind, event.body)
    with pytest.raises(DamagedFileError, match="line 2"):
        search(tmp_path / "bad", budget=Budget(evaluations=1))


def test_budget_that_never_ends_is_refused(tmp_path):
    for budget in (Budget(), Budget(updates=100), Budget(device_seconds=9.0)):
        with pytest.raises(ZfbenchError, match="no limit that this search can reach"):
            search(tmp_path / "log", budget=budget)


def test_budget_below_one_candidate_is_refused(tmp_path):
    with pytest.raises(ZfbenchError, match="device_seconds=5 is below the 30"):
        search(tmp_path / "log", budget=Budget(device_seconds=5.0), bound=Spend(device_seconds=30.0))


@pytest.mark.parametrize(
    ("request_made", "message"),
    [
        (Request(1, "mutate"), "Broken numbered a request 1, expected 0"),
        (Request(0, "mutate", ("x",)), "Broken: request 0 names parents that were never evaluated"),
        (Request(0, "seed", hints="blame"), "Broken: the hints of request 0 are 'blame'; give a tuple of texts"),
        (7, "Broken returned int from ask; return a Request, or None"),
    ],
)
def test_a_request_against_the_interface_names_the_discoverer_and_is_not_logged(tmp_path, request_made, message):
    class Broken(BestOfN):
        def ask(self):
            return request_made

    with pytest.raises(PluginError, match=message):
        search(tmp_path / "log", Broken(0, SEED_PROGRAM))
    assert [event.kind for event in read_log(tmp_path / "log").events] == ["run"]


def test_what_a_discoverer_raises_names_it_and_the_place(tmp_path):
    class Broken(BestOfN):
        def tell(self, request, program, evaluation):
            raise KeyError(request.id)

    with pytest.raises(PluginError, match=r"Broken failed in tell \(KeyError: 0, test_loop.py line \d+\)"):
        search(tmp_path / "log", Broken(0, SEED_PROGRAM))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("x = 1", "Broken returned str from propose; return a Proposal"),
        (Proposal(7, "seven"), "Broken: the source of its proposal is int; give a text"),
        (Proposal("7", "seven", spend=3), "Broken: the spend of its proposal is int; give a Spend"),
        (
            ZeroDivisionError("by zero"),
            r"Broken failed in propose \(ZeroDivisionError: by zero, test_loop.py line \d+\); raise ProposalError "
            "where there is no program for a request, with answered=False where what it asks did not answer",
        ),
    ],
    ids=["no proposal", "no text", "no spend", "exception"],
)
def test_an_answer_against_the_interface_names_the_proposer_and_is_not_logged(tmp_path, answer, message):
    class Broken(Numbers):
        def propose(self, request, context, rng):
            if isinstance(answer, Exception):
                raise answer
            return answer

    with pytest.raises(PluginError, match=message):
        search(tmp_path / "log", proposer=Broken())
    assert "proposal" in [event.kind for event in read_log(tmp_path / "log").events][:3]  # of the seed program alone
    assert read_log(tmp_path / "log").events[-1].kind == "ask"


def test_every_request_has_randomness_of_its_own():
    draws = {float(proposal_rng(s, k).random()) for s in range(3) for k in range(50)}
    assert len(draws) == 150
    assert float(proposal_rng(1, 7).random()) == float(proposal_rng(1, 7).random())


def test_progress_is_reported_for_replayed_and_new_events(tmp_path):
    search(tmp_path / "whole")
    lines = (tmp_path / "whole").read_bytes().splitlines(keepends=True)
    (tmp_path / "log").write_bytes(b"".join(lines[:10]))
    seen = []
    search(tmp_path / "log", on_event=seen.append)
    assert [event.seq for event in seen] == list(range(1, len(lines)))


@pytest.mark.parametrize("make", DISCOVERERS)
def test_search_with_workers_stays_in_budget_and_resumes(tmp_path, make):
    whole, evaluate = tmp_path / "whole", Distance()
    options = {"budget": Budget(evaluations=10, device_seconds=100.0), "bound": Spend(device_seconds=1.0)}
    outcome = search(whole, make(), evaluate=evaluate, workers=3, **options)
    assert outcome.counts.evaluated == 10 == len(evaluate.calls) == len(set(evaluate.calls))
    assert search(whole, make(), **options) == outcome
    lines = whole.read_bytes().splitlines(keepends=True)
    for cut in range(1, len(lines), 3):
        path = tmp_path / f"cut{cut}"
        path.write_bytes(b"".join(lines[:cut]))
        again = search(path, make(), workers=3, **options)
        assert again.counts.evaluated == 10 == again.spend.evaluations
        assert path.read_bytes().startswith(b"".join(lines[:cut]))


def test_workers_evaluate_at_the_same_time(tmp_path):
    together = threading.Barrier(2)

    def in_pairs(program, seed):
        if program != SEED_PROGRAM:
            together.wait(timeout=20)  # breaks unless another evaluation runs now
        return Evaluation(Status.OK, float(program.source))

    proposer = Numbers(failing=0.0, spread=10**9)
    outcome = search(tmp_path / "log", BestOfN(0, SEED_PROGRAM), proposer, in_pairs, Budget(evaluations=7), workers=2)
    assert outcome.counts.evaluated == 7


def test_equal_programs_in_flight_are_evaluated_once(tmp_path):
    class Same(Numbers):
        bound = NOTHING

        def propose(self, request, context, rng):
            return Proposal("1", "")

    class Slow(Distance):
        def __call__(self, program, seed):
            time.sleep(0.05)
            return super().__call__(program, seed)

    evaluate = Slow()
    outcome = search(tmp_path / "log", proposer=Same(), evaluate=evaluate, workers=4, patience=8)
    assert evaluate.calls == ["100", "1"]
    assert outcome.counts.duplicates == outcome.counts.asked - 2


def test_exception_in_a_worker_ends_the_run_and_keeps_the_event_log(tmp_path):
    def broken(program, seed):
        raise OSError("no more processes")

    with pytest.raises(OSError, match="no more processes"):
        search(tmp_path / "log", evaluate=broken, workers=2)
    assert [event.kind for event in read_log(tmp_path / "log").events] == ["run", "ask", "proposal"]


def test_proposer_is_advised_whatever_the_discoverer_and_the_event_log_keeps_the_wish_alone(tmp_path):
    class Listening(Numbers):
        hints = ()

        def propose(self, request, context, rng):
            self.hints = request.hints
            return super().propose(request, context, rng)

    def blamed(program, seed):
        return Evaluation(Status.OK, 1.0, metrics={"blame_share/A": 3.0, "blame_share/B": 1.0})

    proposer = Listening(failing=0.0)
    search(tmp_path / "log", BestOfN(5, SEED_PROGRAM), proposer, blamed, Budget(evaluations=2))
    assert proposer.hints == ("blame:A=0.75,B=0.25",)
    asked = [event.body for event in read_log(tmp_path / "log").events if event.kind == "ask"]
    assert all(body["hints"] == [] for body in asked)


def test_every_request_gets_one_of_the_ideas_the_same_after_resuming(tmp_path):
    class Listening(Numbers):
        def __init__(self):
            super().__init__()
            self.hints = {}

        def propose(self, request, context, rng):
            self.hints[request.id] = request.hints
            return super().propose(request, context, rng)

    whole, rest, ideas = Listening(), Listening(), ("rebound", "fatigue")
    search(tmp_path / "log", BestOfN(5, SEED_PROGRAM), whole, ideas=ideas)
    assert set(whole.hints.values()) == {("rebound",), ("fatigue",)}
    lines = (tmp_path / "log").read_bytes().splitlines(keepends=True)
    (tmp_path / "log").write_bytes(b"".join(lines[:20]))
    search(tmp_path / "log", BestOfN(5, SEED_PROGRAM), rest, ideas=ideas)
    assert rest.hints.items() <= whole.hints.items()
