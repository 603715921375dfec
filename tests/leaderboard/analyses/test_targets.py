"""Targets of searches: which losses a certificate gives, and when a search reached them."""

import math

import pytest

from zfbench.leaderboard.analyses import targets as module
from zfbench.leaderboard.analyses.searches import comparisons
from zfbench.leaderboard.analyses.targets import Target, as_markdown, reached, targets
from zfbench.leaderboard.certificates import Published
from zfbench.protocols.contenders import Contender
from zfbench.records.program import Program
from zfbench.records.result import Evaluated
from zfbench.records.spend import Spend
from zfbench.runs.certificate import certify

PROGRAMS = {
    Contender("start", "seed", "a"): [0.9, 0.7, 0.8],
    Contender("form", "truth", "t"): [0.1, None, 0.3],
    Contender("form without a part", "removed", "r"): [0.4, 0.4, 0.4],
    Contender("hidden units", "generic", "g"): [0.5, 0.5, 0.6],
    Contender("broken", "generic", "b"): [None, None, None],
}


@pytest.fixture
def certificate():
    return Published("", "", 2, {}, (), (certify("toy/task", "balanced", {50: PROGRAMS, 100: PROGRAMS}),))


@pytest.fixture
def search(make, search_method):
    def run(name, seed, *losses):
        evaluated = tuple(
            Evaluated(
                program=Program(f"x = {n}").id[:12],
                operator="seed",
                parents=(),
                status="error" if loss is None else "ok",
                loss=loss,
                spend=Spend(evaluations=n),
            )
            for n, loss in enumerate(losses, 1)
        )
        return make(**search_method(name, budget={"evaluations": 4, "updates": 50}), evaluated=evaluated, seed=seed)

    return run


def test_targets_are_the_median_losses_of_known_programs_under_the_budget_of_the_search(certificate):
    assert targets(certificate, 50) == (Target("start", 0.8), Target("hidden units", 0.5), Target("form", 0.2))
    assert targets(certificate, 75) == targets(None, 50) == targets(certificate, None) == ()


def test_a_target_is_reached_by_the_first_loss_that_is_no_higher(search):
    run = search("puct", 0, 0.9, None, 0.5, 0.4)
    assert [reached(run, Target("", loss)) for loss in (1.0, 0.5, 0.4, 0.3)] == [1, 3, 4, math.inf]


def test_the_table_counts_seeds_and_tells_the_median_evaluation(search, certificate, monkeypatch):
    monkeypatch.setattr(module, "certificate_of", lambda task, data_sha256: certificate)
    runs = [search("puct", 0, 0.8, 0.2), search("puct", 1, 0.9, 0.8, 0.5), search("puct", 2, 0.9, 0.8, 0.7)]
    runs.append(search("puct", 3, 0.9, 0.9))
    runs += [search("best_of_n", seed, 0.9, None) for seed in range(3)]
    (found,) = comparisons(runs)
    lines = as_markdown(found).splitlines()
    assert "start (0.800)" in lines[2]
    cells = {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]] for line in lines[4:]}
    assert cells == {"`best_of_n`": ["0 of 3, -"] * 3, "`puct`": ["3 of 4, 2", "2 of 4, 3", "1 of 4, -"]}


def test_without_a_certificate_of_the_data_there_is_no_table(search):
    (found,) = comparisons([search("puct", 0, 0.8), search("best_of_n", 0, 0.9)])
    assert as_markdown(found) == ""
