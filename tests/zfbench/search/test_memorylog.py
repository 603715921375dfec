"""A search whose event log is kept in memory is the search that writes it to disk."""

import itertools

import pytest
from toy_table import NAME, family

from zfbench.discoverers.proposers.table.proposer import TableProposer
from zfbench.discoverers.puct_plus import PuctPlus
from zfbench.protocols.discoverer import Discoverer
from zfbench.records.limits import Limits
from zfbench.runs.methods import seed_program
from zfbench.search.budget import Budget
from zfbench.search.eventlog import EventLog, MemoryLog, read_log
from zfbench.search.loop import run_search


@pytest.fixture
def search(tmp_path):
    tables = family(tmp_path / "tables")
    task = tables.load(NAME)

    def run(log):
        root = seed_program(task)
        discoverer: Discoverer = PuctPlus(3, root)
        ticks = itertools.count()
        return run_search(
            discoverer,
            TableProposer(task.spec),
            tables.evaluator(task, Limits(), None),
            spec=task.spec,
            seed_program=root,
            budget=Budget(evaluations=20),
            log=log,
            seed=3,
            clock=lambda: next(ticks) / 8,
        )

    return run


def test_both_logs_hold_the_same_events_and_lead_to_the_same_outcome(search, tmp_path):
    memory = MemoryLog()
    found = search(memory)
    with EventLog(tmp_path / "log.jsonl") as log:
        assert search(log) == found
    written = read_log(tmp_path / "log.jsonl").events
    assert [event.line() for event in memory.appended] == [event.line() for event in written]
    assert memory.appended[-1].kind == "end"


def test_a_log_in_memory_begins_empty(search):
    search(first := MemoryLog())
    search(second := MemoryLog())
    assert first.events == second.events == ()
    assert len(first.appended) == len(second.appended) > 60
