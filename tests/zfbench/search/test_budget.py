import math
import sys
import threading
from dataclasses import fields

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zfbench.base.errors import ZfbenchError
from zfbench.records.spend import Spend
from zfbench.search.budget import METERED, Budget, Ledger

amounts = st.builds(
    Spend,
    evaluations=st.integers(0, 3),
    device_seconds=st.floats(0, 5),
    tokens=st.integers(0, 500),
    money=st.floats(0, 2),
)
budgets = st.builds(
    Budget,
    evaluations=st.none() | st.integers(0, 12),
    device_seconds=st.none() | st.floats(0, 30),
    tokens=st.none() | st.integers(0, 3_000),
    money=st.none() | st.floats(0, 10),
)


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_budget_is_parsed_with_its_units():
    budget = Budget.parse(["evaluations=20", "device_seconds = 1.5", "updates=400"])
    assert budget == Budget(evaluations=20, device_seconds=1.5, updates=400)
    assert budget.to_json() == {"evaluations": 20, "updates": 400, "device_seconds": 1.5}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("evaluation=20", "did you mean 'evaluations'?"),
        ("token=5", "did you mean 'tokens'?"),
        ("evaluations", "not of the form"),
        ("evaluations=many", "needs a whole number"),
        ("evaluations=2.5", "needs a whole number"),
        ("tokens=-1", "at least 0"),
        ("updates=0", "at least 1"),
        ("wall_seconds=inf", "must be a number"),
        ("wall_seconds=nan", "must be a number"),
    ],
)
def test_unfit_budget_says_what_is_wrong(text, message):
    with pytest.raises(ZfbenchError) as error:
        Budget.parse([text])
    assert message in str(error.value)


def test_budget_unit_given_twice_is_refused():
    with pytest.raises(ZfbenchError, match="evaluations twice"):
        Budget.parse(["evaluations=1", "evaluations=2"])


def test_reservation_counts_until_it_is_settled():
    ledger = Ledger(Budget(evaluations=2, tokens=100))
    first = ledger.reserve(Spend(evaluations=1, tokens=60))
    assert first is not None
    assert ledger.remaining().tokens == 40
    assert ledger.reserve(Spend(evaluations=1, tokens=60)) is None
    ledger.settle(first, Spend(evaluations=1, tokens=10))
    assert ledger.spent().tokens == 10
    assert ledger.remaining() == Budget(evaluations=1, tokens=90)
    assert ledger.reserve(Spend(evaluations=1, tokens=60)) is not None


def test_partial_charge_keeps_the_rest_reserved():
    ledger = Ledger(Budget(tokens=100))
    reservation = ledger.reserve(Spend(tokens=80))
    ledger.charge(reservation, Spend(tokens=30))
    assert (ledger.spent().tokens, ledger.remaining().tokens) == (30, 20)
    ledger.settle(reservation)
    assert (ledger.spent().tokens, ledger.remaining().tokens) == (30, 70)


def test_refused_reservation_changes_nothing():
    ledger = Ledger(Budget(evaluations=1))
    assert ledger.reserve(Spend(evaluations=2)) is None
    assert ledger.remaining() == Budget(evaluations=1)


def test_settled_reservation_cannot_be_settled_again():
    ledger = Ledger(Budget(evaluations=1))
    reservation = ledger.reserve(Spend(evaluations=1))
    ledger.settle(reservation)
    with pytest.raises(ValueError, match="not open"):
        ledger.settle(reservation)


def test_use_beyond_the_bound_is_taken_from_the_free_rest_and_then_shown_as_overrun():
    ledger = Ledger(Budget(tokens=100))
    other = ledger.reserve(Spend(tokens=30))
    ours = ledger.reserve(Spend(tokens=50))
    ledger.settle(ours, Spend(tokens=90))
    assert ledger.spent().tokens == 70  # 100 less what the other holds
    assert ledger.overrun == Spend(tokens=20)
    ledger.settle(other, Spend(tokens=30))
    assert ledger.spent().tokens == 100


