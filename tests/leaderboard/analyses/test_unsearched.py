"""Searches against the best program that nobody searched: which one, over which seeds, and what is significant."""

import pytest

from zfbench.leaderboard.analyses.searches import MEAN
from zfbench.leaderboard.analyses.unsearched import against_programs, as_markdown
from zfbench.leaderboard.board import Row


@pytest.fixture
def row(make, search_method):
    """Make a row of runs, one for each seed from 0 on, with stated means of the headline scores."""

    def rows(name, scores, kind="program", **changes):
        own = search_method(name) if kind == "search" else {}
        runs = []
        for seed, score in enumerate(scores):
            run = make(**own, seed=seed, metrics={MEAN: score}, **changes)
            runs.append(run.model_copy(update={"method": run.method.model_copy(update={"name": name, "kind": kind})}))
        return Row(tuple(runs))

    return rows


NOISE = (0.0, 0.02, -0.01, 0.01)


@pytest.fixture
def rows(row):
    """One search that is better than the best program, and one that is not; a control is better than both."""
    return [
        row("best", [0.5 + e for e in NOISE]),
        row("worse", [0.9, 0.0, 0.1, 0.2, 0.5, 0.5]),  # a lower mean of more seeds
        row("truth", [1.0] * 4, kind="control"),
        row("puct", [0.7 + e / 2 for e in NOISE], kind="search"),
        row("random_walk", [0.5, 0.52, 0.48], kind="search"),
        row("best_of_n", [0.4, 0.45], kind="search"),
    ]


def test_the_program_with_the_highest_mean_is_compared_over_common_seeds(rows):
    (found,) = against_programs(rows)
    assert found.program == "best"
    pairs = {pair.one.split(" ")[0]: pair for pair in found.pairs}
    assert pairs["puct"].gap.estimate == pytest.approx(0.2 - sum(NOISE) / 8)
    assert pairs["puct"].significant
    assert pairs["puct"].gap.n == 4
    assert not pairs["random_walk"].significant
    assert pairs["random_walk"].gap.n == 3
    assert pairs["best_of_n"].gap.n == 2


@pytest.mark.parametrize(
    "changes",
    [{"limits": {"updates": 9.0}}, {"benchmark_version": 1}, {"metric_versions": {"headline": 0}}],
    ids=str,
)
def test_programs_under_other_limits_or_versions_are_no_reference(row, changes):
    search, rival = row("puct", [0.7] * 3, kind="search"), row("best", [0.5] * 3)
    (found,) = against_programs([search, rival])
    assert found.program == "best"
    changed = Row(tuple(run.model_copy(update=changes) for run in row("better", [0.9] * 3).runs))
    (same,) = [one for one in against_programs([search, rival, changed]) if one.pairs]
    assert same == found
    bound = Row(tuple(run.model_copy(update={"limits": {**run.limits, "memory_bytes": 1.0}}) for run in rival.runs))
    assert against_programs([search, bound]) == [found]  # memory is no part of what makes runs alike


def test_the_searches_of_a_task_are_tested_together(row):
    gaps = [0.1 + e for e in (-0.09, 0.02, 0.05, 0.02)]
    rows = [row("best", [0.5] * 4), *(row(name, [0.5 + g for g in gaps], kind="search") for name in ("puct", "n1"))]
    (alone,) = against_programs(rows[:2])
    assert 0.025 < alone.pairs[0].p < 0.05
    assert alone.pairs[0].significant
    (both,) = against_programs(rows)
    assert [pair.significant for pair in both.pairs] == [False, False]


def test_rows_of_other_data_are_not_compared(rows, row):
    other = row("puct", [0.7, 0.7], kind="search")
    data = [
        run.model_copy(update={"task": run.task.model_copy(update={"data_sha256": "b" * 64})}) for run in other.runs
    ]
    assert against_programs([rows[0], Row(tuple(data))]) == []


def test_the_table_has_the_better_search_first(rows):
    text = as_markdown(against_programs(reversed(rows)))
    assert text.index("puct") < text.index("random_walk") < text.index("best_of_n")
    (first,) = (" ".join(line.split()) for line in text.splitlines() if "puct" in line)
    assert "0.70 ± 0.01 | `best`, 0.51 ± 0.02 | +0.20 (" in first
    assert first.endswith("| 4 | 1e-05 | yes |")


def test_without_a_program_or_a_second_seed_there_is_nothing_to_compare(rows, row):
    assert against_programs(rows[2:]) == []
    assert against_programs([rows[0], row("puct", [0.7], kind="search")]) == []
    assert as_markdown([]).startswith("No task has both")