def test_wall_time_ends_reservations_and_counts_earlier_processes():
    clock = Clock()
    ledger = Ledger(Budget(wall_seconds=10), clock, elapsed_before=4.0)
    assert ledger.spent() == Spend(wall_seconds=4)
    clock.now += 3
    assert ledger.remaining().wall_seconds == 3
    assert ledger.reserve(Spend(wall_seconds=3)) is not None
    assert ledger.reserve(Spend(wall_seconds=3.5)) is None
    clock.now += 3
    assert ledger.reserve(Spend()) is None


def within(ledger, held):
    spent = ledger.spent()
    for unit in METERED:
        limit = getattr(ledger.budget, unit)
        reserved = sum(getattr(s, unit) for s in held)
        if limit is not None:
            assert getattr(spent, unit) + reserved <= limit * (1 + 1e-12) + 1e-12


@given(budgets, st.lists(st.tuples(amounts, amounts, st.integers(0, 9))))
def test_whatever_is_reserved_and_used_the_budget_is_never_overdrawn(budget, steps):
    ledger = Ledger(budget)
    open_reservations = []
    used = Spend()
    for bound, actual, pick in steps:
        reservation = ledger.reserve(bound)
        if reservation is not None:
            open_reservations.append(reservation)
        if open_reservations and pick % 2:
            settled = open_reservations.pop(pick % len(open_reservations))
            ledger.settle(settled, actual)  # also beyond its bound
            used += actual
        within(ledger, [r.held for r in open_reservations])
    booked = ledger.spent() + ledger.overrun
    for f in fields(Spend):
        if f.name != "wall_seconds":
            assert getattr(booked, f.name) == pytest.approx(getattr(used, f.name))


def test_parallel_threads_spend_the_budget_exactly_and_no_more():
    ledger = Ledger(Budget(evaluations=200))
    start = threading.Barrier(8)
    granted, worst = [], []

    def work():
        start.wait()
        for _ in range(100):
            reservation = ledger.reserve(Spend(evaluations=1))
            if reservation is not None:
                granted.append(1)
                ledger.settle(reservation, Spend(evaluations=1))
            worst.append(ledger.spent().evaluations)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(granted) == 200 == ledger.spent().evaluations
    assert max(worst) == 200
    assert ledger.remaining().evaluations == 0


scripts = st.lists(st.lists(st.tuples(amounts, amounts, st.booleans()), max_size=25), min_size=2, max_size=6)


@pytest.fixture
def restless_threads():
    """Threads that are interrupted as often as the interpreter can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def held_and_spent(ledger, unit):
    """At one moment."""
    with ledger._lock:
        held = math.fsum(getattr(r.held, unit) for r in ledger._open)
        return getattr(ledger._spent, unit) + held


@given(budgets, scripts)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_threads_that_reserve_charge_and_settle_at_once_never_overdraw(restless_threads, budget, scripts):
    ledger = Ledger(budget)
    start = threading.Barrier(len(scripts))
    used, broken = [[] for _ in scripts], []

    def work(script, mine):
        start.wait()
        for bound, actual, in_parts in script:
            reservation = ledger.reserve(bound)
            if reservation is None:
                continue
            if in_parts:
                ledger.charge(reservation, actual)
                mine.append(actual)
            for unit in METERED:
                limit = getattr(budget, unit)
                if limit is not None and held_and_spent(ledger, unit) > limit * (1 + 1e-12) + 1e-12:
                    broken.append((unit, limit))
            ledger.settle(reservation, actual)  # also beyond its bound
            mine.append(actual)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(scripts, used, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert broken == []
    booked, total = ledger.spent() + ledger.overrun, sum((s for mine in used for s in mine), Spend())
    for unit in METERED:
        assert getattr(booked, unit) == pytest.approx(getattr(total, unit))
        limit, spent = getattr(budget, unit), getattr(ledger.spent(), unit)
        if limit is not None:
            assert spent <= limit
            assert getattr(ledger.remaining(), unit) == pytest.approx(limit - spent)


@given(st.lists(st.floats(-1e9, 1e9), max_size=30))
def test_clock_that_jumps_never_takes_time_back(jumps):
    clock = Clock()
    ledger = Ledger(Budget(wall_seconds=1e12), clock)
    before = forward = 0.0
    for jump in jumps:
        clock.now += jump
        forward += max(jump, 0.0)
        assert before <= ledger.elapsed()
        before = ledger.elapsed()
        assert ledger.spent().wall_seconds == before
    assert before == pytest.approx(forward, abs=1e-3)
